import Console
import Glibc
import UVSockets

/// A file with a black box, and the clients in it.
struct Box {
    /// A client of one of the box's listeners, or a connection of one of its connectors.
    struct Key: Hashable, CustomStringConvertible {
        let agent: UInt32
        let connection: UInt64

        init(_ event: UVRecordedEvent) {
            (agent, connection) = (event.record.agent, event.record.connection)
        }

        var description: String { "\(agent)/\(connection)" }
    }

    /// Which clients are asked for.
    struct Filter {
        let agent: UInt64?
        let client: UInt64

        func matches(_ key: Key) -> Bool {
            key.connection == client && (agent == nil || agent == UInt64(key.agent))
        }
    }

    /// Why a file cannot be shown.
    struct Failure: Error, CustomStringConvertible {
        let description: String
    }

    let path: String
    let content: BlackBox
    /// Whether the process that writes it still runs.
    let isInUse: Bool

    /// The first and the last event of each client.
    private let ends: [Key: (first: UVRecordedEvent, last: UVRecordedEvent)]
    private let misframed: Set<Key>

    /// Reads a file.
    init(_ path: String) throws {
        self.path = path
        // A pipe would make `open` wait.
        let descriptor = unsafe open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC)
        guard descriptor >= 0 else { throw Self.failure(path) }
        defer { close(descriptor) }
        do {
            content = try Self.read(descriptor, path)
        } catch let error as BlackBox.Unreadable {
            throw Failure(description: "\(Printable(Array(path.utf8))): \(error)")
        }
        isInUse = flock(descriptor, LOCK_SH | LOCK_NB) != 0 && errno == EWOULDBLOCK
        var ends: [Key: (first: UVRecordedEvent, last: UVRecordedEvent)] = [:]
        var misframed: Set<Key> = []
        for event in content.events {
            let key = Key(event)
            ends[key] = (ends[key]?.first ?? event, event)
            if event.record.event == .misframed { misframed.insert(key) }
        }
        (self.ends, self.misframed) = (ends, misframed)
    }

    private static func read(_ descriptor: Int32, _ path: String) throws -> BlackBox {
        var status = stat()
        guard unsafe fstat(descriptor, &status) == 0 else { throw failure(path) }
        guard status.st_mode & S_IFMT == S_IFREG else {
            throw Failure(description: "\(Printable(Array(path.utf8))): it is no file")
        }
        let header = try bytes(BlackBoxLayout.headerSize, of: descriptor, path)
        let size = try BlackBox.size(header)
        // What is written meanwhile may be of different moments: the second look tells how much.
        let all = try bytes(size, of: descriptor, path)
        let later = try bytes(BlackBoxLayout.headerSize, of: descriptor, path)
        return try BlackBox(all, writtenLater: try BlackBox.written(later))
    }

    /// The first bytes of the file: fewer if it is shorter.
    private static func bytes(
        _ count: Int, of descriptor: Int32, _ path: String
    ) throws -> [UInt8] {
        var isFailed = false
        let bytes = unsafe [UInt8](unsafeUninitializedCapacity: count) { buffer, filled in
            while filled < count {
                let part = unsafe pread(
                    descriptor, buffer.baseAddress.map { unsafe $0 + filled }, count - filled,
                    off_t(filled))
                if part < 0, errno == EINTR { continue }
                isFailed = part < 0
                guard part > 0 else { break }
                filled += part
            }
        }
        if isFailed { throw failure(path) }
        return bytes
    }

    private static func failure(_ path: String) -> Failure {
        Failure(
            description:
                "\(Printable(Array(path.utf8))): \(unsafe String(cString: strerror(errno)))"
        )
    }

    /// What has become of the process, in one word.
    var state: String {
        if isInUse { return "running" }
        return content.ending == .none ? "crashed" : "\(content.ending)"
    }

    // MARK: - Its clients

    /// The clients that are asked for.
    func clients(_ filter: Filter?, badOnly: Bool) -> Set<Key> {
        Set(
            ends.keys.filter { key in
                (filter?.matches(key) ?? true) && (!badOnly || isOpen(key) || isBad(key))
            })
    }

    /// Whether it had not ended.
    func isOpen(_ key: Key) -> Bool { ends[key]?.last.record.event != .ended }

    private func isBad(_ key: Key) -> Bool {
        guard let last = ends[key]?.last, last.record.event == .ended else { return false }
        // An end that this program does not know is shown, too.
        let kind = UVEndReason.Kind(rawValue: Int(truncatingIfNeeded: last.record.first))
        return misframed.contains(key) || kind?.isBad ?? true
    }

    /// The last event of a client.
    func last(_ key: Key) -> UVRecordedEvent? { ends[key]?.last }

    /// Those of the clients that had not ended, the one that did something last first.
    func openClients(_ keys: Set<Key>) -> [Key] {
        let time = { (key: Key) in ends[key]?.last.record.milliseconds ?? 0 }
        return keys.filter(isOpen).sorted {
            let (one, other) = (time($0), time($1))
            return one != other
                ? one > other : ($0.agent, $0.connection) < ($1.agent, $1.connection)
        }
    }
}
