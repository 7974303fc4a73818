extension UVConnection {
    /// The framing: how received bytes are divided into messages, and how messages are sent.
    ///
    /// It is the framing of the listener or connector until you change it. A change within a
    /// handler, for example after a handshake, applies from the next byte. Bytes after the message,
    /// which may have come with it, are not lost.
    public var framing: UVFraming {
        get {
            loop.confine("UVConnection.framing")
            return coder?.framing ?? .raw
        }
        set {
            loop.confine("UVConnection.framing")
            let coder = FrameCoder.of(newValue)
            let extras = extras ?? ConnectionExtras(coder)
            extras.coder = coder
            extras.isCodecOwn = true
            extras.assembler.codecChanged()
            self.extras = extras
            // The kept bytes may hold whole messages now.
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

    /// Whether its framing differs from its agent's.
    var hasOwnFraming: Bool { extras?.isCodecOwn == true }
}
