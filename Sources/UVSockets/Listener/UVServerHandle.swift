/// A listener, or all listeners of a server on many loops, for other threads, tasks and actors; from
/// ``UVListener/remote`` or ``UVLoopGroup``.
///
///     let server = listener.remote
///     Task.detached { print(await server.broadcast("tea is ready").receivers) }
///
/// What one thread, or one task, asks for is done in that order on every loop, whether or not it
/// waits for the answers. On a loop of the server it is done at once for the clients of that loop, but
/// for the stop, which begins with the loop that accepts.
/// Where a listener's loop does not run, the answer is waited for until it does; a loop that is
/// closed has nobody.
public final class UVServerHandle: Sendable {
    let parts: [ListenerReference]
    let framing: UVFraming
    /// Whom it admits, on several loops.
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

    /// Where it listens, with the port the system gave for port 0; nil while it does not on any loop.
    /// The first of ``localEndpoints``.
    public var localEndpoint: UVEndpoint? { localEndpoints.first }

    /// Everywhere it listens: at each address of a name, and at the `additionalEndpoints` of its options.
    /// Empty while it does not on any loop.
    public var localEndpoints: [UVEndpoint] {
        listening.withLock { $0.parts > 0 ? $0.endpoints : [] }
    }

    /// One of its listeners listens elsewhere than before; at no endpoint is nowhere.
    func moved(from old: [UVEndpoint], to new: [UVEndpoint]) {
        listening.withLock { listening in
            if !old.isEmpty { listening.parts -= 1 }
            guard !new.isEmpty else { return }
            listening = (new, listening.parts + 1)
        }
    }

    // MARK: - Asking

    /// How the server stands: the sums over all loops.
    ///
    /// - Returns: The statistics.
    nonisolated(nonsending) public func stats() async -> UVListenerStats {
        await ask { $1($0.stats) }.reduce(into: UVListenerStats()) { $0.add($1) }
    }

    /// How the server and each client stand. Costs a copy for each client.
    ///
    /// - Returns: The snapshot, each loop's part of it of the moment at which that was asked.
    nonisolated(nonsending) public func snapshot() async -> UVListenerSnapshot {
        await ask { $1($0.snapshot) }.reduce(into: UVListenerSnapshot()) {
            $0.stats.add($1.stats)
            $0.clients += $1.clients
        }
    }

    /// Sends a client away: what was sent to it before still reaches it, then it is closed.
    ///
    /// - Parameter id: The client's id.
    /// - Returns: Whether there was one.
    @discardableResult
    nonisolated(nonsending) public func kick(_ id: UVConnection.ID) async -> Bool {
        guard let part = part(of: id) else { return false }
        return await ask([part]) { $1($0.kick(id)) }.contains(true)
    }

    /// Stops the server, as ``UVListener/stop(drainFor:goodbye:completion:)`` does, and waits until
    /// the last client is gone.
    ///
    /// Do not await this in a client's handler: it would wait for its own client, until the drain time
    /// is over.
    ///
    /// - Parameters:
    ///   - time: How long clients may take to get what is queued for them, and to close in turn.
    ///   - goodbye: The last message to every client. An empty one, the default, is not sent.
    /// - Returns: What became of the clients. Where it has been stopped already, none are left.
    @discardableResult
    nonisolated(nonsending) public func stop(
        drainFor time: Duration = .seconds(5), goodbye: [UInt8] = []
    ) async -> UVDrainReport {
        await withCheckedContinuation { continuation in
            let answers = Answers<UVDrainReport>(parts.count, continuation)
            beginStop(drainFor: time, goodbye: goodbye) { answers.add($0) }
        }.reduce(into: UVDrainReport()) { $0.add($1) }
    }

    /// First closes admission on every loop, then stops the listeners. The one that hands clients over
    /// stops first, so that no client is in transit.
    ///
    /// - Parameters:
    ///   - time: How long clients may take.
    ///   - goodbye: The last message to every client.
    ///   - completion: Called once for each loop, on whichever thread; with nil where there was
    ///     nothing to stop.
    func beginStop(
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

    /// Runs a closure on each loop of the server, with its listener there.
    ///
    /// - Parameter body: What to do.
    /// - Returns: False where a loop is closed, or its `submissionLimit` reached: there it is not run.
    @discardableResult
    public func forEachListener(_ body: @escaping @Sendable (UVListener) -> Void) -> Bool {
        var isPosted = true
        for part in parts where !part.post(isLimited: true, body) { isPosted = false }
        return isPosted
    }
}

// MARK: - The parts

extension UVServerHandle {
    /// The loop whose client has the id: they take turns in giving them.
    private func part(of id: UVConnection.ID) -> ListenerReference? {
        id > 0 ? parts[Int((id - 1) % UInt64(parts.count))] : nil
    }

    /// Asks every listener, and waits for all the answers.
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

    /// Gathers the answers of many loops.
    private final class Answers<Answer: Sendable>: Sendable {
        private let state: Locked<(missing: Int, answers: [Answer])>
        private let continuation: CheckedContinuation<[Answer], Never>

        init(_ count: Int, _ continuation: CheckedContinuation<[Answer], Never>) {
            state = Locked((count, []))
            self.continuation = continuation
        }

        /// A loop has answered; with nil where nobody is there.
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
    /// The listener for other threads, tasks and actors. Its loop keeps a listener for as long as
    /// somebody has this, or until the loop is closed. Where another thread has it last, the loop hears
    /// of that in its next turn.
    ///
    /// For a listener of a ``UVLoopGroup`` it is the whole server.
    public var remote: UVServerHandle {
        loop.confine("UVListener.remote")
        if let serverHandle { return serverHandle }
        let remote = UVServerHandle(
            [ListenerReference(self)], UVFraming(events.coder?.codec), nil)
        remote.moved(from: [], to: localEndpoints)
        serverHandle = remote
        return remote
    }
}
