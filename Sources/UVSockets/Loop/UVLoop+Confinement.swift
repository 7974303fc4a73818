internal import Synchronization

/// One thread: the loop's. Every public member of what is made on a loop asks first whether it runs there.
extension UVLoop {
    /// Whether the caller runs on the loop's thread.
    public var isOnLoop: Bool {
        owner.load(ordering: .relaxed) == currentThread()
    }

    /// Traps where the caller is on another thread than the loop's. The first caller's thread
    /// becomes the loop's.
    ///
    /// When the loop is closed, what has ended on it may still be asked, on the same thread.
    @inline(__always)
    func confine(_ call: StaticString) {
        if !isOnLoop { claim(call) }
    }

    /// Traps as ``confine(_:)`` does, and where the loop is closed: for what needs one that is not.
    func confineOpen(_ call: StaticString) {
        guard !isClosed else { fatalError("\(call) was called on a loop that is closed") }
        confine(call)
    }

    /// Whether the loop is closed. From any thread.
    var isClosed: Bool { hasClosed.load(ordering: .acquiring) }

    /// The loop is closed: it is no thread's from here on.
    func didClose() {
        formerOwner.store(currentThread(), ordering: .relaxed)
        owner.store(Self.nobody, ordering: .relaxed)
        hasClosed.store(true, ordering: .releasing)
    }

    /// The loop is nobody's until it is used again.
    func release() {
        owner.store(0, ordering: .releasing)
    }

    /// The closed loop's thread ends.
    func leaveThread() {
        formerOwner.store(Self.nobody, ordering: .relaxed)
        owner.store(Self.nobody, ordering: .relaxed)
    }

    /// The closed loop belongs to this thread for a while, or to none again.
    func lend(toThisThread isLent: Bool) {
        owner.store(isLent ? currentThread() : Self.nobody, ordering: .relaxed)
    }

    private func claim(_ call: StaticString) {
        let thread = currentThread()
        let (isFirst, present) = owner.compareExchange(
            expected: 0, desired: thread, ordering: .relaxed)
        // One in memory belongs to whoever uses it, which nobody does at the same time as another.
        if network != nil, present != Self.nobody {
            return owner.store(thread, ordering: .relaxed)
        }
        let isFormer = present == Self.nobody && formerOwner.load(ordering: .relaxed) == thread
        guard isFirst || isFormer else {
            fatalError(
                "\(call) was called on another thread than its loop's; post to a UVMailbox made on the loop"
            )
        }
    }
}
