/// The clients that a server admits, on one loop or on many. The policy's limits hold for all loops
/// together, so a lock guards them. The lock is taken when a client comes and when it leaves, never
/// for a message.
final class Admissions: Sendable {
    /// When a listener may accept its next client.
    enum Entry: Equatable {
        case now
        /// After this many milliseconds.
        case after(UInt64)
        /// When the listener is told that a client has left.
        case whenTold
    }

    private struct State {
        var rules: AdmissionRules
        /// How many clients each loop has.
        var clients: [Int]
        /// The loop that got the latest client.
        var latest: Int
        /// The loops whose listeners hold clients. With N free places, the first N waiting loops
        /// have one place reserved each. A loop that has used its place goes to the end. So a busy
        /// loop keeps at most one place from the others.
        var waiting: [Int] = []
        /// Whether nobody is admitted any more, because the server stops.
        var isClosed = false

        func isTurn(of part: Int) -> Bool {
            if waiting.isEmpty { return !isClosed && rules.free > 0 }
            return !isClosed && (waiting.firstIndex(of: part) ?? waiting.count) < rules.free
        }

        /// The loop for which the last change has reserved a place. It does no harm to tell the
        /// loop twice.
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
    let parts: Int
    let balance: UVBalance
    /// Whether clients wait when there is no room. Otherwise they are refused.
    private let isPatient: Bool
    private let state: Locked<State>

    init(
        _ policy: UVAdmission, limit: Int, parts: Int = 1, _ balance: UVBalance = .fewestClients,
        isShared: Bool = true
    ) {
        self.policy = policy
        self.parts = parts
        self.balance = balance
        isPatient = policy.whenFull == .hold
        state = Locked(
            State(
                rules: AdmissionRules(policy, limit: limit),
                clients: Array(repeating: 0, count: parts), latest: parts - 1),
            isShared: isShared)
    }

    /// How many clients there may be. More may be present when it was just lowered.
    var limit: Int {
        state.withLock { $0.rules.limit }
    }

    func changeLimit(to limit: Int) {
        state.withLock { $0.rules.limit = limit }
    }

    var peak: Int { state.withLock { $0.rules.peak } }

    /// Tells when the part may accept its next client.
    ///
    /// Where several parts accept, a part joins the waiting loops only after it has accepted a
    /// client, which it then holds. Otherwise a place could be reserved for a part that has no
    /// client for it.
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

    /// When a next client could be admitted. Asking changes nothing.
    func nextEntry(now: UInt64) -> Entry {
        state.withLock { state in
            if state.isClosed || isPatient && state.rules.free <= 0 { return .whenTold }
            return state.rules.wait(now: now).map { .after($0) } ?? .now
        }
    }

    /// Decides about a client that the part has just accepted, or has held until now.
    ///
    /// - Returns: The decision, and the part that may accept next, if any.
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
        // Two parts may have started to accept when the rate allowed one client.
        case .refuse(.rate) where isPatient: return .hold
        case let decision: return decision
        }
    }

    /// A client has left.
    ///
    /// - Returns: The part that may accept next, if any.
    func left(_ address: SocketAddress, part: Int) -> Int? {
        state.withLock { state in
            state.rules.left(address)
            state.clients[part] -= 1
            return state.next
        }
    }

    /// The server stops. From now on nobody is admitted on any loop, even before each loop hears of
    /// the stop.
    func close() {
        state.withLock { $0.isClosed = true }
    }

    /// A part takes no more clients.
    ///
    /// - Returns: The part that may accept next, if any.
    @discardableResult
    func close(_ part: Int) -> Int? {
        state.withLock { state in
            state.clients[part] = .max / 2
            state.leave(part)
            return state.next
        }
    }

    /// The part with the fewest clients. If several have the fewest, it is the first one after the
    /// given part. So the parts take turns even if clients leave at once.
    private static func fewest(_ clients: [Int], behind part: Int) -> Int {
        var fewest = (part + 1) % clients.count
        for offset in 2..<clients.count + 1 {
            let other = (part + offset) % clients.count
            if clients[other] < clients[fewest] { fewest = other }
        }
        return fewest
    }
}

/// One listener's share of its server.
struct ServerPart: Sendable {
    let admissions: Admissions
    /// The listener's number among the listeners of the server.
    let index: Int
}
