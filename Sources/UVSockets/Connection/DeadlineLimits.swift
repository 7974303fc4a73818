/// How long the connections of an agent may take for what, in milliseconds; nil for as long as they
/// like. The same for all of them, so that none needs a copy.
///
/// None is below 1 ms. `idle`, `writeStall` and `softLimit` are at most 49 days, see
/// ``ConnectionDeadlines``; longer ones count as that.
struct DeadlineLimits: Equatable {
    /// How long nothing may come in.
    let idle: UInt64?
    /// Whether bytes that go out end idleness, too.
    let idleCountsSent: Bool
    /// How long the first whole frame may take from the beginning.
    let firstFrame: UInt64?
    /// How old the connection may become.
    let lifetime: UInt64?
    /// How long bytes may wait without the kernel taking any.
    let writeStall: UInt64?
    /// How long the queue may stay above the soft limit.
    let softLimit: UInt64?

    private static let longestMeasured: UInt64 = 49 * 24 * 60 * 60 * 1000

    init(
        idle: Duration? = nil, idleCountsSent: Bool = false, firstFrame: Duration? = nil,
        lifetime: Duration? = nil, writeStall: Duration? = nil, softLimit: Duration? = nil
    ) {
        func milliseconds(_ limit: Duration?, _ longest: UInt64) -> UInt64? {
            limit.map { min($0.wholeMilliseconds, longest) }
        }
        self.idle = milliseconds(idle, Self.longestMeasured)
        self.idleCountsSent = idleCountsSent
        self.firstFrame = milliseconds(firstFrame, .max / 2)
        self.lifetime = milliseconds(lifetime, .max / 2)
        self.writeStall = milliseconds(writeStall, Self.longestMeasured)
        self.softLimit = milliseconds(softLimit, Self.longestMeasured)
    }

    /// Whether nothing can ever be due.
    var areNone: Bool {
        idle == nil && firstFrame == nil && lifetime == nil && writeStall == nil
            && softLimit == nil
    }
}
