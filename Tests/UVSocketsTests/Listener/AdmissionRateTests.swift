import Testing
import UVSockets
import UVSocketsTesting

/// By the clock of a network in memory, and with addresses that this machine does not have.
/// `AdmissionTests` has witnesses on real sockets.
@Suite("Rates and places of admission", .onPool, .timeLimit(.minutes(1)))
struct AdmissionRateTests {
    private static let goodbye = "come back later\n"

    @Test(
        "Beyond the rate clients wait, and each comes in when the rate allows it, not before",
        arguments: [1, 10, 300])
    func holdAtRate(rate: Int) throws {
        let server = try MemoryServer(options: .admitting { $0.acceptsPerSecond = rate })
        var times: [Duration] = []
        server.listener.onConnected = { [network = server.network] _ in times.append(network.now) }
        let peers = try (0..<rate * 3).map { _ in try server.connect() }
        #expect(times == Array(repeating: .zero, count: rate))
        server.network.run(for: .seconds(3))
        #expect(times.count == peers.count)
        for (number, time) in times.enumerated() where number >= rate {
            let due = Duration.seconds(1) * (number - rate + 1) / rate
            #expect(time >= due && time <= due + .milliseconds(2), "client \(number)")
        }
        for peer in peers { #expect(peer.exchange("x") == "x") }
        #expect(server.listener.refusals.total == 0)
    }

    @Test("Clients that wait for the rate when the listener stops are not let in")
    func stopAtRate() throws {
        let server = try MemoryServer(options: .admitting { $0.acceptsPerSecond = 1 })
        let inside = try server.connect()
        let waiting = try (0..<3).map { _ in try server.connect() }
        server.listener.stop()
        server.network.run()
        #expect(inside.end == .finished)
        inside.close()
        server.network.run(for: .seconds(10))
        for peer in waiting { #expect(peer.end == .reset) }
        #expect(server.ends.map(\.id) == [1])
    }

    @Test("Beyond the rate clients are told goodbye where they may not wait, and counted")
    func refuseAtRate() throws {
        let server = try MemoryServer(
            options: .admitting {
                $0.acceptsPerSecond = 2
                $0.whenFull = .refuse(goodbye: Array(Self.goodbye.utf8))
            })
        let peers = try (0..<40).map { _ in try server.connect() }
        for peer in peers[2...] {
            #expect(peer.end == .finished)
            #expect(peer.takeText() == Self.goodbye)
        }
        for peer in peers[..<2] { #expect(peer.exchange("x") == "x") }
        #expect(server.listener.refusals.rate == 38)
        #expect(server.listener.refusals.total == 38)
        // There is room again when a place is due, not before.
        server.network.run(for: .milliseconds(499))
        #expect(try server.connect().end == .finished)
        server.network.run(for: .milliseconds(1))
        #expect(try server.connect().exchange("x") == "x")
        #expect(try server.connect().end == .finished)
        #expect(server.listener.refusals.rate == 40)
    }

    @Test("Refusals are counted by their reason")
    func byReason() throws {
        let server = try MemoryServer(
            at: "0.0.0.0:80",
            options: .admitting(maxConnections: 3) {
                $0.deny = ["10.0.0.9"]
                $0.perAddress = 1
                $0.acceptsPerSecond = 2
                $0.whenFull = .refuse(goodbye: Array(Self.goodbye.utf8))
            })
        let hosts = [9, 1, 1, 1, 2, 3, 4, 5, 6]
        let peers = try hosts.map {
            try server.connect(from: UVEndpoint(host: "10.0.0.\($0)", port: 0))
        }
        for index in [0, 2, 3, 5, 6, 7, 8] {
            #expect(peers[index].end == .finished)
            #expect(peers[index].takeText() == Self.goodbye)
        }
        for index in [1, 4] { #expect(peers[index].exchange("x") == "x") }
        server.network.run(for: .seconds(1))
        #expect(try server.connect(from: "10.0.0.3:0").exchange("x") == "x")
        #expect(try server.connect(from: "10.0.0.4:0").end == .finished)
        let refusals = server.listener.refusals
        #expect(refusals.denied == 1)
        #expect(refusals.perAddress == 2)
        #expect(refusals.rate == 4)
        #expect(refusals.full == 1)
        #expect(refusals.total == 8)
    }

    @Test(
        "The addresses of a network share its places",
        arguments: [
            ("10.0.5.1", "10.0.5.2", "10.0.6.1"),
            ("2001:db8:1:2::1", "2001:db8:1:2:ffff::2", "2001:db8:1:3::1"),
        ])
    func perNetwork(one: String, neighbour: String, stranger: String) throws {
        let server = try MemoryServer(
            at: "[::]:80",
            options: .admitting {
                $0.perAddress = 1
                $0.ipv4PrefixLength = 24
                $0.whenFull = .refuse(goodbye: Array(Self.goodbye.utf8))
            })
        let inside = try server.connect(from: UVEndpoint(host: one, port: 0))
        #expect(inside.exchange("x") == "x")
        let refused = try server.connect(from: UVEndpoint(host: neighbour, port: 0))
        #expect(refused.takeText() == Self.goodbye)
        let other = try server.connect(from: UVEndpoint(host: stranger, port: 0))
        #expect(other.exchange("x") == "x")
        #expect(server.listener.refusals.perAddress == 1)
        // One that leaves makes its place free.
        inside.close()
        server.network.run()
        let next = try server.connect(from: UVEndpoint(host: neighbour, port: 0))
        #expect(next.exchange("x") == "x")
    }

    @Test("One client more than there may be waits until one leaves", arguments: [1, 3, 16, 20])
    func exact(limit: Int) throws {
        let server = try MemoryServer(options: UVListenerOptions(maxConnections: limit))
        var inside = try (0..<limit).map { _ in try server.connect() }
        let waiting = try (0..<3).map { _ in try server.connect() }
        for peer in waiting { peer.send("x") }
        server.network.run(for: .seconds(3600))
        #expect(waiting.allSatisfy { $0.received.isEmpty })
        for peer in waiting {
            inside.removeFirst().close()
            server.network.run()
            #expect(peer.takeText() == "x")
            inside.append(peer)
            #expect(server.listener.clients.count == limit)
        }
    }
}
