internal import CLibuv

extension UVLoop {
    /// The loop's clock, in milliseconds: the time at which this turn began.
    var now: UInt64 { unsafe raw.pointee.time }

    /// Asks the system for the time in the middle of a turn.
    func updateTime() {
        unsafe uv_update_time(raw)
    }

    /// Calls `owner.deadlinePassed()` once the time has passed, to within a tick; replaces what
    /// was scheduled for it before.
    func schedule(_ owner: any DeadlineOwner, after delay: Duration) {
        clock?.schedule(owner, after: delay)
    }

    func unschedule(_ owner: any DeadlineOwner) {
        clock?.unschedule(owner)
    }
}
