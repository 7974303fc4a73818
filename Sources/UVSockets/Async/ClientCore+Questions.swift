internal import DequeModule

/// What a ``UVClient`` does with questions and answers.
extension ClientCore {
    // `Array(inOrder)` would write to the storage that all empty arrays share, on any loop's thread.
    var questions: [Question] {
        matching.key == nil ? inOrder.map(\.self) : Array(byKey.values)
    }
    /// How many questions the server has, or gets with the next connection.
    private var inFlight: Int { inOrder.count + byKey.count }

    func count() {
        let open = inFlight + waiting.count
        facts.withLock { $0.openQuestions = open }
    }

    func ask(_ message: [UInt8], within limit: Duration) async throws -> [UInt8] {
        try Task.checkCancellation()
        guard inFlight + waiting.count < questionLimit else {
            throw noRoom("too many questions are open")
        }
        let question = Question(message)
        if waiting.isEmpty, inFlight < inFlightLimit {
            try handOver(question)
        } else {
            waiting.append(question)
        }
        count()
        let loop = loop
        let timer = try loop.after(limit) { [endpoint] in
            question.finish(
                .failure(
                    UVError(
                        call: "ask", subject: "\(endpoint)", code: .timedOut,
                        reason: "no answer came within \(limit)")), on: loop)
        }
        defer { timer.cancel() }
        while question.result == nil {
            await question.slot.waitUnlessCancelled(on: loop)
            if Task.isCancelled { question.finish(.failure(CancellationError()), on: loop) }
        }
        forget(question)
        return try question.result?.get() ?? []
    }

    /// A question has its result. If answers come in order, one that comes later still belongs to
    /// it.
    private func forget(_ question: Question) {
        if question.message != nil { waiting.removeAll { $0 === question } }
        if let key = question.key, byKey[key] === question { byKey[key] = nil }
        handOverWaiting()
        count()
    }

    private func handOver(_ question: Question) throws {
        guard let message = question.message else { return }
        if let matching = matching.key {
            guard let key = matching(message.span), byKey[key] == nil else { throw noKey }
            _ = try hand(over: message)
            question.key = key
            byKey[key] = question
        } else {
            _ = try hand(over: message)
            inOrder.append(question)
        }
        question.message = nil
        question.isSent = facts.withLock { $0.isConnected }
    }

    func handOverWaiting() {
        while inFlight < inFlightLimit, let question = waiting.popFirst() {
            do {
                try handOver(question)
            } catch {
                question.message = nil
                question.finish(.failure(error), on: loop)
            }
        }
    }

    func received(_ message: Span<UInt8>) {
        if let question = answered(by: message) {
            handOverWaiting()
            count()
            // Nobody waits if the time was over, or if the task was cancelled.
            if question.result == nil {
                question.finish(.success([UInt8](message: message)), on: loop)
            }
        } else {
            messages.append([UInt8](message: message))
            readers.popFirst()?.wake(on: loop)
            if isListenedTo {
                holdOrRelease()
            } else if messages.count > Self.messageLimit {
                messages.removeFirst()
            }
        }
    }

    private func answered(by message: Span<UInt8>) -> Question? {
        guard let matching = matching.key else { return inOrder.popFirst() }
        return matching(message).flatMap { byKey.removeValue(forKey: $0) }
    }
}
