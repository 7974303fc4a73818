/// A signal that a loop can watch for.
///
/// More cases may come: a `switch` over them needs an `@unknown default`.
#if hasAttribute(nonexhaustive)
    @nonexhaustive
#endif
public enum UVSignal: Sendable, CaseIterable {
    /// SIGINT, as from Ctrl-C.
    case interrupt
    /// SIGTERM, as from `kill` and service managers.
    case terminate
    /// SIGHUP, as from a terminal that is closed.
    case hangup
    /// SIGUSR1.
    case user1
    /// SIGUSR2.
    case user2
}

/// A watch for a signal, from ``UVLoop/on(_:_:)``.
public final class UVSignalWatch {
    private let loop: UVLoop
    private let handle: SignalHandle

    fileprivate init(_ loop: UVLoop, _ handle: SignalHandle) {
        self.loop = loop
        self.handle = handle
    }

    /// Ends the watch. When no loop watches a signal any more it does what it does by default.
    public func cancel() {
        loop.confine("UVSignalWatch.cancel")
        handle.close()
    }
}

extension UVLoop {
    /// Calls on the loop whenever the process gets the signal, which then does nothing else.
    ///
    /// The watch does not keep the loop running. It lasts until it is cancelled; the loop cannot be
    /// closed before.
    ///
    /// - Parameters:
    ///   - signal: The signal.
    ///   - body: What to call, on the loop, not in the signal's own context.
    /// - Returns: The watch, to cancel it.
    /// - Throws: ``UVError`` where the system has no descriptors or memory left for it.
    @discardableResult
    public func on(
        _ signal: UVSignal, _ body: @escaping () -> Void
    ) throws(UVError) -> UVSignalWatch {
        confineOpen("UVLoop.on")
        return UVSignalWatch(self, try SignalHandle(on: self, signal, onSignal: body))
    }
}
