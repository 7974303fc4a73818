/// How long connections have lasted: how many ended within each bound.
package struct DurationCounts: Sendable {
    /// The upper bounds in milliseconds, those of Kestrel's `connection.duration` (OpenTelemetry
    /// semantic conventions).
    package static let bounds: [UInt64] = [
        10, 20, 50, 100, 200, 500, 1_000, 2_000, 5_000, 10_000, 30_000, 60_000, 120_000, 300_000,
    ]

    /// How many lasted at most as long as the bound, and longer than the one before. The last
    /// element counts those above all bounds.
    package private(set) var counts = [UInt64](repeating: 0, count: bounds.count + 1)
    /// The sum of all, in milliseconds.
    package private(set) var sum: UInt64 = 0

    package init() {}

    package mutating func count(milliseconds: UInt64) {
        counts[Self.bounds.firstIndex { milliseconds <= $0 } ?? Self.bounds.count] += 1
        sum += milliseconds
    }

    package mutating func add(_ other: DurationCounts) {
        for index in counts.indices { counts[index] += other.counts[index] }
        sum += other.sum
    }
}
