import UVSockets
import UVSocketsCapture

extension AdminCommand {
    static let tap = AdminCommand(
        "tap", "off | ID|ADDRESS|all FILE [bytes N] [time S] [snap N]", level: .admin,
        help: "write what clients say to a pcapng file on the server's machine"
    ) { call in
        let engine = call.engine
        if call.text.isEmpty { return engine.taps.describe(call) }
        if call.text == "off" { return await engine.taps.stopAll(call) }
        let (target, path, limits) = try TapRequest.read(call)
        guard engine.taps.hasRoom else {
            throw AdminProblem(
                "\(TapShelf.limit) taps are running, and no more may; type tap off first")
        }
        guard await call.allLoopsAnswer() else { return }
        let tap = try await UVTap.start(engine.server, target, to: path, limits: limits)
        engine.taps.keep(tap, path)
        call.say("tapping \(target.words) to \(path); tap off ends it")
    }

    /// How long a client is dumped if the command does not say it, and at most.
    private static let (usualDump, longestDump) = (5, 60)

    static let dump = AdminCommand(
        "dump", "ID [SECONDS]", level: .admin,
        help: "show what a client sends and gets, for 5 seconds or as long as you say"
    ) { call in
        let words = call.words
        guard 1...2 ~= words.count, let id = UVConnection.ID(words[0]) else { throw call.misused }
        let seconds = words.count == 2 ? Int(words[1]) : usualDump
        guard let seconds, 1...longestDump ~= seconds else {
            throw AdminProblem("dump takes 1 to \(longestDump) seconds")
        }
        guard await call.allLoopsAnswer() else { return }
        let lines = Locked<[String]>([])
        // Half of what the answer may have.
        let limits = UVTap.Limits(bytes: 512 << 10, time: .seconds(seconds))
        let tap = try await UVTap.dump(
            call.engine.server, .client(id),
            to: .lines { line in lines.withLock { $0.append(line) } }, limits: limits)
        let report = await tap.ended()
        // A dump escapes what came itself.
        for line in lines.withLock({ $0 }) { call.say(verbatim: line) }
        call.say("the dump has ended: \(report.end)")
    }
}

/// What the command `tap` asks for.
private enum TapRequest {
    static func read(
        _ call: AdminCall
    ) throws -> (target: UVTap.Target, path: String, limits: UVTap.Limits) {
        var words = call.words[...]
        guard let who = words.popFirst(), let path = words.popFirst() else { throw call.misused }
        var limits = UVTap.Limits()
        while let name = words.popFirst() {
            guard let value = words.popFirst().flatMap({ Int($0) }), value > 0 else {
                let shown = Printable(Array(name.utf8))
                throw AdminProblem("\(shown) needs a number of at least 1 behind it")
            }
            switch name {
            case "bytes": limits.bytes = value
            case "time": limits.time = .seconds(min(value, 31_536_000))
            case "snap": limits.snapLength = value
            default: throw call.misused
            }
        }
        return (try target(who, call), String(path), limits)
    }

    private static func target(_ word: Substring, _ call: AdminCall) throws -> UVTap.Target {
        if word == "all" { return .all }
        if let id = UVConnection.ID(word) { return .client(id) }
        return .range(try call.range(word))
    }
}

/// The taps that operators have started. It belongs to the thread of its engine.
package final class TapShelf {
    /// How many may run at a time.
    static let limit = 8

    private var taps: [(tap: UVTap, path: String)] = []

    var hasRoom: Bool {
        taps.removeAll { $0.tap.report != nil }
        return taps.count < Self.limit
    }

    func keep(_ tap: UVTap, _ path: String) {
        taps.append((tap, path))
    }

    /// Says which taps run, and how those that have ended did.
    func describe(_ call: AdminCall) {
        if taps.isEmpty { call.say("no tap; tap ID|ADDRESS|all FILE starts one") }
        for (tap, path) in taps {
            call.say(tap.report.map { "\(path): \($0.words)" } ?? "\(path): running")
        }
    }

    /// Ends all taps and says what they have written.
    func stopAll(_ call: AdminCall) async {
        let all = taps
        taps = []
        if all.isEmpty { call.say("no tap is running") }
        for (tap, path) in all {
            let report = await tap.stop()
            call.say("\(path): \(report.words)")
        }
    }
}

extension UVTap.Report {
    fileprivate var words: String {
        let drops = packetsDropped > 0 ? ", \(packetsDropped) dropped" : ""
        return "\(packets) packets, \(bytes) bytes\(drops); \(end)"
    }
}

extension UVTap.Target {
    fileprivate var words: String {
        switch self {
        case .client(let id): "client \(id)"
        case .range(let range): "\(range)"
        case .all: "all clients"
        @unknown default: "clients"
        }
    }
}

extension AdminCall {
    /// Reads an address or a range of addresses.
    func range(_ word: Substring) throws -> UVAddressRange {
        do {
            return try UVAddressRange(String(word))
        } catch {
            throw AdminProblem(
                "'\(word)' is no client's id, no address or range such as 10.0.0.0/8, and not all")
        }
    }

    /// Names the loops that do not answer. What needs all loops would wait for them.
    fileprivate func allLoopsAnswer() async -> Bool {
        let answers: Answers<Bool> = await engine.ask("presence") { _, reply in reply(true) }
        say(silent: answers.silent)
        return answers.silent.isEmpty
    }
}
