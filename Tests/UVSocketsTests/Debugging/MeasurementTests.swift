import Foundation
import Testing

@testable import UVSockets

@Suite("What a loop measures", .ownThreads, .timeLimit(.minutes(1)))
struct MeasurementTests {
    @Test("A histogram is exact to a quarter, and bounded")
    func histogram() {
        var histogram = UVHistogram()
        #expect(histogram.quantile(0.5) == .zero && histogram.description == "none")
        for value in 1...1000 as ClosedRange<UInt64> { histogram.add(value * 1_000_000) }
        #expect(histogram.count == 1000)
        #expect(histogram.greatest == .seconds(1))
        #expect(histogram.sum == .milliseconds(500_500))
        for part in [0.1, 0.5, 0.9, 0.99] {
            let exact = part * 1000
            let value = Double(histogram.quantile(part) / .milliseconds(1))
            #expect(value >= exact && value <= exact * 1.26, "\(part): \(value)")
        }
        histogram.add(0)
        histogram.add(.max)
        #expect(histogram.count == 1002)
        #expect(histogram.quantile(1) == histogram.greatest)
        let buckets = histogram.cumulativeBuckets
        #expect(buckets.last?.count == 1002)
        #expect(
            zip(buckets, buckets.dropFirst()).allSatisfy {
                $0.seconds < $1.seconds && $0.count < $1.count
            })
        var sum = UVHistogram()
        sum.add(histogram)
        sum.add(histogram)
        #expect(sum.count == 2004)
    }

    @Test("Turns, handlers, wake-ups, queues and accepts are measured while it is asked for")
    func all() throws {
        try withServer(onMessage: { client, message in
            // The time that is to be measured.
            if message.count == 3 { Thread.sleep(forTimeInterval: 0.05) }
            client.send(message)
        }) { server in
            #expect(try server.onLoop { $0.loop.measurements } == nil)
            try server.onLoop { $0.loop.isMeasuring = true }
            let peer = try server.connect(receiveBuffer: 4096)
            for _ in 0..<100 { _ = try peer.exchange([1, 2]) }
            _ = try peer.exchange([1, 2, 3])
            let large = pattern(6 << 20)
            _ = try server.onLoop { $0.client(1)?.send(large) }
            try expect(peer.receive(large.count), are: large)
            let values = try #require(try server.onLoop { $0.loop.measurements })
            #expect(values.handlers.count == 101)
            #expect(values.handlers.greatest >= .milliseconds(50))
            #expect(values.handlers.quantile(0.5) < .milliseconds(50))
            #expect(values.turns.count >= 100 && values.turns.greatest >= .milliseconds(50))
            #expect(values.wakeUps.count >= 1)
            #expect(values.queues.count == 1 && values.queues.greatest > .zero)
            #expect(values.accepts.count == 1)
            #expect(values.idleTime > .zero && values.idleTime <= values.time)
            #expect((0.0...1).contains(values.utilization))
            try server.onLoop { $0.loop.isMeasuring = false }
            #expect(try server.onLoop { $0.loop.measurements } == nil)
            #expect(try peer.exchange([9]) == [9])
            // It ends with the loop, too.
            try server.onLoop { $0.loop.isMeasuring = true }
        }
    }

    @Test("A profile tells handlers apart, and a loop that waits")
    func profile() async throws {
        let isOver = Locked(false)
        try await withGroup(loops: 2) { _ in
            { client, message in
                if message.count > 1 { while !isOver.withLock({ $0 }) {} }
                client.send(message)
            }
        } body: { server in
            let peer = try server.arrive().peer
            try peer.send("ab")
            let profiles = try server.ask { try await $0.profile(for: .milliseconds(300)) }
            isOver.withLock { $0 = true }
            #expect(try peer.receive(2).count == 2)
            #expect(profiles.map(\.loop) == [0, 1])
            let (busy, idle) = (profiles[0], profiles[1])
            let handler = try #require(busy.shares.first)
            #expect(handler.what.hasPrefix("the message handler of the listener at "), "\(busy)")
            #expect(handler.part > 0.9, "\(busy)")
            #expect(idle.shares.first?.what == "waiting for events", "\(idle)")
            #expect((idle.shares.first?.part ?? 0) > 0.9, "\(idle)")
            #expect(abs(busy.shares.map(\.part).reduce(0, +) - 1) < 0.001)
        }
    }
}
