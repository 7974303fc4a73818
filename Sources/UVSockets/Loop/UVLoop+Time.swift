internal import CLibuv

extension UVLoop {
    /// The loop's clock, in milliseconds: the time at which this turn began.
    var now: UInt64 { unsafe time.pointee }

    /// Asks the system for the time in the middle of a turn.
    func updateTime() {
        if network == nil { unsafe uv_update_time(raw) }
    }

    /// The time in milliseconds, also in the middle of a turn. It is exact to a few milliseconds.
    var coarseTime: UInt64 { network == nil ? coarseMilliseconds() : now }

    /// The time in nanoseconds for what a handler takes: exact if the loop measures, and else as
    /// coarse as ``coarseTime``.
    var handlerTime: UInt64 {
        measures == nil ? coarseTime * 1_000_000 : preciseNanoseconds()
    }

    /// Calls `owner.deadlinePassed()` after the delay, exact to one tick. It replaces an earlier
    /// deadline of the owner.
    func schedule(_ owner: any DeadlineOwner, after delay: Duration) {
        clock?.schedule(owner, after: delay)
    }

    func unschedule(_ owner: any DeadlineOwner) {
        clock?.unschedule(owner)
    }
}
