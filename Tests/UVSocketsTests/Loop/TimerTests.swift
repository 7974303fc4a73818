import Foundation
import Testing

@testable import UVSockets

@Suite("Timers", .ownThreads, .timeLimit(.minutes(1)))
struct TimerTests {
    @Test("A timer fires once, not before its time", arguments: [0, 1, 5, 30])
    func once(milliseconds: Int) throws {
        try onThread {
            let loop = try UVLoop()
            var delays: [Duration] = []
            for _ in 0..<20 {
                let start = ContinuousClock.now
                try loop.after(.milliseconds(milliseconds)) {
                    delays.append(ContinuousClock.now - start)
                }
            }
            loop.run()
            #expect(delays.count == 20)
            // libuv counts whole milliseconds: up to one of them may have begun before.
            let least = Duration.milliseconds(milliseconds - 1)
            #expect(delays.allSatisfy { $0 >= least }, "\(delays)")
            try loop.close()
        }
    }

    @Test("A timer that does not keep the loop running fires while something else does")
    func unneeded() throws {
        try onThread {
            let loop = try UVLoop()
            var times = 0
            let timer = try loop.every(.milliseconds(1), keepsRunning: false) { times += 1 }
            let once = try loop.after(.seconds(3600), keepsRunning: false) { times += 1000 }
            loop.run()
            #expect(times == 0)
            try loop.after(.milliseconds(50)) {}
            loop.run()
            #expect((1...60).contains(times))
            #expect(throws: UVError.self) { try loop.close() }
            timer.cancel()
            once.cancel()
            try loop.close()
        }
    }

    @Test("Part of a millisecond counts as a whole one, and less than nothing as one")
    func rounding() throws {
        try onThread {
            let loop = try UVLoop()
            var order: [Int] = []
            try loop.after(.milliseconds(500)) { order.append(500) }
            try loop.after(.seconds(-5)) { order.append(-5) }
            loop.run()
            #expect(order == [-5, 500])
            #expect(Duration.microseconds(30_100).wholeMilliseconds == 31)
            #expect(Duration.milliseconds(30).wholeMilliseconds == 30)
            #expect(Duration.seconds(-5).wholeMilliseconds == 1)
            try loop.close()
        }
    }

    @Test("A timer that is due now waits for a turn, and lets the turn end")
    func zero() throws {
        try onThread {
            let loop = try UVLoop()
            var fired = 0
            func again() {
                fired += 1
                if fired < 20 { _ = try? loop.after(.zero) { again() } }
            }
            try loop.after(.zero) { again() }
            #expect(fired == 0)
            // A submission gets its turn in between.
            let answered = Journal<Int>()
            loop.submit { answered.append(1) }
            loop.run()
            #expect(fired == 20)
            #expect(answered.entries.count == 1)
            try loop.close()
        }
    }

    @Test("A repeating timer fires until it is cancelled, also in its own call")
    func every() throws {
        try onThread {
            let loop = try UVLoop()
            var fired = 0
            var timer: UVTimer?
            timer = try loop.every(.milliseconds(2)) {
                fired += 1
                if fired == 5 {
                    timer?.cancel()
                    timer?.cancel()
                }
            }
            loop.run()
            #expect(fired == 5)
            timer = nil
            try loop.close()
        }
    }

    @Test("A cancelled timer does not fire, and does not keep the loop running")
    func cancel() throws {
        try onThread {
            let loop = try UVLoop()
            let timer = try loop.after(.seconds(3600)) { Issue.record("fired") }
            let other = try loop.after(.milliseconds(1)) { timer.cancel() }
            loop.run()
            // It has fired, so this is nothing.
            other.cancel()
            try loop.close()
        }
    }

    @Test("A timer that nobody holds fires, and lets go of what it held")
    func letGo() throws {
        try onThread {
            final class Held {}
            weak var held: Held?
            var fired = false
            let loop = try UVLoop()
            do {
                let strong = Held()
                held = strong
                try loop.after(.milliseconds(1)) {
                    withExtendedLifetime(strong) { fired = true }
                }
            }
            loop.run()
            #expect(fired)
            #expect(held == nil)
            try loop.close()
        }
    }
}
