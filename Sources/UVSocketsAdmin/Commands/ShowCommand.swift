import UVSockets

extension AdminCommand {
    static let show = AdminCommand("show", "ID", help: "all that is known of a client") { call in
        let id = try call.id()
        guard let loop = call.engine.server.loopIndex(ofClient: id) else {
            return call.say("there is no client \(id)")
        }
        let answers: Answers<ClientDetails?> = await call.engine.ask("show", [loop]) {
            listener, reply in reply(listener.details(ofClient: id))
        }
        if !answers.silent.isEmpty {
            // The recorder can be read all the same.
            call.say(silent: answers.silent)
        } else if let client = answers.values.first ?? nil {
            describe(client, onLoop: loop, call)
        } else {
            return call.say("there is no client \(id)")
        }
        let events = call.engine.server.recordedEvents(ofClient: id, last: 5)
        for event in events { call.say("last events: \(event)") }
    }

    private static func describe(
        _ client: ClientDetails, onLoop loop: Int, _ call: AdminCall
    ) {
        let stats = client.sample.stats
        call.say("client: \(client.sample.id)")
        call.say("address: \(client.sample.peer)")
        if let local = client.local { call.say("here: \(local)") }
        call.say("loop: \(loop)")
        call.say("age: \(stats.age.components.seconds) s")
        call.say("received: \(stats.bytesReceived) bytes, \(stats.messagesReceived) messages")
        call.say("sent: \(stats.bytesSent) bytes")
        call.say("queued: \(stats.bytesQueued) bytes")
        call.say("receiving: \(receiving(client))")
        if client.partialMessage > 0 {
            call.say("incomplete message: \(client.partialMessage) bytes have come")
        }
        if let ending = client.ending { call.say("ending: \(ending)") }
        call.say("framing: \(client.framing)")
        if client.tasks > 0 { call.say("tasks: \(client.tasks)") }
    }

    private static func receiving(_ client: ClientDetails) -> String {
        if client.hasPeerFinished { return "no, it has finished sending" }
        return client.holds.isEmpty ? "yes" : "no, held: \(client.holds)"
    }
}
