/// How a task takes a connection's messages: one at a time, when it asks for one.
extension UVConnection {
    /// Gives the received bytes to the task, or keeps them until it asks.
    func give(_ bytes: Span<UInt8>, to session: UVAsyncConnection) {
        if extras != nil || events.coder != nil {
            giveFrames(bytes, to: session)
        } else {
            giveWhole(bytes, to: session)
        }
    }

    /// Without a framing, wakes the task with the bytes as they came. If the task does not wait,
    /// keeps the bytes until it asks: before that it may set a framing.
    private func giveWhole(_ bytes: Span<UInt8>, to session: UVAsyncConnection) {
        if session.isTaken {
            session.pending = messageTaken(bytes)
            session.wakeNow(on: loop)
            return
        }
        hold(.task)
        // This cannot fail: without a framing there is no limit of length.
        try? keep(bytes)
    }

    /// Wakes the task with the first message in the received bytes, and keeps the messages that it
    /// does not take. No message is cut out before the task asks for it, because the task may
    /// change the framing before that.
    ///
    /// Once awake, the task takes the next messages itself by ``takeReceived()``, as long as it
    /// waits for nothing else between them. Waking it for each message would cost a task switch per
    /// message.
    private func giveFrames(_ chunk: Span<UInt8>, to session: UVAsyncConnection) {
        loop.receiveArgs.beginTaking(for: self, chunk.count)
        do throws(FramingError) {
            while isDemanding {
                guard session.isTaken || session.isLending else {
                    let isMidFrame = extras?.assembler.isMidFrame == true
                    if loop.receiveArgs.untaken > 0 || isMidFrame { hold(.task) }
                    break
                }
                // No local variable retains the message, so its memory can be used again when the
                // task is done with it.
                session.pending = try loop.takeReceived(for: self)
                guard session.pending != nil else { break }
                session.messageIsPending()
            }
            let rest = loop.receiveArgs.untaken
            loop.receiveArgs.endTaking()
            try keep(chunk.extracting(last: rest))
        } catch {
            noteFault(error)
            framingFailed(error)
            loop.receiveArgs.endTaking()
        }
    }

    /// The next of the messages just received, for the task that the first of them woke. Nil if
    /// none is left, or if the connection is held.
    @inline(__always)
    func takeReceived() -> [UInt8]? {
        guard isDemanding else { return nil }
        do throws(FramingError) {
            return try loop.takeReceived(for: self)
        } catch {
            noteFault(error)
            framingFailed(error)
            return nil
        }
    }

    /// The next of the kept messages, for a task. If no whole message is left, receiving goes on.
    /// If the messages are held for another reason than ``ReceiveHolds/task``, they come when that
    /// reason is gone.
    func takeKeptMessage() -> [UInt8]? {
        holds.remove(.abandoned)
        if holds.subtracting(.finished) == .task, let extras, extras.hasBacklog, state.delivers {
            do throws(FramingError) {
                if let message = try takeKept(extras) { return message }
            } catch {
                noteFault(error)
                framingFailed(error)
            }
        }
        release(.task)
        return nil
    }

    private func takeKept(_ extras: ConnectionExtras) throws(FramingError) -> [UInt8]? {
        var taken = 0
        let nothing: [UInt8] = []
        if let message = try takeFrame(of: nothing.span, &taken, extras) { return message }
        extras.hasBacklog = false
        if !extras.isNeeded { self.extras = nil }
        return nil
    }

    /// Takes the next frame from the bytes, and sets how many bytes it used.
    @inline(__always)
    func takeFrame(
        of bytes: Span<UInt8>, _ taken: inout Int
    ) throws(FramingError) -> [UInt8]? {
        if let extras { return try takeFrame(of: bytes, &taken, extras) }
        return try events.take(of: bytes, &taken, for: self)
    }

    private func takeFrame(
        of bytes: Span<UInt8>, _ taken: inout Int, _ extras: ConnectionExtras
    ) throws(FramingError) -> [UInt8]? {
        switch try nextFrame(in: bytes, &taken) {
        case nil: return nil
        case .chunk(let range): return messageTaken(bytes.extracting(range))
        case .kept(let range):
            let kept = extras.assembler.kept
            return messageTaken(kept.span.extracting(range))
        }
    }

    /// Counts a message and copies it for the task that takes it.
    @inline(__always)
    func messageTaken(_ message: Span<UInt8>) -> [UInt8] {
        noteMessage()
        if rates != nil { countMessage() }
        return loop.copyMessage(message)
    }
}
