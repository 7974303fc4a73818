import UVSockets

extension AdminCommand {
    static let why = AdminCommand(
        "why", "[ID]", help: "why a client waits; without an id, all clients by their causes"
    ) { call in
        let server = call.engine.server
        if call.text.isEmpty {
            let groups = await server.why()
            for group in groups { call.say(lines: "\(group)") }
            return groups.isEmpty ? call.say("no clients") : ()
        }
        let id = try call.id()
        guard let why = await server.why(of: id) else {
            return call.say("there is no client \(id); type ended to see who has gone")
        }
        call.say("\(why)")
    }

    static let state = AdminCommand(
        "state", help: "all that is open on each loop, and where it was made"
    ) { call in
        try call.expectNoWords()
        let answers: Answers<[String]> = await call.engine.ask("state") { listener, reply in
            reply([listener.why] + listener.loop.whyRunning)
        }
        for (loop, lines) in answers.all {
            call.say("loop \(loop)")
            for line in lines { call.say("  \(line)") }
        }
        call.say(silent: answers.silent)
        for group in await call.engine.server.why() where group.cause != .loopBlocked {
            call.say(lines: "\(group)")
        }
    }

    static let advice = AdminCommand("advice", help: "what is used wrongly in general") { call in
        try call.expectNoWords()
        let advice = await call.engine.server.advice()
        for sentence in advice { call.say(sentence) }
        if advice.isEmpty { call.say("nothing to advise") }
    }
}

extension AdminCall {
    /// Says each line of a text.
    func say(lines text: String) {
        for line in text.split(separator: "\n") { say(String(line)) }
    }
}
