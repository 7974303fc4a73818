extension UVListener {
    /// Serves each client in a task of its own, until this task is cancelled.
    ///
    ///     try await UVListener.serve(at: "[::]:8081") { client in
    ///         for try await bytes in client.messages {
    ///             try await client.send(bytes)
    ///         }
    ///     }
    ///
    /// By default the server runs on a loop with its own thread, or on several such loops. They end
    /// with the server. Handlers run on these threads. After they have awaited something elsewhere,
    /// they come back. Handlers of one loop never run at the same time. If one of them blocks, it
    /// blocks all of that loop.
    ///
    /// When a handler returns, its client is closed after everything that was sent has left. When
    /// it throws anything except a ``UVEndReason``, the error is logged, and the client ends with
    /// ``UVEndReason/handlerFailed``.
    ///
    /// When this task is cancelled, nobody is accepted any more. The handlers' tasks are cancelled,
    /// too, so what they await of their clients throws `CancellationError`. Clients that are still
    /// there after the drain time are reset. This call returns when all handlers have returned, and
    /// never leaves a task behind. So a handler that waits for anything except its client must make
    /// sure that this wait ends.
    ///
    /// ``UVServerHandle/stop(drainFor:goodbye:)`` is the graceful end: it lets the handlers finish.
    ///
    /// - Parameters:
    ///   - endpoint: Where to listen. Port 0 takes a free port.
    ///   - backlog: How many clients the kernel accepts before the server does.
    ///   - framing: How the received bytes are divided into messages, such as `.lines`.
    ///   - options: How the server and its connections behave. When a peer has finished sending,
    ///     its connection stays half-open until the handler returns, whatever the options say.
    ///   - loop: A loop to serve on that somebody runs meanwhile, as ``UVLoop/run(task:)`` does.
    ///     Nil makes one or more own loops. If nobody runs the given loop, the log says so.
    ///   - loops: The number of loops, each with its own thread. ``UVLoopGroup/cores`` means one
    ///     per core. All limits hold for the loops together, except that each loop has an equal
    ///     share of the `outboundBudget`.
    ///   - balance: How clients are spread over the loops.
    ///   - drainTime: How long clients have after the task is cancelled, before they are reset.
    ///   - file: The file of the call. What is said about the server names it.
    ///   - line: The line of the call.
    ///   - onListening: Called once when the server listens. It gets the server's handle, for
    ///     example to ask where it listens and which clients it has, or to broadcast.
    ///   - setUp: Called on each loop with its listener, before it listens. Use it to set the
    ///     listener's callbacks or its `userToken`.
    ///   - handler: Serves one client.
    /// - Throws: ``UVError`` if the server cannot listen.
    nonisolated(nonsending) public static func serve(
        at endpoint: UVEndpoint, backlog: Int = 4096, framing: UVFraming = .raw,
        options: UVListenerOptions = UVListenerOptions(),
        on loop: UVLoop? = nil, loops: Int = 1, balance: UVBalance = .fewestClients,
        drainFor drainTime: Duration = .seconds(5), file: StaticString = #fileID,
        line: UInt = #line,
        onListening: @escaping @Sendable (UVServerHandle) -> Void = { _ in },
        setUp: @escaping @Sendable (UVListener) -> Void = { _ in },
        handler: @escaping UVServer.Handler
    ) async throws(UVError) {
        precondition(loop == nil || loops == 1, "loops must be 1 where a loop is given")
        var server = UVServer(
            at: endpoint, framing: framing, options: options, file: file, line: line,
            handler: handler)
        (server.backlog, server.loops, server.balance) = (backlog, loops, balance)
        (server.drainTime, server.onListening, server.setUp) = (drainTime, onListening, setUp)
        try await server.serve(on: loop.map { [$0] }, stoppingOn: [])
    }

    /// Serves each client in a task of its own, with a state that the clients of a loop share.
    ///
    ///     final class Scores { var lines = 0 }
    ///
    ///     try await UVListener.serve(
    ///         at: "[::]:8081", framing: .lines, state: { _ in Scores() }
    ///     ) { client, scores in
    ///         for try await line in client.messages {
    ///             scores.lines += 1
    ///             try await client.send("line \(scores.lines): \(String(message: line.span))")
    ///         }
    ///     }
    ///
    /// The state is made once on each loop, and stays on that loop. So it may be of any class, and
    /// handlers need no lock: between two `await`s nothing else runs on their loop.
    ///
    /// Otherwise it works as
    /// ``serve(at:backlog:framing:options:on:loops:balance:drainFor:file:line:onListening:setUp:handler:)``.
    ///
    /// - Parameters:
    ///   - endpoint: Where to listen. Port 0 takes a free port.
    ///   - backlog: How many clients the kernel accepts before the server does.
    ///   - framing: How the received bytes are divided into messages, such as `.lines`.
    ///   - options: How the server and its connections behave.
    ///   - loop: A loop to serve on that somebody runs meanwhile. Nil makes one or more own loops.
    ///   - loops: The number of loops, each with its own thread.
    ///   - balance: How clients are spread over the loops.
    ///   - drainTime: How long clients have after the task is cancelled, before they are reset.
    ///   - file: The file of the call. What is said about the server names it.
    ///   - line: The line of the call.
    ///   - onListening: Called once when the server listens, with its handle for other tasks.
    ///   - setUp: Called on each loop with its listener, before it listens.
    ///   - state: Makes the state of a loop, before its listener listens.
    ///   - handler: Serves one client. It gets the state of the client's loop.
    /// - Throws: ``UVError`` if the server cannot listen.
    nonisolated(nonsending) public static func serve<State>(
        at endpoint: UVEndpoint, backlog: Int = 4096, framing: UVFraming = .raw,
        options: UVListenerOptions = UVListenerOptions(),
        on loop: UVLoop? = nil, loops: Int = 1, balance: UVBalance = .fewestClients,
        drainFor drainTime: Duration = .seconds(5), file: StaticString = #fileID,
        line: UInt = #line,
        onListening: @escaping @Sendable (UVServerHandle) -> Void = { _ in },
        setUp: @escaping @Sendable (UVListener) -> Void = { _ in },
        state: @escaping @Sendable (UVListener) -> State,
        handler: @escaping UVServer.StateHandler<State>
    ) async throws(UVError) {
        precondition(loop == nil || loops == 1, "loops must be 1 where a loop is given")
        var server = UVServer(
            at: endpoint, framing: framing, options: options, file: file, line: line,
            state: state, handler: handler)
        (server.backlog, server.loops, server.balance) = (backlog, loops, balance)
        (server.drainTime, server.onListening, server.setUp) = (drainTime, onListening, setUp)
        try await server.serve(on: loop.map { [$0] }, stoppingOn: [])
    }
}
