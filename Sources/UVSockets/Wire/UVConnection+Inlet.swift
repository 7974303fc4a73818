// The inlet of a connection: everything that reads. Demand goes in, bytes come out, in these steps:
//
//     receive ─▶ handle ─▶ onReceiveCompleted ─▶ receiving ─▶ deliver ─▶ framing ─▶ handler, or sink
extension UVConnection {
    /// Begins the connection. If it has a layer, the layer begins first.
    func begin() {
        loop.record(.began, self, UInt64(peerAddress.port))
        if !events.watchers.isEmpty { events.tellWatchers(of: self) }
        noteAgent()
        if events.settings.hasBuffering { handle.setBuffering(of: events.settings.options) }
        if let makeLayer = events.makeLayer {
            begin(behind: makeLayer())
        } else {
            agent.connectionDidOpen(self)
        }
        startReceive()
    }

    /// Starts to receive, with the first request.
    private func startReceive() {
        if wantsToReceive { receive(loop.receiveArgs) }
        watch()
    }

    /// Asks for the next bytes. To hold a peer back, the connection does not ask again.
    @inline(__always)
    func receive(_ args: SocketEventArgs) {
        let pending = handle.receive(args)
        if !pending { onReceiveCompleted(args) }
    }

    /// Handles the end of a receive. The bytes, or the error, are in `args`.
    func onReceiveCompleted(_ args: SocketEventArgs) {
        if let error = args.error { return receiveFailed(error) }
        loop.record(.received, self, UInt64(args.bytesTransferred), bytesIn)
        bytesIn += UInt64(args.bytesTransferred)
        deadlines.received(at: loop.now)
        if args.bytesTransferred == ReceiveBuffer.capacity { filledBuffer() }
        if state.delivers {
            args.buffer.withBytes(args.bytesTransferred) { bytes in
                receiving {
                    if let extras, extras.isOnWire {
                        receiveOnWire(bytes, extras)
                    } else {
                        deliver(bytes)
                    }
                }
            }
            if rates != nil { countReceived(bytes: args.bytesTransferred) }
        } else if let extras, extras.isTapped {
            args.buffer.withBytes(args.bytesTransferred) { bytes in
                for tap in extras.taps { tap.received(bytes, by: self) }
            }
        }
        if wantsToReceive { receive(args) }
    }

    /// Calls the handler. What the handler sends back leaves together when the handler is done.
    @inline(__always)
    private func receiving(_ body: () -> Void) {
        let began = loop.isTimingHandlers ? loop.handlerTime : 0
        loop.cork.begin(for: self)
        body()
        flushCork()
        loop.cork.end()
        if began > 0 { handlerEnded(since: began) }
        if state.isFinishing { settle() }
    }

    /// Passes bytes to the sink, or as messages to the agent's handler. Empty bytes deliver what
    /// was kept.
    @inline(__always)
    func deliver(_ bytes: Span<UInt8>) {
        if let sink {
            sink.received(bytes)
        } else if extras != nil || events.coder != nil {
            deliverFrames(bytes, to: nil)
        } else {
            messageReceived(bytes)
        }
    }

    /// Lends messages to a closure instead. If the closure throws, the connection is held for its
    /// task.
    ///
    /// - Returns: The error that the closure has thrown.
    @inline(__always)
    func lend(_ bytes: Span<UInt8>, to borrower: @escaping Borrower) -> (any Error)? {
        if extras != nil || events.coder != nil { return deliverFrames(bytes, to: borrower) }
        return messageArrived(bytes, for: borrower)
    }

    @inline(__always)
    func messageReceived(_ message: Span<UInt8>) {
        noteMessage()
        events.receive(message, from: self)
        if rates != nil { countMessage() }
    }

    @inline(__always)
    func messageLent(_ message: Span<UInt8>, to borrower: Borrower) throws {
        noteMessage()
        try borrower(message)
        if rates != nil { countMessage() }
    }

    /// A closure has thrown: its task gets the messages that follow.
    ///
    /// Not inlined, so that the loops over messages need fewer registers.
    @inline(never)
    func borrowerFailed() {
        hold(.task)
    }

    @inline(__always)
    func noteMessage() {
        deadlines.frameReceived()
        messagesIn += 1
    }

    // MARK: - Framing

    /// Delivers each message in the bytes, and keeps the rest.
    ///
    /// It stops between two messages if the handler has paused or closed the connection, or if the
    /// connection is held back because its peer does not read.
    ///
    /// - Returns: The error of the closure to which messages are lent.
    @discardableResult
    private func deliverFrames(_ chunk: Span<UInt8>, to borrower: Borrower?) -> (any Error)? {
        var offset = 0
        var failure: (any Error)?
        do throws(FramingError) {
            // The common case: nothing is kept, and the codec is the agent's.
            if extras == nil { offset = try events.deliver(chunk, to: self, borrower, &failure) }
            while isDemanding, let location = try nextFrame(in: chunk, &offset) {
                switch location {
                case .chunk(let range):
                    failure = messageArrived(chunk.extracting(range), for: borrower)
                case .kept(let range):
                    guard let kept = extras?.assembler.kept else { return failure }
                    failure = messageArrived(kept.span.extracting(range), for: borrower)
                }
            }
            let taken = offset
            offset = chunk.count
            try keep(chunk.extracting(taken...))
        } catch {
            noteFault(error, in: chunk, at: offset)
            framingFailed(error)
        }
        return failure
    }

    @inline(__always)
    private func messageArrived(
        _ message: Span<UInt8>, for borrower: Borrower?
    ) -> (any Error)? {
        guard let borrower else {
            messageReceived(message)
            return nil
        }
        do {
            try messageLent(message, to: borrower)
            return nil
        } catch {
            borrowerFailed()
            return error
        }
    }

    func nextFrame(
        in chunk: Span<UInt8>, _ offset: inout Int
    ) throws(FramingError) -> FrameAssembler.Location? {
        guard let extras else { return nil }
        guard let coder = extras.coder else {
            return extras.assembler.takeAll(of: chunk, &offset)
        }
        return try extras.assembler.next(in: chunk, &offset, coder.codec)
    }

    /// Keeps what is not delivered. If a search has found no whole frame in it, it must be shorter
    /// than the longest frame, whatever the codec says.
    func keep(_ rest: Span<UInt8>) throws(FramingError) {
        guard state.delivers, rest.count > 0 || extras != nil else { return }
        let extras = extras ?? ConnectionExtras(events.coder)
        extras.assembler.keep(rest)
        let isMidFrame = extras.assembler.isMidFrame
        extras.hasBacklog = !isDemanding && isMidFrame
        self.extras = extras.isNeeded ? extras : nil
        if isMidFrame { notePart(extras) }
        if isDemanding, isMidFrame, let codec = extras.coder?.codec {
            try extras.assembler.checkLength(codec)
        }
    }

    /// Delivers what had to wait while the handler could not be called. It runs in a turn of its
    /// own.
    func deliverBacklog() {
        guard let extras, extras.hasBacklog, isDemanding else { return }
        extras.hasBacklog = false
        let nothing: [UInt8] = []
        receiving { deliver(nothing.span) }
        updateReceiving()
    }

    // MARK: - The end of what comes

    private func receiveFailed(_ error: UVError.Code) {
        guard error == .endOfFile else { return fail("receive", error) }
        // libuv may report an end of file although a reset follows the last bytes.
        if let error = handle.takeError() { return fail("receive", error) }
        loop.record(.peerFinished, self)
        tell(.peerFinished)
        let isExpected = state.reason != nil
        if !isExpected { completeLastFrame() }
        perform(
            state.peerFinished(
                allowsHalfOpen: options.allowsHalfOpen || extras?.tasks != nil,
                isAcknowledged: !state.hasSentFIN || isAcknowledged))
        sendingEnded()
        if state.isHalfOpen {
            // Most connections have ended when the current callback has.
            gather()
            if options.allowsHalfOpen, let onPeerFinished = events.onPeerFinished {
                loop.running(.peerFinished, of: self) { onPeerFinished(self) }
            }
        }
        settle()
    }

    /// The end reason if the peer has finished in the middle of a frame; else nil.
    private var truncation: FramingError? {
        guard let extras, extras.coder != nil, extras.assembler.isMidFrame else { return nil }
        return .truncated(bytes: extras.assembler.count)
    }

    /// The peer has finished. If it has not ended its last frame, the codec completes the frame, or
    /// the connection ends.
    private func completeLastFrame() {
        guard truncation != nil else { return }
        let completion = extras?.coder?.codec.completion ?? []
        if !completion.isEmpty {
            let count = loop.receiveBuffer.fill(completion)
            extras?.bytesCompleted = count
            loop.receiveBuffer.withBytes(count) { bytes in receiving { deliver(bytes) } }
            // A task that does not wait now finds the message later, although the peer has finished.
            if holds == .task, let message = takeKeptMessage() { sink?.keepLast(message) }
        }
        guard let truncation, state.reason == nil else { return }
        let nothing: [UInt8] = []
        noteFault(truncation, in: nothing.span, at: 0)
        answer(truncation)
        perform(state.close(.framing(truncation)))
    }

    /// What came does not fit the framing. The fault is noted already.
    func framingFailed(_ error: FramingError) {
        answer(error)
        close(.framing(error))
    }

    private func answer(_ error: FramingError) {
        guard state.acceptsBytes, let answer = settings.options.framingErrorAnswer?(error),
            !answer.isEmpty
        else { return }
        framing = .raw
        send(answer.span)
    }

    // MARK: - Demand

    /// Whether the handler may be called.
    @inline(__always)
    var isDemanding: Bool {
        state.delivers && holds.isEmpty
    }

    @inline(__always)
    var wantsToReceive: Bool {
        isDemanding ? extras == nil || extras?.hasBacklog == false : state.discards
    }

    /// Starts or stops receiving, according to the current state.
    func updateReceiving() {
        if isDemanding, extras?.hasBacklog == true {
            loop.continueInNextTurn(self)
        } else if wantsToReceive {
            receive(loop.receiveArgs)
        } else {
            handle.stopReceiving()
        }
    }
}
