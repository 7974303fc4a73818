import Foundation

/// One of our ends of a pipe, a pseudo-terminal or a socket. It waits with a deadline, and fails
/// with what came until then.
final class Channel {
    private(set) var descriptor: Int32
    private var buffer: [UInt8] = []
    private var consumed = 0
    private var isAtEnd = false

    /// Takes over the descriptor.
    init(_ descriptor: Int32) {
        self.descriptor = descriptor
        _ = fcntl(descriptor, F_SETFL, fcntl(descriptor, F_GETFL) | O_NONBLOCK)
    }

    deinit {
        close()
    }

    func close() {
        guard descriptor >= 0 else { return }
        _ = Glibc.close(descriptor)
        descriptor = -1
    }

    // MARK: Reading

    /// What came and was not taken yet.
    var pending: [UInt8] { Array(buffer[consumed...]) }

    /// The next line, without its end, be that LF or, at a terminal, CR LF.
    func line() throws -> String {
        var scanned = consumed
        let deadline = ContinuousClock.now + patience
        while true {
            if let end = buffer[scanned...].firstIndex(of: UInt8(ascii: "\n")) {
                var line = buffer[consumed..<end]
                if line.last == UInt8(ascii: "\r") { line.removeLast() }
                consumed = end + 1
                return String(decoding: line, as: UTF8.self)
            }
            scanned = buffer.count
            try fill(deadline, "a line")
        }
    }

    /// The next line that the condition holds for; those before it are left out.
    func line(where isWanted: (String) -> Bool) throws -> String {
        var others: [String] = []
        while true {
            do {
                let line = try line()
                if isWanted(line) { return line }
                others.append(line)
            } catch {
                throw Overdue("\(error); before: \(others)")
            }
        }
    }

    /// The next line with the text in it.
    func line(with text: String) throws -> String {
        try line { $0.contains(text) }
    }

    /// Exactly so many of the next bytes.
    func bytes(_ count: Int) throws -> [UInt8] {
        let deadline = ContinuousClock.now + patience
        while buffer.count - consumed < count { try fill(deadline, "\(count) bytes") }
        return take(count)
    }

    /// The next bytes as text, as many as the text has that is expected there.
    func text(like expected: String) throws -> String {
        String(decoding: try bytes(expected.utf8.count), as: UTF8.self)
    }

    /// All bytes to the end.
    func rest() throws -> [UInt8] {
        let deadline = ContinuousClock.now + patience
        while !isAtEnd { try fill(deadline, "the end", failsAtEnd: false) }
        return take(buffer.count - consumed)
    }

    /// Some bytes, at most so many; none at the end.
    func some(atMost limit: Int) throws -> [UInt8] {
        let deadline = ContinuousClock.now + patience
        while buffer.count == consumed, !isAtEnd {
            try fill(deadline, "bytes", atMost: limit, failsAtEnd: false)
        }
        return take(min(limit, buffer.count - consumed))
    }

    /// Whether there is something to read, or the end, at this moment.
    var isReadable: Bool {
        if consumed < buffer.count || isAtEnd { return true }
        var request = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
        return unsafe poll(&request, 1, 0) > 0
    }

    /// Waits until there is something to read, and leaves it there.
    func waitUntilReadable() throws {
        guard try isReady(POLLIN, .now + patience) else { throw Overdue("nothing came") }
    }

    private func take(_ count: Int) -> [UInt8] {
        let taken = Array(buffer[consumed..<consumed + count])
        consumed += count
        if consumed == buffer.count {
            buffer.removeAll(keepingCapacity: true)
            consumed = 0
        }
        return taken
    }

    private func fill(
        _ deadline: ContinuousClock.Instant, _ wanted: String, atMost limit: Int = 64 * 1024,
        failsAtEnd: Bool = true
    ) throws {
        guard !isAtEnd else { throw Overdue("expected \(wanted), came the end after \(shown)") }
        guard try isReady(POLLIN, deadline) else {
            throw Overdue("expected \(wanted), came nothing after \(shown)")
        }
        var count = 0
        buffer += unsafe [UInt8](unsafeUninitializedCapacity: limit) { chunk, used in
            count = unsafe read(descriptor, chunk.baseAddress, limit)
            used = max(0, count)
        }
        if count > 0 { return }
        // A pseudo-terminal whose other side is gone reports EIO.
        if count == 0 || errno == EIO {
            isAtEnd = true
            if failsAtEnd { throw Overdue("expected \(wanted), came the end after \(shown)") }
        } else if errno != EAGAIN && errno != EINTR {
            throw SystemFailure("read")
        }
    }

    private var shown: String {
        "'" + String(decoding: pending.suffix(400), as: UTF8.self).debugDescription + "'"
    }

    private func isReady(_ events: Int32, _ deadline: ContinuousClock.Instant) throws -> Bool {
        while true {
            let left = (deadline - .now) / .milliseconds(1)
            var request = pollfd(fd: descriptor, events: Int16(events), revents: 0)
            let count = unsafe poll(&request, 1, Int32(max(0, left)))
            if count < 0, errno != EINTR { throw SystemFailure("poll") }
            if count > 0 { return true }
            if left <= 0 { return false }
        }
    }

    // MARK: Writing

    /// Writes all of it.
    func write(_ bytes: [UInt8]) throws {
        let deadline = ContinuousClock.now + patience
        var written = 0
        while written < bytes.count {
            written += try write(bytes[written...])
            let canGoOn = try written == bytes.count || isReady(POLLOUT, deadline)
            guard canGoOn else {
                throw Overdue("\(bytes.count - written) of \(bytes.count) bytes were not taken")
            }
        }
    }

    func write(_ text: String) throws {
        try write(Array(text.utf8))
    }

    /// Writes what is taken at this moment, and tells how many bytes that was.
    func write(_ bytes: ArraySlice<UInt8>) throws -> Int {
        let count = unsafe bytes.withUnsafeBytes { buffer in
            unsafe Glibc.write(descriptor, buffer.baseAddress, buffer.count)
        }
        if count >= 0 { return count }
        guard errno == EAGAIN || errno == EINTR else { throw SystemFailure("write") }
        return 0
    }
}
