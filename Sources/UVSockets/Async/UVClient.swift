/// A client for tasks and actors: it connects, stays connected, asks and gets answers.
///
///     let redis = try UVClient(to: "localhost:6379", framing: .lines)
///     let answer = try await redis.ask("PING", within: .seconds(1))
///
/// Any task, actor and thread may use it. It connects at once, and when its connection has ended it
/// connects again, as its ``UVReconnect`` says. What is sent meanwhile is kept, up to the
/// `queueLimit`. When nobody holds the client any more, its connection is closed.
///
/// A message from the server is the answer to an open question, or one of the ``messages``.
///
/// Every call that waits ends at once when its task is cancelled, and throws `CancellationError`.
public final class UVClient: Sendable {
    /// How many questions may be open at a time by default: 65,536.
    public static let defaultQuestionLimit = 65_536

    private let core: ClientCore

    /// Makes a client, which begins to connect.
    ///
    /// - Parameters:
    ///   - endpoint: The server. A name is looked up for each attempt.
    ///   - local: The address of this machine to connect from, as for a ``UVConnector``.
    ///   - framing: How the bytes are divided into messages, such as `.lines`.
    ///   - matching: How answers find their questions.
    ///   - timeout: How long each attempt to connect may take.
    ///   - options: How each connection behaves.
    ///   - reconnect: How to try again. Nil makes one attempt, and one connection.
    ///   - queueLimit: How many bytes are kept while there is no connection, as for a
    ///     ``UVConnector``.
    ///   - questionLimit: How many questions may be open at a time, at least 1.
    ///   - inFlightLimit: How many open questions the server may have at a time, at least 1. The
    ///     others wait for their turn. With 1 the next question leaves when the one before it has
    ///     been answered, for devices that take no second one before that. If answers come in
    ///     order, a question whose time is over still counts until its answer or the end of the
    ///     connection comes.
    ///   - loop: A loop that somebody runs. Nil uses a loop with its own thread, which all clients
    ///     without a given loop share.
    /// - Throws: ``UVError`` if the loop is closed, or if there are no descriptors for one.
    public init(
        to endpoint: UVEndpoint, from local: UVEndpoint? = nil, framing: UVFraming = .raw,
        matching: UVMatching = .inOrder, timeout: Duration = .seconds(10),
        options: UVConnectionOptions = .connector, reconnect: UVReconnect? = UVReconnect(),
        queueLimit: Int = UVConnector.defaultQueueLimit,
        questionLimit: Int = UVClient.defaultQuestionLimit,
        inFlightLimit: Int = UVClient.defaultQuestionLimit, on loop: UVLoop? = nil
    ) throws(UVError) {
        let settings = ConnectSettings(
            endpoint: endpoint, local: local, timeout: timeout, framing: framing, options: options,
            reconnect: reconnect, queueLimit: queueLimit)
        let loop = if let loop { loop } else { try LoopThread.shared.get().loop }
        let core = ClientCore(
            on: loop, settings, matching, questionLimit: max(1, questionLimit),
            inFlightLimit: max(1, inFlightLimit))
        guard loop.submitAlways({ core.assumeIsolated { $0.start() } }) else {
            throw UVError(
                call: "connect", subject: "\(endpoint)", code: .canceled,
                reason: "the loop is closed")
        }
        self.core = core
    }

    deinit {
        core.onLoop { $0.close() }
    }

    /// The server that it connects to.
    public var endpoint: UVEndpoint { core.endpoint }
    /// Whether it is connected now, as far as the caller's thread knows.
    public var isConnected: Bool { core.facts.withLock { $0.isConnected } }
    /// How many questions are open now, as far as the caller's thread knows.
    public var openQuestions: Int { core.facts.withLock { $0.openQuestions } }

    /// Waits until no connection follows.
    package func waitForEnd() async throws {
        try await core.waitForEnd()
    }

    /// Waits until it is connected.
    ///
    /// - Throws: ``UVError`` if it cannot connect and does not try again. `CancellationError` if the
    ///   task is cancelled.
    nonisolated(nonsending) public func connected() async throws {
        try await core.connected()
    }

    /// Sends a question, and waits for its answer.
    ///
    /// Many tasks may ask at the same time: questions leave in the order in which they are asked.
    /// If the time is over or the task is cancelled, the answer that comes later is dropped.
    ///
    /// - Parameters:
    ///   - question: The question, one message.
    ///   - limit: How long the answer may take, with the wait for a connection, at least 1 ms.
    /// - Returns: The answer, one message.
    /// - Throws: ``UVEndReason`` if the connection ends before the answer has come: nobody knows
    ///   whether the server got the question. ``UVError`` with the code ``UVError/Code/timedOut`` if
    ///   the time is over, ``UVError/Code/noBufferSpace`` if too many questions are open or too many
    ///   bytes are kept, and ``UVError/Code/invalidArgument`` if the question has no key of its own.
    ///   ``FramingError`` if it cannot be one frame. `CancellationError` if the task is cancelled.
    nonisolated(nonsending) public func ask(
        _ question: [UInt8], within limit: Duration = .seconds(30)
    ) async throws -> [UInt8] {
        try await core.ask(question, within: limit)
    }

    /// Sends a text as UTF-8 as a question, as ``ask(_:within:)-([UInt8],_)`` does.
    ///
    /// - Parameters:
    ///   - question: The text, or a part of one. Only the framing adds bytes to it.
    ///   - limit: How long the answer may take, with the wait for a connection.
    /// - Returns: The answer, one message.
    /// - Throws: As ``ask(_:within:)-([UInt8],_)`` does.
    nonisolated(nonsending) public func ask(
        _ question: some StringProtocol, within limit: Duration = .seconds(30)
    ) async throws -> [UInt8] {
        try await ask(Array(question.utf8), within: limit)
    }

    /// Sends a message that has no answer, and waits while the server takes bytes more slowly than
    /// they are sent.
    ///
    /// While there is no connection, it waits when more is kept than half of the `queueLimit`.
    ///
    /// - Parameter message: The message.
    /// - Throws: ``UVError`` if there is no connection and none follows, or if there is no room to
    ///   keep it. ``UVEndReason`` if the connection has ended and none follows. ``FramingError`` if
    ///   it cannot be one frame. `CancellationError` if the task is cancelled while it waits for
    ///   room. Then the message was taken.
    nonisolated(nonsending) public func send(_ message: [UInt8]) async throws {
        try await core.send(message)
    }

    /// Sends a text as UTF-8, as ``send(_:)-([UInt8])`` does.
    ///
    /// - Parameter text: The text, or a part of one. Only the framing adds bytes to it.
    /// - Throws: As ``send(_:)-([UInt8])`` does.
    nonisolated(nonsending) public func send(_ text: some StringProtocol) async throws {
        try await send(Array(text.utf8))
    }

    /// The messages that are no answers, each whole, in the order they came, of all connections one
    /// after the other.
    ///
    /// At most 256 of them wait. As long as nobody has asked for the first one, the newest are kept
    /// and the oldest are dropped. After that none is lost: the server is held back while 256 wait.
    /// Then answers wait, too, so whoever has asked for messages must go on.
    ///
    /// They end when no connection follows. If several tasks ask, each message goes to one of them.
    public var messages: Messages { Messages(client: self) }

    /// The messages of a client, from ``UVClient/messages``.
    public struct Messages: AsyncSequence, AsyncIteratorProtocol, Sendable {
        /// A message.
        public typealias Element = [UInt8]
        /// Why no more come, or `CancellationError`.
        public typealias Failure = any Error

        let client: UVClient

        /// Waits for the next message.
        ///
        /// - Parameter actor: The caller's actor.
        /// - Returns: The message. Nil when no more will come.
        /// - Throws: ``UVEndReason`` or ``UVError`` if the last connection did not end normally.
        ///   `CancellationError` if the task is cancelled and no message is there.
        nonisolated(nonsending) public func next(
            isolation actor: (any Actor)?
        ) async throws -> [UInt8]? {
            try await client.core.nextMessage()
        }

        /// Returns the messages themselves: they are their own iterator.
        ///
        /// - Returns: The iterator.
        public func makeAsyncIterator() -> Messages { self }
    }

    /// Closes the connection after everything that was sent before has left. None follows.
    ///
    /// Open questions fail with ``UVEndReason/closed``. It does not wait.
    public func close() {
        core.onLoop { $0.close() }
    }
}
