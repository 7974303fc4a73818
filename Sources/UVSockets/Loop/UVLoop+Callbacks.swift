extension UVLoop {
    /// Every call from libuv into Swift goes through here: what was sent within it is written at
    /// its end, in one write a connection.
    @inline(__always)
    func callback(_ body: () -> Void) {
        callbackDepth += 1
        body()
        if callbackDepth == 1, hasWork { finishCallback() }
        callbackDepth -= 1
    }

    /// Lets tasks go on, writes what they, and the callback before, have sent, and tells what the user
    /// was not to hear within a call of his own.
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
        // What these have brought about is told in the next turn, so that sockets are looked at, too.
        if hasWork { nextTurn?.callInNextTurn() }
    }

    /// Calls the connection's `onDrained` when the present callback has ended, or in the next turn.
    func callOnDrainedLater(of connection: UVConnection) {
        drained.append(connection)
        finishLater()
    }

    /// Runs a closure when the present callback has ended, or in the next turn: now, where there is
    /// none any more.
    func runLater(_ body: @escaping () -> Void) {
        guard !isClosed else { return body() }
        later.append(body)
        finishLater()
    }

    private func finishLater() {
        hasWork = true
        if callbackDepth == 0 { nextTurn?.callInNextTurn() }
    }

    /// A read of the handle ended: a number of bytes, or a negative error.
    @inline(__always)
    func received(_ count: Int, by handle: StreamHandle) {
        receiveArgs.bytesTransferred = max(0, count)
        receiveArgs.error = count < 0 ? .init(rawValue: Int32(count)) : nil
        callback { handle.withConnection { $0.onReceiveCompleted(receiveArgs) } }
    }

    /// Whether what is sent now can wait for the end of a callback.
    var isInCallback: Bool { callbackDepth > 0 }

    // The shuttle and the cork are asked by way of the loop: what it holds itself it need not retain
    // for the call.

    /// The next message of what was just received, where the connection's task may take it.
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

    /// The connection has something to write at the end of this callback.
    func gather(_ connection: UVConnection) {
        gathered.append(connection)
        hasWork = true
    }

    /// Writes what connections have gathered in this callback.
    func flushGathered() {
        // Flushing calls nobody, so the list does not grow meanwhile.
        for connection in gathered { connection.flush() }
        gathered.removeAll(keepingCapacity: true)
    }

    /// Whether the connection, which has just filled the receive buffer, has received as much as it
    /// may in this turn.
    func hasUsedTurn(_ connection: UVConnection, limit: Int) -> Bool {
        turnBudget.read(
            ReceiveBuffer.capacity, by: ObjectIdentifier(connection), turn: turn, limit: limit)
    }

    /// The connection has more to receive, or messages that it may deliver again.
    func continueInNextTurn(_ connection: UVConnection) {
        waitingForTurn.append(connection)
        nextTurn?.callInNextTurn()
    }

    /// Counts what a task has sent.
    ///
    /// - Returns: Whether it is to wait for the next turn.
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
        tasksForTurn.append(slot)
        nextTurn?.callInNextTurn()
    }

    /// Lets those go on that have waited for this turn.
    func goOn() {
        let (connections, slots) = (waitingForTurn, tasksForTurn)
        (waitingForTurn, tasksForTurn) = ([], [])
        for connection in connections { connection.continueReceiving() }
        for slot in slots { slot.wake(on: self) }
    }
}
