internal import DequeModule

/// What a ``UVClient`` does on its loop.
actor ClientCore {
    /// What other threads may know.
    struct Facts {
        var isConnected = false
        var openQuestions = 0
    }

    private enum Phase {
        case idle, trying, connected
        /// No connection follows. The error is nil if the last one ended normally.
        case over((any Error)?)
    }

    /// How many messages wait for ``UVClient/messages``.
    static let messageLimit = 256

    nonisolated let loop: UVLoop
    nonisolated let endpoint: UVEndpoint
    nonisolated let facts = Locked(Facts())
    private let settings: ConnectSettings
    let matching: UVMatching
    let questionLimit: Int
    let inFlightLimit: Int
    private var connector: UVConnector?
    /// The last connection, until its socket is closed.
    private var last: UVConnection?
    /// Its key among the loop's addressees, from its start to its end.
    private var key: Int?
    private var phase = Phase.idle
    /// The questions that wait until the server has fewer of them.
    var waiting: Deque<Question> = []
    /// The other open questions in their order, if answers come in this order. Otherwise by their
    /// keys.
    var inOrder: Deque<Question> = []
    var byKey: [AnyHashable: Question] = [:]
    /// Messages that are no answers.
    var messages: Deque<[UInt8]> = []
    var isListenedTo = false
    var readers: Deque<TaskSlot> = []
    /// The tasks that wait for room to send.
    private var senders: [TaskSlot] = []
    /// The tasks that wait for a connection, or for the end.
    private var starters: [TaskSlot] = []

    nonisolated var unownedExecutor: UnownedSerialExecutor { loop.asUnownedSerialExecutor() }

    init(
        on loop: UVLoop, _ settings: ConnectSettings, _ matching: UVMatching, questionLimit: Int,
        inFlightLimit: Int
    ) {
        self.loop = loop
        self.settings = settings
        self.matching = matching
        self.questionLimit = questionLimit
        self.inFlightLimit = inFlightLimit
        endpoint = settings.endpoint
    }

    /// Does something on the loop, now or soon.
    nonisolated func onLoop(_ body: @escaping @Sendable (isolated ClientCore) -> Void) {
        if loop.isOnLoop { return assumeIsolated(body) }
        loop.submitAlways { self.assumeIsolated(body) }
    }

    // MARK: - The connection

    func start() {
        guard case .idle = phase, !loop.isClosed else { return }
        key = loop.register(self)
        // It retains this object, as long as it connects or is connected.
        let connector = UVConnector(loop, settings) { self.received($1) }
        self.connector = connector
        connector.onConnected = { _ in self.didConnect() }
        connector.onDisconnected = { self.didDisconnect($0, $1) }
        connector.onDrained = { _ in Self.wake(&self.senders, on: self.loop) }
        connector.onFailed = { self.end($1) }
        phase = .trying
        do throws(UVError) {
            try connector.startConnect()
        } catch {
            end(error)
        }
    }

    private func didConnect() {
        phase = .connected
        facts.withLock { $0.isConnected = true }
        // The kept questions leave now.
        for question in questions { question.isSent = true }
        Self.wake(&starters, on: loop)
        holdOrRelease()
    }

    private func didDisconnect(_ connection: UVConnection, _ reason: UVEndReason) {
        facts.withLock { $0.isConnected = false }
        let sent = questions.filter(\.isSent)
        inOrder.removeAll(where: \.isSent)
        byKey = byKey.filter { !$0.value.isSent }
        for question in sent { question.finish(.failure(reason), on: loop) }
        count()
        if connector?.isWaiting == true {
            phase = .trying
            handOverWaiting()
        } else if case .over = phase {
            leaveLoop()
        } else {
            end(reason == .peerClosed || reason == .closed ? nil : reason, questions: reason)
            leaveLoop()
        }
    }

    /// No connection follows.
    private func end(_ error: (any Error)?, questions reason: (any Error)? = nil) {
        phase = .over(error)
        // While its socket closes, the end of the loop must still find it.
        last = connector?.connection
        connector = nil
        if last == nil { leaveLoop() }
        let left = questions + waiting.map(\.self)
        (inOrder, byKey, waiting) = ([], [:], [])
        for question in left {
            question.finish(.failure(reason ?? error ?? UVEndReason.closed), on: loop)
        }
        count()
        Self.wake(&starters, on: loop)
        Self.wake(&senders, on: loop)
        for reader in readers { reader.wake(on: loop) }
    }

    func close() {
        if case .over = phase { return }
        let connector = connector
        end(nil, questions: UVEndReason.closed)
        connector?.connection?.close()
        connector?.cancel()
    }

    private func leaveLoop() {
        last = nil
        if let key = key.take() { loop.unregister(key) }
    }

    /// Ends everything at once, because the loop ends.
    fileprivate func abort() {
        close()
        last?.reset(.closed)
    }

    private static func wake(_ slots: inout [TaskSlot], on loop: UVLoop) {
        let waiting = slots
        slots = []
        for slot in waiting { slot.wake(on: loop) }
    }

    func connected() async throws {
        while true {
            switch phase {
            case .connected: return
            case .over(let error): throw error ?? Self.noConnection(endpoint)
            case .idle, .trying: try await waitForPhase()
            }
        }
    }

    /// Waits until no connection follows.
    func waitForEnd() async throws {
        while true {
            if case .over(let error) = phase {
                if let error { throw error }
                return
            }
            try await waitForPhase()
        }
    }

    private func waitForPhase() async throws {
        try Task.checkCancellation()
        let slot = TaskSlot()
        starters.append(slot)
        await slot.waitUnlessCancelled(on: loop)
        starters.removeAll { $0 === slot }
    }

    // MARK: - Sending

    func send(_ message: [UInt8]) async throws {
        try Task.checkCancellation()
        guard try hand(over: message) else { return }
        let slot = TaskSlot()
        senders.append(slot)
        await slot.waitUnlessCancelled(on: loop)
        if senders.contains(where: { $0 === slot }) {
            senders.removeAll { $0 === slot }
            throw CancellationError()
        }
        if case .over(let error) = phase { throw error ?? UVEndReason.closed }
    }

    /// Gives a message to the connector.
    ///
    /// - Returns: Whether to wait for room.
    func hand(over message: [UInt8]) throws -> Bool {
        if case .idle = phase { start() }
        guard let connector else {
            guard case .over(let error?) = phase else { throw Self.noConnection(endpoint) }
            throw error
        }
        switch connector.send(message) {
        case .taken, .posted: return false
        case .takenButFull: return true
        case .refused(let error): throw error
        case .closed, .overloaded: throw noRoom("too many bytes wait for a connection")
        }
    }

    // MARK: - Messages

    func nextMessage() async throws -> [UInt8]? {
        isListenedTo = true
        while true {
            if let message = messages.popFirst() {
                holdOrRelease()
                return message
            }
            if case .over(let error) = phase {
                if let error { throw error }
                return nil
            }
            try Task.checkCancellation()
            let slot = TaskSlot()
            readers.append(slot)
            await slot.waitUnlessCancelled(on: loop)
            readers.removeAll { $0 === slot }
        }
    }

    /// Holds the server back while many messages wait.
    func holdOrRelease() {
        guard let connection = connector?.connection else { return }
        if messages.count >= Self.messageLimit {
            connection.pauseReceiving()
        } else if messages.count <= Self.messageLimit / 2 {
            connection.resumeReceiving()
        }
    }
}

extension ClientCore: LoopResident {
    nonisolated func endWithLoop() {
        assumeIsolated { $0.abort() }
    }
}
