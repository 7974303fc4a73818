import Foundation
import Testing

@testable import UVSockets

@Suite("A listener at several endpoints", .ownThreads, .timeLimit(.minutes(2)))
struct ManyEndpointsTests {
    private static func options(
        also endpoints: UVEndpoint..., maxConnections: Int? = nil
    ) -> UVListenerOptions {
        var options = UVListenerOptions.patient
        options.additionalEndpoints = endpoints
        options.maxConnections = maxConnections
        return options
    }

    private static func abstract() -> UVEndpoint {
        .abstract("uvsockets \(UInt64.random(in: 0 ... .max))")
    }

    // MARK: - A name

    @Test("It listens at every address of a name, with one port")
    func name() throws {
        let started = Journal<UVServerHandle>()
        let locals = Journal<[UVEndpoint]>()
        try withLoop { loop in
            let listener = UVListener(on: loop, at: "localhost:0", onMessageReceived: echo)
            listener.onListening = { locals.append($0.localEndpoints) }
            listener.onFailed = { _, error in Issue.record("\(error)") }
            try listener.startAccept()
            started.append(listener.remote)
        } meanwhile: { _ in
            let server = try started.first()
            defer { server.forEachListener { $0.stop(drainFor: .zero) } }
            let all = try locals.first()
            #expect(server.localEndpoints == all)
            #expect(Set(all.map(\.port)).count == 1)
            #expect(all.contains { $0.host == "127.0.0.1" })
            for endpoint in all {
                let peer = try RawPeer(to: endpoint)
                #expect(try peer.exchange([1, 2]) == [1, 2])
            }
        }
    }

    /// Calls with a listener that stands before the sockets of a name with these addresses.
    private static func withNamed(
        _ addresses: [UVEndpoint],
        _ body: @escaping @Sendable (UVListener, UVListener.Place) throws -> Void
    ) throws {
        try onThread {
            let loop = try UVLoop()
            let listener = UVListener(on: loop, at: "a.name:0", onMessageReceived: echo)
            try body(listener, (listener.endpoint, addresses.compactMap { SocketAddress($0) }))
            listener.stop()
            loop.run()
            try loop.close()
        }
    }

    @Test("Clients come to each of the addresses")
    func addresses() throws {
        try Self.withNamed(["127.0.0.1:0", "[::1]:0"]) { listener, place in
            try listener.listen(at: [place])
            let all = listener.localEndpoints
            #expect(all.map(\.host) == ["127.0.0.1", "::1"])
            #expect(all[0].port == all[1].port && all[0].port != 0)
            let loop = listener.loop
            Thread.detachNewThread {
                for endpoint in all {
                    let bytes = try? RawPeer(to: endpoint).exchange([1, 2])
                    #expect(bytes == [1, 2])
                }
                loop.stop()
            }
            loop.run(.untilStopped)
        }
    }

    @Test(
        "A port that is taken at one of its addresses is not the one that it gets",
        .enabled(if: getuid() == 0))
    func portZero() throws {
        try withNetwork(ports: 40_000...40_001) {
            let taken = try RawListener(at: "127.0.0.2:40000")
            for _ in 0..<12 {
                try Self.withNamed(["127.0.0.1:0", "127.0.0.2:0"]) { listener, place in
                    try listener.listen(at: [place])
                    #expect(listener.localEndpoints.map(\.port) == [40_001, 40_001])
                }
            }
            taken.close()
        }
    }

    @Test("An address that is not of this machine is passed over, unless there is no other")
    func foreign() throws {
        try Self.withNamed(["198.51.100.1:0", "127.0.0.1:0"]) { listener, place in
            try listener.listen(at: [place])
            #expect(listener.localEndpoints.map(\.host) == ["127.0.0.1"])
        }
        try Self.withNamed(["198.51.100.1:0", "198.51.100.2:0"]) { listener, place in
            let error = #expect(throws: UVError.self) { try listener.listen(at: [place]) }
            #expect(error?.code == .addressNotAvailable)
            #expect(listener.localEndpoints == [])
        }
    }

    @Test("Where the port is taken at one of its addresses it listens at none")
    func taken() throws {
        let other = try RawListener(at: "127.77.3.4:0")
        let port = other.local.port
        let one = UVEndpoint(host: "127.77.3.3", port: port)
        try Self.withNamed([one, other.local]) { [other = other.local] listener, place in
            let error = #expect(throws: UVError.self) { try listener.listen(at: [place]) }
            #expect(error?.subject == "\(other)")
            #expect(error?.code == .addressInUse)
            #expect(listener.localEndpoints == [])
            #expect(throws: SocketError.self) { try RawPeer(to: one) }
        }
    }

    // MARK: - Additional endpoints

    @Test("Whoever comes by whichever endpoint is one of its clients")
    func clients() throws {
        let (one, two) = (Self.abstract(), Self.abstract())
        let came = Journal<UVEndpoint?>()
        try withServer(
            options: Self.options(also: "[::1]:0", one, two),
            configure: { $0.onConnected = { came.append($0.localEndpoint) } },
            body: { server in
                let all = try server.onLoop { $0.localEndpoints }
                #expect(all.map(\.host) == ["127.0.0.1", "::1", "", ""])
                #expect(all[2...] == [one, two])
                #expect(all[0] == server.endpoint)
                let peers = try all.reversed().map { try RawPeer(to: $0) }
                for peer in peers { #expect(try peer.exchange([7]) == [7]) }
                #expect(Set(came.entries) == Set(all))
                let receipt = try server.onLoop { $0.broadcast("to all") }
                #expect(receipt.receivers == 4)
                for peer in peers { #expect(try peer.receive(6) == Array("to all".utf8)) }
            })
    }

    @Test("Its limit holds for all of them together, and those who wait come in from each")
    func limit() throws {
        try withServer(options: Self.options(also: "127.0.0.1:0", "[::1]:0", maxConnections: 2)) {
            server in
            let all = try server.onLoop { $0.localEndpoints }
            let peers = try (0..<60).map { try RawPeer(to: all[$0 % 3]) }
            let served = Journal<[UInt8]>()
            for peer in peers {
                Thread.detachNewThread {
                    guard let bytes = try? peer.exchange([9]) else { return }
                    peer.close()
                    served.append(bytes)
                }
            }
            #expect(try served.wait(for: 60).allSatisfy { $0 == [9] })
            #expect(try server.onLoop { $0.stats.peakClients } == 2)
        }
    }

    @Test("Where it cannot listen at one of them it listens at none, and says which")
    func none() throws {
        try onThread {
            let other = try RawListener()
            let free = Self.abstract()
            let loop = try UVLoop()
            let listener = UVListener(
                on: loop, at: "127.0.0.1:0", options: Self.options(also: free, other.local)
            ) { _, _ in }
            let error = #expect(throws: UVError.self) { try listener.startAccept() }
            #expect(error?.subject == "\(other.local)")
            #expect(error?.code == .addressInUse)
            #expect(listener.localEndpoints == [])
            #expect(throws: SocketError.self) { try RawPeer(to: free) }
            other.close()
            // It can be started again.
            try listener.startAccept()
            #expect(listener.localEndpoints.count == 3)
            let peer = try RawPeer(to: free)
            listener.stop()
            loop.run()
            peer.close()
            #expect(throws: SocketError.self) { try RawPeer(to: free) }
            try loop.close()
        }
    }

    @Test("On many loops it listens at all of them, too", arguments: UVBalance.allCases)
    func loops(balance: UVBalance) async throws {
        try await withGroup(
            at: "127.0.0.1:0", balance: balance,
            options: Self.options(also: "localhost:0", "[::1]:0")
        ) { server in
            let all = server.remote.localEndpoints
            #expect(all.first == server.endpoint)
            #expect(all.last?.host == "::1")
            #expect(all.count >= 3)
            for endpoint in all {
                let peers = try (0..<12).map { _ in try RawPeer(to: endpoint) }
                for peer in peers { #expect(try peer.exchange([3]) == [3]) }
            }
            #expect(try server.ask { await $0.stats().accepted } == UInt64(all.count * 12))
        }
    }

    @Test("The kernel spreads no clients of a Unix-domain socket, be it the second endpoint")
    func kernel() async throws {
        let unix = Self.abstract()
        try await withLoops(2) { group in
            let error = await #expect(throws: UVError.self) {
                try await group.listen(
                    at: "127.0.0.1:0", options: Self.options(also: unix), balance: .kernel,
                    makeHandler: echoOnLoops)
            }
            #expect(error?.subject == "\(unix)")
            #expect(error?.code == .invalidArgument)
        }
    }
}
