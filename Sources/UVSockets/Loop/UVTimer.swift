/// A timer on a loop, from ``UVLoop/after(_:keepsRunning:file:line:_:)`` or
/// ``UVLoop/every(_:keepsRunning:file:line:_:)``.
///
/// It keeps the loop running until it has fired or is cancelled, unless it was made with
/// `keepsRunning: false`. Releasing this object changes nothing.
public final class UVTimer {
    private let loop: UVLoop
    private var handle: TimerHandle?

    fileprivate init(
        _ loop: UVLoop, after delay: Duration, repeating interval: Duration?, keepsRunning: Bool,
        _ origin: Origin, _ body: @escaping () -> Void
    ) throws(UVError) {
        self.loop = loop
        let isOnce = interval == nil
        let handle = try TimerHandle(on: loop) {
            if isOnce { self.cancel() }
            loop.running(.timer, origin) { body() }
        }
        handle.origin = origin
        self.handle = handle
        handle.isHousekeeping = !keepsRunning
        handle.keepsLoopRunning = keepsRunning
        handle.start(after: delay, repeating: interval)
    }

    /// Ends the timer. It does nothing if the timer has ended.
    public func cancel() {
        loop.confine("UVTimer.cancel")
        guard let handle else { return }
        handle.close()
        self.handle = nil
    }
}

extension UVLoop {
    /// Calls a closure once, after a delay.
    ///
    /// - Parameters:
    ///   - delay: The delay, in whole milliseconds rounded up, at least 1.
    ///   - keepsRunning: Whether ``run(_:)`` goes on until the timer has fired. If not, and if
    ///     nothing else is left to do, it returns before. The loop cannot be closed before the timer
    ///     has fired or is cancelled.
    ///   - file: The file of the call, for ``UVLoop/whyRunning`` and ``UVWatchdog``.
    ///   - line: The line of the call.
    ///   - body: The closure. It runs on the loop.
    /// - Returns: The timer, to cancel it.
    /// - Throws: ``UVError`` if there is no memory for a timer.
    @discardableResult
    public func after(
        _ delay: Duration, keepsRunning: Bool = true, file: StaticString = #fileID,
        line: UInt = #line, _ body: @escaping () -> Void
    ) throws(UVError) -> UVTimer {
        confineOpen("UVLoop.after")
        return try UVTimer(
            self, after: delay, repeating: nil, keepsRunning: keepsRunning,
            Origin(file, line), body)
    }

    /// Calls a closure again and again.
    ///
    /// - Parameters:
    ///   - interval: The time between calls, in whole milliseconds rounded up, at least 1. It
    ///     counts from the last call. So a late call delays all that follow, and calls that a busy
    ///     loop misses are not made up for. If you need the exact time, read a clock.
    ///   - keepsRunning: Whether ``run(_:)`` goes on until the timer is cancelled. If not, it
    ///     returns when nothing else is left to do. The loop cannot be closed before the timer is
    ///     cancelled.
    ///   - file: The file of the call, for ``UVLoop/whyRunning`` and ``UVWatchdog``.
    ///   - line: The line of the call.
    ///   - body: The closure. It runs on the loop.
    /// - Returns: The timer, to cancel it.
    /// - Throws: ``UVError`` if there is no memory for a timer.
    @discardableResult
    public func every(
        _ interval: Duration, keepsRunning: Bool = true, file: StaticString = #fileID,
        line: UInt = #line, _ body: @escaping () -> Void
    ) throws(UVError) -> UVTimer {
        confineOpen("UVLoop.every")
        return try UVTimer(
            self, after: interval, repeating: interval, keepsRunning: keepsRunning,
            Origin(file, line), body)
    }
}
