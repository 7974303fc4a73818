import Foundation
import Testing

@testable import UVSockets

@Suite("Reconnecting", .ownThreads, .onEachTransport, .timeLimit(.minutes(1)))
struct ReconnectTests {
    /// Short waits.
    private static let soon = UVReconnect(
        initialDelay: .milliseconds(5), maximumDelay: .milliseconds(50))
    /// A wait of an hour, for tests that wait for none: with `BackoffTests.Highest`.
    private static let never = UVReconnect(
        initialDelay: .seconds(3600), maximumDelay: .seconds(3600))

    @Test(
        "It finds a server that comes late, goes, and comes back on the same port",
        arguments: ["127.0.0.1", "localhost"])
    func comesAndGoes(host: String) throws {
        let log = Journal<String>()
        let free = try RawSocket.refusing()
        let address = free.local
        defer { free.close() }
        try withLoop { loop in
            let connector = Self.connector(
                on: loop, to: UVEndpoint(host: host, port: address.port), Self.soon, log)
            connector.onConnected = { server in
                log.append("connected \(server.id)")
                if server.id == 3 { server.close() }
            }
            try connector.startConnect()
        } meanwhile: { _ in
            try log.wait { $0.filter { $0.hasPrefix("waiting: failed: connect") }.count >= 3 }
            for id in 1...3 {
                let listener = try RawListener(at: address)
                let peer = try listener.accept()
                try log.wait { $0.contains("connected \(id)") }
                listener.close()
                peer.close()
                if id < 3 {
                    // Down for a while.
                    try log.wait { $0.last?.hasPrefix("waiting: failed") == true }
                }
            }
        }
        let entries = log.entries.filter { !$0.hasPrefix("waiting: failed") }
        let ended = ["ended: closed by the peer", "waiting: closed by the peer"]
        #expect(
            entries == ["connected 1"] + ended + ["connected 2"] + ended
                + ["connected 3", "ended: closed"])
    }

    @Test("Whatever ends the connection but this side's call, another follows", arguments: 0...2)
    func ends(how: Int) throws {
        let listener = try RawListener.alone()
        let log = Journal<String>()
        let connected = Journal<Void>()
        try withLoop { [endpoint = listener.local] loop in
            var options = UVConnectionOptions.connector
            options.allowsHalfOpen = how == 1
            if how == 2 { options.maximumLifetime = .milliseconds(1) }
            let connector = Self.connector(on: loop, to: endpoint, Self.soon, log, options)
            connector.onConnected = { server in
                connected.append(())
                if server.id == 2 { server.reset() }
            }
            // An answer to the server's end is not this side's.
            connector.onPeerFinished = { $0.finish() }
            try connector.startConnect()
        } meanwhile: { _ in
            let peer = try listener.accept()
            try connected.wait(for: 1)
            switch how {
            case 0: try peer.reset()
            case 1: peer.close()
            default: #expect(try peer.receiveToEnd() == [])
            }
            peer.close()
            _ = try listener.accept()
        }
        let reset = Transport.current.hasResets ? "reset by the peer" : "closed by the peer"
        let reason = [reset, "closed by the peer", "its maximum lifetime was reached"][how]
        #expect(log.entries == ["ended: \(reason)", "waiting: \(reason)", "ended: reset"])
    }

    /// What a user calls to be done with it.
    enum OwnEnd: CaseIterable {
        case close, closeTwice, reset, finish, cancel
    }

    @Test("An end that this side called for is the last", arguments: OwnEnd.allCases)
    func ownEnd(end: OwnEnd) throws {
        let listener = try RawListener.alone()
        let log = Journal<String>()
        try withLoop { [endpoint = listener.local] loop in
            let connector = Self.connector(on: loop, to: endpoint, Self.soon, log)
            connector.onConnected = { [unowned connector] server in
                switch end {
                case .close, .closeTwice: server.close()
                case .reset: server.reset()
                case .finish: server.finish()
                case .cancel: connector.cancel()
                }
                if end == .closeTwice { server.close() }
            }
            try connector.startConnect()
        } meanwhile: { _ in
            let peer = try listener.accept()
            if end == .reset || end == .cancel {
                peer.close()
            } else {
                #expect(try peer.receiveToEnd() == [])
                peer.close()
            }
        }
        let reasons: [OwnEnd: String] = [
            .close: "closed", .closeTwice: "closed", .reset: "reset",
        ]
        #expect(log.entries == ["ended: \(reasons[end] ?? "closed by the peer")"])
    }

    @Test("close() ends it also while the server's own end is still being answered")
    func closeDuringEnd() throws {
        let listener = try RawListener.alone()
        let log = Journal<String>()
        let sent = Journal<Void>()
        try withLoop { [endpoint = listener.local] loop in
            let connector = Self.connector(on: loop, to: endpoint, Self.soon, log)
            connector.onConnected = { server in
                // More than the kernel takes, so that the end has to wait for it.
                server.send(pattern(8 << 20))
                sent.append(())
            }
            let ended = try loop.every(.milliseconds(1)) {
                guard let server = connector.connection, !server.isOpen else { return }
                server.close()
                log.append("close")
            }
            let tell = connector.onDisconnected
            connector.onDisconnected = { server, reason in
                ended.cancel()
                tell?(server, reason)
            }
            try connector.startConnect()
        } meanwhile: { _ in
            let peer = try listener.accept()
            try sent.wait(for: 1)
            try peer.finish()
            try log.wait { $0.contains("close") }
            #expect(try peer.receiveToEnd().count == 8 << 20)
        }
        #expect(log.entries.filter { $0 != "close" } == ["ended: closed by the peer"])
    }

    @Test(
        "When the attempts are used up it gives up, once, with the last error", arguments: [0, 3])
    func usedUp(attempts: Int) throws {
        let log = Journal<String>()
        let free = try RawSocket.refusing()
        let endpoint = free.local
        defer { free.close() }
        try withLoop { loop in
            var reconnect = Self.soon
            reconnect.attempts = attempts
            let connector = Self.connector(on: loop, to: endpoint, reconnect, log)
            try connector.startConnect()
            #expect(log.entries.isEmpty)
        }
        let refused = "connect \(endpoint): connection refused (ECONNREFUSED)"
        #expect(
            log.entries == [String](repeating: "waiting: failed: \(refused)", count: attempts)
                + ["failed: \(refused)"])
    }

    @Test("A server that accepts and drops uses up attempts, too, and may be started again")
    func usedUpByDrops() throws {
        let listener = try RawListener.alone()
        let log = Journal<String>()
        try withLoop { [endpoint = listener.local] loop in
            var reconnect = Self.soon
            reconnect.attempts = 2
            let connector = Self.connector(on: loop, to: endpoint, reconnect, log)
            var rounds = 0
            let tell = connector.onFailed
            connector.onFailed = { connector, error in
                tell?(connector, error)
                rounds += 1
                if rounds == 1 { try? connector.startConnect() }
            }
            try connector.startConnect()
        } meanwhile: { _ in
            for _ in 1...6 { try listener.accept().close() }
        }
        let dropped = ["ended: closed by the peer", "waiting: closed by the peer"]
        let round =
            dropped + dropped + [
                "ended: closed by the peer",
                "failed: connect \(listener.local): the last allowed connection "
                    + "ended too soon: closed by the peer (ECONNABORTED)",
            ]
        #expect(log.entries == round + round)
    }

    @Test("What the system refuses at once is a failed attempt, told later, not thrown")
    func refusedAtOnce() throws {
        let log = Journal<String>()
        try withLoop { loop in
            // Nobody connects to a broadcast address.
            let plain = UVConnector(on: loop, to: "255.255.255.255:9") { _, _ in }
            #expect(throws: UVError.self) { try plain.startConnect() }

            var reconnect = Self.soon
            reconnect.attempts = 1
            let connector = Self.connector(on: loop, to: "255.255.255.255:9", reconnect, log)
            try connector.startConnect()
            #expect(log.entries.isEmpty)
        }
        #expect(log.entries.count == 2)
        #expect(log.entries.first?.hasPrefix("waiting: failed: connect 255.255.255.255:9") == true)
        #expect(log.entries.last?.hasPrefix("failed: connect 255.255.255.255:9") == true)
    }

    @Test("A host that cannot be a name is thrown, and not tried again")
    func notAName() throws {
        let log = Journal<String>()
        try withLoop { loop in
            let connector = Self.connector(
                on: loop, to: UVEndpoint(host: "", port: 1), Self.soon, log)
            #expect(throws: UVError.self) { try connector.startConnect() }
        }
        #expect(log.entries == [])
    }

    /// Where a test cancels.
    enum Moment: CaseIterable {
        case onReconnecting, onDisconnected, later
    }

    @Test("Cancelled while it waits, it calls nobody any more", arguments: Moment.allCases)
    func cancel(moment: Moment) throws {
        let listener = try RawListener.alone()
        let log = Journal<String>()
        try withLoop { [endpoint = listener.local] loop in
            let connector = Self.connector(on: loop, to: endpoint, Self.never, log)
            connector.random = BackoffTests.Highest()
            let (waiting, ended) = (connector.onReconnecting, connector.onDisconnected)
            connector.onReconnecting = { connector, delay, reason in
                waiting?(connector, delay, reason)
                if moment == .onReconnecting { connector.cancel() }
                guard moment == .later else { return }
                _ = try? loop.after(.milliseconds(20)) { connector.cancel() }
            }
            connector.onDisconnected = { [unowned connector] server, reason in
                ended?(server, reason)
                if moment == .onDisconnected { connector.cancel() }
            }
            try connector.startConnect()
        } meanwhile: { _ in
            try listener.accept().close()
        }
        let waited = moment == .onDisconnected ? [] : ["waiting: closed by the peer"]
        #expect(log.entries == ["ended: closed by the peer"] + waited)
    }

    @Test("Started while it waits, it tries at once", arguments: [false, true])
    func startWhileWaiting(isInCallback: Bool) throws {
        let listener = try RawListener.alone()
        let log = Journal<String>()
        try withLoop { [endpoint = listener.local] loop in
            let connector = Self.connector(on: loop, to: endpoint, Self.never, log)
            connector.random = BackoffTests.Highest()
            let (waiting, ended) = (connector.onReconnecting, connector.onDisconnected)
            connector.onConnected = { if $0.id == 2 { $0.close() } }
            connector.onReconnecting = { connector, delay, reason in
                waiting?(connector, delay, reason)
                #expect(delay == .seconds(3600))
                try? connector.startConnect()
            }
            connector.onDisconnected = { [unowned connector] server, reason in
                ended?(server, reason)
                if isInCallback, server.id == 1 { try? connector.startConnect() }
            }
            try connector.startConnect()
        } meanwhile: { _ in
            try listener.accept().close()
            try listener.accept().close()
        }
        let waited = isInCallback ? [] : ["waiting: closed by the peer"]
        #expect(log.entries == ["ended: closed by the peer"] + waited + ["ended: closed"])
    }

    @Test(
        "The waits grow while no connection lasts, and begin anew after one that did",
        arguments: [
            (Duration.seconds(3600), [1, 2, 4, 8, 10, 10]), (.zero, [1, 1, 1, 1, 1, 1]),
        ])
    func growth(stableAfter: Duration, delays: [Int]) throws {
        let listener = try RawListener.alone()
        let waits = Journal<Duration>()
        try withLoop { [endpoint = listener.local] loop in
            let connector = UVConnector(
                on: loop, to: endpoint,
                reconnect: UVReconnect(
                    initialDelay: .milliseconds(1), maximumDelay: .milliseconds(10),
                    stableAfter: stableAfter)
            ) { _, _ in }
            connector.random = BackoffTests.Highest()
            connector.onReconnecting = { connector, delay, _ in
                waits.append(delay)
                if waits.entries.count == delays.count { connector.cancel() }
            }
            try connector.startConnect()
        } meanwhile: { _ in
            for _ in delays { try listener.accept().close() }
        }
        #expect(waits.entries == delays.map { .milliseconds($0) })
    }

    @Test("A deadline bounds each attempt, and the next follows")
    func deadline() throws {
        let silent = try RawListener.silent()
        let log = Journal<String>()
        try withLoop { [endpoint = silent.local] loop in
            var reconnect = Self.soon
            reconnect.attempts = 1
            let connector = Self.connector(
                on: loop, to: endpoint, reconnect, log, timeout: .milliseconds(50))
            try connector.startConnect()
        }
        let late = "connect \(silent.local): no answer within 0.05 seconds (ETIMEDOUT)"
        #expect(log.entries == ["waiting: failed: \(late)", "failed: \(late)"])
    }

    /// A connector that writes down what becomes of it.
    private static func connector(
        on loop: UVLoop, to endpoint: UVEndpoint, _ reconnect: UVReconnect, _ log: Journal<String>,
        _ options: UVConnectionOptions = .connector, timeout: Duration = .seconds(10)
    ) -> UVConnector {
        let connector = UVConnector(
            on: loop, to: endpoint, timeout: timeout, options: options, reconnect: reconnect
        ) { _, _ in }
        connector.onDisconnected = { _, reason in log.append("ended: \(reason)") }
        connector.onReconnecting = { _, _, reason in log.append("waiting: \(reason)") }
        connector.onFailed = { _, error in log.append("failed: \(error)") }
        return connector
    }
}
