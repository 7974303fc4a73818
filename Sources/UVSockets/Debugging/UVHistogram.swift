/// How often values of each size came, such as the times of a loop's turns.
///
/// The buckets are log-linear: each power of two has four, so a value is exact to a quarter. Times
/// are in nanoseconds, from 1 µs to 68 s. Greater values count in the last bucket.
public struct UVHistogram: Sendable, Hashable {
    private static let bucketsInPower = 4
    private static let powers = 26
    /// 1.024 µs: everything below is in the first bucket.
    private static let smallest: UInt64 = 1 << 10

    private var counts = [UInt32](repeating: 0, count: powers * bucketsInPower)
    /// How many values there were.
    public private(set) var count: UInt64 = 0
    /// The sum of all values.
    public private(set) var sum = Duration.zero
    /// The greatest value.
    public private(set) var greatest = Duration.zero

    init() {}

    /// Counts a value.
    mutating func add(_ nanoseconds: UInt64) {
        let time = Duration.nanoseconds(Int64(clamping: nanoseconds))
        counts[Self.bucket(of: nanoseconds)] &+= 1
        count += 1
        sum += time
        greatest = max(greatest, time)
    }

    /// Adds the counts of another histogram.
    mutating func add(_ other: UVHistogram) {
        for index in counts.indices { counts[index] &+= other.counts[index] }
        count += other.count
        sum += other.sum
        greatest = max(greatest, other.greatest)
    }

    private static func bucket(of nanoseconds: UInt64) -> Int {
        guard nanoseconds >= smallest else { return 0 }
        let power = 63 - nanoseconds.leadingZeroBitCount
        // The two bits behind the highest one.
        let part = Int(nanoseconds >> UInt64(power - 2) & 3)
        return min((power - 10) * bucketsInPower + part, powers * bucketsInPower - 1)
    }

    /// The values below which a bucket's values lie, in nanoseconds.
    private static func bound(of bucket: Int) -> UInt64 {
        let (power, part) = (bucket / bucketsInPower, bucket % bucketsInPower)
        return (smallest << UInt64(power)) / 4 * UInt64(part + 5)
    }

    /// The value below which this part of the values lies, exact to a quarter; zero if there are
    /// none.
    ///
    /// - Parameter part: From 0 to 1, such as 0.99.
    /// - Returns: The value, at most ``greatest``.
    public func quantile(_ part: Double) -> Duration {
        guard count > 0 else { return .zero }
        let rank = max(1, (Double(count) * min(1, max(0, part))).rounded(.up))
        var below = 0.0
        for (bucket, count) in counts.enumerated() {
            below += Double(count)
            // The last bucket has no bound.
            if below >= rank, bucket < counts.count - 1 {
                return min(greatest, .nanoseconds(Int64(clamping: Self.bound(of: bucket))))
            }
        }
        return greatest
    }

    /// The buckets that have values: the bound in seconds, and how many values lie below it, in all
    /// buckets so far.
    public var cumulativeBuckets: [(seconds: Double, count: UInt64)] {
        var below: UInt64 = 0
        return counts.enumerated().compactMap { bucket, count in
            guard count > 0 else { return nil }
            below += UInt64(count)
            return (Double(Self.bound(of: bucket)) / 1e9, below)
        }
    }
}

extension UVHistogram: CustomStringConvertible {
    /// The count, the median, the 99th hundredth and the greatest value.
    public var description: String {
        guard count > 0 else { return "none" }
        return
            "\(count): half below \(quantile(0.5).briefly), 99 % below \(quantile(0.99).briefly), "
            + "at most \(greatest.briefly)"
    }
}

extension Duration {
    /// The time for people, also a very short one: `12 µs`, `3.2 ms`, `1.5 s`.
    var briefly: String {
        let nanoseconds =
            UInt64(clamping: components.seconds) &* 1_000_000_000
            &+ UInt64(clamping: components.attoseconds / 1_000_000_000)
        func tenths(_ unit: UInt64, _ name: String) -> String {
            let value = nanoseconds * 10 / unit
            return value < 100 ? "\(value / 10).\(value % 10) \(name)" : "\(value / 10) \(name)"
        }
        switch nanoseconds {
        case ..<1_000_000: return tenths(1000, "µs")
        case ..<1_000_000_000: return tenths(1_000_000, "ms")
        default: return tenths(1_000_000_000, "s")
        }
    }
}
