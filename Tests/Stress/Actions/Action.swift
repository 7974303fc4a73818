import UVSockets

/// A call of one public member on something at random, live or ended.
struct Action: Sendable {
    /// The member, as ``Members`` names it.
    let member: String
    let body: @Sendable (World) -> Void

    init(
        _ member: String, _ body: @escaping @Sendable (World) -> Void
    ) {
        self.member = member
        self.body = body
    }

    /// What every callback picks from.
    static let all =
        connections + connections + sends + counters + listeners + listenerFacts + broadcasts
        + rooms
        + connectors + connectorFacts + loops + timers + servers + tasks
}

extension World {
    /// Checks a fact that holds at any time.
    func expect(_ isTrue: Bool, _ what: @autoclosure () -> String) {
        if !isTrue { fault("not true: \(what())") }
    }
}
