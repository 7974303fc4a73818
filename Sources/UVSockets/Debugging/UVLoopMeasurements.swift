/// What a loop has measured of itself, from ``UVLoop/measurements`` and
/// ``UVServerHandle/measurements()``.
public struct UVLoopMeasurements: Sendable, Hashable, CustomStringConvertible {
    /// For how long it has measured.
    public internal(set) var time = Duration.zero
    /// For how long of that it has waited for events.
    public internal(set) var idleTime = Duration.zero
    /// How long its turns took, without the wait for events.
    public internal(set) var turns = UVHistogram()
    /// How long the handlers of messages took: one value for each read.
    public internal(set) var handlers = UVHistogram()
    /// How long closures and messages of other threads waited for the loop.
    public internal(set) var wakeUps = UVHistogram()
    /// How long bytes waited in the queues of connections: from the first that the kernel did not
    /// take, until the queue was empty.
    public internal(set) var queues = UVHistogram()
    /// How long new clients waited for `accept`, in whole milliseconds. Unix sockets do not count.
    public internal(set) var accepts = UVHistogram()

    /// Which part of the time it was busy, from 0 to 1.
    public var utilization: Double {
        time > .zero ? min(1, max(0, 1 - idleTime / time)) : 0
    }

    /// One line for each.
    public var description: String {
        """
        busy \(Int((utilization * 100).rounded())) % of \(time.briefly)
        turns: \(turns)
        message handlers: \(handlers)
        wake-ups: \(wakeUps)
        queues: \(queues)
        accepts: \(accepts)
        """
    }
}

extension UVLoop {
    /// Whether the loop measures its turns, handlers, wake-ups, queues and accepts. By default it
    /// does not.
    ///
    /// While it measures, a turn costs four looks at a clock and a read two, together some tenths
    /// of a microsecond. To switch it on again starts anew.
    public var isMeasuring: Bool {
        get {
            confine("UVLoop.isMeasuring")
            return measures != nil
        }
        set {
            confine("UVLoop.isMeasuring")
            measure(newValue)
        }
    }

    /// What the loop has measured since it was told to. Nil if it does not measure.
    public var measurements: UVLoopMeasurements? {
        confine("UVLoop.measurements")
        return measures?.measurements(of: self)
    }

    private func measure(_ isOn: Bool) {
        guard !isClosed, isOn != (measures != nil) else { return }
        measures?.end()
        measures?.end()
        measures = isOn ? LoopMeasures(on: self) : nil
        isTimingHandlers = isOn || hasTimedHandlers
        inbox.notesTimes(isOn)
    }

    /// An agent wants its handlers to be timed.
    func timeHandlers(of events: ConnectionEvents) {
        guard events.handlerTimeLimit > 0 else { return }
        hasTimedHandlers = true
        isTimingHandlers = true
    }
}

extension UVServerHandle {
    /// Lets each loop of the server measure, or stops that. See ``UVLoop/isMeasuring``.
    ///
    /// - Parameter isOn: Whether to measure.
    nonisolated(nonsending) public func measure(_ isOn: Bool = true) async {
        _ = await mapListeners { $0.loop.isMeasuring = isOn }
    }

    /// What the server's loops have measured, in the order of their numbers. Loops that do not
    /// measure are left out.
    ///
    /// - Returns: The measurements.
    nonisolated(nonsending) public func measurements() async -> [UVLoopMeasurements] {
        await mapListeners { ($0.part.index, $0.loop.measurements) }
            .sorted { $0.0 < $1.0 }.compactMap(\.1)
    }
}
