public import Logging

/// A server as a value: where it listens, how it behaves, and what serves a client.
///
///     var server = UVServer(at: "[::]:8081", framing: .lines) { client in
///         for try await line in client.messages { try await client.send(line) }
///     }
///     server.loops = UVLoopGroup.cores
///     try await server.run(stoppingOn: [.terminate, .interrupt])
///
/// It does nothing until it runs. It may run several times, also at the same time if it listens on
/// port 0. ``UVListener/serve(at:backlog:framing:options:on:loops:balance:drainFor:file:line:onListening:setUp:handler:)``
/// is the same in one call.
public struct UVServer: Sendable {
    /// Serves one client. The connection is closed when it returns.
    public typealias Handler =
        nonisolated(nonsending) @Sendable (UVAsyncConnection) async throws -> Void
    /// Serves one client, with the state of the client's loop.
    public typealias StateHandler<State> =
        nonisolated(nonsending) @Sendable (UVAsyncConnection, State) async throws -> Void

    /// Where it listens. The options' `additionalEndpoints` are further places.
    public var endpoint: UVEndpoint
    /// How the received bytes are divided into messages.
    public var framing: UVFraming
    /// How the server and its connections behave.
    ///
    /// When a peer of a task's server has finished sending, its connection stays half-open until the
    /// handler returns, whatever the options say.
    public var options: UVListenerOptions
    /// How many clients the kernel accepts before the server does. By default 4,096.
    public var backlog = 4096
    /// The number of its own loops, each with its own thread, at least 1. By default 1.
    ///
    /// ``UVLoopGroup/cores`` means one per core.
    public var loops = 1
    /// How clients are spread over the loops.
    public var balance = UVBalance.fewestClients
    /// How long clients have when the server stops, before they are reset. By default 5 seconds.
    public var drainTime = Duration.seconds(5)
    /// The last message to every client when a signal stops the server. By default it is empty, and
    /// nothing is sent.
    public var goodbye: [UInt8] = []
    /// Where the server's own loops report.
    public var logger = Logger(label: "UVSockets")
    /// How many events of its connections each of its own loops keeps, as for a ``UVLoop``.
    public var recordedEvents = UVLoop.defaultRecordedEvents
    /// The path of a file to keep those events in, as for a ``UVLoopGroup``. By default nil: what
    /// the environment variable `UVSOCKETS_RECORDER` says.
    public var blackBox: String?
    /// Called once for each run, when the server listens, with its handle.
    public var onListening: @Sendable (UVServerHandle) -> Void = { _ in }
    /// Called on each loop with its listener, before it listens.
    public var setUp: @Sendable (UVListener) -> Void = { _ in }
    /// Makes the state of a loop.
    private(set) var prepare: @Sendable (UVListener) -> Void = { _ in }
    let service: Service
    private let origin: Origin

    /// What serves the clients.
    enum Service: Sendable {
        case task(Handler)
        case callbacks(@Sendable (UVListener) -> UVLoopGroup.MessageHandler)
    }

    /// Describes a server.
    ///
    /// - Parameters:
    ///   - endpoint: Where to listen. Port 0 takes a free port.
    ///   - framing: How the received bytes are divided into messages, such as `.lines`.
    ///   - options: How the server and its connections behave.
    ///   - file: The file of the call. What is said about the server names it.
    ///   - line: The line of the call.
    ///   - handler: Serves one client.
    public init(
        at endpoint: UVEndpoint, framing: UVFraming = .raw,
        options: UVListenerOptions = UVListenerOptions(), file: StaticString = #fileID,
        line: UInt = #line, handler: @escaping Handler
    ) {
        self.init(at: endpoint, framing, options, Origin(file, line), .task(handler))
    }

    private init(
        at endpoint: UVEndpoint, _ framing: UVFraming, _ options: UVListenerOptions,
        _ origin: Origin, _ service: Service
    ) {
        self.endpoint = endpoint
        self.framing = framing
        self.options = options
        self.origin = origin
        self.service = service
    }

    /// Describes a server that handles messages with callbacks.
    ///
    ///     let server = UVServer.callbacks(at: "[::]:8081", framing: .lines) { listener in
    ///         var lines = 0
    ///         return { client, line in
    ///             lines += 1
    ///             client.send(line)
    ///         }
    ///     }
    ///     try await server.run(stoppingOn: [.terminate, .interrupt])
    ///
    /// - Parameters:
    ///   - endpoint: Where to listen. Port 0 takes a free port.
    ///   - framing: How the received bytes are divided into messages, such as `.lines`.
    ///   - options: How the server and its connections behave.
    ///   - file: The file of the call. What is said about the server names it.
    ///   - line: The line of the call.
    ///   - makeHandler: Called on each loop, as for
    ///     ``UVLoopGroup/listen(at:backlog:framing:options:balance:file:line:makeHandler:)``.
    /// - Returns: The server.
    public static func callbacks(
        at endpoint: UVEndpoint, framing: UVFraming = .raw,
        options: UVListenerOptions = UVListenerOptions(), file: StaticString = #fileID,
        line: UInt = #line,
        makeHandler: @escaping @Sendable (UVListener) -> UVLoopGroup.MessageHandler
    ) -> UVServer {
        UVServer(at: endpoint, framing, options, Origin(file, line), .callbacks(makeHandler))
    }

    /// Describes a server whose clients share a state on each loop.
    ///
    /// - Parameters:
    ///   - endpoint: Where to listen. Port 0 takes a free port.
    ///   - framing: How the received bytes are divided into messages, such as `.lines`.
    ///   - options: How the server and its connections behave.
    ///   - file: The file of the call. What is said about the server names it.
    ///   - line: The line of the call.
    ///   - state: Makes the state of a loop, before its listener listens. The state stays on that
    ///     loop, so it may be of any class and needs no lock.
    ///   - handler: Serves one client. It gets the state of the client's loop.
    public init<State>(
        at endpoint: UVEndpoint, framing: UVFraming = .raw,
        options: UVListenerOptions = UVListenerOptions(), file: StaticString = #fileID,
        line: UInt = #line,
        state: @escaping @Sendable (UVListener) -> State, handler: @escaping StateHandler<State>
    ) {
        self.init(
            at: endpoint, framing: framing, options: options, file: file, line: line
        ) { client in
            guard let listener = client.connection.listener else { return }
            try await handler(client, LoopState.of(listener, state))
        }
        prepare = { _ = LoopState.of($0, state) }
    }

    /// What its listeners are made of.
    var listening: ListenSettings {
        var options = options
        if case .task = service { options.connection.allowsHalfOpen = true }
        return ListenSettings(
            endpoint: endpoint, backlog: backlog, framing: framing, options: options,
            origin: origin)
    }

    /// Runs the server on loops of its own, until this task is cancelled, the server is stopped, or
    /// one of the signals comes.
    ///
    /// The first signal stops the server gracefully: nobody is accepted any more, the messages of
    /// each client end, and clients have the ``drainTime``. A second signal ends the drain at once.
    /// A cancellation also cancels the handlers.
    ///
    /// It returns when all handlers have returned.
    ///
    /// - Parameter signals: The signals. While the server runs they have no other effect.
    /// - Throws: ``UVError`` if the server cannot listen.
    nonisolated(nonsending) public func run(
        stoppingOn signals: [UVSignal] = []
    ) async throws(UVError) {
        try await serve(on: nil, stoppingOn: signals)
    }

    /// Runs the server on a loop that somebody runs meanwhile, as ``UVLoop/run(task:)`` does.
    ///
    /// Otherwise it works as ``run(stoppingOn:)``. ``loops`` has no effect. If nobody runs the loop,
    /// the log says so.
    ///
    /// - Parameters:
    ///   - loop: The loop.
    ///   - signals: The signals that stop the server.
    /// - Throws: ``UVError`` if the server cannot listen.
    nonisolated(nonsending) public func run(
        on loop: UVLoop, stoppingOn signals: [UVSignal] = []
    ) async throws(UVError) {
        try await serve(on: [loop], stoppingOn: signals)
    }

    /// Runs the server on the loops of a group, which stays when the server has ended.
    ///
    /// Otherwise it works as ``run(stoppingOn:)``. ``loops`` has no effect.
    ///
    /// - Parameters:
    ///   - group: The group.
    ///   - signals: The signals that stop the server.
    /// - Throws: ``UVError`` if the server cannot listen.
    nonisolated(nonsending) public func run(
        on group: UVLoopGroup, stoppingOn signals: [UVSignal] = []
    ) async throws(UVError) {
        try await serve(on: group.loops, stoppingOn: signals)
    }
}

/// The state that the handlers of one loop share. Its listener keeps it.
final class LoopState<State> {
    private let value: State

    private init(_ value: State) {
        self.value = value
    }

    /// The state of a listener, which is made if there is none.
    static func of(_ listener: UVListener, _ make: (UVListener) -> State) -> State {
        if let state = listener.sharedState as? LoopState { return state.value }
        let state = LoopState(make(listener))
        listener.sharedState = state
        return state.value
    }
}
