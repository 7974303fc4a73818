/// Limits how much may pass in a second: a bucket that holds one second's worth and fills steadily.
///
/// The bucket may be overdrawn, because bytes that have been received cannot be refused.
///
/// It stores the moment at which the bucket will be full again, exact to a fraction of a
/// millisecond (virtual scheduling, ITU-T I.371 Annex A). So nothing is rounded. Over any time, not
/// a byte more or less passes than the rate and one burst allow. It takes 16 bytes.
struct RateLimit {
    /// The whole millisecond in which the bucket will be full, and the part of it that passes
    /// before. The part is counted in units of 1/`rate` of a millisecond.
    private var fullAt: UInt64 = 0
    private var fraction: UInt32 = 0
    /// How much may pass in a second; 0 for no limit.
    private let rate: UInt32

    /// How many milliseconds the empty bucket takes to fill.
    private static let burst: UInt64 = 1000

    /// Makes a full bucket.
    ///
    /// - Parameter rate: How much may pass in a second, at least 1; nil for any amount. A value
    ///   above 2³² − 1 counts as 2³² − 1.
    init(perSecond rate: Int?) {
        precondition(rate ?? 1 > 0, "a rate must be at least 1 per second")
        self.rate = rate.map(UInt32.init(clamping:)) ?? 0
    }

    /// Counts what has passed.
    ///
    /// - Returns: For how many milliseconds no more may pass; nil while it is within the rate.
    mutating func take(_ count: Int, now: UInt64) -> UInt64? {
        guard rate > 0 else { return nil }
        self = taking(count, now: now)
        return debt(now: now)
    }

    /// How many milliseconds to wait until this count could pass within the rate; nil if it could
    /// now. More than one second's worth never could.
    func wait(toTake count: Int, now: UInt64) -> UInt64? {
        rate > 0 ? taking(count, now: now).debt(now: now) : nil
    }

    private func taking(_ count: Int, now: UInt64) -> RateLimit {
        let rate = UInt64(rate)
        let isFull = fullAt < now
        let (seconds, rest) = UInt64(count).quotientAndRemainder(dividingBy: rate)
        // At most 1001 × (rate − 1).
        let parts = rest * 1000 + (isFull ? 0 : UInt64(fraction))
        let cost = min(seconds, UInt64.max / 1000 - 1) * 1000 + parts / rate
        let (sum, overflow) = (isFull ? now : fullAt).addingReportingOverflow(cost)
        var after = self
        after.fullAt = overflow ? .max : sum
        after.fraction = UInt32(parts % rate)
        return after
    }

    /// How many milliseconds the bucket stays overdrawn, rounded up.
    private func debt(now: UInt64) -> UInt64? {
        let filling = fullAt - now
        guard filling > Self.burst || filling == Self.burst && fraction > 0 else { return nil }
        return filling - Self.burst + (fraction > 0 ? 1 : 0)
    }
}
