import UVSockets

extension AdminCommand {
    private static let usualTime = Duration.seconds(5)

    static let drain = AdminCommand(
        "drain", "[SECONDS]", level: .operator,
        help: "stop the server; its clients get what is queued for them, within 5 seconds or these"
    ) { call in
        var time = usualTime
        if !call.text.isEmpty {
            guard let given = Quantity.seconds(call.text) else { throw call.misused }
            time = given
        }
        call.say("draining: clients have \(Quantity.text(seconds: time)) s")
        if let drain = call.engine.options.drain {
            drain(time)
        } else {
            call.engine.server.beginStop(drainFor: time)
        }
    }
}
