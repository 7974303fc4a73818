import UVSockets

extension AdminCommand {
    /// How long a trace lasts if the command does not say it, and at most.
    private static let (usualTrace, longestTrace) = (5, 60)
    /// How many lines it shows at most.
    private static let traceLines = 2000

    static let trace = AdminCommand(
        "trace", "SOURCE[,SOURCE]|all [ID|ADDRESS] [SECONDS]", level: .operator,
        help: "show what happens, as it happens, for 5 seconds or as long as you say"
    ) { call in
        var words = call.words[...]
        guard let sources = words.popFirst() else { throw call.misused }
        var options = UVTraceOptions(try Self.sources(sources))
        options.lineLimit = traceLines
        var seconds = usualTrace
        if let who = words.popFirst(), who != "all" {
            if let id = UVConnection.ID(who) {
                options.client = id
            } else {
                options.addresses = try call.range(who)
            }
        }
        if let time = words.popFirst() {
            guard let number = Int(time), 1...longestTrace ~= number else {
                throw AdminProblem("trace takes 1 to \(longestTrace) seconds")
            }
            seconds = number
        }
        guard words.isEmpty else { throw call.misused }
        let lines = Locked<[String]>([])
        let trace = call.engine.server.trace(options) { line in
            lines.withLock { if $0.count < traceLines { $0.append(line) } }
        }
        for _ in 0..<seconds * 10 where !trace.isOver {
            await call.engine.alarm.sleep(.milliseconds(100))
        }
        trace.stop()
        let all = lines.withLock { $0 }
        for line in all { call.say(line) }
        if all.isEmpty { call.say("nothing has happened") }
    }

    private static func sources(_ word: Substring) throws -> Set<UVTraceOptions.Source> {
        if word == "all" { return Set(UVTraceOptions.Source.allCases) }
        return Set(
            try word.split(separator: ",").map { name in
                guard let source = UVTraceOptions.Source(rawValue: String(name)) else {
                    let names = UVTraceOptions.Source.allCases.map(\.rawValue)
                    throw AdminProblem(
                        "'\(name)' is no source; those are \(names.joined(separator: ", ")), all")
                }
                return source
            })
    }
}
