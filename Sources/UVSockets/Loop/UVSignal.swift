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

/// A watch for a signal, from ``UVLoop/on(_:file:line:_:)``.
public final class UVSignalWatch {
    private let loop: UVLoop
    private let handle: SignalHandle

    fileprivate init(_ loop: UVLoop, _ handle: SignalHandle) {
        self.loop = loop
        self.handle = handle
    }

    /// Ends the watch. When no loop watches the signal any more, its default effect returns.
    public func cancel() {
        loop.confine("UVSignalWatch.cancel")
        handle.close()
    }
}

extension UVLoop {
    /// Calls a closure on the loop whenever the process gets the signal.
    ///
    /// The signal then has no other effect. The watch does not keep the loop running. It lasts
    /// until it is cancelled. Before that, the loop cannot be closed.
    ///
    /// - Parameters:
    ///   - signal: The signal.
    ///   - file: The file of the call, for ``UVLoop/whyRunning`` and ``UVWatchdog``.
    ///   - line: The line of the call.
    ///   - body: The closure. It runs on the loop, not in the context of the signal itself.
    /// - Returns: The watch, to cancel it.
    /// - Throws: ``UVError`` if the system has no descriptors or memory left for it.
    @discardableResult
    public func on(
        _ signal: UVSignal, file: StaticString = #fileID, line: UInt = #line,
        _ body: @escaping () -> Void
    ) throws(UVError) -> UVSignalWatch {
        confineOpen("UVLoop.on")
        let origin = Origin(file, line)
        let handle = try SignalHandle(on: self, signal) { [unowned self] in
            running(.signal, origin) { body() }
        }
        handle.origin = origin
        return UVSignalWatch(self, handle)
    }
}
