import UVSockets

extension AdminCommand {
    /// How many lines there are at most: an hour.
    private static let longestWatch = 3600

    static let watch = AdminCommand(
        "watch", help: "a line a second, until you send anything; an hour at most"
    ) { call in
        try call.expectNoWords()
        var last: UVListenerStats?
        for _ in 0..<longestWatch {
            let answers = await call.engine.ask("watch") { listener, reply in
                listener.collectMetrics { reply($0.stats) }
            }
            let stats = answers.values.reduce(into: UVListenerStats()) { $0.add($1) }
            call.say(line(stats, since: last ?? stats, silent: answers.silent))
            // Otherwise a silent loop would look like a loss.
            last = answers.silent.isEmpty ? stats : nil
            guard await call.session.sleep(.seconds(1)) else { return }
        }
        call.say("an hour is over")
    }

    private static func line(
        _ stats: UVListenerStats, since last: UVListenerStats, silent: [Int]
    ) -> String {
        func more(_ count: (UVListenerStats) -> UInt64) -> UInt64 {
            let (now, before) = (count(stats), count(last))
            return now - min(now, before)
        }
        let ended: (UVListenerStats) -> UInt64 = { $0.ends.values.reduce(0, +) }
        let silence = silent.map { ", loop \($0) does not answer" }.joined()
        return """
            \(stats.clients) clients, \(more(\.accepted)) came, \(more(ended)) went, \
            \(more(\.messagesReceived)) messages in, \(more(\.bytesReceived)) bytes in, \
            \(more(\.bytesSent)) bytes out, \(stats.bytesQueued) bytes queued\(silence)
            """
    }
}
