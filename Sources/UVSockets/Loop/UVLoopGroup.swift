public import Logging

/// Several loops, each on its own thread, for servers that need more than one core.
///
///     let group = try UVLoopGroup()
///     try await group.listen(at: "[::]:8081") { listener in
///         { client, message in client.send(message) }
///     }
///     await group.run()
///
/// Each loop has its own listener, clients and buffers. A client stays on one loop from beginning
/// to end. Only messages that never change pass between the loops.
public final class UVLoopGroup: Sendable {
    /// A server of the group. The reference is nil once nobody holds the server and it has stopped.
    private struct Server {
        weak var remote: UVServerHandle?
    }

    private struct State {
        var servers: [Server] = []
        var isStopping = false
        /// How many threads have not ended yet.
        var running = 0
        var isJoined = false
        /// Callers that wait for the last thread to end.
        var waiting: [CheckedContinuation<Void, Never>] = []
    }

    /// The loops. They run until the group is stopped.
    public let loops: [UVLoop]
    private let threads: [LoopThread]
    private let state = Locked(State())

    /// How many cores this process may use.
    public static var cores: Int { availableCores() }

    /// Starts the loops.
    ///
    /// - Parameters:
    ///   - count: How many, at least 1; by default one for each core that this process may use.
    ///   - submissionLimit: How many closures and messages may wait for each loop.
    ///   - logger: Where the loops and the objects on them report.
    ///   - recordedEvents: How many events of its connections each loop keeps, as for a ``UVLoop``.
    ///   - blackBox: The path of a file to keep the events of the first loop in, as for a
    ///     ``UVLoop``. The files of the others end in `.1`, `.2` and so on.
    /// - Throws: ``UVError`` if the system has no descriptors, memory or threads left.
    public init(
        loops count: Int = UVLoopGroup.cores, submissionLimit: Int = 65_536,
        logger: Logger = Logger(label: "UVSockets"),
        recordedEvents: Int = UVLoop.defaultRecordedEvents, blackBox: String? = nil
    ) throws(UVError) {
        precondition(count > 0, "a UVLoopGroup needs at least 1 loop")
        var threads: [LoopThread] = []
        let throttles = LogThrottles()
        do throws(UVError) {
            for _ in 0..<count {
                let loop = try UVLoop(
                    submissionLimit, logger, throttles, recordedEvents: recordedEvents,
                    blackBox: blackBox)
                let thread: LoopThread
                do throws(UVError) {
                    thread = try LoopThread(running: loop) { [state] in
                        UVLoopGroup.threadEnded(state)
                    }
                } catch {
                    try loop.close()
                    throw error
                }
                // The thread cannot have ended yet, because nobody has told it to.
                state.withLock { $0.running += 1 }
                threads.append(thread)
            }
        } catch {
            for thread in threads {
                thread.loop.stop()
                thread.join()
            }
            throw error
        }
        self.threads = threads
        loops = threads.map(\.loop)
    }

    private static func threadEnded(_ state: Locked<State>) {
        let waiting = state.withLock { state in
            state.running -= 1
            guard state.running == 0 else { return [CheckedContinuation<Void, Never>]() }
            defer { state.waiting = [] }
            return state.waiting
        }
        for continuation in waiting { continuation.resume() }
    }

    /// Waits until the group has been stopped.
    public func run() async {
        await withCheckedContinuation { continuation in
            let isOver = state.withLock { state in
                if state.running > 0 { state.waiting.append(continuation) }
                return state.running == 0
            }
            if isOver { continuation.resume() }
        }
    }

    /// Stops the group's servers, then its loops and their threads.
    ///
    /// Do not call it on one of the group's own loops: that traps. First end the timers, signal
    /// watches and listeners that you have made yourself on its loops. A line in the log names
    /// those that are still open. A second call during the drain replaces the time; at other times
    /// it does nothing.
    ///
    /// - Parameters:
    ///   - time: How long clients may take to receive what is queued for them.
    ///   - goodbye: The last message to every client. An empty one, the default, is not sent.
    /// - Returns: What happened to the clients.
    @discardableResult
    public func stop(
        drainFor time: Duration = .seconds(5), goodbye: [UInt8] = []
    ) async -> UVDrainReport {
        checkIsElsewhere()
        let servers = state.withLock { state in
            state.isStopping = true
            return state.servers.compactMap(\.remote)
        }
        let report = await withTaskGroup(of: UVDrainReport.self) { tasks in
            for server in servers {
                tasks.addTask { await server.stop(drainFor: time, goodbye: goodbye) }
            }
            return await tasks.reduce(into: UVDrainReport()) { $0.add($1) }
        }
        await end()
        return report
    }

    private func checkIsElsewhere() {
        precondition(
            !loops.contains { $0.isOnLoop }, "UVLoopGroup.stop was called on one of its own loops")
    }

    /// Stops the loops, and waits for their threads without blocking this thread.
    func end() async {
        checkIsElsewhere()
        for loop in loops { loop.stop() }
        await run()
        let isFirst = state.withLock { state in
            defer { state.isJoined = true }
            return !state.isJoined
        }
        // The threads have nothing left to do but to return.
        if isFirst { for thread in threads { thread.join() } }
    }

    /// Remembers a server, so that it is stopped with the group.
    ///
    /// - Returns: False if the group is already stopping. Then nobody would stop the server.
    func keep(_ server: UVServerHandle) -> Bool {
        state.withLock { state in
            state.servers.removeAll { $0.remote == nil }
            if !state.isStopping { state.servers.append(Server(remote: server)) }
            return !state.isStopping
        }
    }
}
