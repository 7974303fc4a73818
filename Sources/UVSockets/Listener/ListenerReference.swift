/// A reference to a listener that other threads may use.
struct ListenerReference: Sendable {
    let loop: UVLoop
    private let key: Int
    /// The listener's number in what is recorded.
    let number: UInt32

    /// The listener is retained from now on, until `release()` or until its loop is closed.
    init(_ listener: UVListener) {
        loop = listener.loop
        number = listener.events.number
        key = loop.register(listener)
    }

    /// Gives the listener up: the reference is not used any more.
    func release() {
        guard !loop.isOnLoop else { return loop.unregister(key) }
        loop.submitAlways { [unowned loop, key] in loop.unregister(key) }
    }

    /// Runs a closure with the listener, on its loop. On the loop's thread it runs now, otherwise
    /// in one of the loop's next turns. Closures that one thread or one task posts run in that
    /// order, because all of them pass through the same inbox.
    ///
    /// - Parameters:
    ///   - isLimited: Whether the closure is refused when the loop's `submissionLimit` is reached.
    ///   - body: The closure to run.
    /// - Returns: False if the closure is refused or the loop is closed. Then it does not run.
    @discardableResult
    func post(isLimited: Bool = false, _ body: @escaping @Sendable (UVListener) -> Void) -> Bool {
        if loop.isOnLoop { return withListener(body) }
        return loop.inbox.post(
            { [unowned loop, key] in (loop.addressees[key] as? UVListener).map(body) },
            isLimited: isLimited
        )
    }

    /// Calls a closure with the listener, for a caller on its loop.
    ///
    /// - Returns: False if the listener is gone.
    @discardableResult
    func withListener(_ body: (UVListener) -> Void) -> Bool {
        guard let listener = loop.addressees[key] as? UVListener else { return false }
        body(listener)
        return true
    }
}
