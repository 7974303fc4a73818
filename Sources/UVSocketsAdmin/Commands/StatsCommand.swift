import UVSockets

extension AdminCommand {
    static let stats = AdminCommand(
        "stats", help: "the counts since the start, and the current state"
    ) { call in
        try call.expectNoWords()
        let answers = await call.engine.ask("stats") { listener, reply in
            listener.collectMetrics { reply($0.stats) }
        }
        call.say(silent: answers.silent)
        let stats = answers.values.reduce(into: UVListenerStats()) { $0.add($1) }
        call.say(verbatim: "\(Statistics(stats, further: call.engine.options.furtherStatistics()))")
    }
}
