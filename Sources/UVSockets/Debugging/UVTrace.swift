internal import Logging

/// What a trace shows, and when it ends by itself.
public struct UVTraceOptions: Sendable {
    /// What lines are about.
    ///
    /// More cases may come: a `switch` over them needs an `@unknown default`.
    #if hasAttribute(nonexhaustive)
        @nonexhaustive
    #endif
    public enum Source: String, Sendable, Hashable, CaseIterable {
        /// The accept cycle of a listener: what it asks for, and whether a client was there at once.
        case accept
        /// Connections that begin and end, and why.
        case connection
        /// Bytes that came.
        case receive
        /// Bytes that the kernel took.
        case send
        /// Bytes that do not fit the framing.
        case framing
        /// Connections that are held back, and those that go on.
        case limits
        /// Handlers that took long.
        case handlers
    }

    /// What lines are about. By default everything.
    public var sources = Set(Source.allCases)
    /// The client whose lines are shown, by its id. Nil, the default, means all.
    public var client: UVConnection.ID?
    /// The addresses whose clients are shown. Nil, the default, means all.
    public var addresses: UVAddressRange?
    /// After how many lines the trace ends by itself. By default 10,000.
    public var lineLimit = 10_000
    /// How many lines a second it shows at most, on all loops together. By default 1,000. What it
    /// drops is counted, and told in a line.
    public var linesPerSecond = 1_000
    /// Whether it ends when a client has ended badly; see ``UVEndReason/Kind/isBad``. By default it
    /// does not.
    public var endsAtBadEnd = false

    /// Makes options that show everything.
    ///
    /// - Parameter sources: What lines are about.
    public init(_ sources: Set<Source> = Set(Source.allCases)) {
        self.sources = sources
    }
}

/// A trace that goes on until it has shown enough, or is stopped.
public final class UVTrace: Sendable {
    private struct State {
        var lines = 0
        var second: UInt64 = 0
        var linesInSecond = 0
        var dropped = 0
        var isOver = false
    }

    let options: UVTraceOptions
    private let output: @Sendable (String) -> Void
    private let state = Locked(State())

    init(_ options: UVTraceOptions, _ output: @escaping @Sendable (String) -> Void) {
        (self.options, self.output) = (options, output)
    }

    /// Ends the trace. Any thread may call it. A second call does nothing.
    public func stop() {
        end("the trace was stopped")
    }

    /// Whether it has ended.
    public var isOver: Bool { state.withLock { $0.isOver } }

    func end(_ why: String) {
        let dropped: Int? = state.withLock { state in
            guard !state.isOver else { return nil }
            state.isOver = true
            return state.dropped
        }
        guard let dropped else { return }
        output(dropped > 0 ? "\(why); \(dropped) lines were dropped" : why)
    }

    /// Shows a line, unless there are too many.
    func write(_ line: @autoclosure () -> String, at now: UInt64) {
        let second = now / 1000
        enum Verdict { case show, showAndEnd, drop }
        let (verdict, missing): (Verdict, Int) = state.withLock { state in
            guard !state.isOver else { return (.drop, 0) }
            var missing = 0
            if state.second != second {
                (missing, state.dropped) = (state.dropped, 0)
                (state.second, state.linesInSecond) = (second, 0)
            }
            guard state.linesInSecond < max(1, options.linesPerSecond) else {
                state.dropped += 1
                return (.drop, missing)
            }
            state.linesInSecond += 1
            state.lines += 1
            return (state.lines >= max(1, options.lineLimit) ? .showAndEnd : .show, missing)
        }
        if missing > 0 { output("… \(missing) lines were dropped") }
        switch verdict {
        case .drop: break
        case .show: output(line())
        case .showAndEnd:
            output(line())
            end("the trace has ended after \(max(1, options.lineLimit)) lines")
        }
    }
}

/// The traces of one loop. Only its thread uses them.
final class Tracer {
    var traces: [UVTrace] = []
    /// Whether a line is being written. What the logger itself does with connections of this loop
    /// is not traced.
    var isWriting = false
}

extension UVTraceOptions {
    func shows(_ event: RecordedEvent, of connection: UVConnection) -> Bool {
        let source: Source =
            switch event {
            case .began, .peerFinished, .ending, .failed, .ended: .connection
            case .received: .receive
            case .sent: .send
            case .held, .released: .limits
            case .misframed: .framing
            case .slowHandler: .handlers
            }
        guard sources.contains(source), client == nil || client == connection.id else {
            return false
        }
        return addresses?.contains(connection.peerAddress) ?? true
    }

    /// Reads what an environment variable says, such as `accept,receive`, or `all`.
    ///
    /// - Parameter text: The names of the sources, with commas between them.
    /// - Returns: The options, and the first name that is none.
    static func read(_ text: String) -> (options: UVTraceOptions, wrong: String?) {
        var (sources, wrong) = (Set<Source>(), String?.none)
        for word in text.split(separator: ",") {
            if word == "all" {
                sources.formUnion(Source.allCases)
            } else if let source = Source(rawValue: String(word)) {
                sources.insert(source)
            } else {
                wrong = wrong ?? String(word.prefix(40))
            }
        }
        return (UVTraceOptions(sources), wrong)
    }
}

extension UVLoop {
    /// Shows what happens on this loop from now on, a line for each event. Any thread may call it.
    ///
    /// A loop that records no events cannot be traced. A trace costs nothing when there is none.
    ///
    /// - Parameters:
    ///   - options: What to show, and when to end.
    ///   - output: Called with each line, on the loop's thread. Nil writes the lines to the loop's
    ///     logger, at level `info`, or at the logger's own level if that is higher.
    /// - Returns: The trace.
    @discardableResult
    public func trace(
        _ options: UVTraceOptions = UVTraceOptions(),
        to output: (@Sendable (String) -> Void)? = nil
    ) -> UVTrace {
        let trace = UVTrace(options, output ?? traceLog)
        start(trace)
        return trace
    }

    /// Writes a line so that it is seen.
    var traceLog: @Sendable (String) -> Void {
        let logger = logger
        let level = max(.info, logger.logLevel)
        return { logger.log(level: level, "\($0)", metadata: ["trace": "true"]) }
    }

    func start(_ trace: UVTrace) {
        guard let recorder else {
            return trace.end("this loop records no events, so it cannot be traced")
        }
        guard isOnLoop else {
            if !submit({ [self] in start(trace) }) { trace.end("the loop takes no more work") }
            return
        }
        let tracer = recorder.tracer ?? Tracer()
        tracer.traces.append(trace)
        recorder.tracer = tracer
        isTraced = true
    }

    /// Starts the trace that the environment asks for.
    func startEnvironmentTrace() {
        guard network == nil, let recorder, let text = environmentValue("UVSOCKETS_TRACE"),
            !text.isEmpty
        else { return }
        let (options, wrong) = UVTraceOptions.read(text)
        if let wrong {
            let names = UVTraceOptions.Source.allCases.map(\.rawValue).joined(separator: ", ")
            logger.warning(
                "UVSOCKETS_TRACE: '\(wrong)' cannot be traced; there are \(names), and all")
        }
        guard !options.sources.isEmpty else { return }
        let tracer = Tracer()
        tracer.traces = [UVTrace(options, traceLog)]
        recorder.tracer = tracer
        isTraced = true
    }

    // MARK: - Its lines

    /// Shows an event to those who trace it.
    @inline(never)
    func trace(
        _ event: RecordedEvent, _ connection: UVConnection, _ first: UInt64, _ second: UInt64
    ) {
        guard let recorder else { return }
        writeTrace(recorder) { trace in
            guard trace.options.shows(event, of: connection) else { return }
            let record = FlightRecord(
                UInt64(event.rawValue), connection.id, first, second, latest: 0)
            trace.write(
                "client \(connection.id) \(connection.peerEndpoint): \(UVRecordedEvent(record: record).event)",
                at: now)
            if event == .ended, trace.options.endsAtBadEnd,
                UVEndReason.Kind(rawValue: Int(first))?.isBad == true
            {
                trace.end("the trace has ended, because client \(connection.id) ended badly")
            }
        }
    }

    /// Shows a step of a listener's accept cycle, if anybody traces it.
    @inline(__always)
    func traceAccept(_ listener: UVListener, _ step: @autoclosure () -> String) {
        guard isTraced, let recorder else { return }
        traceAccept(listener, step(), recorder)
    }

    @inline(never)
    private func traceAccept(
        _ listener: UVListener, _ step: String, _ recorder: FlightRecorder
    ) {
        writeTrace(recorder) { trace in
            guard trace.options.sources.contains(.accept), trace.options.client == nil else {
                return
            }
            trace.write("accept at \(listener.recordedEndpoint): \(step)", at: now)
        }
    }

    private func writeTrace(_ recorder: FlightRecorder, _ body: (UVTrace) -> Void) {
        guard let tracer = recorder.tracer, !tracer.isWriting else { return }
        tracer.isWriting = true
        for trace in tracer.traces { body(trace) }
        tracer.isWriting = false
        tracer.traces.removeAll { $0.isOver }
        guard tracer.traces.isEmpty else { return }
        recorder.tracer = nil
        isTraced = false
    }
}

extension UVServerHandle {
    /// Shows what happens on all loops of the server from now on; see ``UVLoop/trace(_:to:)``. Any
    /// thread may call it. The limits hold for all loops together.
    ///
    /// Other servers on the same loops are shown, too.
    ///
    /// - Parameters:
    ///   - options: What to show, and when to end.
    ///   - output: Called with each line, on any of the loops' threads.
    /// - Returns: The trace.
    @discardableResult
    public func trace(
        _ options: UVTraceOptions = UVTraceOptions(),
        to output: @escaping @Sendable (String) -> Void
    ) -> UVTrace {
        let trace = UVTrace(options, output)
        forEachListener { $0.loop.start(trace) }
        return trace
    }
}
