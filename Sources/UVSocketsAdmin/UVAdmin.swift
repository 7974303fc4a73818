public import Logging
public import UVSockets

/// A socket where an operator asks a running server, and changes it.
///
///     let admin = try UVAdmin(at: "unix:/run/chat/admin.sock", for: server)
///
///     $ socat - UNIX-CONNECT:/run/chat/admin.sock
///     list by queued
///     7 203.0.113.9:51844 312 s, 25 bytes in, 81920 bytes out, 65536 bytes queued
///
/// A command is a line. Lines answer it, and an empty line ends the answer. Commands that come
/// together are answered in their order. `help` lists them. A line that is wrong is answered by one
/// that says what would be right.
///
/// It has a loop and a thread of its own, so it answers when every loop of the server is blocked. It
/// asks each loop, waits 50 ms at most, and names those that do not answer. What a loop did not
/// begin in time is not done later.
///
/// A Unix-domain socket has the mode 0600, unless the endpoint says another. The kernel tells which
/// user connects. This process's own user and root have the level ``Level/admin``, and others that
/// of ``Options/levels``, or none: then they are turned away. Everybody on this machine can connect
/// to a TCP port, so its clients have the level ``Level/user``. Addresses that are not on loopback
/// are refused. ``Options/tcpLevel`` and ``Options/allowsRemoteTCP`` change that.
///
/// | Bound | | Beyond it |
/// |---|---|---|
/// | operators at a time | 16 | closed at once |
/// | a line | 4096 bytes | a line says so, and the connection is closed |
/// | commands that wait | 64 of an operator | no more is received from it |
/// | silence | 10 minutes | closed |
/// | answers that nobody reads | 4 MiB, or 10 seconds | reset |
///
/// It serves until it is stopped or released.
public final class UVAdmin: Sendable {
    private let thread: AdminThread
    /// Where it listens, with the real port where port 0 was asked for.
    public let endpoint: UVEndpoint
    /// Where it answers HTTP; nil if it does not.
    public let httpEndpoint: UVEndpoint?

    /// Starts to listen.
    ///
    /// - Parameters:
    ///   - endpoint: Where to listen, such as `unix:/run/chat/admin.sock`.
    ///   - server: The server, from `UVListener.remote`, `UVServer.onListening` or
    ///     `UVLoopGroup.listen`.
    ///   - options: What is allowed, and to whom.
    /// - Throws: `UVError` if it cannot listen, or if the endpoint is not allowed.
    public init(
        at endpoint: UVEndpoint, for server: UVServerHandle, options: Options = Options()
    ) throws(UVError) {
        let isTCP = !endpoint.isUnix
        if isTCP, !options.allowsRemoteTCP, !endpoint.isOnLoopback {
            throw UVError(
                call: "listen", subject: "\(endpoint)", code: .invalidArgument,
                reason:
                    "an admin socket is allowed at a Unix-domain socket or on loopback, such as 127.0.0.1:8082"
            )
        }
        var endpoints: [UVEndpoint] = []
        thread = try AdminThread(options.logger) { thread throws(UVError) in
            let engine = AdminEngine(
                for: server, on: thread.loop, options: options, alarm: thread.alarm)
            let listener = AdminListener(engine, at: endpoint, isTCP: isTCP).listener
            endpoints.append(try thread.listen(listener))
            if let http = options.http {
                let web = HTTPServer(
                    engine.page, Health(engine.questions, within: options.answerTime),
                    engine.alarm, on: thread.loop, at: http)
                endpoints.append(try thread.listen(web.listener))
            }
        }
        self.endpoint = endpoints[0]
        httpEndpoint = endpoints.count > 1 ? endpoints[1] : nil
    }

    /// Stops it, and waits until its thread has ended. The server goes on.
    public func stop() async {
        await thread.stop()
    }

    /// Stops it, and blocks this thread until it has ended. For the end of a program.
    package func end() {
        thread.end()
    }
}

extension UVAdmin {
    /// What an operator may do.
    ///
    /// More cases may come: a `switch` over them needs an `@unknown default`.
    #if hasAttribute(nonexhaustive)
        @nonexhaustive
    #endif
    public enum Level: Int, Sendable, Comparable, CaseIterable {
        /// Look at everything.
        case user
        /// Also send clients away, send to them, and stop the server.
        case `operator`
        /// Also change limits and the log level.
        case admin

        /// Whether the first level allows less than the second.
        public static func < (one: Level, other: Level) -> Bool { one.rawValue < other.rawValue }
    }

    /// What is allowed at an admin socket, and to whom.
    public struct Options: Sendable {
        /// The levels of other users, by their user IDs. Their users must also be able to connect: see
        /// the `mode` of `UVEndpoint.unix`.
        public var levels: [UInt32: Level] = [:]
        /// The level of everybody who connects over TCP. ``Level/user`` by default.
        public var tcpLevel = Level.user
        /// Whether it may listen on other TCP addresses than those of loopback. False by default.
        public var allowsRemoteTCP = false
        /// How long a loop of the server has to answer. 50 ms by default.
        public var answerTime = Duration.milliseconds(50)
        /// The level that the command `log-level` changes. Nil, the default, changes none.
        public var logLevel: UVLogLevel?
        /// The server's name in its metrics.
        public var name = "server"
        /// The metrics, where they are of several servers, or have counters of yours. Nil, the
        /// default, are those of this server.
        public var metrics: UVMetricsPage?
        /// Where `/metrics` and `/healthz` are answered over HTTP, on the same thread. Nil, the
        /// default, answers nowhere. See ``UVMetricsServer``.
        public var http: UVEndpoint?
        /// Called by the command `drain` with the time that clients have, in place of
        /// `UVServerHandle.stop`. It runs on the admin's thread.
        public var drain: (@Sendable (Duration) -> Void)?
        /// Where its own loop reports.
        public var logger = Logger(label: "UVSockets")
        /// Further counts for the command `stats`.
        package var furtherStatistics: @Sendable () -> [(label: String, count: UInt64)] = { [] }

        /// The defaults.
        public init() {}
    }
}

extension UVEndpoint {
    /// Whether only this machine can connect to it over TCP.
    fileprivate var isOnLoopback: Bool {
        let isIPv4 = host.utf8.allSatisfy {
            UInt8(ascii: "0")...UInt8(ascii: "9") ~= $0 || $0 == 0x2E
        }
        return host == "::1" || host == "localhost" || isIPv4 && host.hasPrefix("127.")
    }
}
