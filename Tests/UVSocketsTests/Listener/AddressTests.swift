import Foundation
import Testing
import UVSockets

@Suite("Where a listener listens", .ownThreads, .timeLimit(.minutes(1)))
struct AddressTests {
    @Test("A port that is taken is refused with the call and the address, and can be had later")
    func taken() throws {
        try onThread {
            let other = try RawListener()
            let loop = try UVLoop()
            let listener = UVListener(on: loop, at: other.local) { _, _ in }
            let error = #expect(throws: UVError.self) { try listener.startAccept() }
            #expect(
                error.map { "\($0)" }
                    == "bind \(other.local): address already in use (EADDRINUSE)")
            #expect(listener.localEndpoint == nil)
            other.close()
            try listener.startAccept()
            #expect(listener.localEndpoint == listener.endpoint)
            listener.stop()
            loop.run()
            try loop.close()
        }
    }

    @Test("An address of another machine is refused with the call and the address")
    func foreign() throws {
        try onThread {
            let loop = try UVLoop()
            let listener = UVListener(on: loop, at: "198.51.100.1:8081") { _, _ in }
            let error = #expect(throws: UVError.self) { try listener.startAccept() }
            #expect(error?.call == "bind")
            #expect(error?.subject == "198.51.100.1:8081")
            #expect(error?.code == .addressNotAvailable)
            loop.run()
            try loop.close()
        }
    }

    @Test("Port 0 is another free port each time, which localEndpoint tells until it stops")
    func portZero() throws {
        try onThread {
            let loop = try UVLoop()
            let listeners = (0..<3).map { _ in
                UVListener(on: loop, at: "127.0.0.1:0") { _, _ in }
            }
            for listener in listeners { try listener.startAccept() }
            let ports = Set(listeners.compactMap { $0.localEndpoint?.port })
            #expect(ports.count == 3 && !ports.contains(0))
            for listener in listeners {
                // Starting again is nothing.
                try listener.startAccept()
                listener.stop()
            }
            #expect(listeners.allSatisfy { $0.localEndpoint == nil })
            loop.run()
            try loop.close()
        }
    }

    @Test("A name is looked up on the loop, and onListening says where it listens")
    func name() throws {
        let listening = Journal<UVEndpoint>()
        try withLoop { loop in
            let listener = UVListener(on: loop, at: "localhost:0", onMessageReceived: echo)
            listener.onListening = { listener in
                if let endpoint = listener.localEndpoint { listening.append(endpoint) }
            }
            listener.onFailed = { _, error in Issue.record("\(error)") }
            listener.onDisconnected = { client, _ in client.listener?.stop() }
            try listener.startAccept()
            #expect(listener.localEndpoint == nil)
        } meanwhile: { _ in
            let peer = try RawPeer(to: listening.first())
            #expect(try peer.exchange([1, 2, 3]) == [1, 2, 3])
        }
        #expect(listening.entries.count == 1)
    }

    @Test("A host that nobody knows is reported by onFailed")
    func unknownHost() throws {
        let failed = Journal<UVError>()
        try withLoop { loop in
            let listener = UVListener(on: loop, at: "a..b:0", onMessageReceived: echo)
            listener.onFailed = { _, error in failed.append(error) }
            try listener.startAccept()
        }
        let error = try failed.first()
        #expect(error.call == "look up")
        #expect(error.subject == "a..b")
        #expect(failed.entries.count == 1)
    }

    @Test("A name whose port is taken is reported by onFailed")
    func namedAndTaken() throws {
        let failed = Journal<UVError>()
        let other = try RawListener()
        let port = other.local.port
        try withLoop { loop in
            let listener = UVListener(
                on: loop, at: UVEndpoint(host: "localhost", port: port), onMessageReceived: echo)
            listener.onListening = { _ in Issue.record("listens") }
            listener.onFailed = { _, error in failed.append(error) }
            try listener.startAccept()
        }
        #expect(try failed.first().code == .addressInUse)
        #expect(try failed.first().call == "bind")
    }

    @Test(
        "What cannot be a name is refused at once",
        arguments: ["", String(repeating: "a", count: 254), "a\0b"])
    func notAName(host: String) throws {
        try onThread {
            let loop = try UVLoop()
            let listener = UVListener(on: loop, at: UVEndpoint(host: host, port: 0)) { _, _ in }
            let error = #expect(throws: UVError.self) { try listener.startAccept() }
            #expect(error?.call == "look up")
            #expect(error?.code == .unknownHost)
            loop.run()
            try loop.close()
        }
    }

    @Test("A listener that is stopped while it looks its name up never listens")
    func stopWhileLookingUp() throws {
        try withLoop { loop in
            let listener = UVListener(on: loop, at: "localhost:0", onMessageReceived: echo)
            listener.onListening = { _ in Issue.record("listens") }
            listener.onFailed = { _, error in Issue.record("\(error)") }
            try listener.startAccept()
            listener.stop()
            #expect(throws: UVError.self) { try listener.startAccept() }
        }
    }

    @Test("The wildcard address takes IPv4 and IPv6, and prints each as what it is")
    func dualStack() throws {
        let peers = Journal<String>()
        try withServer(
            at: "[::]:0",
            configure: { $0.onConnected = { peers.append("\($0.peer)") } },
            body: { server in
                let port = server.endpoint.port
                let v4 = try RawPeer(to: UVEndpoint(host: "127.0.0.1", port: port))
                #expect(try v4.exchange([4]) == [4])
                let v6 = try RawPeer(to: UVEndpoint(host: "::1", port: port))
                #expect(try v6.exchange([6]) == [6])
                #expect(
                    peers.entries == [
                        "127.0.0.1:\(v4.local.port)", "[::1]:\(v6.local.port)",
                    ])
                #expect(server.endpoint.host == "::")
            })
    }

    @Test("Told to, [::] takes IPv6 only, and another may have the IPv4 addresses")
    func ipv6Only() throws {
        var options = UVListenerOptions()
        options.isIPv6Only = true
        try withServer(at: "[::]:0", options: options) { server in
            let port = server.endpoint.port
            let v6 = try RawPeer(to: UVEndpoint(host: "::1", port: port))
            #expect(try v6.exchange([6]) == [6])
            // At 127.0.0.1 another test may have the port: it is taken of IPv6 alone.
            let endpoint = UVEndpoint(host: "127.77.5.1", port: port)
            #expect(throws: SocketError.self) { try RawPeer(to: endpoint) }
            try withServer(at: endpoint) { _ in
                let v4 = try RawPeer(to: endpoint)
                #expect(try v4.exchange([4]) == [4])
            }
        }
    }
}
