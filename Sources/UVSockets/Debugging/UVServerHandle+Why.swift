/// The clients of a server that wait for the same kind of cause, from ``UVServerHandle/why()``.
public struct UVWhyGroup: Sendable, CustomStringConvertible {
    /// The cause.
    public let cause: UVWhy.Cause
    /// How many clients wait for it. Zero if their loop is blocked: then nobody can count them.
    public internal(set) var count = 0
    /// The ids of the first 10 of each loop.
    public internal(set) var clients: [UVConnection.ID] = []
    /// What there is to say about one of them.
    public let example: UVWhy

    /// How many ids a group has of each loop at most.
    static let idLimit = 10

    /// A heading with the count and the ids, and the example.
    public var description: String {
        guard count > 0 else { return "\(cause)\n  \(example)" }
        let ids = clients.prefix(Self.idLimit).map { "\($0)" }.joined(separator: ", ")
        let more = count > min(clients.count, Self.idLimit) ? ", …" : ""
        let clients = count == 1 ? "1 client" : "\(count) clients"
        return "\(clients): \(cause) (\(ids)\(more))\n  \(example)"
    }
}

extension UVServerHandle {
    /// How long the two looks at a connection are apart.
    private static var pause: Duration { .milliseconds(100) }
    /// How long a loop may take to answer before it counts as blocked.
    private static var patience: Duration { .milliseconds(250) }

    /// Why a client waits, in one or two sentences with their numbers.
    ///
    /// It looks at the client twice, 0.1 to 0.2 s apart. If the client's loop does not answer within 250
    /// ms, the loop is the cause: the answer names the handler that holds it. Any thread may ask.
    ///
    /// - Parameter id: The client's id.
    /// - Returns: Why it waits; nil if there is no such client.
    nonisolated(nonsending) public func why(of id: UVConnection.ID) async -> UVWhy? {
        guard let part = part(of: id) else { return nil }
        let answer: UVWhy?? = await ask(part) { listener, reply in
            guard let client = listener.clientTable[id] else { return reply(nil) }
            let sample = client.kernelSample
            listener.loop.afterPause(Self.pause) { reply(client.why(since: sample)) }
        }
        return answer ?? blocked(part)
    }

    /// All clients, grouped by why they wait: the worst cause first.
    ///
    /// It looks at each client with something to send twice, 0.1 to 0.2 s apart. A loop looks at 256
    /// clients in a turn, so that its clients do not wait. Any thread may ask.
    ///
    /// - Returns: The groups.
    nonisolated(nonsending) public func why() async -> [UVWhyGroup] {
        var groups: [UVWhy.Cause: UVWhyGroup] = [:]
        for part in parts {
            let found: [UVWhyGroup]? = await ask(part) { listener, reply in
                listener.groupByCause(pause: Self.pause, reply)
            }
            for group in found ?? [UVWhyGroup(cause: .loopBlocked, example: blocked(part))] {
                groups[group.cause, default: UVWhyGroup(cause: group.cause, example: group.example)]
                    .add(group)
            }
        }
        return groups.values.sorted { $0.cause.rawValue < $1.cause.rawValue }
    }

    func blocked(_ part: ListenerReference) -> UVWhy {
        let index = parts.firstIndex { $0.loop === part.loop } ?? 0
        return UVWhy(.loopBlocked, "Loop \(index) does not answer: \(part.loop.activity).")
    }

    /// Asks one loop, and waits only as long as the loop answers at all.
    ///
    /// - Returns: The answer; nil if there is none in time.
    nonisolated(nonsending) func ask<Answer: Sendable>(
        _ part: ListenerReference,
        _ question:
            @escaping @Sendable (UVListener, @escaping @Sendable (Answer) -> Void) -> Void
    ) async -> Answer? {
        let (presence, arrival) = (Locked(false), Arrival<Answer?>())
        let isAsked = part.post { listener in
            presence.withLock { $0 = true }
            question(listener) { arrival.end(.success($0)) }
        }
        guard isAsked else { return nil }
        // A loop in memory has a time of its own.
        guard part.loop.network == nil else { return try? await arrival.value }
        let watch = Task.detached { () throws -> Void in
            while true {
                presence.withLock { $0 = false }
                guard part.post({ _ in presence.withLock { $0 = true } }) else {
                    arrival.end(.success(nil))
                    return
                }
                try await Task.sleep(for: Self.patience)
                if !presence.withLock({ $0 }) { arrival.end(.success(nil)) }
            }
        }
        defer { watch.cancel() }
        return try? await arrival.value
    }
}

extension UVWhyGroup {
    fileprivate mutating func add(_ other: UVWhyGroup) {
        count += other.count
        clients += other.clients
    }

    fileprivate mutating func add(_ id: UVConnection.ID) {
        count += 1
        if clients.count < Self.idLimit { clients.append(id) }
    }
}

extension UVListener {
    /// Groups its clients by why they wait.
    ///
    /// - Parameters:
    ///   - pause: How long the two looks are apart.
    ///   - reply: Gets the groups, later.
    fileprivate func groupByCause(
        pause: Duration, _ reply: @escaping @Sendable ([UVWhyGroup]) -> Void
    ) {
        let samples = Locked<[UVConnection.ID: WhyFacts.Sample]>([:])
        visitClients { client in
            let sample = client.kernelSample
            guard client.queuedBytes > 0 || sample.inKernel > 0 else { return }
            samples.withLock { $0[client.id] = sample }
        } completion: { [self] in
            loop.afterPause(pause) { [self] in group(samples.withLock { $0 }, reply) }
        }
    }

    private func group(
        _ samples: [UVConnection.ID: WhyFacts.Sample],
        _ reply: @escaping @Sendable ([UVWhyGroup]) -> Void
    ) {
        let groups = Locked<[UVWhy.Cause: UVWhyGroup]>([:])
        visitClients { client in
            let why = client.why(since: samples[client.id], isBrief: true)
            groups.withLock {
                $0[why.cause, default: UVWhyGroup(cause: why.cause, example: why)].add(client.id)
            }
        } completion: {
            reply(groups.withLock { Array($0.values) })
        }
    }
}

extension UVLoop {
    /// Runs a closure after a pause, or never if the loop is closed before.
    fileprivate func afterPause(_ pause: Duration, _ body: @escaping () -> Void) {
        schedule(Pause(body), after: pause)
    }
}

/// A closure that runs when its deadline has passed.
private final class Pause: DeadlineOwner {
    var deadlineSlot: DeadlineSlot?
    private let body: () -> Void

    init(_ body: @escaping () -> Void) {
        self.body = body
    }

    func deadlinePassed() {
        body()
    }
}
