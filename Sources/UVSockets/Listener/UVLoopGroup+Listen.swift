extension UVLoopGroup {
    /// Called with each message of a client.
    public typealias MessageHandler = (UVConnection, Span<UInt8>) -> Void

    /// Serves an endpoint on all loops of the group.
    ///
    ///     let server = try await group.listen(at: "[::]:8081") { listener in
    ///         var messages = 0
    ///         listener.onDisconnected = { client, _ in print(client.peer, messages) }
    ///         return { client, message in
    ///             messages += 1
    ///             client.send(message)
    ///         }
    ///     }
    ///
    /// The closure is called once on each loop, with the loop's own listener. It returns the
    /// handler for the messages on that loop. What the closure declares belongs to that loop alone
    /// and needs no lock. What all loops share must be `Sendable`.
    ///
    /// `maxConnections` and `admission` hold for all loops together. Each loop has an equal share
    /// of the `outboundBudget`. Client ids are unique across all loops.
    ///
    /// - Parameters:
    ///   - endpoint: Where to listen, as for a ``UVListener``.
    ///   - backlog: How many clients the kernel accepts before each listener does.
    ///   - framing: How the received bytes are divided into messages, such as `.lines`.
    ///   - options: How the server and its connections behave.
    ///   - balance: How clients are spread over the loops.
    ///   - file: The file of the call. What is said about the server names it.
    ///   - line: The line of the call.
    ///   - makeHandler: Called on each loop. It sets the listener's callbacks and returns the
    ///     message handler. It must not start the listener.
    /// - Returns: The server, which listens already.
    /// - Throws: ``UVError``, with the call and the address, if the server cannot listen.
    @discardableResult
    public func listen(
        at endpoint: UVEndpoint, backlog: Int = 4096, framing: UVFraming = .raw,
        options: UVListenerOptions = UVListenerOptions(), balance: UVBalance = .fewestClients,
        file: StaticString = #fileID, line: UInt = #line,
        makeHandler: @escaping @Sendable (UVListener) -> MessageHandler
    ) async throws(UVError) -> UVServerHandle {
        let settings = ListenSettings(
            endpoint: endpoint, backlog: backlog, framing: framing, options: options,
            origin: Origin(file, line))
        let admissions = settings.admissions(loops: loops, balance)
        var parts: [ListenerReference] = []
        for (index, loop) in loops.enumerated() {
            let made: ListenerReference? = await withCheckedContinuation { continuation in
                let isPosted = loop.submitAlways {
                    let part = ServerPart(admissions: admissions, index: index)
                    let listener = UVListener(loop, settings, part: part)
                    continuation.resume(returning: ListenerReference(listener))
                }
                if !isPosted { continuation.resume(returning: nil) }
            }
            guard let made else { throw settings.isCanceled }
            parts.append(made)
        }
        let server = UVServerHandle(parts, settings.framing, admissions)
        let joined: [Void] = await server.ask(parts) { listener, reply in
            listener.join(server, makeHandler)
            reply(())
        }
        guard joined.count == parts.count, keep(server) else { throw settings.isCanceled }
        try await server.open(balance, settings.endpoint)
        return server
    }
}

/// Where and how to listen.
struct ListenSettings: Sendable {
    let endpoint: UVEndpoint
    let backlog: Int
    let framing: UVFraming
    var options: UVListenerOptions
    let origin: Origin

    /// The error for a server that was stopped before it could listen.
    var isCanceled: UVError {
        UVError(call: "listen", subject: "\(endpoint)", code: .canceled)
    }

    /// The admissions of a server on these loops.
    func admissions(loops: [UVLoop], _ balance: UVBalance) -> Admissions {
        let limit = UVListener.connectionLimit(
            options.maxConnections, loops: loops.count, loops[0].logger)
        return Admissions(options.admission, limit: limit, parts: loops.count, balance)
    }
}

extension UVListener {
    /// Makes one listener of a server. It has no handler before it joins the server.
    convenience init(_ loop: UVLoop, _ settings: ListenSettings, part: ServerPart?) {
        self.init(
            loop, settings.endpoint, settings.backlog, settings.framing, settings.options,
            settings.origin, part: part
        ) { _, _ in }
    }
}

extension UVServerHandle {
    /// Starts all parts. Those that receive handed-over clients start before the one that hands
    /// clients over.
    nonisolated(nonsending) func open(_ balance: UVBalance, _ endpoint: UVEndpoint)
        async throws(UVError)
    {
        if balance == .fewestClients {
            for part in parts.dropFirst() { part.post { $0.awaitHandOvers() } }
        }
        do throws(UVError) {
            let addresses = try await open(parts[0], at: nil, endpoint)
            if balance == .kernel {
                for part in parts.dropFirst() {
                    _ = try await open(part, at: addresses, endpoint)
                }
            }
        } catch {
            await stop(drainFor: .zero)
            throw error
        }
    }

    nonisolated(nonsending) private func open(
        _ part: ListenerReference, at addresses: [UVEndpoint]?, _ endpoint: UVEndpoint
    ) async throws(UVError) -> [UVEndpoint] {
        let answers: [Result<[UVEndpoint], UVError>] = await ask([part]) { listener, reply in
            listener.open(at: addresses, reply: reply)
        }
        guard let answer = answers.first else {
            throw UVError(call: "listen", subject: "\(endpoint)", code: .canceled)
        }
        return try answer.get()
    }
}
