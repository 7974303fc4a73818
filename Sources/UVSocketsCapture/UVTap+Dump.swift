public import UVSockets

extension UVTap {
    /// Where a dump goes.
    ///
    /// More cases may come: a `switch` over them needs an `@unknown default`.
    #if hasAttribute(nonexhaustive)
        @nonexhaustive
    #endif
    public enum Output: Sendable {
        /// To the logger of the loop, at level `info`. The logger is called on the tap's thread.
        case log
        /// To a file, as for ``UVTap/start(_:_:to:limits:)``.
        case file(String)
        /// To a closure, line by line, on the tap's thread. A closure that takes long delays the tap
        /// and no loop.
        case lines(@Sendable (String) -> Void)
    }

    /// The limits of a dump by default: 16 MiB of text.
    public static let dumpLimits = Limits(bytes: 16 << 20)

    /// Writes what clients of a server receive and send as text: direction, offset in the stream, the
    /// bytes in hexadecimal digits and as text, and where messages end.
    ///
    ///     05:06:49.120044 client 1, 127.0.0.1:49140: received 11 bytes at 0
    ///       00000000  68 65 6c 6c 6f 0a                                hello\n
    ///                 == end of message 1
    ///       00000006  77 6f 72 6c 64                                   world
    ///
    /// Control bytes are escaped. The ends of messages are those that the connection's framing at the
    /// begin of the dump finds in the bytes. They are not marked for a connection without a framing,
    /// with a layer such as encryption, and for what is sent if a part of it was queued at the begin.
    ///
    /// It is a tap in all other respects. See ``start(_:_:to:limits:)``.
    ///
    /// - Parameters:
    ///   - server: The server.
    ///   - target: Which of its clients.
    ///   - output: Where the lines go.
    ///   - limits: How much the dump takes.
    /// - Returns: The tap that writes the dump.
    /// - Throws: ``UVError`` as ``start(_:_:to:limits:)`` does.
    nonisolated(nonsending) public static func dump(
        _ server: UVServerHandle, _ target: Target = .all, to output: Output,
        limits: Limits = dumpLimits
    ) async throws(UVError) -> UVTap {
        try await start(server, target, limits, .text(output))
    }

    /// Writes what one connection receives and sends as text, as
    /// ``dump(_:_:to:limits:)`` does. Call it on the connection's loop.
    ///
    /// - Parameters:
    ///   - connection: The connection, of a listener or a connector.
    ///   - output: Where the lines go.
    ///   - limits: How much the dump takes.
    /// - Returns: The tap that writes the dump. It ends with the connection.
    /// - Throws: ``UVError`` as ``start(_:to:limits:)-(UVConnection,_,_)`` does.
    public static func dump(
        _ connection: UVConnection, to output: Output, limits: Limits = dumpLimits
    ) throws(UVError) -> UVTap {
        try start(connection, limits, .text(output))
    }

    /// Writes what the connections of a connector receive and send as text, as
    /// ``dump(_:_:to:limits:)`` does. Call it on the connector's loop.
    ///
    /// - Parameters:
    ///   - connector: The connector.
    ///   - output: Where the lines go.
    ///   - limits: How much the dump takes.
    /// - Returns: The tap that writes the dump.
    /// - Throws: ``UVError`` as ``start(_:to:limits:)-(UVConnector,_,_)`` does.
    public static func dump(
        _ connector: UVConnector, to output: Output, limits: Limits = dumpLimits
    ) throws(UVError) -> UVTap {
        try start(connector, limits, .text(output))
    }
}
