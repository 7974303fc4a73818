import Testing

@testable import UVSockets

@Suite("ConnectionDeadlines", .ownThreads)
struct ConnectionDeadlinesTests {
    /// Beginnings, among them those whose low 32 bits are about to wrap around.
    static let beginnings: [UInt64] = [
        0, 1, 5000, (1 << 32) - 1, (1 << 32) - 99, 3 << 32, (1 << 50) - 42,
    ]

    @Test("It is small enough to be had by every connection")
    func size() {
        #expect(MemoryLayout<ConnectionDeadlines>.size == 24)
    }

    @Test("Without limits nothing is ever due", arguments: beginnings)
    func none(start: UInt64) {
        let limits = DeadlineLimits()
        #expect(limits.areNone)
        var deadlines = ConnectionDeadlines(openedAt: start, limits)
        deadlines.queueFilled(at: start)
        deadlines.roseAboveSoftLimit(at: start)
        #expect(deadlines.next(now: start, limits) == nil)
        #expect(deadlines.due(now: start + (1 << 40), limits) == nil)
    }

    @Test("Nothing that came in for as long as the limit is idle", arguments: beginnings)
    func idle(start: UInt64) {
        let limits = DeadlineLimits(idle: .milliseconds(100))
        var deadlines = ConnectionDeadlines(openedAt: start, limits)
        #expect(deadlines.next(now: start, limits) == start + 100)
        deadlines.received(at: start + 99)
        #expect(deadlines.due(now: start + 100, limits) == nil)
        #expect(deadlines.next(now: start + 100, limits) == start + 199)
        deadlines.sent(at: start + 150)
        deadlines.queueFilled(at: start + 150)
        deadlines.frameReceived()
        #expect(deadlines.due(now: start + 198, limits) == nil)
        #expect(deadlines.due(now: start + 199, limits) == .idle)
        #expect(deadlines.due(now: start + 100_000, limits) == .idle)
    }

    @Test("Bytes that go out end idleness where they count", arguments: beginnings)
    func idleBothWays(start: UInt64) {
        let limits = DeadlineLimits(idle: .milliseconds(100), idleCountsSent: true)
        var deadlines = ConnectionDeadlines(openedAt: start, limits)
        deadlines.sent(at: start + 60)
        #expect(deadlines.next(now: start + 100, limits) == start + 160)
        deadlines.received(at: start + 70)
        #expect(deadlines.due(now: start + 169, limits) == nil)
        #expect(deadlines.due(now: start + 170, limits) == .idle)
    }

    @Test("The first frame has its time from the beginning, and later ones have none")
    func firstFrame() {
        let limits = DeadlineLimits(firstFrame: .milliseconds(100))
        var deadlines = ConnectionDeadlines(openedAt: 7, limits)
        deadlines.received(at: 50)
        #expect(deadlines.next(now: 50, limits) == 107)
        #expect(deadlines.due(now: 106, limits) == nil)
        #expect(deadlines.due(now: 107, limits) == .firstFrame)
        deadlines.frameReceived()
        #expect(deadlines.due(now: 107, limits) == nil)
        #expect(deadlines.next(now: 107, limits) == nil)
    }

    @Test("A lifetime is measured however long it is", arguments: [1, 100, 1 << 32, 1 << 45])
    func lifetime(length: UInt64) {
        let limits = DeadlineLimits(lifetime: .milliseconds(length))
        var deadlines = ConnectionDeadlines(openedAt: 11, limits)
        deadlines.received(at: 11)
        #expect(deadlines.next(now: 11, limits) == 11 + length)
        #expect(deadlines.due(now: 10 + length, limits) == nil)
        #expect(deadlines.due(now: 11 + length, limits) == .lifetime)
    }

    @Test("A write stalls when bytes wait and the kernel takes none", arguments: beginnings)
    func stall(start: UInt64) {
        let limits = DeadlineLimits(writeStall: .milliseconds(100))
        var deadlines = ConnectionDeadlines(openedAt: start, limits)
        #expect(deadlines.due(now: start + 1000, limits) == nil)
        #expect(deadlines.next(now: start + 1000, limits) == start + 1100)
        deadlines.queueFilled(at: start + 1000)
        deadlines.queueFilled(at: start + 1050)
        #expect(deadlines.next(now: start + 1050, limits) == start + 1100)
        deadlines.sent(at: start + 1099)
        #expect(deadlines.due(now: start + 1198, limits) == nil)
        #expect(deadlines.due(now: start + 1199, limits) == .stalled)
        deadlines.queueEmptied()
        #expect(deadlines.due(now: start + 1199, limits) == nil)
        deadlines.queueFilled(at: start + 1200)
        #expect(deadlines.due(now: start + 1299, limits) == nil)
        #expect(deadlines.due(now: start + 1300, limits) == .stalled)
    }

    @Test("Above the soft limit counts from when it was passed, without a break")
    func softLimit() {
        let limits = DeadlineLimits(softLimit: .milliseconds(100))
        var deadlines = ConnectionDeadlines(openedAt: 0, limits)
        deadlines.roseAboveSoftLimit(at: 10)
        deadlines.roseAboveSoftLimit(at: 60)
        deadlines.sent(at: 70)
        #expect(deadlines.due(now: 109, limits) == nil)
        #expect(deadlines.due(now: 110, limits) == .slowReceiver)
        deadlines.fellBelowSoftLimit()
        #expect(deadlines.due(now: 110, limits) == nil)
        deadlines.roseAboveSoftLimit(at: 120)
        #expect(deadlines.due(now: 219, limits) == nil)
        #expect(deadlines.due(now: 220, limits) == .slowReceiver)
    }

    @Test("Limits are rounded up to whole milliseconds, from 1 ms to what can be measured")
    func limits() {
        let days = UInt64(49 * 24 * 60 * 60 * 1000)
        let tiny = DeadlineLimits(
            idle: .zero, firstFrame: .seconds(-1), lifetime: .nanoseconds(1),
            writeStall: .microseconds(1001), softLimit: .microseconds(2000))
        #expect(tiny.idle == 1 && tiny.firstFrame == 1 && tiny.lifetime == 1)
        #expect(tiny.writeStall == 2 && tiny.softLimit == 2)
        let long = Duration.seconds(Int64.max)
        let huge = DeadlineLimits(
            idle: long, firstFrame: long, lifetime: long, writeStall: long, softLimit: long)
        #expect(huge.idle == days && huge.writeStall == days && huge.softLimit == days)
        #expect(huge.firstFrame == .max / 2 && huge.lifetime == .max / 2)
        let deadlines = ConnectionDeadlines(openedAt: 1 << 40, huge)
        #expect(deadlines.next(now: 1 << 40, huge) == (1 << 40) + days)
    }

    @Test("One entry in a wheel finds each deadline in its millisecond", arguments: UInt64(1)...6)
    func model(seed: UInt64) throws {
        var random = SplitMix64(seed: seed)
        var seen: [ConnectionDeadlines.Due: Int] = [:]
        for _ in 0..<1000 {
            let start = random.next() >> UInt64.random(in: 20...64, using: &random)
            guard let due = try Self.run(from: start, &random) else { continue }
            seen[due, default: 0] += 1
        }
        #expect(seen.count == 5 && seen.values.allSatisfy { $0 > 20 })
    }

    /// One connection's life, with facts at random; the wheel's entry fires exactly.
    private static func run(
        from start: UInt64, _ random: inout SplitMix64
    ) throws -> ConnectionDeadlines.Due? {
        let scale = Int.random(in: 1...33, using: &random)
        let limits = Self.limits(scale, &random)
        var deadlines = ConnectionDeadlines(openedAt: start, limits)
        var model = Model(start, limits)
        var now = start
        var entry = deadlines.next(now: now, limits)
        for _ in 0..<60 {
            now += random.next() >> UInt64.random(in: UInt64(64 - scale)...64, using: &random)
            while let fires = entry, fires <= now {
                let due = deadlines.due(now: fires, limits)
                let first = model.first
                try #require(due == (first.at <= fires ? first.due : nil))
                if let due {
                    try #require(first.at == fires)
                    let late = fires + UInt64.random(in: 0...60_000_000, using: &random)
                    try #require(deadlines.due(now: late, limits) == due)
                    return due
                }
                entry = deadlines.next(now: fires, limits)
                try #require(entry.map { $0 > fires } ?? true)
            }
            try #require(model.first.at > now)
            let fact = Int.random(in: 0..<8, using: &random)
            model.apply(fact, to: &deadlines, at: now)
        }
        return nil
    }

    private static func limits(_ scale: Int, _ random: inout SplitMix64) -> DeadlineLimits {
        func limit(_ random: inout SplitMix64) -> Duration? {
            guard Bool.random(using: &random) else { return nil }
            return .milliseconds(random.next() >> UInt64(62 - scale))
        }
        return DeadlineLimits(
            idle: limit(&random), idleCountsSent: Bool.random(using: &random),
            firstFrame: limit(&random), lifetime: limit(&random), writeStall: limit(&random),
            softLimit: limit(&random))
    }

    /// The same with whole moments.
    private struct Model {
        let limits: DeadlineLimits
        let openedAt: UInt64
        var receivedAt: UInt64
        var sentAt: UInt64 = 0
        var hasFrame = false
        var waitsSince: UInt64?
        var isAboveSince: UInt64?

        init(_ start: UInt64, _ limits: DeadlineLimits) {
            self.limits = limits
            openedAt = start
            receivedAt = start
        }

        var first: (at: UInt64, due: ConnectionDeadlines.Due) {
            let activeAt = limits.idleCountsSent ? max(receivedAt, sentAt) : receivedAt
            let all: [(UInt64?, UInt64?, ConnectionDeadlines.Due)] = [
                (openedAt, limits.lifetime, .lifetime),
                (hasFrame ? nil : openedAt, limits.firstFrame, .firstFrame),
                (activeAt, limits.idle, .idle),
                (waitsSince, limits.writeStall, .stalled),
                (isAboveSince, limits.softLimit, .slowReceiver),
            ]
            var first = (at: UInt64.max, due: ConnectionDeadlines.Due.lifetime)
            for (since, limit, due) in all {
                guard let since, let limit, since + limit < first.at else { continue }
                first = (since + limit, due)
            }
            return first
        }

        mutating func apply(_ fact: Int, to deadlines: inout ConnectionDeadlines, at now: UInt64) {
            switch fact {
            case 0, 1:
                deadlines.received(at: now)
                receivedAt = now
            case 2:
                deadlines.sent(at: now)
                sentAt = now
                waitsSince = waitsSince.map { _ in now }
            case 3:
                deadlines.frameReceived()
                hasFrame = true
            case 4:
                deadlines.queueFilled(at: now)
                waitsSince = waitsSince ?? now
            case 5:
                deadlines.queueEmptied()
                waitsSince = nil
            case 6:
                deadlines.roseAboveSoftLimit(at: now)
                isAboveSince = isAboveSince ?? now
            default:
                deadlines.fellBelowSoftLimit()
                isAboveSince = nil
            }
        }
    }
}
