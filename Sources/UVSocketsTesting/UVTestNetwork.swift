public import Logging
public import UVSockets

/// A network in memory, for tests.
///
/// Listeners, connectors and handlers run on it unchanged, without a socket and without waiting:
///
///     let network = try UVTestNetwork()
///     let client = try network.connect(framing: .lines) { $0.send($1) }
///     #expect(client.exchange("hello\n") == "hello\n")
///
/// Everything made on its ``loop`` is on this network: listeners, connectors, timers and tasks.
/// Framing, limits, deadlines and the drain are those of a real server. You can listen at any
/// endpoint, even at one that this machine does not have. Names are not looked up.
///
/// The loop's time stands still until ``run(for:)`` or ``run(until:within:)`` moves it. Two minutes
/// pass in a millisecond.
///
/// Nothing happens by itself. ``run()`` lets the server do everything that it can do now.
///
/// A handler may await something outside of the loop, such as `Task.sleep` or another actor. That
/// takes real time. ``wait(until:)`` waits for it.
///
/// A network is not `Sendable`: it belongs to the code that uses it. It has one loop. When the
/// network is released, everything that is open on it is closed.
public final class UVTestNetwork {
    /// The loop to make listeners, connectors and timers on.
    public let loop: UVLoop
    let memory: MemoryNetwork

    /// Makes a network.
    ///
    /// - Parameters:
    ///   - seed: The source of the random waits of reconnecting connectors. The same seed gives the
    ///     same waits.
    ///   - logger: The logger of the loop.
    /// - Throws: ``UVError`` if the process has no descriptors left for a loop.
    public init(
        seed: UInt64 = 0, logger: Logger = Logger(label: "UVSocketsTesting")
    ) throws(UVError) {
        memory = MemoryNetwork(seed: seed)
        loop = try UVLoop(in: memory, logger: logger)
    }

    deinit {
        loop.endInMemory()
    }

    // MARK: - Time

    /// The time that has passed on the network since it was made.
    public var now: Duration { .milliseconds(memory.clock.now) }

    /// Does everything that can be done now. The time does not move.
    ///
    /// It traps after ten million rounds, because then two handlers answer each other without end.
    public func run() {
        loop.settle()
    }

    /// Moves the time, and does everything that is due meanwhile.
    ///
    /// - Parameter time: How far, in whole milliseconds.
    public func run(for time: Duration) {
        loop.run(for: time)
    }

    /// Moves the time until a condition holds.
    ///
    /// When nothing is left to do, the time moves to the next timer or deadline. The library has some
    /// of its own. If there is none, this waits for other threads, for at most ten seconds of real
    /// time.
    ///
    /// If a handler awaits something outside of the loop, use ``wait(until:)``. This method would move
    /// the time to the next deadline meanwhile.
    ///
    /// - Parameters:
    ///   - condition: The condition.
    ///   - limit: How far the time may move.
    /// - Returns: Whether the condition holds.
    @discardableResult
    public func run(until condition: () -> Bool, within limit: Duration = .seconds(3600)) -> Bool {
        loop.run(until: condition, within: limit)
    }

    /// Waits until a condition holds, while other threads work. The network's time does not move.
    ///
    /// It waits for at most ten seconds of real time.
    ///
    /// - Parameter condition: The condition.
    /// - Returns: Whether the condition holds.
    @discardableResult
    public func wait(until condition: () -> Bool) -> Bool {
        loop.wait(until: condition)
    }

    // MARK: - Servers

    /// Makes a listener and a client of it.
    ///
    /// - Parameters:
    ///   - framing: How the listener divides the bytes into messages.
    ///   - options: How the listener behaves.
    ///   - onMessageReceived: The listener's handler of messages.
    /// - Returns: The client.
    /// - Throws: ``UVError`` as ``UVListener/startAccept()`` does.
    public func connect(
        framing: UVFraming = .raw, options: UVListenerOptions = UVListenerOptions(),
        onMessageReceived: @escaping (UVConnection, Span<UInt8>) -> Void
    ) throws(UVError) -> UVTestPeer {
        let listener = UVListener(
            on: loop, at: "127.0.0.1:0", framing: framing, options: options,
            onMessageReceived: onMessageReceived)
        return try connect(to: listener)
    }

    /// Connects to a listener. If the listener has not started, this starts it.
    ///
    /// - Parameters:
    ///   - listener: A listener on this network's loop.
    ///   - address: Where the client comes from, such as `10.0.0.7:0`; nil for 127.0.0.1.
    /// - Returns: The client.
    /// - Throws: ``UVError`` if it cannot listen, or does not listen any more.
    public func connect(
        to listener: UVListener, from address: UVEndpoint? = nil
    ) throws(UVError) -> UVTestPeer {
        precondition(listener.loop === loop, "the listener is on another loop")
        try listener.startAccept()
        return try connect(to: listener.localEndpoint ?? listener.endpoint, from: address)
    }

    /// Connects to an endpoint of this network, and lets the server accept the client.
    ///
    /// If you call it in a callback, the server accepts the client when the callback has ended.
    ///
    /// - Parameters:
    ///   - endpoint: Where to connect to.
    ///   - address: Where the client comes from, such as `10.0.0.7:0`; nil for 127.0.0.1.
    /// - Returns: The client.
    /// - Throws: ``UVError`` with the code ``UVError/Code/connectionRefused`` if nobody listens there.
    public func connect(
        to endpoint: UVEndpoint, from address: UVEndpoint? = nil
    ) throws(UVError) -> UVTestPeer {
        guard let end = try memory.connect(to: endpoint, from: address) else {
            throw UVError(call: "connect", subject: "\(endpoint)", code: .timedOut)
        }
        let peer = UVTestPeer(end, of: self)
        // In a callback, the round that goes on gets to it.
        if !loop.isInRun { run() }
        return peer
    }

    /// Serves clients with tasks on this network's loop, as `UVListener.serve` does.
    ///
    /// - Parameters:
    ///   - endpoint: Where to listen. Port 0 takes a free port.
    ///   - framing: How the bytes are divided into messages.
    ///   - options: How the server and its connections behave.
    ///   - drainTime: The time that clients have when the task is cancelled.
    ///   - setUp: Called with the listener before it listens. It can set callbacks or the `userToken`.
    ///   - handler: Serves a client.
    /// - Returns: The server's task, which listens already. Cancel it to stop the server.
    public func serve(
        at endpoint: UVEndpoint = "127.0.0.1:0", framing: UVFraming = .raw,
        options: UVListenerOptions = UVListenerOptions(),
        drainFor drainTime: Duration = .seconds(5),
        setUp: @escaping @Sendable (UVListener) -> Void = { _ in },
        handler:
            nonisolated(nonsending) @escaping @Sendable (UVAsyncConnection) async throws -> Void
    ) -> UVTestTask<Void> {
        let listening = Outcome<UVServerHandle>()
        let loop = loop
        let task = start(listening) {
            try await UVListener.serve(
                at: endpoint, framing: framing, options: options, on: loop, drainFor: drainTime,
                onListening: { listening.set(.success($0)) }, setUp: setUp, handler: handler)
        }
        run { listening.result != nil || task.result != nil }
        return task
    }

    /// Connects to a server that ``serve(at:framing:options:drainFor:setUp:handler:)`` began.
    ///
    /// - Parameters:
    ///   - server: The task.
    ///   - address: Where the client comes from; nil for 127.0.0.1.
    /// - Returns: The client.
    /// - Throws: The error that the task has ended with; ``UVError`` if nobody listens any more.
    public func connect(
        to server: UVTestTask<Void>, from address: UVEndpoint? = nil
    ) throws -> UVTestPeer {
        if case .failure(let error) = server.result { throw error }
        guard let endpoint = server.server?.localEndpoint else {
            throw UVError(call: "connect", code: .connectionRefused)
        }
        return try connect(to: endpoint, from: address)
    }

    /// Makes a server for connectors on this network's loop.
    ///
    /// - Parameter endpoint: Where to listen. Port 0 takes a free port.
    /// - Returns: The server.
    /// - Throws: ``UVError`` with the code ``UVError/Code/addressInUse`` if somebody listens there.
    public func listen(at endpoint: UVEndpoint) throws(UVError) -> UVTestServer {
        UVTestServer(try memory.listen(at: endpoint), of: self)
    }

    // MARK: - Tasks

    /// Starts a task on the loop. It runs while the network runs.
    ///
    /// - Parameter body: The task's code.
    /// - Returns: The task.
    public func start<Value: Sendable>(
        _ body: nonisolated(nonsending) @escaping @Sendable () async throws -> Value
    ) -> UVTestTask<Value> {
        start(nil, body)
    }

    private func start<Value: Sendable>(
        _ listening: Outcome<UVServerHandle>?,
        _ body: nonisolated(nonsending) @escaping @Sendable () async throws -> Value
    ) -> UVTestTask<Value> {
        let outcome = Outcome<Value>()
        let task = Task(executorPreference: loop) {
            do {
                outcome.set(.success(try await body()))
            } catch {
                outcome.set(.failure(error))
            }
        }
        return UVTestTask(task, outcome, listening: listening)
    }

    /// Runs a task on the loop until it has ended. The time moves when nothing is left to do.
    ///
    /// - Parameters:
    ///   - limit: How far the time may move.
    ///   - body: The task's code.
    /// - Returns: The result of the task.
    /// - Throws: The error of the task. If the task has not ended in time, it is cancelled, and this
    ///   throws ``UVError`` with the code ``UVError/Code/timedOut``.
    public func run<Value: Sendable>(
        within limit: Duration = .seconds(3600),
        task body: nonisolated(nonsending) @escaping @Sendable () async throws -> Value
    ) throws -> Value {
        let task = start(body)
        run(until: { task.result != nil }, within: limit)
        guard let result = task.result else {
            task.cancel()
            run()
            throw UVError(call: "run task", code: .timedOut)
        }
        return try result.get()
    }
}
