import Testing

@testable import UVSockets

@Suite("Backoff", .ownThreads)
struct BackoffTests {
    /// A random source that always gives the highest number.
    struct Highest: RandomNumberGenerator {
        // Stored, because of an empty value that is passed `inout` the compiler tells Thread
        // Sanitizer an address that it has made up.
        private let highest = UInt64.max

        mutating func next() -> UInt64 { highest }
    }

    @Test("The bound begins with the initial delay, doubles, and stays at the maximum")
    func bounds() {
        var backoff = Backoff(UVReconnect(maximumDelay: .seconds(1)))
        let delays = Self.delays(&backoff, 7)
        #expect(delays == [100, 200, 400, 800, 1000, 1000, 1000].map { .milliseconds($0) })
    }

    @Test("By default the first wait is at most 100 ms, and none is more than 30 seconds")
    func defaults() {
        var backoff = Backoff(UVReconnect())
        let delays = Self.delays(&backoff, 1000)
        #expect(delays.first == .milliseconds(100))
        #expect(delays[8] == .milliseconds(25_600))
        #expect(delays[9...].allSatisfy { $0 == .seconds(30) })
    }

    @Test("Waits are spread evenly over all times up to the bound", arguments: UInt64(1)...3)
    func spread(seed: UInt64) throws {
        var random = SplitMix64(seed: seed)
        var tenths = [Int](repeating: 0, count: 10)
        for _ in 0..<10_000 {
            var backoff = Backoff(UVReconnect(initialDelay: .seconds(1)))
            let next = backoff.next(using: &random)
            let delay = try #require(next)
            #expect(delay >= .zero && delay <= .seconds(1))
            tenths[min(9, Int(delay / .milliseconds(100)))] += 1
        }
        // Five standard deviations of a binomial distribution.
        #expect(tenths.allSatisfy { 850...1150 ~= $0 }, "\(tenths)")
    }

    @Test("There are as many attempts as were allowed, and none after", arguments: [0, 1, 3])
    func attempts(limit: Int) {
        var backoff = Backoff(UVReconnect(attempts: limit))
        var random = Highest()
        for _ in 0..<limit {
            let delay = backoff.next(using: &random)
            #expect(delay != nil)
        }
        for _ in 0..<2 {
            let delay = backoff.next(using: &random)
            #expect(delay == nil)
        }
    }

    @Test("Only a connection that has lasted makes the next attempt the first again")
    func stable() {
        var backoff = Backoff(UVReconnect(attempts: 4, stableAfter: .seconds(2)))
        _ = Self.delays(&backoff, 3)
        backoff.connectionEnded(after: .milliseconds(1999))
        #expect(Self.delays(&backoff, 1) == [.milliseconds(800)])
        backoff.connectionEnded(after: .seconds(2))
        #expect(
            Self.delays(&backoff, 4) == [100, 200, 400, 800].map { .milliseconds($0) })
    }

    @Test("A maximum of years does not overflow")
    func extremes() {
        let year = Duration.seconds(365 * 86_400)
        var backoff = Backoff(UVReconnect(maximumDelay: year * 1000))
        let delays = Self.delays(&backoff, 200)
        #expect(delays.allSatisfy { $0 > .zero && $0 <= year * 1000 })
        #expect(delays.last.map { $0 > year * 999 } == true)
    }

    private static func delays(_ backoff: inout Backoff, _ count: Int) -> [Duration] {
        var random = Highest()
        return (0..<count).compactMap { _ in backoff.next(using: &random) }
    }
}
