import Foundation
import Testing

@testable import UVSockets

@Suite("Listening on many loops", .ownThreads, .timeLimit(.minutes(2)))
struct GroupListenTests {
    // MARK: - Where

    @Test(
        "Every loop that listens does so on the one port that the system gave",
        arguments: UVBalance.allCases, ["127.0.0.1:0", "[::1]:0", "localhost:0", "[::]:0"])
    func ports(balance: UVBalance, endpoint: UVEndpoint) async throws {
        try await withLoops(3) { group in
            let server = try await group.listen(
                at: endpoint, balance: balance, makeHandler: echoOnLoops)
            let local = try #require(server.localEndpoint)
            #expect(local.port != 0)
            let endpoints = Journal<UVEndpoint?>()
            server.forEachListener { endpoints.append($0.localEndpoint) }
            let all = try await endpoints.arrival(of: 3)
            #expect(Set(all.compactMap(\.self)) == [local])
            #expect(all.count { $0 != nil } == (balance == .kernel ? 3 : 1))
            let host = local.host == "::" ? "::1" : local.host
            let echoed = await onThreadOfItsOwn {
                try (0..<10).map { _ in
                    try RawPeer(to: UVEndpoint(host: host, port: local.port)).exchange([1, 2])
                }
            }
            #expect(try echoed.get().allSatisfy { $0 == [1, 2] })
        }
    }

    @Test(
        "A port that another server has is refused, and the other goes on",
        arguments: UVBalance.allCases, UVBalance.allCases)
    func taken(first: UVBalance, second: UVBalance) async throws {
        try await withGroup(balance: first) { server in
            let before = try server.connect(6)
            for _ in 0..<5 {
                let error = #expect(throws: UVError.self) {
                    try server.ask { remote in
                        try await withLoops(2) { group in
                            try await group.listen(
                                at: server.endpoint, balance: second, makeHandler: echoOnLoops)
                        }
                    }
                }
                #expect(error?.code == .addressInUse)
                #expect(error?.description.contains("\(server.endpoint)") == true)
            }
            let after = try server.connect(30)
            for peer in before + after { #expect(try peer.exchange([1]) == [1]) }
            #expect(server.remote.localEndpoint == server.endpoint)
        }
    }

    @Test(
        "A port on which somebody else listens is refused, and taken when it is free",
        arguments: UVBalance.allCases)
    func takenByOthers(balance: UVBalance) async throws {
        // An address of its own: nobody else takes the port between one server and the next.
        let other = try RawListener(
            at: balance == .kernel ? "127.77.0.1:0" : "127.77.0.2:0")
        let endpoint = other.local
        try await withLoops(2) { group in
            let error = await #expect(throws: UVError.self) {
                try await group.listen(at: endpoint, balance: balance, makeHandler: echoOnLoops)
            }
            #expect(error?.code == .addressInUse)
            other.close()
            let server = try await group.listen(
                at: endpoint, balance: balance, makeHandler: echoOnLoops)
            #expect(server.localEndpoint == endpoint)
            // And again, when that has stopped.
            await server.stop()
            let next = try await group.listen(
                at: endpoint, balance: balance, makeHandler: echoOnLoops)
            let echoed = await onThreadOfItsOwn { try RawPeer(to: endpoint).exchange([5]) }
            #expect(try echoed.get() == [5])
            #expect(await next.stats().accepted == 1)
        }
    }

    @Test(
        "What is no address of this machine, and what is not found, is an error that is thrown",
        arguments: UVBalance.allCases, ["192.0.2.1:0", "no-such-host.invalid:0"])
    func nowhere(balance: UVBalance, endpoint: UVEndpoint) async throws {
        try await withLoops(2) { group in
            let failures = Journal<String>()
            let error = await #expect(throws: UVError.self) {
                try await group.listen(at: endpoint, balance: balance) { listener in
                    listener.onFailed = { failures.append("\($1)") }
                    return { _, _ in }
                }
            }
            #expect(error != nil && error?.code != .canceled)
            // The group is as good as before.
            let server = try await group.listen(
                at: "127.0.0.1:0", balance: balance, makeHandler: echoOnLoops)
            #expect(server.localEndpoint != nil)
        }
    }

    @Test("Two servers of one group are two servers")
    func two() async throws {
        try await withGroup { server in
            let other = try server.ask { [group = server.group] _ in
                try await group.listen(at: "127.0.0.1:0") { _ in
                    {
                        $0.send([9]); _ = $1
                    }
                }
            }
            let peers = try server.connect(6)
            let strangers = try (0..<6).map { _ in
                try RawPeer(to: other.localEndpoint ?? server.endpoint)
            }
            for peer in strangers { #expect(try peer.exchange([1]) == [9]) }
            #expect(try server.ask { await $0.broadcast("a") }.receivers == 6)
            #expect(try server.ask { _ in await other.broadcast("b") }.receivers == 6)
            for peer in peers { #expect(try peer.receive(1) == Array("a".utf8)) }
            for peer in strangers { #expect(try peer.receive(1) == Array("b".utf8)) }
            let report = server.begin { _ in await other.stop() }
            for peer in strangers {
                #expect(try peer.receiveToEnd() == [])
                peer.close()
            }
            #expect(try report.first().get() == UVDrainReport(drained: 6))
            for peer in peers { #expect(try peer.exchange([1]) == [1]) }
        }
    }

    // MARK: - What is made on each loop

    @Test(
        "The handler is made once on each loop, before anybody is served",
        arguments: UVBalance.allCases)
    func factory(balance: UVBalance) async throws {
        let made = Journal<ObjectIdentifier>()
        try await withGroup(
            balance: balance,
            makeHandler: { listener in
                #expect(listener.loop.isOnLoop)
                // Not to be started, but it does no harm.
                #expect(throws: Never.self) { try listener.startAccept() }
                #expect(listener.localEndpoint == nil)
                made.append(ObjectIdentifier(listener.loop))
                listener.userToken = Token()
                listener.onConnected = { client in
                    (client.listener?.userToken as? Token)?.clients += 1
                }
                return echo
            },
            body: { server in
                #expect(made.entries.count == 3)
                #expect(Set(made.entries) == Set(server.group.loops.map { ObjectIdentifier($0) }))
                _ = try server.connect(30)
                let counts = try server.onEachLoop { ($0.userToken as? Token)?.clients ?? -1 }
                #expect(counts.reduce(0, +) == 30)
                if balance == .fewestClients { #expect(counts == [10, 10, 10]) }
            })
    }

    private final class Token {
        var clients = 0
    }

    @Test(
        "Whoever asks for it where the handler is made gets the whole server",
        arguments: UVBalance.allCases)
    func remote(balance: UVBalance) async throws {
        let remotes = Journal<UVServerHandle>()
        let answered = Journal<Void>()
        try await withGroup(
            balance: balance,
            makeHandler: { listener in
                let server = listener.remote
                remotes.append(server)
                // Whoever asks this early is answered, too.
                beginTask {
                    await server.broadcast("x")
                    answered.append(())
                }
                server.post("y")
                return { _, message in server.post(message) }
            },
            body: { server in
                #expect(remotes.entries.count == 3)
                #expect(remotes.entries.allSatisfy { $0 === server.remote })
                try answered.wait(for: 3)
                let peers = try server.connect(9)
                try peers[4].send([1, 2, 3])
                for peer in peers { #expect(try peer.receive(3) == [1, 2, 3]) }
                #expect(
                    try server.onEachLoop { $0.remote === server.remote } == [true, true, true])
            })
    }
}
