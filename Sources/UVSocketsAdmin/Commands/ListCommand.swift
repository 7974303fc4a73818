import UVSockets

extension AdminCommand {
    static let list = AdminCommand(
        "list", "[by rate|queued|age] [N]",
        help: "the clients: id, address, age, bytes in, out and queued; 50, or N of at most 1000"
    ) { call in
        let (order, count) = try ClientOrder.read(call)
        let answers = await call.engine.ask("list") { listener, reply in
            let best = BestClients(count, by: order)
            listener.visitClients { client in
                if !client.isGone { best.add(client.sample) }
            } completion: {
                reply(best.found)
            }
        }
        call.say(silent: answers.silent)
        let all = answers.values.flatMap(\.clients).sorted { $0.comesBefore($1) }
        for client in all.prefix(count) { call.say(describe(client.client)) }
        let total = answers.values.reduce(0) { $0 + $1.total }
        if total > count {
            call.say("… and \(total - count) more")
        } else if total == 0, answers.silent.isEmpty {
            call.say("no clients")
        }
    }

    private static func describe(_ client: ClientSample) -> String {
        """
        \(client.id) \(client.peer) \(client.stats.age.components.seconds) s, \
        \(client.stats.bytesReceived) bytes in, \(client.stats.bytesSent) bytes out, \
        \(client.stats.bytesQueued) bytes queued
        """
    }
}

/// Which clients are listed first.
enum ClientOrder: String, CaseIterable {
    case id
    /// Bytes a second in both directions since it came, the most first.
    case rate
    /// Queued bytes, the most first.
    case queued
    /// The oldest first.
    case age

    /// How many clients are listed by default, and at most.
    private static let usualCount = 50
    private static let greatestCount = 1000

    static func read(_ call: AdminCall) throws -> (order: ClientOrder, count: Int) {
        var words = call.words[...]
        var order = ClientOrder.id
        if words.first == "by" {
            guard let named = words.dropFirst().first.flatMap({ ClientOrder(rawValue: "\($0)") })
            else { throw AdminProblem("list by takes rate, queued or age") }
            order = named
            words = words.dropFirst(2)
        }
        guard let word = words.first else { return (order, usualCount) }
        guard words.count == 1, let count = Quantity.number(word), 1...greatestCount ~= count
        else { throw call.misused }
        return (order, count)
    }

    /// What the clients are sorted by, the greatest first.
    private func key(_ client: ClientSample) -> Double {
        switch self {
        case .id: -Double(client.id)
        case .rate:
            Double(client.stats.bytesReceived + client.stats.bytesSent)
                / max(client.stats.age / .seconds(1), 0.001)
        case .queued: Double(client.stats.bytesQueued)
        case .age: client.stats.age / .seconds(1)
        }
    }

    /// A client with its key, which is computed once.
    struct Ranked: Sendable {
        let client: ClientSample
        private let key: Double

        fileprivate init(_ client: ClientSample, by order: ClientOrder) {
            self.client = client
            key = order.key(client)
        }

        func comesBefore(_ other: Ranked) -> Bool {
            key == other.key ? client.id < other.client.id : key > other.key
        }
    }
}

/// Keeps the first clients of an order. It never holds more than twice as many.
final class BestClients {
    private let count: Int
    private let order: ClientOrder
    private var clients: [ClientOrder.Ranked] = []
    private var total = 0

    init(_ count: Int, by order: ClientOrder) {
        self.count = count
        self.order = order
    }

    func add(_ client: ClientSample) {
        total += 1
        clients.append(.init(client, by: order))
        if clients.count >= 2 * count { trim() }
    }

    private func trim() {
        clients.sort { $0.comesBefore($1) }
        clients.removeLast(max(0, clients.count - count))
    }

    /// The clients, and how many there were.
    var found: (clients: [ClientOrder.Ranked], total: Int) {
        trim()
        return (clients, total)
    }
}
