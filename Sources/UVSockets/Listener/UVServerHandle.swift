/// A server's handle for other threads, tasks and actors.
///
/// It stands for one listener, or for all listeners of a server on many loops. It comes from
/// ``UVListener/remote`` or ``UVLoopGroup``.
///
///     let server = listener.remote
///     Task.detached { print(await server.broadcast("tea is ready").receivers) }
///
/// Requests of one thread or one task run in their order on every loop, whether the caller waits
/// for answers or not. If the caller is on a loop of the server, a request runs at once for that
/// loop's clients. A stop is the exception: it begins on the loop that accepts. If a listener's
/// loop does not run, the answer comes when it does. A closed loop has no clients.
public final class UVServerHandle: Sendable {
    let parts: [ListenerReference]
    let framing: UVFraming
    /// The admissions of a server on several loops. Nil for a single listener.
    private let admissions: Admissions?
    private let listening = Locked<(endpoints: [UVEndpoint], parts: Int)>(([], 0))

    init(_ parts: [ListenerReference], _ framing: UVFraming, _ admissions: Admissions?) {
        self.parts = parts
        self.framing = framing
        self.admissions = admissions
    }

    deinit {
        for part in parts { part.release() }
    }

    /// The loops that serve its clients: one, or those of its ``UVLoopGroup``.
    public var loops: [UVLoop] { parts.map(\.loop) }

    /// The endpoint it listens on, with the real port where port 0 was asked for.
    ///
    /// It is the first of ``localEndpoints``. Nil while it listens on no loop.
    public var localEndpoint: UVEndpoint? { localEndpoints.first }

    /// All endpoints it listens on. Empty while it listens on no loop.
    ///
    /// There is one for each address of a name, and those for the `additionalEndpoints` of its
    /// options.
    public var localEndpoints: [UVEndpoint] {
        listening.withLock { $0.parts > 0 ? $0.endpoints : [] }
    }

    /// The endpoints of one of its listeners have changed. An empty list means that it does not
    /// listen.
    func moved(from old: [UVEndpoint], to new: [UVEndpoint]) {
        listening.withLock { listening in
            if !old.isEmpty { listening.parts -= 1 }
            guard !new.isEmpty else { return }
            listening = (new, listening.parts + 1)
        }
    }

    // MARK: - Asking

    /// The server's statistics: the sums over all loops.
    ///
    /// - Returns: The statistics.
    nonisolated(nonsending) public func stats() async -> UVListenerStats {
        await ask { listener, reply in listener.collectStats(reply) }.reduce(
            into: UVListenerStats()
        ) { $0.add($1) }
    }

    /// The statistics of the server and of each client. It copies some data of each client.
    ///
    /// - Returns: The snapshot. Each loop's part is from the moment at which that loop was asked.
    nonisolated(nonsending) public func snapshot() async -> UVListenerSnapshot {
        await ask { $1($0.snapshot) }.reduce(into: UVListenerSnapshot()) {
            $0.stats.add($1.stats)
            $0.clients += $1.clients
        }
    }

    /// Sends a client away.
    ///
    /// Everything that was sent to it before still reaches it. Then it is closed.
    ///
    /// - Parameter id: The client's id.
    /// - Returns: Whether there was a client with that id.
    @discardableResult
    nonisolated(nonsending) public func kick(_ id: UVConnection.ID) async -> Bool {
        guard let part = part(of: id) else { return false }
        return await ask([part]) { $1($0.kick(id)) }.contains(true)
    }

    /// Stops the server and waits until the last client is gone.
    ///
    /// It works as ``UVListener/stop(drainFor:goodbye:completion:)`` does.
    ///
    /// Do not await this in a client's handler. It would wait for its own client, until the drain
    /// time is over.
    ///
    /// - Parameters:
    ///   - time: How long clients may take to get what is queued for them and to close.
    ///   - goodbye: The last message to every client. By default it is empty, and nothing is sent.
    /// - Returns: What became of the clients. If the server had already stopped, no clients are
    ///   left and the counts are zero.
    @discardableResult
    nonisolated(nonsending) public func stop(
        drainFor time: Duration = .seconds(5), goodbye: [UInt8] = []
    ) async -> UVDrainReport {
        await withCheckedContinuation { continuation in
            let answers = Answers<UVDrainReport>(parts.count, continuation)
            beginStop(drainFor: time, goodbye: goodbye) { answers.add($0) }
        }.reduce(into: UVDrainReport()) { $0.add($1) }
    }

    /// First closes admission on every loop, then stops the listeners. The one that hands clients
    /// over stops first, so that no client is in transit.
    ///
    /// - Parameters:
    ///   - time: How long clients may take.
    ///   - goodbye: The last message to every client.
    ///   - completion: Called once for each loop, on any thread. It gets nil if there was nothing
    ///     to stop.
    package func beginStop(
        drainFor time: Duration, goodbye: [UInt8] = [],
        completion: @escaping @Sendable (UVDrainReport?) -> Void = { _ in }
    ) {
        let stopAll: @Sendable () -> Void = { [parts] in
            for part in parts {
                let isStopping = part.post {
                    $0.stop(drainFor: time, goodbye: goodbye, completion: completion)
                }
                if !isStopping { completion(nil) }
            }
        }
        admissions?.close()
        let isBegun =
            admissions?.balance == .fewestClients
            && parts[0].post { first in
                first.stopListening()
                stopAll()
            }
        if !isBegun { stopAll() }
    }

    /// Runs a closure on each loop of the server, with the loop's listener.
    ///
    /// - Parameter body: The closure to run.
    /// - Returns: False if a loop is closed or its `submissionLimit` is reached. On that loop the
    ///   closure does not run.
    @discardableResult
    public func forEachListener(_ body: @escaping @Sendable (UVListener) -> Void) -> Bool {
        var isPosted = true
        for part in parts where !part.post(isLimited: true, body) { isPosted = false }
        return isPosted
    }

    /// Runs a closure on each loop of the server, with the loop's listener, and collects the
    /// results.
    ///
    ///     let queued = await server.mapListeners { listener in
    ///         listener.clients.map(\.bytesQueued).reduce(0, +)
    ///     }
    ///
    /// - Parameter body: The closure to run.
    /// - Returns: What the closure returned on each loop, in any order. A closed loop gives nothing.
    nonisolated(nonsending) public func mapListeners<Value: Sendable>(
        _ body: @escaping @Sendable (UVListener) -> Value
    ) async -> [Value] {
        await ask { listener, reply in reply(body(listener)) }
    }
}

// MARK: - The parts

extension UVServerHandle {
    /// The listener whose client has the id. The listeners take turns in giving ids.
    func part(of id: UVConnection.ID) -> ListenerReference? {
        id > 0 ? parts[Int((id - 1) % UInt64(parts.count))] : nil
    }

    /// Asks every listener and waits for all answers.
    nonisolated(nonsending) func ask<Answer: Sendable>(
        _ question:
            @escaping @Sendable (UVListener, @escaping @Sendable (Answer) -> Void) -> Void
    ) async -> [Answer] {
        await ask(parts, question)
    }

    nonisolated(nonsending) func ask<Answer: Sendable>(
        _ parts: [ListenerReference],
        _ question:
            @escaping @Sendable (UVListener, @escaping @Sendable (Answer) -> Void) -> Void
    ) async -> [Answer] {
        await withCheckedContinuation { continuation in
            let answers = Answers(parts.count, continuation)
            for part in parts {
                let isAsked = part.post { listener in question(listener) { answers.add($0) } }
                if !isAsked { answers.add(nil) }
            }
        }
    }

    /// Asks listeners that may answer much later. Each looks at the cancellation, and answers when
    /// it is set.
    nonisolated(nonsending) func askCancellably<Answer: Sendable>(
        _ parts: [ListenerReference]? = nil,
        _ question:
            @escaping @Sendable (
                UVListener, Cancellation, @escaping @Sendable (Answer) -> Void
            ) -> Void
    ) async -> [Answer] {
        await ask(parts ?? self.parts, question, isolation: #isolation)
    }

    // The closures capture `isolation`, so that they run in the caller's isolation, too.
    private func ask<Answer: Sendable>(
        _ parts: [ListenerReference],
        _ question:
            @escaping @Sendable (
                UVListener, Cancellation, @escaping @Sendable (Answer) -> Void
            ) -> Void,
        isolation: isolated (any Actor)?
    ) async -> [Answer] {
        let cancellation = Cancellation()
        return await withTaskCancellationHandler {
            _ = isolation
            return await ask(parts) { question($0, cancellation, $1) }
        } onCancel: {
            cancellation.set()
            for part in parts { part.post { $0.checkSlowWaits() } }
        }
    }

    /// Collects the answers of many loops.
    private final class Answers<Answer: Sendable>: Sendable {
        private let state: Locked<(missing: Int, answers: [Answer])>
        private let continuation: CheckedContinuation<[Answer], Never>

        init(_ count: Int, _ continuation: CheckedContinuation<[Answer], Never>) {
            state = Locked((count, []))
            self.continuation = continuation
        }

        /// A loop has answered. Nil means that its listener is gone.
        func add(_ answer: Answer?) {
            let all = state.withLock { state in
                state.missing -= 1
                if let answer { state.answers.append(answer) }
                return state.missing == 0 ? state.answers : nil
            }
            if let all { continuation.resume(returning: all) }
        }
    }
}

extension UVListener {
    /// The handle of this listener for other threads, tasks and actors.
    ///
    /// The loop retains the listener while somebody has the handle, at most until the loop is
    /// closed. If another thread releases the handle last, the loop learns of it in its next turn.
    ///
    /// For a listener of a ``UVLoopGroup`` it is the handle of the whole server.
    public var remote: UVServerHandle {
        loop.confine("UVListener.remote")
        if let serverHandle { return serverHandle }
        let remote = UVServerHandle(
            [ListenerReference(self)], events.coder?.framing ?? .raw, nil)
        remote.moved(from: [], to: localEndpoints)
        serverHandle = remote
        return remote
    }
}
