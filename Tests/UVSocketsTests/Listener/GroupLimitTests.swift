import Foundation
import Testing

@testable import UVSockets

@Suite("The limits of a group", .ownThreads, .onEachTransport, .timeLimit(.minutes(3)))
struct GroupLimitTests {
    private static let goodbye = Array("come back later\n".utf8)

    /// How many are clients, as their callbacks tell it, and the most that were at a time.
    private final class Presence: Sendable {
        private let state = Locked((now: 0, most: 0))

        var most: Int { state.withLock { $0.most } }

        func watch(_ listener: UVListener) {
            listener.onConnected = { [state] _ in
                state.withLock {
                    $0.now += 1
                    $0.most = max($0.most, $0.now)
                }
            }
            listener.onDisconnected = { [state] _, _ in state.withLock { $0.now -= 1 } }
        }
    }

    // MARK: - maxConnections

    @Test(
        "There are never more clients than may be, and all have their turn", .serialized,
        arguments: UVBalance.allCases, [1, 7])
    func churn(balance: UVBalance, limit: Int) async throws {
        let presence = Presence()
        try await withGroup(
            balance: balance, options: UVListenerOptions(maxConnections: limit),
            makeHandler: { listener in
                presence.watch(listener)
                return echo
            },
            body: { server in
                let threads = 12
                let rounds = 40
                let served = Journal<Bool>()
                // Full at first, whatever comes later.
                let inside = try server.connect(limit)
                for peer in inside { #expect(try peer.exchange([1]) == [1]) }
                for thread in 0..<threads {
                    Thread.detachNewThread {
                        for round in 0..<rounds {
                            let byte = UInt8(truncatingIfNeeded: thread &* 41 &+ round)
                            do {
                                let peer = try server.connect()
                                served.append(try peer.exchange([byte]) == [byte])
                                if round % 3 == 0 { try peer.reset() }
                            } catch {
                                served.append(false)
                            }
                        }
                    }
                }
                for peer in inside { peer.close() }
                let all = try served.wait(for: threads * rounds, seconds: 100)
                #expect(!all.contains(false))
                try server.ended.wait(for: limit + all.count)
                #expect(presence.most == limit)
                let stats = try server.ask { await $0.stats() }
                #expect(stats.peakClients == limit)
                #expect(stats.accepted == UInt64(limit + all.count))
                #expect(stats.refusals.total == 0)
                #expect(stats.clients == 0)
            })
    }

    @Test(
        "Beyond the limit clients wait, connected, and whoever leaves lets the next one in",
        arguments: UVBalance.allCases)
    func waits(balance: UVBalance) async throws {
        let answers = Journal<Void>()
        try await withGroup(
            balance: balance, options: UVListenerOptions(maxConnections: 6),
            makeHandler: { _ in
                { client, message in
                    client.send(message)
                    answers.append(())
                }
            }
        ) { server in
            let inside = try server.connect(6)
            let waiting = try (0..<9).map { _ in try server.connect() }
            for peer in waiting { try peer.send("x") }
            #expect(!waiting[0].poll(seconds: 0.3))
            #expect(server.connected.entries.count == 6)
            #expect(try server.ask { await $0.stats() }.clients == 6)

            // Each of the first ones leaves, whatever its loop.
            for (number, peer) in inside.enumerated() {
                peer.close()
                try server.connected.wait(for: 7 + number)
                #expect(try server.ask { await $0.stats() }.clients <= 6)
            }
            #expect(server.connected.entries.count == 12)
            try answers.wait(for: 6)
            let served = waiting.filter { $0.poll(seconds: 0.1) }
            #expect(served.count == 6)
            // Those who came in after them leave, too.
            for peer in served[..<3] {
                #expect(try peer.receive(1) == [UInt8(ascii: "x")])
                peer.close()
            }
            for peer in waiting where peer.descriptor >= 0 {
                #expect(try peer.receive(1) == [UInt8(ascii: "x")])
            }
            #expect(try server.ask { await $0.stats() }.peakClients == 6)
        }
    }

    @Test("A client keeps its place until onDisconnected has returned", .tcpOnly)
    func leaving() async throws {
        let (arrivals, early) = (Journal<Void>(), Journal<Bool>())
        try await withGroup(
            balance: .kernel, options: UVListenerOptions(maxConnections: 3),
            makeHandler: { listener in
                listener.onConnected = { _ in arrivals.append(()) }
                listener.onDisconnected = { _, _ in
                    // Nobody else leaves, and so nobody may come.
                    guard early.entries.isEmpty else { return }
                    let before = arrivals.entries.count
                    early.append((try? arrivals.wait(for: before + 1, seconds: 0.5)) != nil)
                }
                return echo
            },
            body: { server in
                let inside = try server.connect(3)
                // So many that every loop has some that wait.
                let waiting = try (0..<30).map { _ in try server.connect() }
                let id = server.connected.entries[0].id
                #expect(try server.ask { await $0.kick(id) })
                #expect(try early.first() == false)
                inside.forEach { $0.close() }
                try server.connected.wait(for: 6)
                withExtendedLifetime(waiting) {}
            })
    }

    @Test(
        "Where clients may not wait they are told goodbye, each counted once",
        arguments: UVBalance.allCases)
    func refuses(balance: UVBalance) async throws {
        let options = UVListenerOptions.admitting(maxConnections: 6) {
            $0.whenFull = .refuse(goodbye: Self.goodbye)
        }
        try await withGroup(balance: balance, options: options) { server in
            var inside = try server.connect(6)
            for number in 1...20 {
                try expectEnd(of: server.connect(), after: Self.goodbye)
                #expect(try server.ask { await $0.stats() }.refusals.full == number)
            }
            for number in 1...6 {
                inside.removeFirst().close()
                try server.departure(of: number)
                let peer = try server.connect()
                #expect(try peer.exchange([1]) == [1])
                inside.append(peer)
                try expectEnd(of: server.connect(), after: Self.goodbye)
            }
            let stats = try server.ask { await $0.stats() }
            #expect(stats.refusals.total == 26)
            #expect(stats.accepted == 12)
            #expect(stats.peakClients == 6)
        }
    }

    // MARK: - perAddress, acceptsPerSecond, deny

    @Test(
        "An address has its places on all loops together, and each denied one is counted once",
        .tcpOnly,
        arguments: UVBalance.allCases)
    func perAddress(balance: UVBalance) async throws {
        let options = UVListenerOptions.admitting {
            $0.perAddress = 2
            $0.deny = ["127.66.0.0/16"]
        }
        try await withGroup(balance: balance, options: options) { server in
            var served: [RawPeer] = []
            for address in (1...10).map({ "127.0.7.\($0)" }) {
                let peers = try (0..<5).map { _ in try server.connect(from: address) }
                let answers = try peers.map(Self.isServed)
                #expect(answers.count { $0 } == 2)
                served += zip(peers, answers).filter(\.1).map(\.0)
            }
            for number in 1...7 {
                try expectEnd(of: server.connect(from: "127.66.1.\(number)"))
            }
            // Whoever leaves makes its place free, for its own address.
            for (number, peer) in served.enumerated() {
                peer.close()
                try server.departure(of: 2 * number + 1)
                let address = "127.0.7.\(number / 2 + 1)"
                #expect(try Self.isServed(server.connect(from: address)))
                try server.departure(of: 2 * number + 2)
            }
            let refusals = try server.ask { await $0.stats() }.refusals
            #expect(refusals.perAddress == 30)
            #expect(refusals.denied == 7)
            #expect(refusals.total == 37)
        }
    }

    @Test(
        "Beyond the rate all wait, and come in as fast as it allows all loops together", .tcpOnly,
        arguments: UVBalance.allCases)
    func rate(balance: UVBalance) async throws {
        let (rate, count) = (10, 25)
        let times = Journal<ContinuousClock.Instant>()
        try await withGroup(
            balance: balance, options: .admitting { $0.acceptsPerSecond = rate },
            makeHandler: { listener in
                listener.onConnected = { _ in times.append(.now) }
                return echo
            },
            body: { server in
                let start = ContinuousClock.now
                let peers = Journal<RawPeer>()
                for _ in 0..<5 {
                    Thread.detachNewThread {
                        for _ in 0..<5 { (try? server.connect()).map(peers.append) }
                    }
                }
                for peer in try peers.wait(for: count) { try peer.send("x") }
                for peer in peers.entries { #expect(try peer.receive(1) == [UInt8(ascii: "x")]) }
                let entries = try times.wait(for: count).sorted()
                for (number, time) in entries.enumerated() where number >= rate {
                    let earliest = Duration.milliseconds((number - rate + 1) * 1000 / rate)
                    #expect(time - start > earliest - .milliseconds(50))
                }
                let stats = try server.ask { await $0.stats() }
                #expect(stats.accepted == UInt64(count))
                #expect(stats.refusals.total == 0)
            })
    }

    @Test(
        "Where they may not wait, those beyond the rate are refused, each counted once",
        arguments: UVBalance.allCases)
    func refusesAtRate(balance: UVBalance) async throws {
        let options = UVListenerOptions.admitting {
            $0.acceptsPerSecond = 5
            $0.whenFull = .refuse(goodbye: Self.goodbye)
        }
        try await withGroup(balance: balance, options: options) { server in
            let start = ContinuousClock.now
            let peers = try (0..<50).map { _ in try server.connect() }
            let answers = try peers.map(Self.isServed)
            let seconds = Double((ContinuousClock.now - start) / .milliseconds(1)) / 1000
            let served = answers.count { $0 }
            #expect(served >= 5)
            #expect(Double(served) <= 5 + seconds * 5)
            let stats = try server.ask { await $0.stats() }
            #expect(stats.refusals.rate == 50 - served)
            #expect(stats.refusals.total == 50 - served)
            #expect(stats.accepted == UInt64(served))
        }
    }

    // MARK: - Help

    /// Whether a peer gets an echo, rather than an end.
    private static func isServed(_ peer: RawPeer) throws -> Bool {
        do {
            try peer.send([200])
            return try peer.receive(1) == [200]
        } catch let error as SocketError {
            #expect([ECONNRESET, EPIPE].contains(error.number))
            return false
        }
    }
}
