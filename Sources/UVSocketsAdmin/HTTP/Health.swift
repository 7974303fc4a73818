import UVSockets

/// Tells whether a server serves.
struct Health: Sendable {
    private let questions: Questions
    private let time: Duration

    init(_ questions: Questions, within time: Duration) {
        self.questions = questions
        self.time = time
    }

    /// What is wrong, in one line; nil if every loop answers, and the server does not stop.
    func problem(_ alarm: Alarm) async -> String? {
        let answers: Answers<Bool> = await questions.ask("health", within: time, alarm) {
            listener, reply in reply(listener.isStopping)
        }
        if let loop = answers.silent.first { return questions.silence(ofLoop: loop) }
        if let loop = answers.closed.first { return "loop \(loop) is closed" }
        return answers.values.contains(true) ? "the server stops" : nil
    }
}
