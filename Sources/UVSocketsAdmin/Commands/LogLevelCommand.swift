import Logging

extension AdminCommand {
    static let logLevel = AdminCommand(
        "log-level", "[LEVEL]", level: .admin,
        help: "the least important level that is logged, trace to critical; or change it"
    ) { call in
        guard let box = call.engine.options.logLevel else {
            throw AdminProblem(
                "the log handler of this server has a fixed level: it was made without a UVLogLevel"
            )
        }
        guard !call.text.isEmpty else { return call.say("log-level \(box.level)") }
        guard let level = Logger.Level(rawValue: call.text) else {
            let levels = Logger.Level.allCases.map(\.rawValue).joined(separator: ", ")
            throw AdminProblem("log-level takes one of \(levels)")
        }
        box.level = level
        call.say("log-level \(level)")
    }
}
