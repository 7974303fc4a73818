import Foundation
import Logging
import Testing

@testable import UVSockets

/// Each runs in a process of its own, whose descriptor limit it lowers.
@Suite("Out of descriptors", .ownThreads, .timeLimit(.minutes(2)))
struct DescriptorTests {
    @Test("Clients wait in the backlog, those inside are served, and all come in afterwards")
    func recovers() async {
        let result = await #expect(
            processExitsWith: .success, observing: [\.standardErrorContent]
        ) {
            try withServer { server in
                let inside = try server.connect()
                try require(inside.exchange([1]) == [1])
                let outside = try (0..<40).map { _ in try RawPeer.unconnected() }
                let limit = try DescriptorLimit.lower(leaving: 5)
                for peer in outside {
                    try peer.connect(to: server.endpoint)
                    try peer.send("x")
                }
                // Until it has failed several times in a row, those inside are served as ever.
                var failures = 0
                let start = cpuTime()
                let since = ContinuousClock.now
                while failures < 4 {
                    try require(inside.exchange([1, 2, 3]) == [1, 2, 3])
                    _ = inside.poll(POLLIN, seconds: 0.02)
                    failures = try server.onLoop { $0.acceptFailures }
                }
                let share = (cpuTime() - start) / (ContinuousClock.now - since)
                try require(share < 0.5)
                try require(server.connected.entries.count < 20)

                try DescriptorLimit.set(limit)
                for peer in outside { try require(peer.receive(1) == [UInt8(ascii: "x")]) }
                try require(server.connected.entries.count == 41)
                let after = try server.onLoop { $0.acceptFailures }
                let late = try server.connect()
                try require(late.exchange([7]) == [7])
                try require(server.onLoop { $0.acceptFailures } == after)
                try server.onLoop { $0.loop.logger.notice("in all: failures=\($0.acceptFailures)") }
            }
        }
        // A line when it begins and one when it is over, which tells how often it has failed.
        let log = String(decoding: result?.standardErrorContent ?? [], as: UTF8.self)
        let lines = log.split(separator: "\n")
        #expect(lines.filter { $0.contains("clients wait in the backlog") }.count == 1)
        let all = lines.last { $0.contains("in all: ") }?.split(separator: " ").last ?? "none"
        let recoveries = lines.filter { $0.contains("accepting again") }
        #expect(recoveries.count == 1)
        #expect(recoveries.allSatisfy { $0.contains("notice") && $0.contains(all) })
    }

    @Test("Stopped while it waits for descriptors, the listener stops")
    func stops() async {
        await #expect(processExitsWith: .success) {
            let reports = Journal<UVDrainReport>()
            try withServer { server in
                let peers = try (0..<10).map { _ in try RawPeer.unconnected() }
                let limit = try DescriptorLimit.lower(leaving: 0)
                for peer in peers { try peer.connect(to: server.endpoint) }
                while try server.onLoop({ $0.acceptFailures }) == 0 {}
                server.post { $0.stop { reports.append($0) } }
                try reports.wait(for: 1)
                try DescriptorLimit.set(limit)
            }
        }
    }

    // That is at the end of a turn's budget, and at the limit of clients. libuv calls back with the
    // error without end unless the listening handle is closed there and then.
    @Test(
        "Out of descriptors just when no client is asked for, the loop still turns",
        arguments: [16, 3])
    func unasked(inside: Int) async {
        await #expect(processExitsWith: .success) { [inside] in
            alarm(20)
            let options = UVListenerOptions(maxConnections: inside == 16 ? nil : inside)
            try withServer(options: options, isHeld: true) { server in
                let peers = try (0..<inside + 4).map { _ in try server.connect() }
                for peer in peers { try peer.send("x") }
                let limit = try DescriptorLimit.lower(leaving: inside)
                server.run()
                while try server.onLoop({ $0.clients.count < inside && $0.acceptFailures == 0 }) {}
                for _ in 0..<3 { _ = try server.onLoop { $0.clients.count } }
                try DescriptorLimit.set(limit)
                for peer in peers[..<inside] {
                    try require(peer.receive(1) == [UInt8(ascii: "x")])
                }
                for (number, peer) in peers[inside...].enumerated() {
                    if inside != 16 { peers[number].close() }
                    try require(peer.receive(1) == [UInt8(ascii: "x")])
                }
            }
        }
    }

    @Test("Neither a listener nor a connector leaks what it could not finish")
    func nothingLeft() async {
        await #expect(processExitsWith: .success) {
            let loop = try UVLoop()
            let other = try RawListener()
            let listener = UVListener(on: loop, at: "127.0.0.1:0") { _, _ in }
            // From its first socket on, a loop keeps a spare descriptor.
            let first = UVListener(on: loop, at: "127.0.0.1:0") { _, _ in }
            try first.startAccept()
            first.stop()
            loop.run()
            let before = RawSocket.sockets
            var outcomes: [String] = []
            for free in 0..<8 {
                let limit = try DescriptorLimit.lower(leaving: free)
                do throws(UVError) {
                    try listener.startAccept()
                    outcomes.append("listens")
                } catch {
                    outcomes.append(error.code.name)
                }
                try DescriptorLimit.set(limit)
                if listener.localEndpoint != nil { break }
                loop.run()
                try require(RawSocket.sockets == before)
            }
            try require(outcomes.first == "EMFILE" && outcomes.last == "listens")
            listener.stop()
            loop.run()

            let connector = UVConnector(on: loop, to: other.local) { _, _ in }
            connector.onFailed = { _, error in outcomes.append(error.code.name) }
            let limit = try DescriptorLimit.lower(leaving: 0)
            do throws(UVError) {
                try connector.startConnect()
            } catch {
                outcomes.append(error.code.name)
            }
            loop.run()
            try DescriptorLimit.set(limit)
            try require(outcomes.last == "EMFILE")
            try loop.close()
        }
    }
}

/// Fails the test that runs in this process: an expectation would, too, but not end it.
private func require(_ condition: @autoclosure () throws -> Bool) throws {
    guard try condition() else { exit(1) }
}

/// How much the process has computed so far.
private func cpuTime() -> Duration {
    // POSIX counts in microseconds, whatever the clock's resolution.
    .microseconds(clock())
}

extension DescriptorLimit {
    /// Lowers the limit so that no more descriptors can be opened than these.
    ///
    /// - Returns: The limit before.
    fileprivate static func lower(leaving free: Int) throws -> Int {
        let before = current
        // Descriptors are given from the lowest: the limit lies behind as many gaps.
        let open = RawSocket.descriptors
        var limit: Int32 = 0
        var gaps = 0
        while gaps < free || open.contains(limit) {
            if !open.contains(limit) { gaps += 1 }
            limit += 1
        }
        try set(Int(limit))
        return before
    }

    fileprivate static func set(_ limit: Int) throws {
        let resource = __rlimit_resource_t(RLIMIT_NOFILE.rawValue)
        var value = rlimit()
        _ = unsafe getrlimit(resource, &value)
        value.rlim_cur = rlim_t(limit)
        guard unsafe setrlimit(resource, &value) == 0 else { throw SocketError("setrlimit") }
    }
}
