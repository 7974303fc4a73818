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

    /// Calls `owner.deadlinePassed()` after the delay, exact to one tick. It replaces an earlier
    /// deadline of the owner.
    func schedule(_ owner: any DeadlineOwner, after delay: Duration) {
        clock?.schedule(owner, after: delay)
    }

    func unschedule(_ owner: any DeadlineOwner) {
        clock?.unschedule(owner)
    }
}
