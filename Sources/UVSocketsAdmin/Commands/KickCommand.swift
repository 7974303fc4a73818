import UVSockets

extension AdminCommand {
    static let kick = AdminCommand(
        "kick", "ID", level: .operator, help: "send a client away"
    ) { call in
        let id = try call.id()
        guard let loop = call.engine.server.loopIndex(ofClient: id) else {
            return call.say("there is no client \(id)")
        }
        let answers: Answers<Bool> = await call.engine.ask("kick", [loop]) { listener, reply in
            reply(listener.kick(id))
        }
        if let isKicked = answers.values.first {
            call.say(isKicked ? "kicked \(id)" : "there is no client \(id)")
        } else {
            call.say(silent: answers.silent)
            call.say("client \(id) is not kicked")
        }
    }
}
