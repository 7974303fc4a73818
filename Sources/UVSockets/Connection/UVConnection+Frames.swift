extension UVConnection {
    /// How what is received is divided into messages, and how messages are sent.
    ///
    /// It is the agent's until it is changed. A change within a handler, as after a handshake, holds
    /// from the next byte: those behind the message, which may have come with it, are not lost.
    public var framing: UVFraming {
        get { UVFraming(coder?.codec) }
        set {
            loop.confine("UVConnection.framing")
            let coder = newValue.codec.map { FrameCoder.of($0) }
            let reader = frames ?? FrameReader(coder)
            reader.coder = coder
            reader.isCodecOwn = true
            reader.assembler.codecChanged()
            frames = reader
            // What is kept may hold whole messages now.
            if reader.assembler.isMidFrame {
                reader.hasBacklog = true
                updateReceiving()
            }
        }
    }

    var coder: FrameCoder? {
        guard let frames else { return events.coder }
        return frames.coder
    }

    /// Whether its framing is another than its agent's.
    var hasOwnFraming: Bool { frames?.isCodecOwn == true }

    /// Calls the handler with each message that lies in the bytes, and keeps the rest.
    ///
    /// It stops between two messages when the handler has paused or closed the connection, or the
    /// connection is held back because its peer does not read.
    func deliverFrames(_ chunk: Span<UInt8>) {
        if reader == .task, let session { return deliverFrames(chunk, to: session) }
        var offset = 0
        do throws(FramingError) {
            // The common case: nothing is kept, and the codec is the agent's.
            if frames == nil { offset = try events.deliver(chunk, to: self) }
            while isDemanding, let location = try nextFrame(in: chunk, &offset) {
                switch location {
                case .chunk(let range):
                    messageReceived(chunk.extracting(range))
                case .kept(let range):
                    guard let kept = frames?.assembler.kept else { return }
                    messageReceived(kept.span.extracting(range))
                }
            }
            try keep(chunk.extracting(offset...))
        } catch {
            close(.framing(error))
        }
    }

    func nextFrame(
        in chunk: Span<UInt8>, _ offset: inout Int
    ) throws(FramingError) -> FrameAssembler.Location? {
        guard let frames else { return nil }
        guard let coder = frames.coder else {
            return frames.assembler.takeAll(of: chunk, &offset)
        }
        return try frames.assembler.next(in: chunk, &offset, coder.codec)
    }

    /// Keeps what is not delivered. Where whole frames were looked for and there is none, it is less
    /// than the longest frame, whatever the codec says.
    func keep(_ rest: Span<UInt8>) throws(FramingError) {
        guard state.delivers, rest.count > 0 || frames != nil else { return }
        let reader = frames ?? FrameReader(events.coder)
        reader.assembler.keep(rest)
        let isMidFrame = reader.assembler.isMidFrame
        reader.hasBacklog = !isDemanding && isMidFrame
        frames = reader.isCodecOwn || isMidFrame ? reader : nil
        if isDemanding, isMidFrame, let codec = reader.coder?.codec {
            try reader.assembler.checkLength(codec)
        }
    }

    /// Delivers what has waited while the handler was not to be called; in a turn of its own.
    func deliverBacklog() {
        guard let frames, frames.hasBacklog, isDemanding else { return }
        frames.hasBacklog = false
        let nothing: [UInt8] = []
        receiving { deliverFrames(nothing.span) }
        updateReceiving()
    }

    /// Why the connection ends where its peer has finished in the middle of a frame; else nil.
    var truncation: UVEndReason? {
        guard let frames, frames.coder != nil, frames.assembler.isMidFrame else { return nil }
        return .framing(.truncated(bytes: frames.assembler.count))
    }
}
