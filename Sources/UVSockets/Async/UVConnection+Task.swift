/// How a task takes a connection's messages: one at a time, when it asks for them.
extension UVConnection {
    /// Gives the task what came, or keeps it until the task asks.
    func give(_ bytes: Span<UInt8>, to session: UVAsyncConnection) {
        if extras != nil || events.coder != nil {
            giveFrames(bytes, to: session)
        } else {
            giveWhole(bytes, to: session)
        }
    }

    /// Wakes the task with the bytes as they came, where nothing divides them, or keeps them until it
    /// asks, which may give the connection a framing first.
    private func giveWhole(_ bytes: Span<UInt8>, to session: UVAsyncConnection) {
        if session.isTaken {
            session.pending = messageTaken(bytes)
            session.wakeNow(on: loop)
            return
        }
        hold(.task)
        // Nothing limits the length of a message that nothing frames.
        try? keep(bytes)
    }

    /// Wakes the task with the first message that lies in the bytes just received, and keeps those
    /// that it does not take. No message is cut before the task asks for it, which may give the
    /// connection another framing first.
    ///
    /// Woken, it takes the messages behind the first itself, by ``takeReceived()``, for as long as
    /// it asks for them before it waits for anything else: to let it wait for each would cost a
    /// switch of tasks a message.
    private func giveFrames(_ chunk: Span<UInt8>, to session: UVAsyncConnection) {
        loop.receiveArgs.beginTaking(for: self, chunk.count)
        do throws(FramingError) {
            while isDemanding {
                guard session.isTaken || session.isLending else {
                    let isMidFrame = extras?.assembler.isMidFrame == true
                    if loop.receiveArgs.untaken > 0 || isMidFrame { hold(.task) }
                    break
                }
                // Not held here, so that its memory is free for the next when the task is done with it.
                session.pending = try loop.takeReceived(for: self)
                guard session.pending != nil else { break }
                session.messageIsPending()
            }
            try keep(chunk.extracting(last: loop.receiveArgs.untaken))
        } catch {
            close(.framing(error))
        }
        loop.receiveArgs.endTaking()
    }

    /// The next message of those just received, for the task that was woken by the first of them;
    /// nil where none is left, or the connection is held.
    @inline(__always)
    func takeReceived() -> [UInt8]? {
        loop.confine("UVAsyncConnection.messages")
        guard isDemanding else { return nil }
        do throws(FramingError) {
            return try loop.takeReceived(for: self)
        } catch {
            close(.framing(error))
            return nil
        }
    }

    /// The next of the messages that have waited, for a task; where none is left whole, receiving
    /// goes on. Where they are held for another reason than that the task had not asked for them, they
    /// come when that is over.
    func takeKeptMessage() -> [UInt8]? {
        if holds.subtracting(.finished) == .task, let extras, extras.hasBacklog, state.delivers {
            do throws(FramingError) {
                if let message = try takeKept(extras) { return message }
            } catch {
                close(.framing(error))
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

    /// Takes the next frame of the bytes, and says how many of them that took.
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
