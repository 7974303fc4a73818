package import Logging
package import UVSockets

/// A loop with a thread, on which a few listeners serve operators.
package final class AdminThread: Sendable {
    /// What is made on the loop before its thread runs it.
    package final class SetUp {
        package let loop: UVLoop
        /// The deadlines of what runs on the loop. They end with the thread.
        package let alarm: Alarm
        /// Called on the loop when the thread is stopped.
        package var onEnd: () -> Void = {}
        fileprivate var listeners: [UVListener] = []

        fileprivate init(_ loop: UVLoop) {
            self.loop = loop
            alarm = Alarm(on: loop)
        }

        /// Starts a listener. A name is looked up meanwhile.
        ///
        /// - Returns: Where it listens.
        func listen(_ listener: UVListener) throws(UVError) -> UVEndpoint {
            var failure: UVError?
            listeners.append(listener)
            listener.onListening = { [unowned loop] _ in loop.stop() }
            listener.onFailed = { [unowned loop] in
                failure = $1
                loop.stop()
            }
            try listener.startAccept()
            loop.run(.untilStopped)
            if let failure { throw failure }
            return listener.localEndpoint ?? listener.endpoint
        }

        /// Ends what was made.
        fileprivate func end() {
            alarm.close()
            onEnd()
            for listener in listeners { listener.stop(drainFor: .zero) }
        }
    }

    private struct State {
        var isStopping = false
        var hasEnded = false
        var isJoined = false
        var waiting: [CheckedContinuation<Void, Never>] = []
    }

    private let thread: LoopThread
    private let stopping: UVMailbox<Void>
    private let state: Locked<State>

    /// Starts the thread.
    ///
    /// - Parameters:
    ///   - logger: Where its loop reports.
    ///   - make: Makes what belongs to the loop.
    /// - Throws: What `make` throws; `UVError` if there is no thread or loop left.
    package init(
        _ logger: Logger, _ make: (SetUp) throws(UVError) -> Void
    ) throws(UVError) {
        let loop = try UVLoop(logger: logger, recordedEvents: 256)
        let setUp = SetUp(loop)
        let state = Locked(State())
        do throws(UVError) {
            try make(setUp)
            stopping = loop.mailbox { (_: Void) in setUp.end() }
            // From now on it belongs to its thread.
            loop.release()
            thread = try LoopThread(running: loop) { Self.threadEnded(state) }
        } catch {
            setUp.end()
            loop.run()
            try? loop.close()
            throw error
        }
        self.state = state
    }

    deinit {
        begin()
        if state.withLock({ !$0.isJoined }) { thread.detach() }
    }

    private static func threadEnded(_ state: Locked<State>) {
        let waiting = state.withLock { state in
            state.hasEnded = true
            defer { state.waiting = [] }
            return state.waiting
        }
        for continuation in waiting { continuation.resume() }
    }

    private func begin() {
        let isFirst = state.withLock { state in
            defer { state.isStopping = true }
            return !state.isStopping
        }
        guard isFirst else { return }
        stopping.post(())
        thread.loop.stop()
    }

    /// Stops the thread, and blocks this one until it has ended.
    func end() {
        begin()
        let isFirst = state.withLock { state in
            defer { state.isJoined = true }
            return !state.isJoined
        }
        if isFirst { thread.join() }
    }

    package func stop() async {
        begin()
        await withCheckedContinuation { continuation in
            let hasEnded = state.withLock { state in
                if !state.hasEnded { state.waiting.append(continuation) }
                return state.hasEnded
            }
            if hasEnded { continuation.resume() }
        }
        let isFirst = state.withLock { state in
            defer { state.isJoined = true }
            return !state.isJoined
        }
        if isFirst { thread.join() }
    }
}
