import Dispatch
import Glibc

/// Reads a file descriptor on a thread of its own. Each request brings one chunk.
public final class Input: Sendable {
    /// What a request brings.
    public enum Event: Sendable {
        /// The next bytes, at least one.
        case bytes([UInt8])
        /// The end: there are no more bytes.
        case end
        /// Reading failed, with this `errno`.
        case failed(Int32)
    }

    /// The most bytes in a chunk.
    public static let chunkSize = 64 * 1024

    private let descriptor: Int32
    private let requests = DispatchSemaphore(value: 0)

    /// Makes a reader. It starts to read at the first request.
    ///
    /// If the process reads from its terminal in the background, the read fails with EIO and the
    /// process is not stopped. For this the thread blocks the stop signal while it reads. The
    /// process does not ignore the signal, because its children would inherit that.
    ///
    /// - Parameters:
    ///   - descriptor: The descriptor to read, 0 for standard input.
    ///   - deliver: Called once for each request, on another thread. After the end or a failure,
    ///     requests bring nothing.
    public init(_ descriptor: Int32 = 0, deliver: @escaping @Sendable (Event) -> Void) {
        self.descriptor = descriptor
        DispatchQueue(label: "input \(descriptor)").async { [self] in
            var isOver = false
            while !isOver {
                requests.wait()
                let event = read()
                if case .bytes = event {} else { isOver = true }
                deliver(event)
            }
        }
    }

    /// Asks for the next chunk.
    public func request() {
        requests.signal()
    }

    private func read() -> Event {
        var stop = sigset_t()
        var before = sigset_t()
        unsafe sigemptyset(&stop)
        unsafe sigaddset(&stop, SIGTTIN)
        unsafe pthread_sigmask(SIG_BLOCK, &stop, &before)
        // Threads that are made while the event is delivered inherit the original mask.
        defer { unsafe pthread_sigmask(SIG_SETMASK, &before, nil) }
        return readChunk()
    }

    private func readChunk() -> Event {
        while true {
            var count = 0
            let chunk = unsafe [UInt8](unsafeUninitializedCapacity: Self.chunkSize) {
                buffer, used in
                count = unsafe Glibc.read(descriptor, buffer.baseAddress, buffer.count)
                used = max(0, count)
            }
            if count > 0 { return .bytes(chunk) }
            if count == 0 { return .end }
            switch errno {
            case EINTR: continue
            case EAGAIN:
                var request = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
                _ = unsafe poll(&request, 1, -1)
            default: return .failed(errno)
            }
        }
    }
}
