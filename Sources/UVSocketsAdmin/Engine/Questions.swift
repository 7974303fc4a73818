package import UVSockets

/// Asks the loops of a server, and waits for no loop longer than a limit.
///
/// What a loop did not begin within the limit is not done later. A blocked loop has at most one
/// question of each kind in its inbox, however often it is asked: the next ones wait here.
package final class Questions: Sendable {
    package let server: UVServerHandle

    private struct Key: Hashable {
        let kind: String
        let loop: Int
    }

    private struct Waiting {
        let isOver: @Sendable () -> Bool
        let begin: @Sendable () -> Void
    }

    /// The questions that wait until the loop has taken the one before. A key is there while its
    /// loop has one.
    private let lanes = Locked<[Key: [Waiting]]>([:])

    package init(_ server: UVServerHandle) {
        self.server = server
    }

    /// Puts a question to loops.
    ///
    /// - Parameters:
    ///   - kind: A name of the kind of question.
    ///   - loops: The indices of the loops; nil asks all.
    ///   - limit: How long to wait at most.
    ///   - alarm: The deadlines of the loop on which the caller runs.
    ///   - question: Runs on each loop, and calls back once with the answer, at once or later.
    /// - Returns: What came in time.
    func ask<Answer: Sendable>(
        _ kind: String, _ loops: [Int]? = nil, within limit: Duration, _ alarm: Alarm,
        _ question:
            @escaping @Sendable (UVListener, @escaping @Sendable (Answer) -> Void) -> Void
    ) async -> Answers<Answer> {
        let loops = loops ?? Array(0..<server.loopCount)
        let call = Call<Answer>(loops)
        for loop in loops {
            let key = Key(kind: kind, loop: loop)
            enter(key, Waiting(isOver: { call.isOver }) { [self] in pose(key, call, question) })
        }
        let deadline = alarm.after(limit) { call.end() }
        let answers = await call.answers()
        alarm.cancel(deadline)
        return answers
    }

    /// What is said about a loop that did not answer. This is the only place that words it.
    func silence(ofLoop loop: Int) -> String {
        "loop \(loop) does not answer: \(server.loops[loop].activity)"
    }

    private func enter(_ key: Key, _ question: Waiting) {
        let isFree = lanes.withLock { lanes in
            guard lanes[key] != nil else {
                lanes[key] = []
                return true
            }
            lanes[key]?.removeAll { $0.isOver() }
            lanes[key]?.append(question)
            return false
        }
        if isFree { question.begin() }
    }

    /// The loop is done with a question of this kind: the next one begins.
    private func leave(_ key: Key) {
        let next = lanes.withLock { lanes in
            lanes[key]?.removeAll { $0.isOver() }
            guard let next = lanes[key]?.first else {
                lanes[key] = nil
                return nil as Waiting?
            }
            lanes[key]?.removeFirst()
            return next
        }
        next?.begin()
    }

    private func pose<Answer: Sendable>(
        _ key: Key, _ call: Call<Answer>,
        _ question:
            @escaping @Sendable (UVListener, @escaping @Sendable (Answer) -> Void) -> Void
    ) {
        let isPosted = server.post(toLoop: key.loop) { [self] listener in
            guard !call.isOver else { return leave(key) }
            question(listener) { [self] answer in
                call.add(answer, of: key.loop)
                leave(key)
            }
        }
        guard !isPosted else { return }
        call.add(nil, of: key.loop)
        leave(key)
    }
}

/// What loops have answered.
struct Answers<Answer: Sendable>: Sendable {
    /// The answers, in the order of the loops.
    fileprivate(set) var all: [(loop: Int, answer: Answer)] = []
    /// The loops that did not answer in time.
    fileprivate(set) var silent: [Int] = []
    /// The loops that are closed.
    fileprivate(set) var closed: [Int] = []

    /// The answers without their loops.
    var values: [Answer] { all.map(\.answer) }
}

/// A question to several loops that waits for its answers.
private final class Call<Answer: Sendable>: Sendable {
    private struct State {
        var answers = Answers<Answer>()
        var missing: [Int]
        var isOver = false
        var continuation: CheckedContinuation<Answers<Answer>, Never>?
    }

    private let state: Locked<State>

    init(_ loops: [Int]) {
        state = Locked(State(missing: loops, isOver: loops.isEmpty))
    }

    var isOver: Bool { state.withLock { $0.isOver } }

    /// A loop has answered. Nil means that it is closed.
    func add(_ answer: Answer?, of loop: Int) {
        finish { state in
            guard !state.isOver, state.missing.contains(loop) else { return }
            state.missing.removeAll { $0 == loop }
            if let answer {
                state.answers.all.append((loop, answer))
            } else {
                state.answers.closed.append(loop)
            }
            state.isOver = state.missing.isEmpty
        }
    }

    /// The time is over.
    func end() {
        finish { $0.isOver = true }
    }

    func answers() async -> Answers<Answer> {
        await withCheckedContinuation { continuation in
            finish { $0.continuation = continuation }
        }
    }

    private func finish(_ change: (inout State) -> Void) {
        let (continuation, answers) = state.withLock { state in
            change(&state)
            guard state.isOver, let continuation = state.continuation.take() else {
                return (nil as CheckedContinuation<Answers<Answer>, Never>?, Answers<Answer>())
            }
            var answers = state.answers
            answers.all.sort { $0.loop < $1.loop }
            answers.silent = state.missing
            return (continuation, answers)
        }
        continuation?.resume(returning: answers)
    }
}
