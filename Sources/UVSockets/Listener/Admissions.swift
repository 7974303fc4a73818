/// The clients that a server admits, on one loop or on many. What its policy allows holds for all loops
/// together, under a lock that is taken when a client comes and when it goes, and never for a message.
final class Admissions: Sendable {
    /// When a listener may accept its next client.
    enum Entry: Equatable {
        case now
        /// In so many milliseconds.
        case after(UInt64)
        /// When it is told, because a client has left.
        case whenTold
    }

    private struct State {
        var rules: AdmissionRules
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
            if waiting.isEmpty { return !isClosed && rules.free > 0 }
            return !isClosed && (waiting.firstIndex(of: part) ?? waiting.count) < rules.free
        }

        /// For whom a place is kept since the last change; to be told so more than once does no harm.
        var next: Int? {
            guard !waiting.isEmpty, !isClosed, waiting.indices.contains(rules.free - 1) else {
                return nil
            }
            return waiting[rules.free - 1]
        }

        mutating func wait(_ part: Int) {
            if !waiting.contains(part) { waiting.append(part) }
        }

        mutating func leave(_ part: Int) {
            if !waiting.isEmpty { waiting.removeAll { $0 == part } }
        }
    }

    let policy: UVAdmission
    let limit: Int
    let parts: Int
    let balance: UVBalance
    /// Whether clients for whom there is no room wait, rather than being refused.
    private let isPatient: Bool
    private let state: Locked<State>

    init(
        _ policy: UVAdmission, limit: Int, parts: Int = 1, _ balance: UVBalance = .fewestClients,
        isShared: Bool = true
    ) {
        self.policy = policy
        self.limit = limit
        self.parts = parts
        self.balance = balance
        isPatient = policy.whenFull == .hold
        state = Locked(
            State(
                rules: AdmissionRules(policy, limit: limit),
                clients: Array(repeating: 0, count: parts), latest: parts - 1),
            isShared: isShared)
    }

    var peak: Int { state.withLock { $0.rules.peak } }

    /// When the part may accept its next client.
    ///
    /// One of several that accept waits when it has accepted one client more, whom it holds: nobody
    /// else has a turn for which there may be no client.
    func entry(to part: Int, now: UInt64) -> Entry {
        let acceptsAlone = parts == 1 || balance == .fewestClients
        return state.withLock { state in
            if state.isClosed { return .whenTold }
            if isPatient {
                if state.isTurn(of: part) {
                    if acceptsAlone { state.leave(part) }
                } else {
                    if acceptsAlone { state.wait(part) }
                    if state.waiting.contains(part) { return .whenTold }
                }
            }
            return state.rules.wait(now: now).map { .after($0) } ?? .now
        }
    }

    /// Decides about a client that the part has accepted, or held until now.
    ///
    /// - Returns: What is done about it, and which part is to go on then, if any.
    func decide(
        _ address: SocketAddress, now: UInt64, part: Int
    ) -> (decision: AdmissionDecision, next: Int?) {
        state.withLock { state in
            guard !state.isClosed, !isPatient || state.isTurn(of: part) else {
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
        switch state.rules.decide(address, now: now) {
        case .admit:
            let chosen =
                parts == 1 || balance == .kernel
                ? part : Self.fewest(state.clients, behind: state.latest)
            state.clients[chosen] += 1
            state.latest = chosen
            return chosen == part ? .admit : .pass(toPart: chosen)
        // Two were asked in when the rate let in one.
        case .refuse(.rate) where isPatient: return .hold
        case let decision: return decision
        }
    }

    /// A client is gone.
    ///
    /// - Returns: Which part is to go on, if any.
    func left(_ address: SocketAddress, part: Int) -> Int? {
        state.withLock { state in
            state.rules.left(address)
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

/// A listener's part of its server.
struct ServerPart: Sendable {
    let admissions: Admissions
    /// Its number among the listeners of the server.
    let index: Int
}
