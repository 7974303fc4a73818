/// The way to a listener from other threads.
struct ListenerReference: Sendable {
    let loop: UVLoop
    private let key: Int

    /// From here on the listener is kept until it is released, or its loop closed.
    init(_ listener: UVListener) {
        loop = listener.loop
        key = loop.register(listener)
    }

    /// Nobody asks any more.
    func release() {
        guard !loop.isOnLoop else { return loop.unregister(key) }
        loop.submitAlways { [unowned loop, key] in loop.unregister(key) }
    }

    /// Has something done with the listener, on its loop: now where the caller is on it, and
    /// otherwise in one of its next turns. What one thread, or one task, posts is done in that
    /// order: whoever comes to the loop comes by way of the same inbox.
    ///
    /// - Parameters:
    ///   - isLimited: Whether it is refused where the loop's `submissionLimit` is reached.
    ///   - body: What to do.
    /// - Returns: False, and it will not be done, where it is refused, or the loop is closed.
    @discardableResult
    func post(isLimited: Bool = false, _ body: @escaping @Sendable (UVListener) -> Void) -> Bool {
        if loop.isOnLoop {
            guard let listener = loop.addressees[key] as? UVListener else { return false }
            body(listener)
            return true
        }
        return loop.inbox.post(
            { [unowned loop, key] in (loop.addressees[key] as? UVListener).map(body) },
            isLimited: isLimited
        )
    }
}
