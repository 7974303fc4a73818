package import UVSockets

/// Where a session's answers go.
package struct AdminOutput {
    /// Writes a line, without its end.
    let say: (String) -> Void
    /// Ends an answer.
    let endAnswer: () -> Void
    /// Whether nobody reads any more.
    let isGone: () -> Bool
    /// Whether so much waits to be read that the next command must wait, too.
    let isFull: () -> Bool

    package init(
        say: @escaping (String) -> Void, endAnswer: @escaping () -> Void = {},
        isGone: @escaping () -> Bool = { false }, isFull: @escaping () -> Bool = { false }
    ) {
        self.say = say
        self.endAnswer = endAnswer
        self.isGone = isGone
        self.isFull = isFull
    }
}

/// The commands of one operator, one after the other. It belongs to its engine's thread.
package final class AdminSession {
    /// What is answered in its turn.
    private enum Line {
        case command([UInt8])
        /// A line that is answered so, whatever it was.
        case refused(String)
    }

    /// How many lines may wait. Then the caller must give no more.
    package static let lineLimit = 64

    package let level: UVAdmin.Level
    package let output: AdminOutput
    private let engine: AdminEngine
    /// Where the commands come from; nil if from no connection.
    private weak var client: UVConnection?
    private var lines: [Line] = []
    private var isRunning = false
    private var hasEnded = false
    private var isInputOver = false
    /// Ends the wait of a command that runs until something comes.
    private var interrupt: (() -> Void)?
    /// Called when no line waits any more, after too many waited.
    package var onRoom: (() -> Void)?

    package init(
        _ engine: AdminEngine, level: UVAdmin.Level, _ output: AdminOutput,
        of client: UVConnection? = nil
    ) {
        self.engine = engine
        self.level = level
        self.output = output
        self.client = client
    }

    /// Whether as many lines wait as may.
    package var isFull: Bool { lines.count >= Self.lineLimit }

    /// Takes a line.
    package func take(_ line: [UInt8]) {
        guard !hasEnded else { return }
        if let interrupt {
            interrupt()
            if line.allSatisfy({ $0 == UInt8(ascii: " ") }) { return }
        }
        add(.command(line))
    }

    /// Answers a line that is no command.
    package func refuse(_ problem: String) {
        if !hasEnded { add(.refused(problem)) }
    }

    private func add(_ line: Line) {
        lines.append(line)
        guard !isRunning else { return }
        isRunning = true
        // A closure with the capture list `[self]` would leave the loop (Swift 6.3).
        let session = self
        if let client {
            // So a client that has finished sending still gets its answers.
            client.task { await session.run() }
        } else {
            engine.loop.task { await session.run() }
        }
    }

    /// No more lines come. Those that wait are still answered.
    package func noMoreLines() {
        isInputOver = true
        interrupt?()
    }

    /// No more lines come, and nobody reads the answers.
    package func end() {
        hasEnded = true
        lines = []
        interrupt?()
    }

    nonisolated(nonsending) private func run() async {
        while !lines.isEmpty {
            while output.isFull(), !output.isGone(), !hasEnded, !engine.alarm.isClosed {
                await engine.alarm.sleep(.milliseconds(20))
            }
            guard !lines.isEmpty else { break }
            let line = lines.removeFirst()
            if await answer(line) { output.endAnswer() }
            if lines.isEmpty { onRoom?() }
        }
        isRunning = false
    }

    nonisolated(nonsending) private func answer(_ line: Line) async -> Bool {
        switch line {
        case .command(let line): return await engine.run(line, for: self)
        case .refused(let problem):
            output.say(problem)
            return true
        }
    }

    /// Waits, at most until the next line comes.
    ///
    /// - Returns: Whether the time has passed, and neither a line has come nor the operator gone.
    func sleep(_ time: Duration) async -> Bool {
        guard lines.isEmpty, !hasEnded, !isInputOver, !output.isGone() else { return false }
        var isInterrupted = false
        await withCheckedContinuation { continuation in
            var waiting: CheckedContinuation<Void, Never>? = continuation
            let number = engine.alarm.after(time) { waiting.take()?.resume() }
            interrupt = { [unowned engine] in
                isInterrupted = true
                engine.alarm.cancel(number)
                waiting.take()?.resume()
            }
        }
        interrupt = nil
        return !isInterrupted && !hasEnded && !isInputOver && !output.isGone()
            && !engine.alarm.isClosed
    }
}
