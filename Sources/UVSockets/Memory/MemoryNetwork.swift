/// The network of a loop that has no sockets: its streams and its listening ports.
///
/// Nothing happens within a call. Changes are passed on in the loop's next round, as a kernel would
/// do it. The whole network belongs to the loop.
package final class MemoryNetwork {
    package let clock = VirtualClock()
    /// The source of the random waits of the loop's connectors.
    var random: SeededRandom
    private var ports: [UVEndpoint: MemoryPort] = [:]
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
    ///   - endpoint: Where to listen. With port 0 a free port is chosen.
    ///   - backlog: How many clients may wait to be accepted.
    /// - Returns: The port.
    /// - Throws: ``UVError`` if the endpoint is taken.
    package func listen(
        at endpoint: UVEndpoint, backlog: Int = 4096
    ) throws(UVError) -> MemoryPort {
        var endpoint = endpoint
        if endpoint.unixAddress == nil, endpoint.port == 0 {
            repeat {
                endpoint = UVEndpoint(host: endpoint.host, port: nextPort)
                nextPort = nextPort == .max ? 49_152 : nextPort + 1
            } while port(at: endpoint) != nil
        }
        guard port(at: endpoint) == nil else {
            throw UVError(call: "bind", subject: "\(endpoint)", code: .addressInUse)
        }
        let port = MemoryPort(at: endpoint, backlog: backlog)
        ports[endpoint] = port
        return port
    }

    /// Closes a port. Clients that wait there to be accepted see a reset.
    package func close(_ port: MemoryPort) {
        ports[port.endpoint] = nil
        port.close()
    }

    /// The port that listens at an endpoint: at the endpoint itself, or at the same port number if
    /// one of the two addresses is a wildcard.
    private func port(at endpoint: UVEndpoint) -> MemoryPort? {
        if let port = ports[endpoint] { return port }
        guard endpoint.unixAddress == nil else { return nil }
        return ports.values.first {
            $0.endpoint.port == endpoint.port && $0.endpoint.unixAddress == nil
                && ($0.endpoint.isWildcard || endpoint.isWildcard)
        }
    }

    /// Connects without waiting.
    ///
    /// - Parameters:
    ///   - endpoint: Where to connect to.
    ///   - address: The address of this end; nil for an address of the loopback network.
    /// - Returns: This end; nil if the port never answers.
    /// - Throws: ``UVError`` if nobody listens there, or the backlog is full.
    package func connect(
        to endpoint: UVEndpoint, from address: UVEndpoint? = nil
    ) throws(UVError) -> MemoryEnd? {
        guard let port = port(at: endpoint), !port.isFull else {
            throw UVError(call: "connect", subject: "\(endpoint)", code: .connectionRefused)
        }
        if port.isSilent { return nil }
        let ends = MemoryEnd.pair(clientAddress(address, for: port), port.address)
        if streams.count >= 2 * openStreams { forgetClosedStreams() }
        streams.append(ends.0)
        port.arrived(ends.1)
        return ends.0
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
        for port in ports.values { port.close() }
        (streams, ports, waiting, ready) = ([], [:], [:], [])
    }

    private func clientAddress(_ wanted: UVEndpoint?, for port: MemoryPort) -> SocketAddress {
        if let credentials = wanted?.credentials { return SocketAddress(credentials) }
        if port.endpoint.unixAddress != nil {
            return SocketAddress(UVPeerCredentials(pid: 1, uid: 1000, gid: 1000))
        }
        defer { nextPort = nextPort == .max ? 49_152 : nextPort + 1 }
        let address = wanted.flatMap { SocketAddress($0) } ?? .loopback
        return address.port == 0 ? address.withPort(nextPort) : address
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

    init(at endpoint: UVEndpoint, backlog: Int) {
        self.endpoint = endpoint
        self.backlog = backlog
        address =
            endpoint.unixAddress == nil
            ? SocketAddress(endpoint) ?? .loopback.withPort(endpoint.port)
            : SocketAddress(UVPeerCredentials(pid: 1, uid: 1000, gid: 1000))
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

extension UVEndpoint {
    fileprivate var isWildcard: Bool { host == "::" || host == "0.0.0.0" }
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
