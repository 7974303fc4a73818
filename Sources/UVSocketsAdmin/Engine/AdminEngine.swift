package import UVSockets

/// Runs an operator's commands about one server. It belongs to the thread of one loop, which need
/// not be one of the server's.
package final class AdminEngine {
    package let server: UVServerHandle
    /// The loop on which commands run.
    let loop: UVLoop
    package let options: UVAdmin.Options
    package let alarm: Alarm
    package let questions: Questions
    package let page: UVMetricsPage
    package let commands: [AdminCommand]
    let taps = TapShelf()

    /// Makes an engine.
    ///
    /// - Parameters:
    ///   - server: The server.
    ///   - loop: The loop on which commands run.
    ///   - options: What commands need.
    ///   - alarm: The deadlines of the loop; nil makes some.
    ///   - commands: Further commands.
    package init(
        for server: UVServerHandle, on loop: UVLoop, options: UVAdmin.Options,
        alarm: Alarm? = nil, commands: [AdminCommand] = []
    ) {
        self.server = server
        self.loop = loop
        self.options = options
        self.commands = AdminCommand.all + commands
        self.alarm = alarm ?? Alarm(on: loop)
        questions = Questions(server)
        page =
            options.metrics
            ?? UVMetricsPage(for: server, named: options.name, answerWithin: options.answerTime)
    }

    /// Runs a line. A blank line does nothing.
    ///
    /// - Returns: Whether there was an answer.
    func run(_ line: [UInt8], for session: AdminSession) async -> Bool {
        do {
            guard let call = try call(line, session) else { return false }
            try await call.command.run(call)
        } catch {
            // It may repeat what came.
            session.output.say(
                "\(Printable(Array("\(error)".utf8), limit: .max, keepsBackslashes: true))")
        }
        return true
    }

    private func call(_ line: [UInt8], _ session: AdminSession) throws -> AdminCall? {
        let shown = Printable(line, limit: 200)
        guard let line = String(validating: line, as: UTF8.self) else {
            throw AdminProblem("'\(shown)' is not valid UTF-8; type help")
        }
        let words = line.split(separator: " ", maxSplits: 1, omittingEmptySubsequences: true)
        guard let name = words.first else { return nil }
        guard let command = commands.first(where: { $0.name == name }) else {
            throw AdminProblem("'\(shown)' is not a command; type help")
        }
        guard session.level >= command.level else {
            throw AdminProblem(
                "\(name) needs the level \(command.level), and yours is \(session.level)")
        }
        var text = words.count > 1 ? words[1] : ""
        while text.last == " " { text.removeLast() }
        return AdminCall(engine: self, command: command, text: String(text), session: session)
    }

    /// Asks loops, at most as long as the options say.
    func ask<Answer: Sendable>(
        _ kind: String, _ loops: [Int]? = nil,
        _ question:
            @escaping @Sendable (UVListener, @escaping @Sendable (Answer) -> Void) -> Void
    ) async -> Answers<Answer> {
        await questions.ask(kind, loops, within: options.answerTime, alarm, question)
    }

    /// What is said about a loop that did not answer.
    package func silence(ofLoop loop: Int) -> String { questions.silence(ofLoop: loop) }
}
