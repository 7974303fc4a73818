import Foundation
import Testing
import UVSockets

@Suite("A connector's local address", .ownThreads, .timeLimit(.minutes(2)))
struct LocalAddressTests {
    @Test("It connects from the address it is told", arguments: ["127.0.0.1", "localhost"])
    func address(host: String) throws {
        try withServer(configure: { $0.onConnected = { $0.send("\($0.peer.host)") } }) { server in
            let seen = Journal<String>()
            try withLoop { [port = server.endpoint.port] loop in
                let connector = UVConnector(
                    on: loop, to: UVEndpoint(host: host, port: port), from: "127.77.1.1:0"
                ) { connection, message in
                    seen.append(String(message: message))
                    seen.append(connection.localEndpoint?.host ?? "none")
                    connection.close()
                }
                connector.onFailed = { _, error in seen.append("\(error)") }
                try connector.startConnect()
            }
            #expect(seen.entries == ["127.77.1.1", "127.77.1.1"])
        }
    }

    @Test("A port that it is told is the same each time it connects")
    func port() throws {
        let other = try RawListener(at: "127.77.1.2:0")
        let local = other.local
        other.close()
        let peers = Journal<UVEndpoint>()
        try withServer(configure: {
            $0.onConnected = { client in
                peers.append(client.peer)
                client.close()
            }
        }) { server in
            try withLoop { [endpoint = server.endpoint] loop in
                let connector = UVConnector(
                    on: loop, to: endpoint, from: local,
                    reconnect: UVReconnect(
                        initialDelay: .milliseconds(1), maximumDelay: .milliseconds(5))
                ) { _, _ in }
                connector.onDisconnected = { [unowned connector] server, _ in
                    if server.id == 3 { connector.cancel() }
                }
                try connector.startConnect()
            }
        }
        #expect(peers.entries == [local, local, local])
    }

    @Test("An address of another machine is refused with the call and the address")
    func foreign() throws {
        let expected =
            "bind 198.51.100.1:0: this machine does not have that address (EADDRNOTAVAIL)"
        let failed = Journal<String>()
        try withLoop { loop in
            let connector = UVConnector(
                on: loop, to: "127.0.0.1:1", from: "198.51.100.1:0"
            ) { _, _ in }
            let error = #expect(throws: UVError.self) { try connector.startConnect() }
            #expect(error.map { "\($0)" } == expected)
            // A name is looked up first.
            let byName = UVConnector(
                on: loop, to: "localhost:1", from: "198.51.100.1:0"
            ) { _, _ in }
            byName.onFailed = { _, error in failed.append("\(error)") }
            try byName.startConnect()
        }
        #expect(failed.entries == [expected])
    }

    /// Whom to connect to, from where, and what is said of it.
    struct Refused: CustomTestStringConvertible, Sendable {
        let endpoint: UVEndpoint
        let local: UVEndpoint
        let words: String
        var testDescription: String { "\(endpoint) from \(local)" }
    }

    @Test(
        "What cannot be connected from is refused at once, also where it would try again",
        arguments: [
            Refused(endpoint: "127.0.0.1:1", local: "localhost:0", words: "not a name (EINVAL)"),
            Refused(endpoint: "127.0.0.1:1", local: "unix:@x", words: "not a name (EINVAL)"),
            Refused(
                endpoint: "unix:@nobody", local: "127.0.0.1:0",
                words: "a Unix-domain socket has no local address (EINVAL)"),
        ], [nil, UVReconnect()])
    func refused(refused: Refused, reconnect: UVReconnect?) throws {
        try withLoop { loop in
            let connector = UVConnector(
                on: loop, to: refused.endpoint, from: refused.local, reconnect: reconnect
            ) { _, _ in }
            connector.onFailed = { _, error in Issue.record("\(error)") }
            let error = #expect(throws: UVError.self) { try connector.startConnect() }
            #expect(error?.call == "bind")
            #expect(error?.subject == "\(refused.local)")
            #expect(error.map { "\($0)".hasSuffix(refused.words) } == true)
        }
    }

    @Test("A server without an address of the same family is told apart from one that is not there")
    func family() throws {
        let listener = try RawListener()
        try withLoop { [endpoint = listener.local] loop in
            let connector = UVConnector(on: loop, to: endpoint, from: "[::1]:0") { _, _ in }
            let error = #expect(throws: UVError.self) { try connector.startConnect() }
            #expect(
                error.map { "\($0)" } == "connect \(endpoint): the server has no IPv6 address, "
                    + "and the local address is one (EAFNOSUPPORT)")
        }
    }

    @Test("A task connects from it, too, also within a handler")
    func tasks() throws {
        try withServer(
            onMessage: { client, _ in client.send("\(client.peer.host)") },
            body: { server in
                let endpoint = server.endpoint
                let hosts = Journal<Result<[String], any Error>>()
                beginTask {
                    do {
                        let all = try await UVConnector.connect(to: endpoint, from: "127.77.1.3:0")
                        {
                            try await $0.send("x")
                            let first = try await $0.nextMessage() ?? []
                            let second = try await $0.connect(to: endpoint, from: "127.77.1.4:0") {
                                try await $0.send("x")
                                return try await $0.nextMessage() ?? []
                            }
                            return [first, second]
                        }
                        hosts.append(.success(all.map { String(decoding: $0, as: UTF8.self) }))
                    } catch {
                        hosts.append(.failure(error))
                    }
                }
                let seen = try hosts.first().get()
                #expect(seen == ["127.77.1.3", "127.77.1.4"])
            })
    }
}
