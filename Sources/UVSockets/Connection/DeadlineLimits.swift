/// The time limits of an agent's connections, in milliseconds. Nil means no limit. All connections
/// share them, so none needs a copy.
///
/// Each limit is at least 1 ms. `idle`, `writeStall` and `softLimit` are at most 49 days, see
/// ``ConnectionDeadlines``. Longer limits count as 49 days.
struct DeadlineLimits: Equatable {
    /// How long a connection may receive nothing.
    let idle: UInt64?
    /// Whether sent bytes end idleness, too.
    let idleCountsSent: Bool
    /// How long the first whole frame may take, counted from the beginning.
    let firstFrame: UInt64?
    /// How old the connection may become.
    let lifetime: UInt64?
    /// How long bytes may wait while the kernel takes none.
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

    /// Whether there is no limit at all.
    var areNone: Bool {
        idle == nil && firstFrame == nil && lifetime == nil && writeStall == nil
            && softLimit == nil
    }
}
