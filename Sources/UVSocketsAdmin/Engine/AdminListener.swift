import UVSockets

/// The listener of an admin socket. It belongs to its loop's thread.
struct AdminListener {
    private static let mostClients = 16
    private static let longestLine = 4096
    /// How many bytes may wait to be read before the next command waits, too.
    private static let fullAt = 256 * 1024

    let listener: UVListener

    init(_ engine: AdminEngine, at endpoint: UVEndpoint, isTCP: Bool) {
        listener = UVListener(
            on: engine.loop, at: endpoint,
            framing: .lines(maximumLength: Self.longestLine, takesUnendedLine: true)
                .sending(upTo: 1 << 20),
            options: Self.options
        ) { client, line in
            guard let session = client.userToken as? AdminSession else { return }
            session.take([UInt8](message: line))
            if session.isFull { client.pauseReceiving() }
        }
        let levels = engine.options.levels
        let tcpLevel = engine.options.tcpLevel
        listener.onConnected = { client in
            let level = isTCP ? tcpLevel : Self.level(of: client.peer, levels)
            guard let level else {
                let uid = client.peer.credentials.map { "the user \($0.uid)" } ?? "you"
                client.send("\(uid) may not use this socket")
                client.send("")
                return client.close()
            }
            client.userToken = Self.session(of: client, engine, level)
        }
        listener.onDisconnected = { client, _ in
            (client.userToken as? AdminSession)?.end()
            client.userToken = nil
        }
    }

    static func level(
        of peer: UVEndpoint, _ levels: [UInt32: UVAdmin.Level]
    ) -> UVAdmin.Level? {
        guard let uid = peer.credentials?.uid else { return nil }
        return uid == 0 || uid == ProcessFacts.user ? .admin : levels[uid]
    }

    private static func session(
        of client: UVConnection, _ engine: AdminEngine, _ level: UVAdmin.Level
    ) -> AdminSession {
        let output = AdminOutput { [unowned client] line in
            client.send(line)
        } endAnswer: { [unowned client] in
            client.send("")
        } isGone: { [unowned client] in
            !client.isOpen
        } isFull: { [unowned client] in
            client.bytesQueued > fullAt
        }
        let session = AdminSession(engine, level: level, output, of: client)
        session.onRoom = { [unowned client] in client.resumeReceiving() }
        return session
    }

    private static var options: UVListenerOptions {
        var options = UVListenerOptions(maxConnections: mostClients)
        options.admission.whenFull = .refuse(goodbye: Array("too many operators\n\n".utf8))
        options.outboundBudget = 32 << 20
        options.connection.idleTimeout = .seconds(600)
        options.connection.idleCountsSent = true
        options.connection.sendLimit = 4 << 20
        options.connection.writeStallTimeout = .seconds(10)
        options.connection.framingErrorAnswer = { error in
            guard case .frameTooLong(let limit) = error else { return [] }
            return Array("line too long: a command has at most \(limit) bytes\n\n".utf8)
        }
        return options
    }
}
