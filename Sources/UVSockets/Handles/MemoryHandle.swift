internal import CLibuv

/// One end of a connection in memory.
///
/// For libuv it is a handle that never does anything. So it has the same life cycle as every other
/// handle.
@safe final class MemoryHandle: StreamHandle, MemoryActor {
    private let end: MemoryEnd
    private let network: MemoryNetwork
    /// The write in flight, and how many of its bytes were taken.
    private var write: (request: WriteRequest, bytes: [UInt8], taken: Int)?
    private var isResetting = false
    /// Whether the end of the stream, or a reset, was reported.
    private var hasToldEnd = false
    private var isAwake = false

    init(on loop: UVLoop, owning ticket: MemoryTicket) throws(UVError) {
        guard let network = loop.network, let end = ticket.take(on: loop) else {
            throw UVError(call: "open", code: .invalidArgument)
        }
        self.end = end
        self.network = network
        do throws(UVError) {
            try unsafe super.init(UV_IDLE, on: loop, call: "make stream") { memory in
                unsafe uv_idle_init(loop.raw, memory.assumingMemoryBound(to: uv_idle_t.self))
            }
        } catch {
            end.close(byReset: true)
            throw error
        }
        end.onChange = { [unowned self] in wake() }
    }

    override var name: String { "stream in memory to \(end.peer.endpoint)" }

    private func wake() {
        guard !isAwake else { return }
        isAwake = true
        network.wake(self)
    }

    func proceed() {
        isAwake = false
        guard !isClosing else { return }
        writeMore()
        if isReading, !hasToldEnd { read() }
    }

    // MARK: - Reading

    override func startReading() -> Int32 {
        wake()
        return 0
    }

    override func stopReading() {}

    private func read() {
        let bytes = end.receive(atMost: ReceiveBuffer.capacity)
        if !bytes.isEmpty {
            unsafe loop.receiveBuffer.base.copyMemory(from: bytes, byteCount: bytes.count)
            received(bytes.count)
            wake()
        } else if end.incoming.isAtEnd {
            // The end comes before a reset that follows it.
            received(Int(UV_EOF.rawValue))
            hasToldEnd = true
        } else if end.isReset {
            hasToldEnd = true
            received(Int(UV_ECONNRESET.rawValue))
        }
    }

    // MARK: - Writing

    override func offer(_ buffers: UnsafeMutablePointer<uv_buf_t>?, _ count: Int) -> Int32 {
        let bytes = unsafe Self.bytes(of: buffers, count)
        guard let taken = end.send(bytes) else { return errorOfSending }
        return taken > 0 || bytes.isEmpty ? Int32(taken) : UV_EAGAIN.rawValue
    }

    private var errorOfSending: Int32 {
        end.isReset && !end.incoming.isFinished && !hasToldEnd
            ? UV_ECONNRESET.rawValue : UV_EPIPE.rawValue
    }

    override func startWriting(
        _ request: WriteRequest, _ buffers: UnsafeMutablePointer<uv_buf_t>?, _ count: Int
    ) -> Int32 {
        write = unsafe (request, Self.bytes(of: buffers, count), 0)
        wake()
        return 0
    }

    private func writeMore() {
        guard let write else { return }
        guard let count = end.send(write.bytes[write.taken...]) else {
            return writeEnded(.init(rawValue: errorOfSending))
        }
        self.write?.taken += count
        if write.taken + count == write.bytes.count {
            writeEnded(nil)
        } else if count > 0 {
            wake()
        }
    }

    private func writeEnded(_ error: UVError.Code?) {
        guard let write = write.take() else { return }
        write.request.ended(taken: write.taken, error: error)
    }

    private static func bytes(
        of buffers: UnsafeMutablePointer<uv_buf_t>?, _ count: Int
    ) -> [UInt8] {
        unsafe UnsafeBufferPointer(start: buffers, count: count).flatMap { buffer in
            unsafe UnsafeRawBufferPointer(start: buffer.base, count: buffer.len)
        }
    }

    // MARK: - The end

    override func finishSending() {
        end.finish()
    }

    override func reset() {
        isResetting = true
        close()
    }

    override func dropCallbacks() {
        end.close(byReset: isResetting)
    }

    override func didClose() {
        writeEnded(.canceled)
        super.didClose()
    }

    // MARK: - State

    override var bytesUnwritten: Int { write.map { $0.bytes.count - $0.taken } ?? 0 }
    override var bytesUnacknowledged: Int { end.outgoing.unacknowledged }
    override var bytesUnread: Int { end.incoming.count }
    override var localAddress: SocketAddress? { isClosing ? nil : end.address }
    override var listenedAt: UVEndpoint? { end.listenedAt }

    override var unanswered: Unanswered? {
        guard end.outgoing.isDead, end.outgoing.count > 0 else { return nil }
        return Unanswered(quiet: network.clock.now, isProbing: false)
    }

    override func takeError() -> UVError.Code? {
        guard end.isReset else { return nil }
        // What came before is delivered first.
        guard end.incoming.isFinished else { return .connectionReset }
        return hasToldEnd ? .brokenPipe : nil
    }
}

/// A stream in memory that belongs to no connection yet. Whoever takes it owns it.
struct MemoryTicket: Sendable {
    private let number: Int

    /// Makes a ticket for an end.
    init(_ end: MemoryEnd, of network: MemoryNetwork) {
        number = network.ticket(for: end)
    }

    func take(on loop: UVLoop) -> MemoryEnd? {
        loop.network?.take(number)
    }
}
