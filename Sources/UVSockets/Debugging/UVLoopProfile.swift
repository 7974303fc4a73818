/// How a loop spends its time, from ``UVServerHandle/profile(for:)``.
public struct UVLoopProfile: Sendable, CustomStringConvertible {
    /// A part of the time.
    public struct Share: Sendable, Hashable {
        /// What the loop did, such as `the message handler of the listener at main.swift:12`.
        public let what: String
        /// The part of the time, from 0 to 1.
        public let part: Double
    }

    /// The number of the loop among those of its server.
    public let loop: Int
    /// How often the loop was looked at.
    public let samples: Int
    /// What it did, the longest first.
    public let shares: [Share]

    fileprivate init(_ loop: Int, _ counts: [String: Int]) {
        self.loop = loop
        let samples = counts.values.reduce(0, +)
        self.samples = samples
        shares = counts.map { Share(what: $0.key, part: Double($0.value) / Double(samples)) }
            .sorted { ($0.part, $1.what) > ($1.part, $0.what) }
    }

    /// A line for the loop, and one for each share.
    public var description: String {
        let lines = shares.map { share in
            let tenths = Int((share.part * 1000).rounded())
            let text = "\(tenths / 10).\(tenths % 10) %"
            return "\n" + String(repeating: " ", count: max(1, 8 - text.count)) + text + "  "
                + share.what
        }
        return "loop \(loop), \(samples) looks" + lines.joined()
    }
}

extension UVServerHandle {
    /// How the server's loops spend their time.
    ///
    /// A thread of its own looks at each loop a thousand times a second. The loops do nothing for
    /// it, and need not answer. So a share is exact to about one hundredth after a second of
    /// looking. What is told apart: each kind of handler, with the place where its listener or its
    /// timer was made; writing; accepting; the library's own work between them, with the kernel's
    /// share of reading; and the wait for events. The work of a framing counts with its handler.
    ///
    /// - Parameter time: For how long, at most a minute.
    /// - Returns: A profile of each loop.
    /// - Throws: ``UVError`` if the system has no thread left.
    nonisolated(nonsending) public func profile(
        for time: Duration = .seconds(1)
    ) async throws(UVError) -> [UVLoopProfile] {
        let arrival = Arrival<[UVLoopProfile]>()
        let sampler = Sampler(loops)
        let milliseconds = min(60_000, time.wholeMilliseconds)
        try startThread { arrival.end(.success(sampler.sample(for: milliseconds))) }
        // It ends by itself, and with profiles only.
        return (try? await arrival.value) ?? []
    }
}

/// Looks at loops again and again.
private struct Sampler: Sendable {
    private let observers: [LoopObserver]

    init(_ loops: [UVLoop]) {
        observers = loops.map { LoopObserver($0) }
    }

    func sample(for milliseconds: UInt64) -> [UVLoopProfile] {
        var counts = [[String: Int]](repeating: [:], count: observers.count)
        let end = preciseNanoseconds() + milliseconds * 1_000_000
        repeat {
            for (index, observer) in observers.enumerated() {
                counts[index][observer.occupation, default: 0] += 1
            }
            sleep(nanoseconds: 1_000_000)
        } while preciseNanoseconds() < end
        return counts.enumerated().map { UVLoopProfile($0.offset, $0.element) }
    }
}

extension LoopObserver {
    /// What the loop does now, without the client for whom.
    fileprivate var occupation: String {
        let reading = pulse.reading
        guard reading.isBusy else {
            if case .waiting(.epoll, _) = ThreadState.of(thread: reading.thread) {
                return "waiting for events"
            }
            return "reading, and the loop itself"
        }
        switch reading.work {
        case .writing: return "writing"
        case .accepting where reading.handler == .message: return "accepting"
        case .accepting, .other: return name(of: reading)
        }
    }
}
