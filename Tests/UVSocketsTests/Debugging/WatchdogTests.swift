import Foundation
import Testing

@testable import UVSockets

@Suite("The watchdog", .ownThreads, .timeLimit(.minutes(1)))
struct WatchdogTests {
    /// A way for a handler to hold its loop until the test lets it go.
    enum Block: CaseIterable, Sendable {
        case computing, reading, locked

        /// What the watchdog says of it.
        var words: String {
            switch self {
            case .computing: "computing"
            case .reading: "reading, pipe:["
            case .locked: "waiting for a lock or another thread"
            }
        }
    }

    @Test(
        "Names the handler, its client and what it does, while it lasts", arguments: Block.allCases)
    func blocks(_ block: Block) throws {
        let pipe = Pipe()
        let lock = NSLock()
        let isOver = Locked(false)
        let (reports, began) = (Journal<UVBlockedLoop>(), Journal<UInt64>())
        lock.lock()
        let line = #line + 1
        try withServer(onMessage: { client, message in
            guard message.count > 1 else { return }
            began.append(preciseNanoseconds())
            switch block {
            case .computing: while !isOver.withLock({ $0 }) {}
            case .reading: _ = try? pipe.fileHandleForReading.read(upToCount: 1)
            case .locked:
                lock.lock()
                lock.unlock()
            }
            client.send(message)
        }) { server in
            let watchdog = try UVWatchdog(
                watching: [server.loop], threshold: .milliseconds(200)
            ) { reports.append($0) }
            let (other, peer) = (try server.connect(), try server.connect())
            try other.send("a")
            try peer.send("ab")
            let report = try reports.first()
            #expect(report.loop == 0 && !report.isOver)
            #expect(report.duration >= .milliseconds(200))
            #expect(report.activity.client == 2)
            let handler = report.activity.handler
            #expect(handler.hasPrefix("the message handler of client 2 of the listener at "))
            #expect(handler.contains(".swift:"), "\(handler), \(line)")
            #expect(report.activity.state.hasPrefix(block.words), "\(report.activity.state)")
            #expect(server.loop.activity.handler == handler)
            #expect(server.loop.activity.isBusy)
            // At ten times the threshold it says so again.
            let again = try reports.wait(for: 2)[1]
            #expect(again.duration >= .seconds(2) && !again.isOver)
            isOver.withLock { $0 = true }
            pipe.fileHandleForWriting.write(Data([1]))
            lock.unlock()
            #expect(try peer.receive(2) == Array("ab".utf8))
            let last = try reports.wait(for: 3)[2]
            #expect(last.isOver && last.duration >= again.duration)
            #expect("\(last)".hasPrefix("loop 0 was blocked for 2."), "\(last)")
            watchdog.stop()
        }
        #expect(reports.entries.count == 3)
    }

    @Test("Handlers that are not for messages are named, too")
    func others() async throws {
        let (reports, log) = (Journal<UVBlockedLoop>(), Journal<String>())
        let group = try UVLoopGroup(loops: 1, logger: journal(log))
        let watchdog = try UVWatchdog(watching: group.loops, threshold: .milliseconds(20)) {
            reports.append($0)
        }
        defer { watchdog.stop() }
        // Until the watchdog has said it.
        @Sendable func busy(_ count: Int) {
            while reports.entries.count < count {}
        }
        let loop = group.loops[0]
        loop.submit { busy(1) }
        let submitted = try await reports.arrival(of: 2)[1].activity.handler
        #expect(submitted == "a submitted closure")
        loop.submit { _ = try? loop.after(.milliseconds(1)) { busy(3) } }
        let timer = try await reports.arrival(of: 4)[3].activity.handler
        #expect(timer.hasPrefix("a timer's closure at WatchdogTests.swift:"), "\(timer)")
        loop.submit { loop.task { busy(5) } }
        let task = try await reports.arrival(of: 6)[5].activity.handler
        #expect(task == "a task")
        #expect(log.entries.count == 6)
        #expect(log.entries[0].hasPrefix("loop 0 is blocked: a submitted closure has run for "))
        #expect(log.entries[0].hasSuffix(", computing"))
        await group.stop()
    }

    @Test("A busy loop and a sleeping one are not blocked, and the end is noticed")
    func quiet() throws {
        let reports = Journal<UVBlockedLoop>()
        try withServer { server in
            let watchdog = try UVWatchdog(
                watching: [server.loop], threshold: .milliseconds(100)
            ) { reports.append($0) }
            let peer = try server.connect()
            let end = Date(timeIntervalSinceNow: 0.5)
            while Date() < end { _ = try peer.exchange([1, 2, 3]) }
            #expect(!server.loop.activity.isBusy || server.loop.activity.handler != "")
            // Three thresholds without a callback: a loop that sleeps is not blocked.
            Thread.sleep(forTimeInterval: 0.3)
            watchdog.stop()
        }
        #expect(reports.entries.isEmpty)
    }

    // MARK: - The decision

    @Test("It reports at the threshold, at ten times the threshold, and at the end")
    func times() {
        var watch = BlockWatch(threshold: 1000, tolerance: 250)
        func looks(_ times: [UInt64], _ beats: UInt64 = 7, isBusy: Bool = true)
            -> [BlockWatch.Verdict]
        {
            times.map { watch.look(beats, isBusy: isBusy, now: $0, next: $0 + 50) }
                .filter { $0 != .nothing }
        }
        let steady = { (from: UInt64, to: UInt64) in Array(stride(from: from, through: to, by: 50))
        }
        #expect(looks(steady(100, 1050)) == [])
        #expect(looks(steady(1100, 10_050)) == [.blocked(1000)])
        #expect(looks(steady(10_100, 30_000)) == [.blocked(10_000)])
        #expect(looks([30_050], 8) == [.over(29_950)])
        #expect(looks(steady(30_100, 31_050), 8) == [.blocked(1000)])
        #expect(looks(steady(31_100, 40_000), 8, isBusy: false) == [.over(1050)])
    }

    @Test("A process that was stopped has no blocked loop")
    func stopped() {
        var watch = BlockWatch(threshold: 1000, tolerance: 250)
        #expect(watch.look(7, isBusy: true, now: 100, next: 150) == .nothing)
        // Nobody has looked for a long time, so nobody could run.
        #expect(watch.look(7, isBusy: true, now: 9000, next: 9050) == .nothing)
        #expect(watch.look(7, isBusy: true, now: 9200, next: 9250) == .nothing)
        for now in stride(from: UInt64(9250), to: 10_000, by: 50) {
            #expect(watch.look(7, isBusy: true, now: now, next: now + 50) == .nothing)
        }
        #expect(watch.look(7, isBusy: true, now: 10_000, next: 10_050) == .blocked(1000))
    }
}
