/// Applies a listener's admission policy. It is told who comes and who has left, and answers whether
/// to let them in.
///
/// It remembers the addresses of present clients only, and those only where the policy counts them.
final class AdmissionDesk {
    enum Reason {
        /// The policy's lists keep the address out.
        case denied
        /// As many clients as may be are there from the address.
        case perAddress
        /// As many clients as may be came in within the last second.
        case rate
    }

    enum Decision: Equatable {
        case admit
        case refuse(Reason)
    }

    /// How many were refused, by reason.
    struct Refusals: Equatable {
        fileprivate(set) var denied = 0
        fileprivate(set) var perAddress = 0
        fileprivate(set) var rate = 0

        var total: Int { denied + perAddress + rate }
    }

    let policy: UVAdmission
    private let admitsEverybody: Bool
    private(set) var refusals = Refusals()
    private var rate: RateLimit
    private var present: [SocketAddress: Int] = [:]

    init(_ policy: UVAdmission) {
        precondition(policy.perAddress ?? 1 > 0, "UVAdmission.perAddress is at least 1")
        precondition(
            0...32 ~= policy.ipv4PrefixLength && 0...128 ~= policy.ipv6PrefixLength,
            "UVAdmission's prefix lengths are 0 to 32 for IPv4 and 0 to 128 for IPv6")
        self.policy = policy
        admitsEverybody =
            policy.perAddress == nil && policy.acceptsPerSecond == nil && policy.allow.isEmpty
            && policy.deny.isEmpty
        rate = RateLimit(perSecond: policy.acceptsPerSecond)
    }

    /// Whether a client from this address may come in now. One that may is present until it has
    /// ``left(_:)``; one that may not takes no part of the rate.
    func decide(_ address: SocketAddress, now: UInt64) -> Decision {
        if admitsEverybody { return .admit }
        if isDenied(address) {
            refusals.denied += 1
            return .refuse(.denied)
        }
        let network = network(of: address)
        if let limit = policy.perAddress, present[network, default: 0] >= limit {
            refusals.perAddress += 1
            return .refuse(.perAddress)
        }
        if rate.wait(toTake: 1, now: now) != nil {
            refusals.rate += 1
            return .refuse(.rate)
        }
        _ = rate.take(1, now: now)
        if policy.perAddress != nil { present[network, default: 0] += 1 }
        return .admit
    }

    /// In how many milliseconds the rate lets in one more; nil where it does now. A listener that
    /// holds clients rather than refuses them asks before it accepts.
    func wait(now: UInt64) -> UInt64? {
        rate.wait(toTake: 1, now: now)
    }

    /// A client that was admitted is gone.
    func left(_ address: SocketAddress) {
        guard policy.perAddress != nil else { return }
        let network = network(of: address)
        guard let count = present[network] else {
            preconditionFailure("a client left that was not admitted")
        }
        present[network] = count > 1 ? count - 1 : nil
        // A dictionary keeps its memory when it shrinks.
        if present.isEmpty { present = [:] }
    }

    /// How many addresses are remembered.
    var addresses: Int { present.count }

    private func isDenied(_ address: SocketAddress) -> Bool {
        if policy.deny.contains(where: { $0.contains(address) }) { return true }
        return !policy.allow.isEmpty && !policy.allow.contains { $0.contains(address) }
    }

    private func network(of address: SocketAddress) -> SocketAddress {
        if address.isLinkLocal { return address.prefix(bits: address.width) }
        return address.prefix(
            bits: address.isIPv6 ? policy.ipv6PrefixLength : policy.ipv4PrefixLength)
    }
}
