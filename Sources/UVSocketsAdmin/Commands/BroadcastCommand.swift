import UVSockets

extension AdminCommand {
    static let broadcast = AdminCommand(
        "broadcast", "TEXT", level: .operator,
        help: "send a message to every client; without a framing it is sent as a line"
    ) { call in
        guard !call.text.isEmpty else { throw call.misused }
        let framing = call.engine.server.messageFraming
        do throws(FramingError) {
            _ = try framing.wrapper(of: Array(call.text.utf8).span)
        } catch {
            throw AdminProblem("the text \(error)")
        }
        let text = framing.codec == nil ? call.text + "\n" : call.text
        let answers = await call.engine.ask("broadcast") { listener, reply in
            reply(listener.broadcast(text).receivers)
        }
        call.say(silent: answers.silent)
        call.say("sent to \(answers.values.reduce(0, +)) clients")
    }
}
