internal import Logging
internal import UVSockets

/// What a tap does on one loop.
final class TapPart: ConnectionWatcher {
    /// How many clients are attached in one turn of the loop.
    private static let clientsInTurn = 256

    private let tap: UVTap
    private let isWanted: (UVConnection) -> Bool
    /// Whether the part is over when its last connection has ended.
    private let endsWithConnection: Bool
    /// Ends the watch of a listener or a connector.
    private var endWatch: (TapPart) -> Void = { _ in }
    private var taps: [ObjectIdentifier: (connection: UVConnection, tap: ConnectionTap)] = [:]
    /// The clients that are still to be attached, and what to do then.
    private var waiting: ArraySlice<UVConnection> = []
    private var whenAttached: () -> Void = {}
    private var hasEnded = false

    private init(
        _ tap: UVTap, endsWithConnection: Bool, _ isWanted: @escaping (UVConnection) -> Bool
    ) {
        self.tap = tap
        self.isWanted = isWanted
        self.endsWithConnection = endsWithConnection
    }

    deinit {
        // The loop was closed.
        whenAttached()
        if !hasEnded { tap.partEnded() }
    }

    // MARK: - The begin

    /// What became of the begin on a loop.
    enum Answer: Sendable {
        case begun(Logger)
        case noClient
        case hasStopped
        case tooMany
    }

    /// Begins to tap a listener.
    ///
    /// - Parameters:
    ///   - tap: The tap.
    ///   - listener: The listener.
    ///   - target: Which clients.
    ///   - reply: Called when all present clients are attached.
    static func begin(
        _ tap: UVTap, _ listener: UVListener, _ target: UVTap.Target,
        _ reply: @escaping @Sendable (Answer) -> Void
    ) {
        let logger = listener.loop.logger
        if case .client(let id) = target {
            guard let client = listener.client(id) else { return reply(.noClient) }
            if client.isClosedOnWire { return reply(.noClient) }
            return reply(begin(tap, client) ? .begun(logger) : .tooMany)
        }
        let part = TapPart(tap, endsWithConnection: false) { connection in
            if case .range(let range) = target { return range.contains(peerOf: connection) }
            return true
        }
        guard listener.watch(by: part) else {
            part.hasEnded = true
            let hasStopped = listener.localEndpoint == nil && listener.clients.isEmpty
            return reply(hasStopped ? .hasStopped : .tooMany)
        }
        part.endWatch = { [weak listener] in listener?.endWatch(by: $0) }
        let reference = LoopReference(part, on: listener.loop)
        tap.partBegan(reference)
        part.waiting = listener.clients[...]
        part.whenAttached = { reply(.begun(logger)) }
        part.attachWaiting(reference)
    }

    /// Begins to tap one connection.
    ///
    /// - Returns: False if it has ended, or has too many taps.
    static func begin(_ tap: UVTap, _ connection: UVConnection) -> Bool {
        let part = TapPart(tap, endsWithConnection: true) { _ in true }
        guard part.attach(connection) else {
            part.hasEnded = true
            return false
        }
        tap.partBegan(LoopReference(part, on: connection.loop))
        return true
    }

    /// Begins to tap a connector: its connection, and those that follow.
    ///
    /// - Returns: False if it has too many taps.
    static func begin(_ tap: UVTap, _ connector: UVConnector) -> Bool {
        let part = TapPart(tap, endsWithConnection: false) { _ in true }
        guard connector.watch(by: part) else {
            part.hasEnded = true
            return false
        }
        part.endWatch = { [weak connector] in connector?.endWatch(by: $0) }
        tap.partBegan(LoopReference(part, on: connector.loop))
        if let connection = connector.connection, !part.attach(connection) { tap.skipped() }
        return true
    }

    private func attachWaiting(_ reference: LoopReference<TapPart>) {
        for client in waiting.prefix(Self.clientsInTurn) { began(client) }
        waiting = waiting.dropFirst(Self.clientsInTurn)
        if !waiting.isEmpty, reference.post({ $0.attachWaiting(reference) }) { return }
        let reply = whenAttached
        whenAttached = {}
        reply()
    }

    // MARK: - Connections

    func began(_ connection: UVConnection) {
        guard isWanted(connection), !connection.isClosedOnWire, !tap.queue.isEnded,
            taps[ObjectIdentifier(connection)] == nil
        else { return }
        if !attach(connection) { tap.skipped() }
    }

    private func attach(_ connection: UVConnection) -> Bool {
        let added = ConnectionTap(connection, of: self, tap.queue)
        guard connection.watch(by: added) else { return false }
        taps[ObjectIdentifier(connection)] = (connection, added)
        added.start(connection)
        return true
    }

    /// A connection has ended.
    func ended(_ ended: ConnectionTap, _ connection: UVConnection) {
        taps.removeValue(forKey: ObjectIdentifier(connection))
        connection.endWatch(by: ended)
        if endsWithConnection { end() }
    }

    func agentEnded() {
        end()
    }

    private func end() {
        guard !hasEnded else { return }
        hasEnded = true
        tap.partEnded()
    }

    /// Lets go of all connections. The tap has ended.
    func detach() {
        hasEnded = true
        endWatch(self)
        for (connection, tap) in taps.values { connection.endWatch(by: tap) }
        taps = [:]
        waiting = []
        let reply = whenAttached
        whenAttached = {}
        reply()
    }
}
