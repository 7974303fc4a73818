/// What a loop is doing at a moment, from ``UVLoop/activity``.
public struct UVLoopActivity: Sendable, Hashable, CustomStringConvertible {
    /// Whether a handler runs, or the library's own code around handlers.
    public let isBusy: Bool
    /// Which handler runs, in words, such as `the message handler of client 7 of the listener at
    /// main.swift:12`. Empty if none does.
    public let handler: String
    /// The id of the client that the handler is for; nil if it is for none, or if the loop does not
    /// record.
    public let client: UVConnection.ID?
    /// For how long it has been busy: since its turn began, or since a watchdog first saw the
    /// handler. Zero if it sleeps.
    public let busyTime: Duration
    /// What its thread does, in words: `computing`, `sleeping`, `waiting for a lock or another
    /// thread`.
    public let state: String

    /// One sentence.
    public var description: String {
        guard isBusy else { return "it waits for events" }
        return "\(handler) runs, \(state); busy for \(busyTime.inWords)"
    }
}

extension UVLoop {
    /// What the loop is doing now. Any thread may ask, also while the loop is blocked.
    ///
    /// The loop does nothing for it and is not disturbed. The answer takes some ten microseconds.
    public var activity: UVLoopActivity {
        let observer = LoopObserver(self)
        return observer.activity(observer.pulse.reading, for: turnTime)
    }
}

/// Looks at a loop from another thread. It does not keep the loop alive.
struct LoopObserver: Sendable {
    let pulse: LoopPulse
    private let recorder: FlightRecorder?

    init(_ loop: UVLoop) {
        pulse = loop.pulse
        recorder = loop.recorder
    }

    /// The handler that runs, without the client for whom.
    func name(of reading: LoopPulse.Reading) -> String {
        HandlerName(reading, recorder).kind
    }

    /// Whether the loop is closed.
    var isOver: Bool { pulse.isOver }

    /// What the loop is doing, according to a reading of its pulse.
    ///
    /// - Parameters:
    ///   - reading: The reading.
    ///   - time: For how long it has been busy.
    /// - Returns: What it is doing.
    func activity(_ reading: LoopPulse.Reading, for time: Duration) -> UVLoopActivity {
        guard reading.isBusy else {
            return UVLoopActivity(
                isBusy: false, handler: "", client: nil, busyTime: .zero, state: "sleeping")
        }
        let handler = HandlerName(reading, recorder)
        return UVLoopActivity(
            isBusy: true, handler: handler.text, client: handler.client,
            busyTime: time, state: "\(ThreadState.of(thread: reading.thread))")
    }
}

/// A handler's name for people.
struct HandlerName {
    let text: String
    /// The same without the client.
    let kind: String
    let client: UVConnection.ID?

    /// - Parameters:
    ///   - reading: What the loop is doing.
    ///   - recorder: The loop's recorder, which tells whose bytes came last.
    init(_ reading: LoopPulse.Reading, _ recorder: FlightRecorder?) {
        var (client, owner) = (reading.client, reading.origin.map { " of the listener at \($0)" })
        switch reading.handler {
        case .message:
            let last = recorder?.last(1) { $0.event == .received }.first
            client = last?.connection ?? 0
            owner = last.flatMap { record in
                UVListener.origins.withLock { $0[record.agent & 0xFF_FFFF] }
            }.map { " of the listener at \($0)" }
        case .timer, .signal: owner = reading.origin.map { " at \($0)" }
        default: break
        }
        self.client = client > 0 ? client : nil
        let peer =
            client == 0 ? "" : owner == nil ? " of connection \(client)" : " of client \(client)"
        kind = reading.handler.name + (owner ?? "")
        text = reading.handler.name + peer + (owner ?? "")
    }
}

extension Duration {
    /// The time for people: `0.25 s`, `3.2 s`, `75 s`.
    var inWords: String {
        let milliseconds =
            self < .zero ? 0 : self >= .seconds(1 << 40) ? 1 << 50 : wholeMilliseconds
        switch milliseconds {
        case 0..<1000: return "\(milliseconds) ms"
        case 1000..<10_000: return "\(milliseconds / 1000).\(milliseconds / 100 % 10) s"
        default: return "\(milliseconds / 1000) s"
        }
    }
}

extension UVListener {
    /// Where the process's listeners were made, by the numbers of their events, for other threads.
    static let origins = Locked<[UInt32: Origin]>([:])
}
