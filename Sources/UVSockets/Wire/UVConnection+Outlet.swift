// The outlet of a connection: everything that writes. What is sent in a callback is gathered in the
// loop's cork or in the queue. It leaves in one write when the callback ends:
//
//     send ─▶ cork or queue ─▶ flushCork, flush ─▶ handle
//                                    └─ what the kernel does not take ─▶ startWriting ─▶ handle
extension UVConnection {
    /// This many bytes or more are offered to the kernel at once and not gathered.
    private static let directSize = 16 * 1024

    // MARK: - Gathering

    /// Puts the bytes into the cork, if this connection uses it and it has room.
    @inline(__always)
    func corks(_ bytes: Span<UInt8>) -> Bool {
        mayCork(bytes.count) && loop.corkBytes(bytes)
    }

    /// Whether the cork may have room for this many bytes.
    @inline(__always)
    func mayCork(_ count: Int) -> Bool {
        queuedBytes == 0 && loop.cork.isUsed(by: self) && count <= ReceiveBuffer.capacity
    }

    /// Sends a message that may be corked, between the prefix and suffix from its codec.
    @inline(__always)
    func sendFrame(
        _ payload: Span<UInt8>, between ends: FrameWrapper
    ) throws(FramingError) -> UVSendResult {
        guard loop.corkFrame(payload, between: ends) else {
            return try sendBeyondCork(framing: payload)
        }
        return sendResult
    }

    /// Sends a message that the cork has not taken. It asks the codec for the prefix and suffix,
    /// even if they were known before. So those of most messages can stay in registers.
    @inline(never)
    func sendBeyondCork(framing payload: Span<UInt8>) throws(FramingError) -> UVSendResult {
        sendBeyondCork(payload, between: try coder?.framing.wrapper(of: payload) ?? FrameWrapper())
        return sendResult
    }

    private func sendBeyondCork(_ payload: Span<UInt8>, between ends: FrameWrapper) {
        if queuedBytes == 0, loop.cork.isUsed(by: self) {
            flushCork()
            if queuedBytes == 0, loop.corkFrame(payload, between: ends) { return }
        }
        guard state.acceptsBytes else { return }
        enqueue { $0.append(copying: payload, between: ends) }
        writeLater()
    }

    func sendBeyondCork(_ bytes: Span<UInt8>) {
        if queuedBytes == 0, loop.cork.isUsed(by: self) {
            sendBehindCork(bytes)
        } else if queuedBytes == 0, bytes.count >= Self.directSize {
            sendNow(bytes)
        } else {
            enqueue { $0.append(copying: bytes) }
            writeLater()
        }
    }

    /// Sends bytes for which the cork had no room. The content of the cork goes first.
    private func sendBehindCork(_ bytes: Span<UInt8>) {
        flushCork()
        guard queuedBytes == 0, state.acceptsBytes else { return queueRest(bytes) }
        guard bytes.count < Self.directSize, loop.corkBytes(bytes)
        else { return sendNow(bytes) }
    }

    @inline(__always)
    func enqueue(_ change: (SendQueue) -> Void) {
        let queue = queue ?? makeQueue()
        change(queue)
        queueChanged(to: queue.bytes)
    }

    private func makeQueue() -> SendQueue {
        let made = SendQueue()
        queue = made
        return made
    }

    /// Updates the counts. The agent's sum counts the queues of open connections.
    private func queueChanged(to bytes: Int) {
        if !state.isClosed { events.queuedBytes += bytes - queuedBytes }
        if loop.isTimingHandlers { measureQueue(bytes) }
        queuedBytes = bytes
    }

    @inline(never)
    private func measureQueue(_ bytes: Int) {
        guard let measures = loop.measures, let queue else { return }
        if queuedBytes == 0, bytes > 0 { queue.filledAt = preciseNanoseconds() }
        guard bytes == 0, queuedBytes > 0, queue.filledAt > 0 else { return }
        measures.queueTook(preciseNanoseconds() - queue.filledAt)
        queue.filledAt = 0
    }

    private func queueRest(_ bytes: Span<UInt8>) {
        guard state.acceptsBytes else { return }
        enqueue { $0.append(copying: bytes) }
        startWriting()
        checkBudget()
    }

    /// Writes the queue at the end of the current callback. It writes at once if no callback runs,
    /// or if so much is queued that waiting would only hold memory.
    func writeLater() {
        defer { checkBudget() }
        guard !isWriting else { return updateWatermark() }
        if !loop.isInCallback || queuedBytes >= sizes.highWatermark {
            flush()
        } else {
            gather()
        }
    }

    /// Requests a ``flush()`` at the end of the callback.
    func gather() {
        guard !isGathered else { return }
        isGathered = true
        loop.gather(self)
    }

    // MARK: - Writing

    @inline(__always)
    private func noteTaken(_ count: Int) {
        bytesOut += UInt64(count)
        if count > 0 { deadlines.sent(at: loop.now) }
        loop.record(.sent, self, UInt64(count), UInt64(queuedBytes))
    }

    /// Removes bytes from the front of the queue, because the kernel has taken them.
    private func dequeue(_ count: Int) {
        if extras != nil { showTaken(count) }
        enqueue { $0.consume(count) }
        noteTaken(count)
    }

    /// Shows those who watch the connection what the kernel takes from the queue.
    @inline(never)
    private func showTaken(_ count: Int) {
        if let extras, extras.isTapped { showSent(count, extras) }
    }

    /// Offers the bytes to the kernel and queues a copy of what it does not take.
    private func sendNow(_ bytes: Span<UInt8>) {
        do throws(UVError.Code) {
            loop.pulse.begins(.writing)
            defer { loop.pulse.begins(.other) }
            let taken = try handle.tryWrite(bytes)
            noteTaken(taken)
            if let extras, extras.isTapped, taken > 0 {
                for tap in extras.taps { tap.sent(bytes.extracting(first: taken), by: self) }
            }
            if taken < bytes.count { queueRest(bytes.extracting(taken...)) }
        } catch {
            sendingBroke("send", error)
        }
    }

    /// Writes what this connection has corked. What the kernel does not take is queued.
    @inline(__always)
    func flushCork() {
        if loop.cork.isUsed(by: self), loop.cork.bytes > 0 { writeCork() }
    }

    private func writeCork() {
        defer { loop.cork.clear() }
        guard state.isWritable else { return queueCork() }
        do throws(UVError.Code) {
            loop.pulse.begins(.writing)
            let taken = try loop.writeCork(to: handle)
            loop.pulse.begins(.other)
            noteTaken(taken)
            guard taken < loop.cork.bytes else { return }
            queueCork(from: taken)
            startWriting()
            checkBudget()
        } catch {
            loop.pulse.begins(.other)
            queueCork()
            sendingBroke("send", error)
        }
    }

    /// Queues what the kernel has not taken. If the connection has ended, it only counts as lost.
    private func queueCork(from taken: Int = 0) {
        enqueue { loop.cork.move(from: taken, to: $0) }
    }

    /// Writes as much of the queue as the kernel takes now.
    func flush() {
        isGathered = false
        if state.isHalfOpen { watch() }
        guard !isWriting, queuedBytes > 0, state.isWritable, let queue else {
            return
        }
        do throws(UVError.Code) {
            loop.pulse.begins(.writing)
            var isMoreTaken = true
            while isMoreTaken, queuedBytes > 0 {
                let taken = try handle.tryWrite(queue)
                isMoreTaken = taken > 0
                dequeue(taken)
            }
            loop.pulse.begins(.other)
        } catch {
            loop.pulse.begins(.other)
            return sendingBroke("send", error)
        }
        startWriting()
        settle()
    }

    /// Passes the front of the queue to libuv, which writes it when the kernel takes bytes again.
    private func startWriting() {
        guard queuedBytes > 0, let queue else { return }
        if !isWriting {
            do throws(UVError.Code) {
                bytesInFlight = UInt32(try handle.write(queue))
                writingBegan()
            } catch {
                return sendingBroke("send", error)
            }
        }
        updateWatermark()
    }

    /// Handles the end of the write in flight. The kernel has taken `bytes` bytes of it. If these
    /// are all, `error` is nil.
    func writeCompleted(bytes: Int, error: UVError.Code?) {
        bytesInFlight = 0
        dequeue(bytes)
        guard !state.isClosed else { return }
        if let error { return sendingBroke("send", error) }
        if queuedBytes == 0 { deadlines.queueEmptied() }
        startWriting()
        if queuedBytes == 0 { updateWatermark() }
        settle()
    }

    // MARK: - Limits of what it sends

    private func checkBudget() {
        if events.queuedBytes > events.outboundBudget { agent.outboundBudgetPassed() }
    }

    func updateWatermark() {
        updateSoftLimit()
        let change = watermark.update(
            queuedBytes, high: sizes.highWatermark, low: sizes.lowWatermark)
        switch change {
        case .none: break
        case .rose:
            events.guards.watermarkRises += 1
            owesDrained = true
            if sink?.queueFilled() != true { holdIfFull() }
        case .fell:
            release(.sendQueue)
            tellDrained()
        }
    }

    /// Stops receiving while the queue is above the high watermark, if the options ask for that.
    func holdIfFull() {
        if watermark.isAbove, sizes.holdsAboveHighWatermark { hold(.sendQueue) }
    }

    /// Reports that the queue has room again, or that waiting for room has become pointless. If
    /// this happens within the user's own call, the user is told when that call has ended.
    func tellDrained() {
        guard owesDrained else { return }
        owesDrained = false
        sink?.queueDrained()
        callOnDrainedLater()
    }

    func callOnDrainedLater() {
        guard events.onDrained != nil || events.onRoom != nil, !isDrainedDue else { return }
        isDrainedDue = true
        loop.callOnDrainedLater(of: self)
    }

    func callOnDrained() {
        guard isDrainedDue else { return }
        isDrainedDue = false
        loop.running(.drained, of: self) { events.onDrained?(self) }
        events.onRoom?()
    }
}
