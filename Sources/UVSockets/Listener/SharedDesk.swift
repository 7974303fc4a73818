/// The admission of a server on many loops: one desk, so that what it allows holds for all of them
/// together, under a lock that is taken when a client comes and when it goes, and never for a message.
final class SharedDesk: Sendable {
    private struct State {
        let desk: AdmissionDesk
        /// How many clients each loop has.
        var clients: [Int]
        /// The loop that got a client last.
        var latest: Int
        /// The loops whose listeners hold clients. For each of the first of them, as many as there are
        /// places, one place is kept; it lets in one client, and then stands behind the others. So a
        /// loop that is busy keeps one place, and no more, from the rest.
        var waiting: [Int] = []
        /// Whether nobody comes in any more, because the server stops.
        var isClosed = false

        func isTurn(of part: Int) -> Bool {
            !isClosed && (waiting.firstIndex(of: part) ?? waiting.count) < desk.free
        }

        /// For whom a place is kept since the last change; to be told so more than once does no harm.
        var next: Int? {
            !isClosed && waiting.indices.contains(desk.free - 1) ? waiting[desk.free - 1] : nil
        }

        mutating func wait(_ part: Int) {
            if !waiting.contains(part) { waiting.append(part) }
        }

        mutating func leave(_ part: Int) {
            waiting.removeAll { $0 == part }
        }
    }

    let policy: UVAdmission
    let limit: Int
    let parts: Int
    let balance: UVBalance
    private let state: Locked<State>

    init(_ policy: UVAdmission, limit: Int, parts: Int, _ balance: UVBalance) {
        self.policy = policy
        self.limit = limit
        self.parts = parts
        self.balance = balance
        state = Locked(
            State(
                desk: AdmissionDesk(policy, limit: limit),
                clients: Array(repeating: 0, count: parts), latest: parts - 1))
    }

    var peak: Int { state.withLock { $0.desk.peak } }

    /// Whether the part may accept nobody before it has its turn; it is told then.
    ///
    /// One of several that accept waits when it has accepted one client more, whom it holds: nobody
    /// else has a turn for which there may be no client.
    func isHolding(_ part: Int) -> Bool {
        let acceptsAlone = parts == 1 || balance == .fewestClients
        return state.withLock { state in
            guard policy.whenFull == .hold, !state.isClosed else { return state.isClosed }
            if state.isTurn(of: part) {
                if acceptsAlone { state.leave(part) }
                return false
            }
            if acceptsAlone { state.wait(part) }
            return state.waiting.contains(part)
        }
    }

    func wait(now: UInt64) -> UInt64? {
        state.withLock { $0.desk.wait(now: now) }
    }

    /// Decides about a client that the part has accepted, or held until now.
    ///
    /// - Returns: What is done about it, and which part is to go on then, if any.
    func decide(
        _ address: SocketAddress, now: UInt64, part: Int
    ) -> (decision: AdmissionDecision, next: Int?) {
        state.withLock { state in
            guard !state.isClosed, policy.whenFull != .hold || state.isTurn(of: part) else {
                state.wait(part)
                return (.hold, nil)
            }
            state.leave(part)
            return (decide(address, now: now, part: part, &state), state.next)
        }
    }

    private func decide(
        _ address: SocketAddress, now: UInt64, part: Int, _ state: inout State
    ) -> AdmissionDecision {
        switch state.desk.decide(address, now: now) {
        case .admit:
            let chosen =
                balance == .kernel ? part : Self.fewest(state.clients, behind: state.latest)
            state.clients[chosen] += 1
            state.latest = chosen
            return chosen == part ? .admit : .pass(toPart: chosen)
        // Two were asked in when the rate let in one.
        case .refuse(.rate) where policy.whenFull == .hold: return .hold
        case let decision: return decision
        }
    }

    /// A client is gone.
    ///
    /// - Returns: Which part is to go on, if any.
    func left(_ address: SocketAddress, part: Int) -> Int? {
        state.withLock { state in
            state.desk.left(address)
            state.clients[part] -= 1
            return state.next
        }
    }

    /// The server stops: from now on nobody comes in on any loop, whenever each hears of it.
    func close() {
        state.withLock { $0.isClosed = true }
    }

    /// A part takes no more clients.
    ///
    /// - Returns: Which part is to go on, if any.
    @discardableResult
    func close(_ part: Int) -> Int? {
        state.withLock { state in
            state.clients[part] = .max / 2
            state.leave(part)
            return state.next
        }
    }

    /// The part with the fewest clients; of several the first behind the one given, so that they take
    /// turns with clients that leave at once.
    private static func fewest(_ clients: [Int], behind part: Int) -> Int {
        var fewest = (part + 1) % clients.count
        for offset in 2..<clients.count + 1 {
            let other = (part + offset) % clients.count
            if clients[other] < clients[fewest] { fewest = other }
        }
        return fewest
    }
}

/// A listener's place in a server on many loops.
struct ListenerPlace: Sendable {
    let desk: SharedDesk
    let part: Int
}

/// The shared desk as one of the listeners sees it.
final class PartDesk: Admission {
    private let place: ListenerPlace
    /// The server, once it is complete.
    var server: UVRemoteListener?

    init(_ place: ListenerPlace) {
        self.place = place
    }

    var policy: UVAdmission { place.desk.policy }
    var limit: Int { place.desk.limit }
    var peak: Int { place.desk.peak }

    func close() {
        goOn(place.desk.close(place.part))
    }

    func isHolding() -> Bool {
        place.desk.isHolding(place.part)
    }

    func wait(now: UInt64) -> UInt64? {
        place.desk.wait(now: now)
    }

    func decide(_ address: SocketAddress, now: UInt64) -> AdmissionDecision {
        let (decision, next) = place.desk.decide(address, now: now, part: place.part)
        goOn(next)
        return decision
    }

    func left(_ address: SocketAddress, part: Int) {
        goOn(place.desk.left(address, part: part))
    }

    /// Tells a listener that it has its turn. This one goes on by itself, when a client's end has been
    /// told.
    private func goOn(_ part: Int?) {
        guard let part, part != place.part, let server else { return }
        // A loop that has ended by itself would keep its place for ever.
        if !server.parts[part].post({ $0.acceptNext() }) { goOn(place.desk.close(part)) }
    }
}
