/// What happens to a client that asks to come in.
enum AdmissionDecision: Equatable {
    enum Reason {
        /// The policy's `allow` and `deny` lists exclude the address.
        case denied
        /// The limit of clients is reached.
        case full
        /// The limit of clients from this address is reached.
        case perAddress
        /// The limit of clients within the last second is reached.
        case rate
    }

    case admit
    /// The client is handed over to another loop.
    case pass(toPart: Int)
    /// The client is accepted but has to wait, because another loop's listener took its place.
    case hold
    case refuse(Reason)
}

/// Applies the admission policy of a server. A pure value: it is told which clients come and leave.
///
/// It remembers only the addresses of present clients, and only if the policy counts them.
struct AdmissionRules {
    let policy: UVAdmission
    var limit: Int
    private let admitsEverybody: Bool
    private let holdsForRate: Bool
    private var clients = 0
    private(set) var peak = 0
    private var rate: RateLimit
    private var present: [SocketAddress: Int] = [:]

    init(_ policy: UVAdmission, limit: Int) {
        precondition(policy.perAddress ?? 1 > 0, "UVAdmission.perAddress must be at least 1")
        precondition(
            policy.acceptsPerSecond ?? 1 > 0, "UVAdmission.acceptsPerSecond must be at least 1")
        precondition(
            0...32 ~= policy.ipv4PrefixLength && 0...128 ~= policy.ipv6PrefixLength,
            "UVAdmission's prefix lengths are 0 to 32 for IPv4 and 0 to 128 for IPv6")
        self.policy = policy
        self.limit = limit
        admitsEverybody =
            policy.perAddress == nil && policy.acceptsPerSecond == nil && policy.allow.isEmpty
            && policy.deny.isEmpty
        holdsForRate = policy.acceptsPerSecond != nil && policy.whenFull == .hold
        rate = RateLimit(perSecond: policy.acceptsPerSecond)
    }

    private var isFull: Bool { free <= 0 }
    /// How many more clients there may be.
    var free: Int { limit - clients }

    /// The milliseconds until the next client may be accepted. Nil if it may come now, or if it
    /// would be refused instead of held.
    func wait(now: UInt64) -> UInt64? {
        holdsForRate ? rate.wait(toTake: 1, now: now) : nil
    }

    /// Decides whether a client from this address may come in now. An admitted client counts as
    /// present until ``left(_:)``. A client that is not admitted does not use up the rate.
    mutating func decide(_ address: SocketAddress, now: UInt64) -> AdmissionDecision {
        if !admitsEverybody, isDenied(address) { return .refuse(.denied) }
        if isFull { return .refuse(.full) }
        if !admitsEverybody, let reason = refusal(of: address, now: now) { return .refuse(reason) }
        clients += 1
        peak = max(peak, clients)
        return .admit
    }

    /// Why the client may not come in. Nil means that it may, and counts it.
    private mutating func refusal(of address: SocketAddress, now: UInt64) -> AdmissionDecision
        .Reason?
    {
        let network = network(of: address)
        if let limit = policy.perAddress, present[network, default: 0] >= limit {
            return .perAddress
        }
        if rate.wait(toTake: 1, now: now) != nil { return .rate }
        _ = rate.take(1, now: now)
        if policy.perAddress != nil { present[network, default: 0] += 1 }
        return nil
    }

    /// An admitted client is gone.
    mutating func left(_ address: SocketAddress) {
        clients -= 1
        guard policy.perAddress != nil else { return }
        let network = network(of: address)
        guard let count = present[network] else {
            preconditionFailure("a client that was never admitted has left")
        }
        present[network] = count > 1 ? count - 1 : nil
        // A dictionary does not give memory back when it shrinks.
        if present.isEmpty { present = [:] }
    }

    /// How many addresses are remembered.
    var addresses: Int { present.count }

    private func isDenied(_ address: SocketAddress) -> Bool {
        if policy.deny.contains(where: { $0.contains(address) }) { return true }
        return !policy.allow.isEmpty && !policy.allow.contains { $0.contains(address) }
    }

    private func network(of address: SocketAddress) -> SocketAddress {
        address.network(ipv4: policy.ipv4PrefixLength, ipv6: policy.ipv6PrefixLength)
    }
}
