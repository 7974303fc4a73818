/// Decides which of a server's addresses is tried next: Happy Eyeballs (RFC 8305).
///
/// The first address is tried. The next one is tried when ``attemptDelay`` has passed, or when an
/// attempt has failed. The first address that connects wins.
///
///     ──begin──▶ connect ──delay passes, one fails──▶ connect … ──none is left──▶ wait
///                                                             ──all have failed──▶ giveUp
struct AddressRace {
    enum Step: Equatable {
        /// Try this address, beside those already in progress.
        case connect(to: SocketAddress)
        /// Every address was tried, and some attempts are still in progress.
        case wait
        /// Every address was tried and has failed.
        case giveUp
    }

    /// How long an address is tried alone (Connection Attempt Delay, RFC 8305 §5 and §8).
    static let attemptDelay = Duration.milliseconds(250)

    private var untried: ArraySlice<SocketAddress>
    /// How many attempts are in progress.
    private(set) var running = 0

    /// Takes the addresses in the order that the system prefers.
    init(_ addresses: [SocketAddress]) {
        untried = Self.interleaved(addresses)[...]
    }

    /// Whether there is an address left to try.
    var hasUntried: Bool { !untried.isEmpty }

    /// Moves on to the next address: at the start, after a delay, or after a failure.
    mutating func next() -> Step {
        guard let address = untried.popFirst() else { return running > 0 ? .wait : .giveUp }
        running += 1
        return .connect(to: address)
    }

    /// One attempt has failed.
    mutating func failed() {
        running -= 1
    }

    /// Alternates between the two address families, and starts with the family of the first address
    /// (RFC 8305 §4). So a network where one family does not work costs one delay, not one for each
    /// address.
    private static func interleaved(_ addresses: [SocketAddress]) -> [SocketAddress] {
        guard let first = addresses.first,
            addresses.contains(where: { $0.isIPv6 != first.isIPv6 })
        else { return addresses }
        let preferred = addresses.filter { $0.isIPv6 == first.isIPv6 }
        let others = addresses.filter { $0.isIPv6 != first.isIPv6 }
        let pairs = zip(preferred, others).flatMap { [$0, $1] }
        let paired = pairs.count / 2
        return pairs + preferred.dropFirst(paired) + others.dropFirst(paired)
    }
}
