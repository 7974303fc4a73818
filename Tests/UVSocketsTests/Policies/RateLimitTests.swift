import Testing

@testable import UVSockets

@Suite("RateLimit", .ownThreads)
struct RateLimitTests {
    @Test("It is small enough to be had by every connection")
    func size() {
        #expect(MemoryLayout<RateLimit>.stride == 16)
    }

    @Test("Without a rate nothing pauses")
    func unlimited() {
        var limit = RateLimit(perSecond: nil)
        #expect(limit.take(.max, now: 0) == nil)
        #expect(limit.take(.max, now: 0) == nil)
        #expect(limit.wait(toTake: .max, now: 0) == nil)
    }

    /// The rate, what is taken at which time, and for how long to pause then.
    static let tables: [(Int, [(count: Int, now: UInt64, pause: UInt64?)])] = [
        // A second's worth is free, one more is not.
        (1000, [(1000, 0, nil), (0, 0, nil), (1, 0, 1), (0, 0, 1), (0, 1, nil), (1, 1, 1)]),
        // What is overdrawn is paid for, rounded up to a millisecond.
        (1000, [(3000, 0, 2000), (0, 1999, 1), (0, 2000, nil), (1, 2001, nil), (1, 2001, 1)]),
        (3, [(4, 0, 334), (0, 333, 1), (0, 334, nil)]),
        // A long rest fills the bucket, and no more than that.
        (10, [(10, 0, nil), (10, 100_000, nil), (1, 100_000, 100)]),
        // The clock begins anywhere.
        (10, [(11, 1 << 60, 100)]),
        (1, [(1, 7, nil), (1, 7, 1000), (0, 1006, 1), (0, 1007, nil)]),
    ]

    @Test("Exactly the rate and a burst of one second are free", arguments: tables)
    func table(rate: Int, steps: [(count: Int, now: UInt64, pause: UInt64?)]) {
        var limit = RateLimit(perSecond: rate)
        for step in steps {
            #expect(limit.take(step.count, now: step.now) == step.pause, "\(step)")
        }
    }

    @Test(
        "Asked every millisecond, exactly the rate passes, however long it goes on",
        arguments: [1, 3, 7, 333, 999, 1000, 1001, 1003])
    func noDrift(rate: Int) throws {
        var limit = RateLimit(perSecond: rate)
        var passed = 0
        for now in UInt64(0)...20_000 {
            while limit.wait(toTake: 1, now: now) == nil {
                #expect(limit.take(1, now: now) == nil)
                passed += 1
            }
            try #require(passed == rate + rate * Int(now) / 1000)
        }
    }

    @Test(
        "Whoever pauses as told gets exactly the rate", arguments: [1, 7, 999, 65_537, 10_000_019])
    func pausing(rate: Int) throws {
        var random = SplitMix64(seed: UInt64(rate))
        var limit = RateLimit(perSecond: rate)
        var passed = 0
        var now: UInt64 = 0
        for _ in 0..<4000 {
            let count = Int.random(in: 1...65_536, using: &random)
            passed += count
            guard let pause = limit.take(count, now: now) else { continue }
            now += pause
            // Never too late by a millisecond's worth, never too early.
            let surplus = rate * 1000 + rate * Int(now) - passed * 1000
            try #require(surplus >= 0 && surplus < rate)
        }
        #expect(now > 0)
    }

    @Test("Any rate and any use agree with a bucket in wide numbers", arguments: UInt64(1)...6)
    func model(seed: UInt64) throws {
        var random = SplitMix64(seed: seed)
        for _ in 0..<50 {
            let highest = UInt32.max >> UInt32.random(in: 0..<32, using: &random)
            let rate = Int(UInt32.random(in: 1...highest, using: &random))
            var limit = RateLimit(perSecond: rate)
            var now = random.next() >> UInt64.random(in: 4...60, using: &random)
            var level = Int128(rate) * 1000
            for _ in 0..<200 {
                let pass = random.next() >> UInt64.random(in: 40...64, using: &random)
                now += pass
                level = min(Int128(rate) * 1000, level + Int128(pass) * Int128(rate))
                let count = Int(random.next() >> UInt64.random(in: 24...64, using: &random))
                let after = level - Int128(count) * 1000
                let pause = after < 0 ? UInt64((-after + Int128(rate) - 1) / Int128(rate)) : nil
                try #require(limit.wait(toTake: count, now: now) == pause)
                try #require(limit.take(count, now: now) == pause)
                level = after
            }
        }
    }

    @Test("Nothing overflows", arguments: [1, 2, 1000, Int(UInt32.max), Int.max])
    func extremes(rate: Int) throws {
        var limit = RateLimit(perSecond: rate)
        for now: UInt64 in [0, 1, 1 << 40] {
            for _ in 0..<3 {
                let pause = limit.take(.max, now: now)
                #expect(try #require(pause) > 1 << 30)
            }
        }
        for now in [UInt64.max - 2000, .max] {
            for _ in 0..<3 { _ = limit.take(.max, now: now) }
        }
    }
}
