extension UVConnection {
    /// How what is received is divided into messages, and how messages are sent; nil for bytes as
    /// they come.
    ///
    /// It is the agent's until it is changed. A change within a handler, as after a handshake, holds
    /// from the next byte: those behind the message, which may have come with it, are not lost.
    public var framing: (any FrameCodec)? {
        get { coder?.codec }
        set {
            loop.confine("UVConnection.framing")
            let coder = newValue.map { FrameCoder.of($0) }
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
        guard let frames else { return handlers.coder }
        return frames.coder
    }

    /// Whether anything frames its messages.
    @inline(__always)
    var isFramed: Bool {
        guard let frames else { return handlers.coder != nil }
        return frames.coder != nil
    }

    /// What frames a message.
    func ends(of message: Span<UInt8>) throws(FramingError) -> FrameEnds {
        guard let frames else { return try handlers.ends(of: message) }
        return try frames.coder?.ends(of: message) ?? FrameEnds()
    }

    /// Whether its framing is another than its agent's.
    var hasOwnFraming: Bool { frames?.isCodecOwn == true }

    /// Calls the handler with each message that lies in the bytes, and keeps the rest.
    ///
    /// It stops between two messages when the handler has paused or closed the connection, or the
    /// connection is held back because its peer does not read.
    func deliverFrames(_ chunk: Span<UInt8>) {
        var offset = 0
        do throws(FramingError) {
            if frames == nil { try deliverWholeFrames(chunk, &offset) }
            while isDemanding, let location = try nextFrame(in: chunk, &offset) {
                deadlines.frameReceived()
                switch location {
                case .chunk(let range):
                    handlers.onMessageReceived(self, chunk.extracting(range))
                case .kept(let range):
                    guard let kept = frames?.assembler.kept else { return }
                    handlers.onMessageReceived(self, kept.span.extracting(range))
                }
            }
            keep(chunk.extracting(offset...))
        } catch {
            close(.framing(error))
        }
    }

    /// The common case: nothing is kept, and the codec is the agent's.
    private func deliverWholeFrames(
        _ chunk: Span<UInt8>, _ offset: inout Int
    ) throws(FramingError) {
        guard let coder = handlers.coder else { return }
        let onMessageReceived = handlers.onMessageReceived
        while frames == nil, isDemanding, offset < chunk.count,
            case .frame(let payload, let end) = try coder.firstFrame(
                in: chunk.extracting(offset...), scanned: 0)
        {
            let begin = offset
            offset += end
            deadlines.frameReceived()
            onMessageReceived(
                self,
                chunk.extracting(begin + payload.lowerBound..<begin + payload.upperBound))
        }
    }

    private func nextFrame(
        in chunk: Span<UInt8>, _ offset: inout Int
    ) throws(FramingError) -> FrameAssembler.Location? {
        guard let frames else { return nil }
        guard let coder = frames.coder else {
            return frames.assembler.takeAll(of: chunk, &offset)
        }
        return try frames.assembler.next(in: chunk, &offset, coder.codec)
    }

    private func keep(_ rest: Span<UInt8>) {
        if rest.count > 0 || frames != nil {
            let reader = frames ?? FrameReader(handlers.coder)
            reader.assembler.keep(rest)
            reader.hasBacklog = !isDemanding && reader.assembler.isMidFrame
            frames = reader.isCodecOwn || reader.assembler.isMidFrame ? reader : nil
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
