public import Logging
public import UVSockets

/// A network in memory, for tests: listeners, connectors and handlers run on it unchanged, without a socket
/// and without waiting.
///
///     let network = try UVTestNetwork()
///     let client = try network.connect(framing: .lines) { $0.send($1) }
///     #expect(client.exchange("hello\n") == "hello\n")
///
/// Whatever is made on its ``loop`` is on this network: listeners, connectors, timers, tasks. Framing, limits,
/// deadlines and drain are those of a real server. Any endpoint can be listened at, also one that this machine
/// does not have; names are not looked up. The loop's time stands still until ``run(for:)`` or
/// ``run(until:within:)`` moves it: two minutes pass in a millisecond.
///
/// Nothing happens by itself. Call ``run()`` to let the server do what it can do now.
///
/// What a handler awaits outside of the loop, such as `Task.sleep` or another actor, takes real time. To
/// wait for it, use ``wait(until:)``.
///
/// A network belongs to whoever uses it: it is not `Sendable`. It has one loop. Its end closes whatever is open
/// on it.
public final class UVTestNetwork {
    /// The loop to make listeners, connectors and timers on.
    public let loop: UVLoop
    let memory: MemoryNetwork

    /// Makes a network.
    ///
    /// - Parameters:
    ///   - seed: What the random waits of reconnecting connectors come from: the same seed brings the same
    ///     waits.
    ///   - logger: Where the loop reports.
    /// - Throws: ``UVError`` where the process has no descriptors left for a loop.
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

    /// How much time has passed on the network since it was made.
    public var now: Duration { .milliseconds(memory.clock.now) }

    /// Does all that can be done now. The time does not move.
    ///
    /// It traps after a million rounds: two handlers answer each other without end.
    public func run() {
        loop.settle()
    }

    /// Lets time pass, and does what comes up meanwhile.
    ///
    /// - Parameter time: How long, in whole milliseconds.
    public func run(for time: Duration) {
        loop.run(for: time)
    }

    /// Lets time pass until something holds. The time moves when nothing is left to do, to the next timer or
    /// deadline; the library has some of its own. Where there is none, it waits for other threads, for at most ten
    /// seconds of real time.
    ///
    /// While a handler awaits something elsewhere, such as `Task.sleep`, use ``wait(until:)``: this would move
    /// the time to the next deadline meanwhile.
    ///
    /// - Parameters:
    ///   - condition: What is to hold.
    ///   - limit: How much of the network's time may pass.
    /// - Returns: Whether it holds.
    @discardableResult
    public func run(until condition: () -> Bool, within limit: Duration = .seconds(3600)) -> Bool {
        loop.run(until: condition, within: limit)
    }

    /// Waits until something holds that other threads bring about, for at most ten seconds of real time. The
    /// network's time does not move.
    ///
    /// - Parameter condition: What is to hold.
    /// - Returns: Whether it holds.
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
    ///   - onMessageReceived: What it does with a message.
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

    /// Connects to a listener, which is started where it was not.
    ///
    /// - Parameters:
    ///   - listener: A listener on this network's loop.
    ///   - address: Where the client comes from, such as `10.0.0.7:0`; nil for 127.0.0.1.
    /// - Returns: The client.
    /// - Throws: ``UVError`` where it cannot listen, or nobody listens there any more.
    public func connect(
        to listener: UVListener, from address: UVEndpoint? = nil
    ) throws(UVError) -> UVTestPeer {
        precondition(listener.loop === loop, "the listener is on another loop")
        try listener.startAccept()
        return try connect(to: listener.localEndpoint ?? listener.endpoint, from: address)
    }

    /// Connects to whoever listens at an endpoint of this network, and runs it. In a callback, the server hears of
    /// it when that has ended.
    ///
    /// - Parameters:
    ///   - endpoint: Whom to connect to.
    ///   - address: Where the client comes from, such as `10.0.0.7:0`; nil for 127.0.0.1.
    /// - Returns: The client.
    /// - Throws: ``UVError`` with the code ``UVError/Code/connectionRefused`` where nobody listens there.
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

    /// Serves clients by tasks, as `UVListener.serve` does, on this network's loop.
    ///
    /// - Parameters:
    ///   - endpoint: Where to listen; port 0 takes a free port.
    ///   - framing: How the bytes are divided into messages.
    ///   - options: How the server and its connections behave.
    ///   - drainTime: How long clients have when the task is cancelled.
    ///   - setUp: Called with the listener, before it listens: to set its callbacks or its `userToken`.
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

    /// Connects to the server of a task that ``serve(at:framing:options:drainFor:handler:)`` began.
    ///
    /// - Parameters:
    ///   - server: The task.
    ///   - address: Where the client comes from; nil for 127.0.0.1.
    /// - Returns: The client.
    /// - Throws: What the task has failed with; ``UVError`` where nobody listens any more.
    public func connect(
        to server: UVTestTask<Void>, from address: UVEndpoint? = nil
    ) throws -> UVTestPeer {
        if case .failure(let error) = server.result { throw error }
        guard let endpoint = server.server?.localEndpoint else {
            throw UVError(call: "connect", code: .connectionRefused)
        }
        return try connect(to: endpoint, from: address)
    }

    /// Listens as a server that connectors on this network's loop connect to.
    ///
    /// - Parameter endpoint: Where; port 0 takes a free port.
    /// - Returns: The server.
    /// - Throws: ``UVError`` with the code ``UVError/Code/addressInUse`` where somebody listens there.
    public func listen(at endpoint: UVEndpoint) throws(UVError) -> UVTestServer {
        UVTestServer(try memory.listen(at: endpoint), of: self)
    }

    // MARK: - Tasks

    /// Starts a task on the loop, where it runs while the network is run.
    ///
    /// - Parameter body: The task.
    /// - Returns: The task, which tells its result.
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
    ///   - limit: How much of the network's time may pass.
    ///   - body: The task.
    /// - Returns: What the task returns.
    /// - Throws: What the task throws; ``UVError`` with the code ``UVError/Code/timedOut`` where it has not
    ///   ended in time, and it is cancelled then.
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
