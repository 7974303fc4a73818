internal import Synchronization

/// Keeps a loop to one thread. Every public member of an object on a loop first checks the thread.
extension UVLoop {
    /// Whether the caller runs on the loop's thread.
    public var isOnLoop: Bool {
        owner.load(ordering: .relaxed) == currentThread()
    }

    /// Traps if the caller is not on the loop's thread. The thread of the first caller becomes the
    /// loop's.
    ///
    /// After the loop is closed, the same thread may still use the objects that have ended on it.
    @inline(__always)
    func confine(_ call: StaticString) {
        if !isOnLoop { claim(call) }
    }

    /// Traps as ``confine(_:)`` does, and also if the loop is closed. For calls that need an open
    /// loop.
    func confineOpen(_ call: StaticString) {
        guard !isClosed else { fatalError("\(call) was called on a closed loop") }
        confine(call)
    }

    /// Whether the loop is closed. Any thread may ask.
    var isClosed: Bool { hasClosed.load(ordering: .acquiring) }

    /// Marks the loop as closed. From now on it belongs to no thread.
    func didClose() {
        formerOwner.store(currentThread(), ordering: .relaxed)
        owner.store(Self.nobody, ordering: .relaxed)
        hasClosed.store(true, ordering: .releasing)
        pulse.ended()
    }

    /// Gives the loop up. The next thread that uses it owns it.
    package func release() {
        owner.store(0, ordering: .releasing)
    }

    /// Forgets the thread of the closed loop, because the thread ends.
    func leaveThread() {
        formerOwner.store(Self.nobody, ordering: .relaxed)
        owner.store(Self.nobody, ordering: .relaxed)
    }

    /// Lends the closed loop to this thread for a while, or takes it back.
    func lend(toThisThread isLent: Bool) {
        owner.store(isLent ? currentThread() : Self.nobody, ordering: .relaxed)
    }

    private func claim(_ call: StaticString) {
        let thread = currentThread()
        let (isFirst, present) = owner.compareExchange(
            expected: 0, desired: thread, ordering: .relaxed)
        // A loop in memory belongs to the thread that uses it now. Two threads never use it at the
        // same time.
        if network != nil {
            if present != Self.nobody { owner.store(thread, ordering: .relaxed) }
            return
        }
        let isFormer = present == Self.nobody && formerOwner.load(ordering: .relaxed) == thread
        guard isFirst || isFormer else {
            fatalError(
                "\(call) was called on another thread than its loop's; post to a UVMailbox made on the loop"
            )
        }
    }
}

/// A class whose objects belong to a loop's thread.
protocol LoopConfined: AnyObject {
    var loop: UVLoop { get }
}

extension LoopConfined {
    /// The object itself, for a property of it. It traps as ``UVLoop/confine(_:)`` does.
    @inline(__always)
    func confined(_ property: StaticString) -> Self {
        loop.confine(property)
        return self
    }
}

extension UVListener: LoopConfined {}
extension UVConnector: LoopConfined {}
extension UVConnection: LoopConfined {}
