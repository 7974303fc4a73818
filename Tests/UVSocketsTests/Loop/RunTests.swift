import Foundation
import Testing

@testable import UVSockets

@Suite("Running", .ownThreads, .timeLimit(.minutes(1)))
struct RunTests {
    @Test("A loop with nothing to do returns at once, however often it runs")
    func idle() throws {
        try onThread {
            let loop = try UVLoop()
            loop.run()
            loop.run(.untilIdle)
            try loop.close()
        }
    }

    @Test("A loop that runs until it is stopped waits for work from other threads")
    func untilStopped() throws {
        let thread = try LoopThread(.untilStopped) { _ in ((), {}) }
        for number in 0..<10 {
            let answer = Journal<Int>()
            thread.loop.submit { answer.append(number) }
            #expect(try answer.first() == number)
        }
        try thread.finish()
    }

    @Test("Stopped before it runs, it returns at once, and the next time it runs")
    func stopBeforeRun() throws {
        let fired = Journal<Void>()
        try onThread {
            let loop = try UVLoop()
            try loop.after(.milliseconds(1)) { fired.append(()) }
            loop.stop()
            loop.run()
            #expect(fired.entries.isEmpty)
            loop.run()
            #expect(fired.entries.count == 1)
            try loop.close()
        }
    }

    @Test("Another thread can stop it before it runs")
    func stopBeforeRunFromOutside() throws {
        let loop = try UVLoop()
        loop.stop()
        try onThread {
            loop.run(.untilStopped)
            try loop.close()
        }
    }

    @Test("A stop is not lost where no more submissions are taken")
    func stopAtLimit() throws {
        let loop = try UVLoop(submissionLimit: 1)
        loop.submit {}
        loop.stop()
        let returned = Journal<Void>()
        Thread.detachNewThread {
            loop.run(.untilStopped)
            returned.append(())
            try? loop.close()
        }
        do {
            try returned.wait(for: 1, seconds: 3)
        } catch {
            Issue.record("it runs on")
            loop.stop()
            try returned.wait(for: 1)
        }
    }

    @Test("Stopped in a callback, it leaves the rest for the next run")
    func stopInside() throws {
        try onThread {
            let loop = try UVLoop()
            var fired = 0
            let timer = try loop.every(.milliseconds(1)) {
                fired += 1
                loop.stop()
            }
            loop.run()
            #expect(fired == 1)
            loop.run()
            #expect(fired == 2)
            timer.cancel()
            loop.run()
            try loop.close()
        }
    }

    @Test("The first thread to use a loop is its own, whoever made it")
    func ownership() throws {
        let loop = try UVLoop()
        #expect(!loop.isOnLoop)
        try onThread {
            #expect(!loop.isOnLoop)
            loop.run()
            #expect(loop.isOnLoop)
            try loop.close()
        }
        #expect(!loop.isOnLoop)
    }

    @Test("Closing names what is open, and succeeds once that is closed")
    func close() throws {
        try onThread {
            let loop = try UVLoop()
            let timer = try loop.every(.seconds(60)) {}
            let signal = try loop.on(.user2) {}
            let listener = UVListener(on: loop, at: "127.0.0.1:0") { _, _ in }
            try listener.startAccept()
            let address = try #require(listener.localEndpoint)
            let error = #expect(throws: UVError.self) { try loop.close() }
            #expect(error?.call == "close loop")
            #expect(error?.code == .busy)
            for name in ["timer", "signal", "socket \(address)"] {
                #expect(error?.reason.contains(name) == true, "\(error?.reason ?? "")")
            }
            // It can be used on.
            let fired = Journal<Void>()
            try loop.after(.milliseconds(1)) {
                fired.append(())
                loop.stop()
            }
            loop.run()
            #expect(fired.entries.count == 1)

            timer.cancel()
            signal.cancel()
            listener.stop()
            try loop.close()
            try loop.close()
        }
    }

    @Test("A lookup on its way keeps the loop open, and is named")
    func closeWithLookup() throws {
        try onThread {
            let loop = try UVLoop()
            let connector = UVConnector(on: loop, to: "a..b:1") { _, _ in }
            try connector.startConnect()
            var failures = 0
            connector.onFailed = { _, _ in failures += 1 }
            do throws(UVError) {
                // The lookup may have ended already: then its timer is open no more, either.
                try loop.close()
            } catch {
                #expect(error.reason.contains("lookup"), "\(error)")
                loop.run()
                try loop.close()
            }
            #expect(failures == 1)
        }
    }

    @Test("A process that has made a loop survives SIGPIPE")
    func sigpipe() async {
        await #expect(processExitsWith: .success) {
            let loop = try UVLoop()
            raiseUnblocked(SIGPIPE)
            try loop.close()
        }
    }

    @Test("Running or closing a loop within its own callback traps with a sentence")
    func nested() async {
        let run = await #expect(
            processExitsWith: .failure, observing: [\.standardErrorContent]
        ) {
            let loop = try UVLoop()
            loop.submit { loop.run() }
            loop.run()
        }
        #expect(run.said("UVLoop.run was called within one of the loop's own callbacks"))
        let close = await #expect(
            processExitsWith: .failure, observing: [\.standardErrorContent]
        ) {
            let loop = try UVLoop()
            loop.submit { try? loop.close() }
            loop.run()
        }
        #expect(close.said("UVLoop.close was called within one of the loop's own callbacks"))
    }
}
