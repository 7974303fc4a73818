/// The admission of a server on many loops: one desk, so that what it allows holds for all of them
/// together, under a lock that is taken when a client comes and when it goes.
final class SharedDesk: Sendable {
    private struct State {
        let desk: AdmissionDesk
        /// How many clients each loop has.
        var clients: [Int]
        /// The loop that got a client last.
        var latest: Int
        /// The loops whose listeners hold clients until one leaves.
        var holding: Set<Int> = []
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

    /// Whether nobody may be accepted before a client has left; the part is woken then.
    func isHolding(_ part: Int) -> Bool {
        state.withLock { state in
            let isHolding = state.desk.isHolding()
            if isHolding { state.holding.insert(part) }
            return isHolding
        }
    }

    func wait(now: UInt64) -> UInt64? {
        state.withLock { $0.desk.wait(now: now) }
    }

    func decide(_ address: SocketAddress, now: UInt64, part: Int) -> AdmissionDecision {
        state.withLock { state in
            switch state.desk.decide(address, now: now) {
            case .admit:
                let chosen =
                    balance == .kernel ? part : Self.fewest(state.clients, behind: state.latest)
                state.clients[chosen] += 1
                state.latest = chosen
                return chosen == part ? .admit : .pass(toPart: chosen)
            // Two were asked in when there was one place.
            case .refuse(.full) where policy.whenFull == .hold,
                .refuse(.rate) where policy.whenFull == .hold:
                return .hold
            case let decision: return decision
            }
        }
    }

    /// A client is gone.
    ///
    /// - Returns: The parts that held clients until then.
    func left(_ address: SocketAddress, part: Int) -> Set<Int> {
        state.withLock { state in
            state.desk.left(address)
            state.clients[part] -= 1
            defer { state.holding = [] }
            return state.holding
        }
    }

    /// A part takes no more clients.
    func close(_ part: Int) {
        state.withLock { $0.clients[part] = .max / 2 }
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
        place.desk.close(place.part)
    }

    func isHolding() -> Bool {
        place.desk.isHolding(place.part)
    }

    func wait(now: UInt64) -> UInt64? {
        place.desk.wait(now: now)
    }

    func decide(_ address: SocketAddress, now: UInt64) -> AdmissionDecision {
        place.desk.decide(address, now: now, part: place.part)
    }

    func left(_ address: SocketAddress, part: Int) {
        let holding = place.desk.left(address, part: part)
        // The listener itself goes on when the client's end has been told.
        for part in holding where part != place.part {
            server?.parts[part].post { $0.acceptNext() }
        }
    }
}
