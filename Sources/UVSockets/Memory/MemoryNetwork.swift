/// The network of a loop that has no sockets: its streams and its listening ports.
///
/// Nothing happens within a call. Changes are passed on in the loop's next round, as a kernel would
/// do it. The whole network belongs to the loop.
package final class MemoryNetwork {
    package let clock = VirtualClock()
    /// The source of the random waits of the loop's connectors.
    var random: SeededRandom
    private var ports: [MemoryPort] = []
    private var nextPort: UInt16 = 49_152
    /// The actors that have something to do in the next round.
    private var ready: [any MemoryActor] = []
    /// Streams that belong to no connection yet, by the numbers of their tickets.
    private var waiting: [Int: MemoryEnd] = [:]
    private var nextTicket = 0
    /// One end of each stream that is not closed at both, to let go of them at the end.
    private var streams: [MemoryEnd] = []
    private var countedStreams = 0
    /// How many handles of the loop wait for a call in its next turn.
    var callsDue = 0

    package init(seed: UInt64) {
        random = SeededRandom(seed)
    }

    var isQuiet: Bool { ready.isEmpty && callsDue == 0 }

    /// Requests a call of the actor in the next round.
    package func wake(_ actor: any MemoryActor) {
        ready.append(actor)
    }

    /// Calls all actors that have something to do.
    func runRound() {
        let actors = ready
        ready = []
        for actor in actors { actor.proceed() }
    }

    // MARK: - Who listens

    /// Opens a port.
    ///
    /// - Parameters:
    ///   - endpoint: Where to listen. Port 0 takes a free port.
    ///   - backlog: How many clients may wait to be accepted.
    ///   - isIPv6Only: Whether `[::]` takes no IPv4 clients.
    /// - Returns: The port.
    /// - Throws: ``UVError`` if somebody listens there already.
    package func listen(
        at endpoint: UVEndpoint, backlog: Int = 4096, isIPv6Only: Bool = false
    ) throws(UVError) -> MemoryPort {
        var endpoint = endpoint
        if endpoint.unixAddress == nil, endpoint.port == 0 {
            repeat {
                endpoint = UVEndpoint(host: endpoint.host, port: takePort())
            } while ports.contains { $0.endpoint.port == endpoint.port }
        }
        let port = MemoryPort(at: endpoint, backlog: backlog, isIPv6Only: isIPv6Only)
        guard !ports.contains(where: { $0.excludes(port) }) else {
            throw UVError(call: "bind", subject: "\(endpoint)", code: .addressInUse)
        }
        ports.append(port)
        return port
    }

    private func takePort() -> UInt16 {
        defer { nextPort = nextPort == .max ? 49_152 : nextPort + 1 }
        return nextPort
    }

    /// Closes a port. Clients that wait there to be accepted see a reset.
    package func close(_ port: MemoryPort) {
        ports.removeAll { $0 === port }
        port.close()
    }

    /// Connects without waiting.
    ///
    /// - Parameters:
    ///   - endpoint: Where to connect to.
    ///   - address: The address of this end; nil for an address of the loopback network.
    /// - Returns: This end; nil if the port never answers.
    /// - Throws: ``UVError`` if nobody listens there, the backlog is full, or the two addresses are of
    ///   different families.
    package func connect(
        to endpoint: UVEndpoint, from address: UVEndpoint? = nil
    ) throws(UVError) -> MemoryEnd? {
        let target = MemoryAddress(endpoint).target(from: address.flatMap { SocketAddress($0) })
        // An exact address comes before a wildcard.
        let port = ports.first { $0.key == target } ?? ports.first { $0.takes(target) }
        guard let port, !port.isFull else {
            throw UVError(call: "connect", subject: "\(endpoint)", code: .connectionRefused)
        }
        if port.isSilent { return nil }
        let client = try clientAddress(address, connectingTo: target, endpoint)
        var server = port.address
        if case .ip(let address) = target { server = address }
        let ends = MemoryEnd.pair(client, server, at: port.endpoint)
        if streams.count >= 2 * openStreams { forgetClosedStreams() }
        streams.append(ends.0)
        port.arrived(ends.1)
        return ends.0
    }

    private func clientAddress(
        _ wanted: UVEndpoint?, connectingTo target: MemoryAddress, _ endpoint: UVEndpoint
    ) throws(UVError) -> SocketAddress {
        if let credentials = wanted?.credentials { return SocketAddress(credentials) }
        if case .unix = target { return .unixPeer }
        var isIPv6 = false
        if case .ip(let address) = target { isIPv6 = address.isIPv6 }
        let address = wanted.flatMap { SocketAddress($0) } ?? .loopback(isIPv6: isIPv6)
        if case .ip = target, address.isIPv6 != isIPv6 {
            throw UVError(
                call: "connect", subject: "\(endpoint)", code: .addressFamilyNotSupported)
        }
        return address.port == 0 ? address.withPort(takePort()) : address
    }

    /// How many streams were open when they were last counted, at least 16.
    private var openStreams: Int { max(16, countedStreams) }

    private func forgetClosedStreams() {
        streams.removeAll { $0.isForgotten }
        countedStreams = streams.count
    }

    /// Lets go of every stream and of everybody who listens.
    func end() {
        for stream in streams { stream.networkEnded() }
        for port in ports { port.close() }
        (streams, ports, waiting, ready) = ([], [], [:], [])
    }

    // MARK: - Streams on their way

    /// Keeps an end until a connection takes it.
    func ticket(for end: MemoryEnd) -> Int {
        nextTicket += 1
        waiting[nextTicket] = end
        return nextTicket
    }

    func take(_ ticket: Int) -> MemoryEnd? {
        waiting.removeValue(forKey: ticket)
    }
}

/// An object that may have something to do in a round of the network.
package protocol MemoryActor: AnyObject {
    /// Does what is due.
    func proceed()
}

/// A listening port in memory.
package final class MemoryPort {
    package let endpoint: UVEndpoint
    /// Its address. If the endpoint is a name, this is an address of the loopback network.
    let address: SocketAddress
    /// Whether a request to connect is never answered.
    package var isSilent = false
    /// Called when a client waits to be accepted.
    package var onArrival: (() -> Void)?
    private let backlog: Int
    private var arrivals: [MemoryEnd] = []

    let key: MemoryAddress
    let isIPv6Only: Bool

    init(at endpoint: UVEndpoint, backlog: Int, isIPv6Only: Bool) {
        self.endpoint = endpoint
        self.backlog = backlog
        self.isIPv6Only = isIPv6Only
        key = MemoryAddress(endpoint)
        switch key {
        case .unix: address = .unixPeer
        case .ip(let ip): address = ip
        case .name(_, let port): address = .loopback(isIPv6: false).withPort(port)
        }
    }

    var isFull: Bool { arrivals.count >= backlog }

    func arrived(_ end: MemoryEnd) {
        arrivals.append(end)
        onArrival?()
    }

    /// Takes the client that has waited longest; nil if there is none.
    package func accept() -> MemoryEnd? {
        arrivals.isEmpty ? nil : arrivals.removeFirst()
    }

    func close() {
        onArrival = nil
        for end in arrivals { end.close(byReset: true) }
        arrivals = []
    }
}

extension SocketAddress {
    /// The peer of a Unix-domain socket in memory.
    fileprivate static let unixPeer = SocketAddress(
        UVPeerCredentials(pid: 1, uid: 1000, gid: 1000))
}

/// A generator of pseudo-random numbers. The same seed gives the same numbers (SplitMix64, Steele,
/// Lea and Flood 2014).
struct SeededRandom: RandomNumberGenerator {
    private var state: UInt64

    init(_ seed: UInt64) {
        state = seed
    }

    /// Makes a separate generator for one more use. What one draws does not change what another
    /// gets.
    mutating func split() -> SeededRandom {
        SeededRandom(next())
    }

    mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xbf58_476d_1ce4_e5b9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94d0_49bb_1331_11eb
        return mixed ^ (mixed >> 31)
    }
}
