import UVSockets

extension AdminCommand {
    static let limits = AdminCommand(
        "limits", help: "the limits that `set` changes, with their values and units"
    ) { call in
        try call.expectNoWords()
        let answers = await call.engine.ask("limits") { listener, reply in
            reply(RunTimeLimit.all.map { $0.value.text(listener) })
        }
        call.say(silent: answers.silent)
        guard let values = answers.values.first else { return }
        for (limit, value) in zip(RunTimeLimit.all, values) {
            call.say("\(limit.name) \(value), \(limit.value.takes): \(limit.help)")
        }
    }

    static let set = AdminCommand(
        "set", "LIMIT VALUE", level: .admin,
        help: "change a limit for all clients, present and future; limits lists them"
    ) { call in
        let words = call.words
        guard let name = words.first else { throw call.misused }
        guard let limit = RunTimeLimit.all.first(where: { $0.name == name }) else {
            let names = RunTimeLimit.all.map(\.name).joined(separator: ", ")
            throw AdminProblem("set takes one of these limits: \(names)")
        }
        guard words.count == 2, let change = limit.value.change(to: words[1]) else {
            throw AdminProblem("\(limit.name) takes \(limit.value.takes)")
        }
        let answers = await call.engine.ask("set \(limit.name)") { listener, reply in
            change(listener)
            reply(limit.value.text(listener))
        }
        call.say(silent: answers.silent)
        if !answers.silent.isEmpty { call.say("these loops keep the limit that they had") }
        if let value = answers.values.first { call.say("\(limit.name) \(value)") }
    }
}
