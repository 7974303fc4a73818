import Foundation
import Testing

@testable import UVSockets

@Suite("Looking up names", .ownThreads, .timeLimit(.minutes(2)))
struct LookupTests {
    @Test("A name that nobody answers holds up no other, and no run beyond its deadline")
    func silent() throws {
        let failed = Journal<UVError>()
        let connected = Journal<Duration>()
        let listener = try RawListener()
        try withSilentDNS(at: "127.77.0.53") {
            let loop = try UVLoop()
            // A thread of another test would ask the name server of the system.
            loop.resolver = Resolver()
            let start = ContinuousClock.now
            var silent: [UVConnector] = []
            for number in 0..<8 {
                let connector = UVConnector(
                    on: loop, to: UVEndpoint(host: "silent\(number).example", port: 1),
                    timeout: .milliseconds(700)
                ) { _, _ in }
                connector.onFailed = { failed.append($1) }
                try connector.startConnect()
                silent.append(connector)
            }
            let connector = UVConnector(
                on: loop, to: UVEndpoint(host: "localhost", port: listener.local.port),
                timeout: .milliseconds(600)
            ) { _, _ in }
            connector.onConnected = { server in
                connected.append(ContinuousClock.now - start)
                server.reset()
            }
            connector.onFailed = { failed.append($1) }
            try connector.startConnect()
            loop.run()
            #expect(ContinuousClock.now - start < .seconds(3))
            try loop.close()
        }
        #expect(connected.entries.count == 1)
        #expect(failed.entries.count == 8)
        #expect(failed.entries.allSatisfy { $0.code == .timedOut && $0.call == "look up" })
    }

    @Test("A listener that is stopped while its name is looked up lets the loop end")
    func stopped() throws {
        try withSilentDNS(at: "127.77.0.54") {
            let loop = try UVLoop()
            // A thread of another test would ask the name server of the system.
            loop.resolver = Resolver()
            let start = ContinuousClock.now
            let listener = UVListener(on: loop, at: "silent.example:0") { _, _ in }
            try listener.startAccept()
            try loop.after(.milliseconds(50)) { listener.stop() }
            loop.run()
            #expect(ContinuousClock.now - start < .seconds(2))
            try loop.close()
        }
    }

    @Test("More names than there are threads are looked up, each once")
    func many() throws {
        let answers = Journal<Int>()
        let resolver = Resolver()
        for number in 0..<600 {
            _ = try resolver.look(up: .init(host: "127.0.0.\(number % 200 + 1)", isPassive: false))
            {
                if case .success(let addresses) = $0 { answers.append(addresses.count) }
            }
        }
        try answers.wait(for: 600)
        #expect(Set(answers.entries) == [1])
    }

    @Test(
        "A name that is not ASCII is looked up in Punycode",
        arguments: [
            ("example.org", "example.org"),
            ("bücher.example", "xn--bcher-kva.example"),
            ("münchen.de", "xn--mnchen-3ya.de"),
            ("例え.テスト", "xn--r8jz45g.xn--zckzah"),
            ("한국.kr", "xn--3e0b707e.kr"),
            ("faß。example", "xn--fa-hia.example"),
        ])
    func punycode(name: String, ascii: String) {
        #expect(asciiHostName(name) == ascii)
    }

    @Test(
        "The zone of an address is an interface's name or number",
        arguments: [
            ("fe80::1%lo", true), ("fe80::1%1", true), ("::1%lo", true), ("fe80::1%nosuch", false),
            ("fe80::1%", false), ("fe80::1%0", false), ("fe80::1%99999999999", false),
            ("127.0.0.1%lo", false),
        ])
    func zones(host: String, isAddress: Bool) throws {
        let endpoint = UVEndpoint(host: host, port: 1)
        let address = SocketAddress(endpoint)
        #expect((address != nil) == isAddress)
        if let address {
            #expect(SocketAddress(address.endpoint) == address)
            #expect(address.endpoint.host.hasSuffix("%lo"))
        }
        guard !isAddress, host.contains(":") else { return }
        let loop = try UVLoop()
        let connector = UVConnector(on: loop, to: endpoint) { _, _ in }
        let error = #expect(throws: UVError.self) { try connector.startConnect() }
        #expect(error?.reason.contains("zone") == true)
        try loop.close()
    }

    @Test("A socket that TCP has connected to itself is no connection")
    func toItself() throws {
        let failed = Journal<UVError.Code>()
        try withNetwork(ports: 40_000...40_001) {
            let loop = try UVLoop()
            let connector = UVConnector(on: loop, to: "127.0.0.1:40000") { _, _ in }
            connector.onConnected = { server in
                Issue.record("connected to \(server.peer) from \(server.peer)")
                server.reset()
            }
            connector.onFailed = { failed.append($1.code) }
            try connector.startConnect()
            loop.run()
            try loop.close()
        }
        #expect(failed.entries == [.connectionRefused])
    }

    /// Runs the body on a thread for which names are asked of a server that says nothing. Takes root.
    private func withSilentDNS(
        at host: String, _ body: @escaping @Sendable () throws -> Void
    ) throws {
        let server = try RawSocket.deaf(at: UVEndpoint(host: host, port: 53))
        try withFile("/etc/resolv.conf", "nameserver \(host)\n", body)
        // Otherwise threads of the resolver would wait for an answer when the process ends.
        try server.denyNames()
        server.close()
    }
}
