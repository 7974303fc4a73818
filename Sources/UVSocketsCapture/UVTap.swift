public import UVSockets

/// A tap: it writes what connections receive and send to a file that Wireshark opens, while they go
/// on.
///
///     let tap = try await UVTap.start(server, .client(42), to: "client.pcapng")
///     // ...
///     let report = await tap.stop()
///
/// The file is pcapng. Each connection appears as TCP over IP, with the sequence numbers and the
/// checksums that it could have had. Comments in it tell what no sniffer knows: how long a handler
/// took, why a connection was held, why it ended.
///
/// Received bytes are written when the library gets them, and sent bytes when the kernel has taken
/// them. The peer acknowledges only what the kernel knows to be acknowledged. With a layer such as
/// encryption, the bytes are those on the wire.
///
/// A loop never waits for the file. A thread of the tap's own writes it, from a queue of limited
/// size. What does not fit into the queue is dropped and counted, in the file, too.
///
/// The file holds everything that the clients say, including their secrets. Only its user may read
/// it (mode 0600).
///
/// A tap ends by itself when its limits are reached, when the file cannot be written, and when the
/// server has stopped or the tapped connection has ended. The file is complete then. Until then the
/// tap goes on, whether you keep this object or not. At most 8 taps watch one connection, and 8 one
/// server.
public final class UVTap: Sendable {
    /// Which clients of a server are tapped.
    ///
    /// More cases may come: a `switch` over them needs an `@unknown default`.
    #if hasAttribute(nonexhaustive)
        @nonexhaustive
    #endif
    public enum Target: Sendable, Hashable {
        /// The client with this id. The tap ends with it.
        case client(UVConnection.ID)
        /// All clients of a range of addresses, or of a user: those that are there and those that
        /// come.
        case range(UVAddressRange)
        /// All clients: those that are there and those that come.
        case all
    }

    /// How much a tap takes.
    public struct Limits: Sendable, Hashable {
        /// The most bytes of the file, 1 GiB by default. The tap ends before it writes more. The last
        /// block, which counts the packets, is a few bytes beyond.
        public var bytes: Int
        /// How long the tap lasts. Nil, the default, means until something else ends it.
        public var time: Duration?
        /// The most bytes of each packet that are kept, with its headers of 40 bytes for IPv4 and 60
        /// for IPv6. From 60 to 65,535, the default, which means all.
        public var snapLength: Int
        /// The most bytes that wait for the tap's thread, 8 MiB by default and at least 256 KiB. What
        /// does not fit is dropped.
        public var queueBytes: Int

        /// Makes limits.
        ///
        /// - Parameters:
        ///   - bytes: The most bytes of the file.
        ///   - time: How long the tap lasts.
        ///   - snapLength: The most bytes of each packet.
        ///   - queueBytes: The most bytes that wait for the tap's thread.
        public init(
            bytes: Int = 1 << 30, time: Duration? = nil, snapLength: Int = 65_535,
            queueBytes: Int = 8 << 20
        ) {
            (self.bytes, self.time) = (bytes, time)
            (self.snapLength, self.queueBytes) = (snapLength, queueBytes)
        }

        var withinBounds: Limits {
            Limits(
                bytes: max(0, bytes), time: time, snapLength: min(max(60, snapLength), 65_535),
                queueBytes: max(256 << 10, queueBytes))
        }
    }

    /// Why a tap has ended.
    ///
    /// More cases may come: a `switch` over them needs an `@unknown default`.
    #if hasAttribute(nonexhaustive)
        @nonexhaustive
    #endif
    public enum End: Sendable, Hashable, CustomStringConvertible {
        /// It was stopped.
        case stopped
        /// The file has as many bytes as it may have.
        case bytesLimit
        /// It has lasted as long as it may.
        case timeLimit
        /// The server has stopped, or the connection has ended.
        case sourceEnded
        /// The file could not be written, for example because the disk is full.
        indirect case failed(UVError)

        /// The reason in words.
        public var description: String {
            switch self {
            case .stopped: "stopped"
            case .bytesLimit: "its limit of bytes is reached"
            case .timeLimit: "its time is over"
            case .sourceEnded: "there is nothing left to tap"
            case .failed(let error): "\(error)"
            }
        }
    }

    /// What a tap has done.
    public struct Report: Sendable, Hashable {
        /// How many packets it has written. For a dump, how many chunks and events.
        public internal(set) var packets: UInt64 = 0
        /// How many bytes it has written.
        public internal(set) var bytes: UInt64 = 0
        /// How many packets were dropped, because the queue was full.
        public internal(set) var packetsDropped: UInt64 = 0
        /// How many bytes of the streams were in them.
        public internal(set) var bytesDropped: UInt64 = 0
        /// How many connections were not tapped, because 8 other taps watched them.
        public internal(set) var connectionsSkipped = 0
        /// Why it has ended.
        public internal(set) var end: End
    }

    private struct State {
        var report: Report?
        var waiters: [CheckedContinuation<Report, Never>] = []
        var parts: [LoopReference<TapPart>] = []
        /// How many parts go on. While the tap starts, it counts as one itself.
        var partsLeft = 1
        var skipped = 0
    }

    let queue: TapQueue
    let limits: Limits
    private let state = Locked(State())

    init(_ limits: Limits) {
        self.limits = limits.withinBounds
        queue = TapQueue(limit: self.limits.queueBytes, snapLength: self.limits.snapLength)
    }

    /// What the tap has done; nil until it has ended and its file is closed.
    public var report: Report? { state.withLock { $0.report } }

    /// Ends the tap and waits until its file is complete.
    ///
    /// What has happened before the call is in the file: each loop first ends what it is doing. A
    /// loop that is blocked for more than 250 ms is not waited for. A second call waits for the
    /// same end.
    ///
    /// - Returns: What the tap has done.
    @discardableResult
    nonisolated(nonsending) public func stop() async -> Report {
        // A loop may be between a write and its note for the tap.
        let parts = state.withLock { $0.parts }.filter { $0.loop.network == nil }
        let left = Locked(parts.count)
        let oneIsDone: @Sendable () -> Void = { [self] in
            let isLast = left.withLock { left in
                left -= 1
                return left <= 0
            }
            if isLast { cancel() }
        }
        if parts.isEmpty { cancel() }
        for part in parts where !part.post({ _ in oneIsDone() }) { oneIsDone() }
        let limit = Task.detached { [self] in
            try await Task.sleep(for: .milliseconds(250))
            cancel()
        }
        defer { limit.cancel() }
        return await ended()
    }

    /// Ends the tap without waiting for its file.
    public func cancel() {
        queue.end(.stopped)
    }

    /// Waits until the tap has ended by itself, or was stopped.
    ///
    /// - Returns: What the tap has done.
    nonisolated(nonsending) public func ended() async -> Report {
        await withCheckedContinuation { continuation in
            let report = state.withLock { state in
                if state.report == nil { state.waiters.append(continuation) }
                return state.report
            }
            if let report { continuation.resume(returning: report) }
        }
    }

    // MARK: - Its parts

    /// A loop has begun its part.
    func partBegan(_ reference: LoopReference<TapPart>) {
        state.withLock { state in
            state.parts.append(reference)
            state.partsLeft += 1
        }
    }

    /// A loop has nothing left to tap, or the start is over.
    func partEnded() {
        let isLast = state.withLock { state in
            state.partsLeft -= 1
            return state.partsLeft == 0
        }
        if isLast { queue.end(.sourceEnded) }
    }

    func skipped() {
        state.withLock { $0.skipped += 1 }
    }

    /// Lets go of the connections on all loops.
    func detach() {
        let parts = state.withLock { state in
            defer { state.parts = [] }
            return state.parts
        }
        for part in parts { part.release { $0.detach() } }
    }

    /// The writer has closed its output. Nobody is told before.
    func finish(_ report: Report) {
        var report = report
        let waiters = state.withLock { state in
            report.connectionsSkipped = state.skipped
            (report.packetsDropped, report.bytesDropped) = queue.drops
            state.report = report
            defer { state.waiters = [] }
            return state.waiters
        }
        for waiter in waiters { waiter.resume(returning: report) }
    }
}
