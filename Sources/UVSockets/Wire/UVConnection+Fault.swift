// What a connection remembers of a framing error. It runs only when there is one.
extension UVConnection {
    /// Notes where the bytes were that are no frame.
    ///
    /// - Parameters:
    ///   - error: What is wrong with them.
    ///   - chunk: The bytes that came last.
    ///   - offset: How many of them were taken as frames, or are kept now.
    func noteFault(_ error: FramingError, in chunk: Span<UInt8>, at offset: Int) {
        let kept = extras?.assembler.count ?? 0
        // The loop over whole frames does not tell how far it came.
        let offset = offset == 0 && kept == 0 ? wholeFrames(in: chunk) : offset
        let end = streamEnd
        let begin = end - min(end, UInt64(kept + chunk.count - offset))
        let nothing: [UInt8] = []
        let fault: UVFramingFault
        if kept > 0 {
            var frame = extras?.assembler.rest ?? []
            frame.append(copying: chunk.extracting(offset...))
            fault = UVFramingFault(
                error, before: nothing.span, frame.span, at: begin, coder?.codec)
        } else {
            fault = UVFramingFault(
                error, before: chunk.extracting(..<offset), chunk.extracting(offset...),
                at: begin, coder?.codec)
        }
        loop.record(.misframed, self, fault.frameOffset, fault.offset)
        let extras = extras ?? ConnectionExtras(events.coder)
        extras.fault = fault
        self.extras = extras
    }

    /// The same for bytes that a task takes.
    func noteFault(_ error: FramingError) {
        let untaken = loop.receiveArgs.untaken(of: self)
        guard untaken > 0 else {
            let nothing: [UInt8] = []
            return noteFault(error, in: nothing.span, at: 0)
        }
        loop.receiveBuffer.withBytes(loop.receiveArgs.bytesTransferred) { bytes in
            noteFault(error, in: bytes, at: bytes.count - untaken)
        }
    }

    /// How many bytes the framing has been given so far.
    private var streamEnd: UInt64 {
        guard let extras else { return bytesIn }
        return (extras.layer == nil ? bytesIn : extras.bytesDelivered)
            + UInt64(extras.bytesCompleted)
    }

    /// How many bytes the whole frames take that the bytes begin with.
    private func wholeFrames(in bytes: Span<UInt8>) -> Int {
        guard let codec = coder?.codec else { return 0 }
        var offset = 0
        while offset < bytes.count {
            let rest = bytes.extracting(offset...)
            guard case .frame(_, let end)? = try? codec.firstFrame(in: rest, memory: 0),
                1...rest.count ~= end, end <= codec.longestFrame
            else { break }
            offset += end
        }
        return offset
    }
}
