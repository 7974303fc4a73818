import UVSockets

extension AdminCommand {
    /// How many events of all clients are shown.
    private static let eventsOfAll = 50

    static let recorder = AdminCommand(
        "recorder", "[ID]",
        help: "the last events of a client, also of one that has gone, or of all clients"
    ) { call in
        let server = call.engine.server
        guard !call.text.isEmpty else { return all(of: server, call) }
        let id = try call.id()
        let events = server.recordedEvents(ofClient: id, last: UVLoop.historyLimit)
        for event in events { call.say("\(event)") }
        if events.isEmpty { call.say("nothing is recorded of client \(id)") }
    }

    private static func all(of server: UVServerHandle, _ call: AdminCall) {
        var isEmpty = true
        for (number, loop) in server.loops.enumerated() {
            for event in loop.recordedEvents(last: eventsOfAll) {
                isEmpty = false
                call.say("loop \(number), client \(event.connection): \(event)")
            }
        }
        if isEmpty { call.say("nothing is recorded") }
    }
}
