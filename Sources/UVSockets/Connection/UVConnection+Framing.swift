extension UVConnection {
    /// How what is received is divided into messages, and how messages are sent.
    ///
    /// It is the agent's until it is changed. A change within a handler, as after a handshake, holds
    /// from the next byte: those behind the message, which may have come with it, are not lost.
    public var framing: UVFraming {
        get {
            loop.confine("UVConnection.framing")
            return UVFraming(coder?.codec)
        }
        set {
            loop.confine("UVConnection.framing")
            let coder = newValue.codec.map { FrameCoder.of($0) }
            let extras = extras ?? ConnectionExtras(coder)
            extras.coder = coder
            extras.isCodecOwn = true
            extras.assembler.codecChanged()
            self.extras = extras
            // What is kept may hold whole messages now.
            if extras.assembler.isMidFrame {
                extras.hasBacklog = true
                updateReceiving()
            }
        }
    }

    var coder: FrameCoder? {
        guard let extras else { return events.coder }
        return extras.coder
    }

    /// Whether its framing is another than its agent's.
    var hasOwnFraming: Bool { extras?.isCodecOwn == true }
}
