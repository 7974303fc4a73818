import UVSockets

extension AdminCommand {
    static let ended = AdminCommand(
        "ended", "[bad|REASON] [N]",
        help: "the clients that ended last, all, the bad ends, or one reason; 50, or N"
    ) { call in
        let (ends, count) = try Ends.read(call)
        let answers = await call.engine.ask("ended") { listener, reply in
            reply(ends.of(listener))
        }
        call.say(silent: answers.silent)
        let clients = answers.values.flatMap(\.self).sorted { $0.ago < $1.ago }
        for client in clients.prefix(count) { call.say("\(client)") }
        if clients.count > count {
            call.say("… and \(clients.count - count) more")
        } else if clients.isEmpty, answers.silent.isEmpty {
            call.say("no such client has ended")
        }
    }
}

/// Which ended clients are meant.
private enum Ends {
    case all, bad
    case reason(UVEndReason.Kind)

    private static let usualCount = 50
    private static let greatestCount = 2000

    static func read(_ call: AdminCall) throws -> (Ends, count: Int) {
        var words = call.words[...]
        var ends = Ends.all
        if let word = words.first, Quantity.number(word) == nil {
            ends = try Ends(word)
            words = words.dropFirst()
        }
        guard let word = words.first else { return (ends, usualCount) }
        guard words.count == 1, let count = Quantity.number(word), 1...greatestCount ~= count
        else { throw Ends.problem }
        return (ends, count)
    }

    private static var problem: AdminProblem {
        let kinds = UVEndReason.Kind.allCases.map { "\($0)" }.joined(separator: ", ")
        return AdminProblem("ended takes bad, or one of these reasons: \(kinds)")
    }

    private init(_ word: Substring) throws {
        if word == "bad" {
            self = .bad
        } else if let kind = UVEndReason.Kind.allCases.first(where: { "\($0)" == word }) {
            self = .reason(kind)
        } else {
            throw Self.problem
        }
    }

    func of(_ listener: UVListener) -> [UVEndedClient] {
        switch self {
        case .all: listener.endedClients()
        case .bad: listener.endedClients(badOnly: true)
        case .reason(let kind):
            listener.endedClients(badOnly: kind.isBad).filter { $0.reason.kind == kind }
        }
    }
}
