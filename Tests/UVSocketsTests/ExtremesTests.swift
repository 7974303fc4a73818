import Foundation
import Testing

@testable import UVSockets

/// Every option at its extremes: a server and a client with it still serve, or the listener or connector
/// is refused with the option's name when it is made.
@Suite("Options at their extremes", .ownThreads, .timeLimit(.minutes(2)))
struct ExtremesTests {
    static let durations: [Duration] = [
        .zero, .seconds(-5), .nanoseconds(1), .seconds(Int64.max), .seconds(Int64.min),
        .milliseconds(1), .seconds(Int64.max / 1000),
        // More than seconds can count.
        Duration(attoseconds: .max), Duration(attoseconds: .min),
        Duration(
            secondsComponent: 18_446_744_073_709_551,
            attosecondsComponent: 999_999_999_999_999_999),
    ]
    static let sizes = [0, -1, 1, .min, .max]

    /// Each time that an option can have, by its name.
    static let times: [String: @Sendable (inout UVConnectionOptions, Duration) -> Void] = [
        "writeStallTimeout": { $0.writeStallTimeout = $1 },
        "softSendLimitTime": { $0.softSendLimitTime = $1 },
        "idleTimeout": { $0.idleTimeout = $1 },
        "firstMessageTimeout": { $0.firstMessageTimeout = $1 },
        "messageTimeout": { $0.messageTimeout = $1 },
        "maximumLifetime": { $0.maximumLifetime = $1 },
        "handlerTimeWarning": { $0.handlerTimeWarning = $1 },
        "flushTimeout": { $0.flushTimeout = $1 },
        "lingerTimeout": { $0.lingerTimeout = $1 },
        "keepAlive.idle": { $0.keepAlive?.idle = $1 },
        "keepAlive.interval": { $0.keepAlive?.interval = $1 },
    ]
    static let counts: [String: @Sendable (inout UVConnectionOptions, Int) -> Void] = [
        "highWatermark": { $0.highWatermark = $1 },
        "lowWatermark": { $0.lowWatermark = $1 },
        "sendLimit": { $0.sendLimit = $1 },
        "softSendLimit": { $0.softSendLimit = $1 },
        "sendBufferSize": { $0.sendBufferSize = $1 },
        "unsentLimit": { $0.unsentLimit = $1 },
        "receiveBudget": { $0.receiveBudget = $1 },
        "keepAlive.count": { $0.keepAlive?.count = $1 },
    ]

    /// A client comes, is answered or not, and goes; and the server stops.
    private func serve(_ options: UVListenerOptions) throws {
        try withServer(options: options) { server in
            let peer = try server.connect()
            // It may have been ended before.
            try? peer.send(pattern(300_000))
            _ = try? peer.receive(1000)
            server.post { $0.broadcast(pattern(300_000)) }
            _ = try server.onLoop { $0.stats }
            peer.close()
            try server.ended.wait(for: 1)
        }
    }

    @Test("Times", arguments: times.keys.sorted(), durations)
    func time(name: String, duration: Duration) throws {
        var options = UVListenerOptions()
        Self.times[name]?(&options.connection, duration)
        try serve(options)
    }

    @Test("Sizes and counts", arguments: counts.keys.sorted(), sizes)
    func count(name: String, size: Int) throws {
        var options = UVListenerOptions()
        Self.counts[name]?(&options.connection, size)
        try serve(options)
    }

    @Test("Sizes of a listener", arguments: sizes)
    func listener(size: Int) throws {
        var options = UVListenerOptions(maxConnections: size)
        try serve(options)
        options = UVListenerOptions()
        options.outboundBudget = size
        try serve(options)
    }

    @Test("Backlogs and limits of submissions", arguments: sizes)
    func backlog(size: Int) throws {
        try onThread {
            let loop = try UVLoop(submissionLimit: size)
            #expect(loop.submit {})
            let listener = UVListener(
                on: loop, at: "127.0.0.1:0", backlog: size, onMessageReceived: echo)
            try listener.startAccept()
            listener.stop(drainFor: Duration(attoseconds: .max))
            loop.run()
            try loop.close()
        }
    }

    @Test("Deadlines, waits and timers", arguments: durations)
    func connector(duration: Duration) throws {
        let free = try RawSocket.refusing()
        let endpoint = free.local
        defer { free.close() }
        try onThread {
            let loop = try UVLoop()
            let connector = UVConnector(
                on: loop, to: endpoint, timeout: duration,
                reconnect: UVReconnect(
                    initialDelay: max(.nanoseconds(1), duration),
                    maximumDelay: max(.nanoseconds(1), duration), attempts: 3, stableAfter: duration
                )
            ) { _, _ in }
            try connector.startConnect()
            let (once, again) = (try loop.after(duration) {}, try loop.every(duration) {})
            try loop.after(.milliseconds(30)) {
                connector.cancel()
                once.cancel()
                again.cancel()
            }
            loop.run()
            try loop.close()
        }
    }

    @Test(
        "What cannot be meant is refused by name, when the listener is made",
        arguments: ["bytesPerSecond", "messagesPerSecond", "perAddress", "acceptsPerSecond"],
        [0, -1])
    func refused(name: String, count: Int) async {
        let result = await #expect(
            processExitsWith: .failure, observing: [\.standardErrorContent]
        ) { [name, count] in
            var options = UVListenerOptions()
            switch name {
            case "bytesPerSecond": options.connection.bytesPerSecond = count
            case "messagesPerSecond": options.connection.messagesPerSecond = count
            case "perAddress": options.admission.perAddress = count
            default: options.admission.acceptsPerSecond = count
            }
            let loop = try UVLoop()
            _ = UVListener(on: loop, at: "127.0.0.1:0", options: options) { _, _ in }
        }
        #expect(result.said("\(name) must be at least 1"))
    }

    @Test("A rate as great as can be limits nothing")
    func rates() throws {
        var options = UVListenerOptions()
        options.connection.bytesPerSecond = .max
        options.connection.messagesPerSecond = .max
        options.admission.acceptsPerSecond = .max
        options.admission.perAddress = .max
        try serve(options)
    }

    @Test("The kernel takes the keep-alive that it is given, at the extremes, too")
    func keepAlive() throws {
        var options = UVListenerOptions()
        options.connection.keepAlive = UVKeepAlive(
            idle: .seconds(Int64.max), interval: .seconds(Int64.max), count: .max)
        try withServer(options: options) { server in
            let peer = try server.connect()
            defer { peer.close() }
            try server.connected.wait(for: 1)
            let values = try server.onLoop { listener -> [Int32] in
                let socket = try #require(listener.clients.first?.handle.socket)
                return [TCP_KEEPIDLE, TCP_KEEPINTVL, TCP_KEEPCNT, 18].map { option in
                    var value: Int32 = -1
                    var length = socklen_t(4)
                    _ = unsafe getsockopt(
                        socket.number, Int32(IPPROTO_TCP), option, &value, &length)
                    return value
                }
            }
            // The last is TCP_USER_TIMEOUT, which would end peers that are there.
            #expect(values == [32_767, 32_767, 127, 0])
        }
    }
}
