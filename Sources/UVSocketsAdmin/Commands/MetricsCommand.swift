import UVSockets

extension AdminCommand {
    static let metrics = AdminCommand("metrics", help: "the metrics, as Prometheus reads them") {
        call in
        try call.expectNoWords()
        let text = await call.engine.page.text(call.engine.alarm)
        call.say(verbatim: String(text.dropLast()))
    }
}
