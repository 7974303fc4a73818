internal import CLibuv

/// A timer of the loop, in whole milliseconds.
final class TimerHandle: Handle {
    /// Nil once the handle closes: the closure may refer to the handle's owner.
    private var onTick: (() -> Void)?
    /// Called when the loop ends before the timer has.
    var onAbort: (() -> Void)?
    /// Whether nobody waits for it: a network in memory does not move its time for this timer alone.
    /// It is set before the timer starts.
    var isHousekeeping = false
    /// Where the user has made the timer; nil for one of the library.
    var origin: Origin?

    init(
        on loop: UVLoop, isLoopsOwn: Bool = false, onTick: @escaping () -> Void
    ) throws(UVError) {
        self.onTick = onTick
        try unsafe super.init(
            UV_TIMER, on: loop, isLoopsOwn: isLoopsOwn, call: "make timer"
        ) { memory in
            unsafe uv_timer_init(loop.raw, memory.assumingMemoryBound(to: uv_timer_t.self))
        }
    }

    override var name: String { "timer" }
    override var owner: String {
        origin.map { "a timer made at \($0)" } ?? "a timer of the library"
    }

    /// Starts or restarts the timer.
    ///
    /// It never fires sooner than after 1 ms: a timer set to 0 in its own callback would keep the
    /// turn from ending.
    func start(after delay: Duration, repeating interval: Duration? = nil) {
        guard !isClosing else { return }
        let interval = interval.map(\.wholeMilliseconds) ?? 0
        if let clock = loop.network?.clock {
            return clock.start(self, after: delay.wholeMilliseconds, repeating: interval)
        }
        unsafe uv_update_time(loop.raw)
        _ = unsafe uv_timer_start(
            raw(), { unsafe TimerHandle.from($0).ticked() }, delay.wholeMilliseconds, interval)
    }

    override func abort() {
        onAbort?()
        close()
    }

    func stop() {
        guard !isClosing else { return }
        if let clock = loop.network?.clock { return clock.stop(self) }
        _ = unsafe uv_timer_stop(raw())
    }

    func ticked() {
        loop.callback { onTick?() }
    }

    override func dropCallbacks() {
        withLoop { $0.network?.clock.stop(self) }
        (onTick, onAbort) = (nil, nil)
    }
}

extension Duration {
    /// The duration in whole milliseconds, rounded up, at least 1. The loop's clock counts whole
    /// milliseconds, so a timer may still fire up to one millisecond early.
    var wholeMilliseconds: UInt64 {
        guard self > .zero else { return 1 }
        // A duration can be longer than its components can express.
        guard self < .seconds(Int64.max / 2000) else { return .max / 2 }
        let (seconds, attoseconds) = components
        let part = (UInt64(attoseconds) + 999_999_999_999_999) / 1_000_000_000_000_000
        return UInt64(seconds) * 1000 + part
    }
}
