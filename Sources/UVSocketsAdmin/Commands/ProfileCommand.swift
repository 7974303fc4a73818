import UVSockets

extension AdminCommand {
    /// For how many seconds at most the loops are looked at.
    private static let longestProfile = 60

    static let profile = AdminCommand(
        "profile", "[SECONDS]", help: "how the loops spend their time, looked at for a second"
    ) { call in
        let seconds = call.text.isEmpty ? 1 : Int(call.text)
        guard let seconds, 1...longestProfile ~= seconds else {
            throw AdminProblem(
                "profile needs a number of seconds from 1 to \(longestProfile), or nothing")
        }
        for profile in try await call.engine.server.profile(for: .seconds(seconds)) {
            call.say(lines: "\(profile)")
        }
    }

    static let measure = AdminCommand(
        "measure", "[on|off]", level: .operator,
        help: "the times of turns, handlers, wake-ups, queues and accepts"
    ) { call in
        switch call.text {
        case "": break
        case "on", "off":
            let isOn = call.text == "on"
            let answers: Answers<Bool> = await call.engine.ask("measure") { listener, reply in
                listener.loop.isMeasuring = isOn
                reply(isOn)
            }
            call.say(isOn ? "measuring" : "no longer measuring")
            return call.say(silent: answers.silent)
        default: throw call.misused
        }
        let answers: Answers<UVLoopMeasurements?> = await call.engine.ask("measurements") {
            listener, reply in reply(listener.loop.measurements)
        }
        for (loop, values) in answers.all {
            call.say("loop \(loop)")
            let text = values?.description ?? "not measuring; type measure on"
            for line in text.split(separator: "\n") { call.say("  \(line)") }
        }
        call.say(silent: answers.silent)
    }
}
