extension UVLoop {
    /// Wraps every call from libuv into Swift. What is sent during the call is written when the
    /// call ends, in one write for each connection.
    @inline(__always)
    func callback(_ body: () -> Void) {
        pulse.callbackBegins()
        body()
        if hasWork, pulse.depth == 1 { finishCallback() }
        pulse.callbackEnds()
    }

    /// Ends a callback. It runs the jobs of tasks and writes what they and the callback have sent.
    /// Then it makes the callbacks that must not run within the user's own call.
    private func finishCallback() {
        hasWork = false
        if !jobs.isEmpty { runJobs() }
        flushGathered()
        guard !drained.isEmpty || !later.isEmpty else { return }
        let (connections, bodies) = (drained, later)
        (drained, later) = ([], [])
        for connection in connections { connection.callOnDrained() }
        for body in bodies { body() }
        flushGathered()
        // What these callbacks cause waits for the next turn, so that the loop also serves its
        // sockets.
        if hasWork { nextTurn?.callInNextTurn() }
    }

    /// Calls the connection's `onDrained` when the current callback ends, or else in the next turn.
    func callOnDrainedLater(of connection: UVConnection) {
        drained.append(connection)
        finishLater()
    }

    /// Runs a closure when the current callback ends. If none runs, it runs in the next turn. On a
    /// closed loop it runs now.
    func runLater(_ body: @escaping () -> Void) {
        guard !isClosed else { return body() }
        later.append(body)
        finishLater()
    }

    private func finishLater() {
        hasWork = true
        if !isInCallback { nextTurn?.callInNextTurn() }
    }

    /// Handles the end of a read. `count` is a number of bytes, or a negative error.
    @inline(__always)
    func received(_ count: Int, by handle: StreamHandle) {
        receiveArgs.bytesTransferred = max(0, count)
        receiveArgs.error = count < 0 ? .init(rawValue: Int32(count)) : nil
        callback { handle.withConnection { $0.onReceiveCompleted(receiveArgs) } }
    }

    /// Whether a callback is running, so that what is sent now can wait for its end.
    var isInCallback: Bool { pulse.depth > 0 }

    // `receiveArgs` and the cork are used through the loop. The loop holds them, so it need not
    // retain them for the call.

    /// The next message of the bytes just received, if the connection's task may take it.
    @inline(__always)
    func takeReceived(for connection: UVConnection) throws(FramingError) -> [UInt8]? {
        try receiveArgs.take(for: connection)
    }

    @inline(__always)
    func copyMessage(_ message: Span<UInt8>) -> [UInt8] {
        messageCopies.copy(message)
    }

    func corkBytes(_ bytes: Span<UInt8>) -> Bool {
        cork.append(bytes)
    }

    func writeCork(to handle: StreamHandle) throws(UVError.Code) -> Int {
        try cork.write(to: handle)
    }

    @inline(__always)
    func corkFrame(_ payload: Span<UInt8>, between ends: FrameWrapper) -> Bool {
        cork.append(payload, between: ends)
    }

    /// Notes that the connection has something to write at the end of this callback.
    func gather(_ connection: UVConnection) {
        gathered.append(connection)
        hasWork = true
    }

    /// Writes what connections have gathered in this callback.
    func flushGathered() {
        // A flush calls no user code, so the list does not grow meanwhile.
        for connection in gathered { connection.flush() }
        gathered.removeAll(keepingCapacity: true)
    }

    /// Whether the connection, which has just filled the receive buffer, has received as much as
    /// its limit for one turn.
    func hasUsedTurn(_ connection: UVConnection, limit: Int) -> Bool {
        turnBudget.read(
            ReceiveBuffer.capacity, by: ObjectIdentifier(connection), turn: turn, limit: limit)
    }

    /// Continues the connection in the next turn: it has more to receive, or messages to deliver.
    func continueInNextTurn(_ connection: UVConnection) {
        waitingForTurn.append(connection)
        nextTurn?.callInNextTurn()
    }

    /// Counts what a task has sent.
    ///
    /// - Returns: Whether the task must wait for the next turn.
    @inlinable
    @inline(__always)
    func endsTurn(_ bytes: Int) -> Bool {
        let sent = unsafe sentByTasks &+ bytes &+ 64
        let isEnough = sent >= 256 * 1024
        unsafe sentByTasks = isEnough ? 0 : sent
        return isEnough
    }

    /// Wakes a task in the next turn.
    func wakeInNextTurn(_ slot: TaskSlot) {
        taskYields += 1
        tasksForTurn.append(slot)
        nextTurn?.callInNextTurn()
    }

    /// Runs a closure in the next turn, or never if the loop is closed before.
    func runInNextTurn(_ body: @escaping () -> Void) {
        bodiesForTurn.append(body)
        nextTurn?.callInNextTurn()
    }

    /// Continues the connections and tasks that have waited for this turn.
    func goOn() {
        let (connections, slots, bodies) = (waitingForTurn, tasksForTurn, bodiesForTurn)
        (waitingForTurn, tasksForTurn, bodiesForTurn) = ([], [], [])
        for connection in connections { connection.continueReceiving() }
        for slot in slots { slot.wake(on: self) }
        for body in bodies { body() }
    }
}
