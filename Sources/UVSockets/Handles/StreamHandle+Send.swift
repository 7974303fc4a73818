internal import CLibuv

extension StreamHandle {
    /// The most buffers that libuv writes without an allocation (`uv_write`). An allocation could
    /// fail, which must not happen there.
    fileprivate static let buffersInFlight = 4
    /// The most buffers in one attempt to write.
    private static let buffersAtOnce = 64
    /// The most bytes in one write. With this limit the end of a write shows progress.
    private static let bytesInFlight = 1 << 20

    /// Writes as many of the bytes as the kernel takes now.
    ///
    /// - Returns: How many bytes the kernel took, from 0.
    func tryWrite(_ bytes: Span<UInt8>) throws(UVError.Code) -> Int {
        let status = unsafe bytes.withUnsafeBytes { source in
            var buffer = unsafe uv_buf_t(source)
            return unsafe offer(&buffer, 1)
        }
        return try Self.written(status)
    }

    /// Writes as much of the queue's front as the kernel takes now. No write may be in flight.
    ///
    /// - Returns: How many bytes the kernel took, from 0.
    func tryWrite(_ queue: SendQueue) throws(UVError.Code) -> Int {
        let status = unsafe withUnsafeTemporaryAllocation(
            of: uv_buf_t.self, capacity: Self.buffersAtOnce
        ) { buffers in
            let count = unsafe queue.fill(buffers, limit: .max)
            return unsafe offer(buffers.baseAddress, count)
        }
        return try Self.written(status)
    }

    /// Writes as much of the buffers as the kernel takes now. There is at least one buffer.
    func tryWrite(
        _ buffers: UnsafeMutableBufferPointer<uv_buf_t>, _ count: Int
    ) throws(UVError.Code) -> Int {
        try Self.written(unsafe offer(buffers.baseAddress, count))
    }

    private static func written(_ status: Int32) throws(UVError.Code) -> Int {
        if status >= 0 { return Int(status) }
        let code = UVError.Code(rawValue: status)
        guard code == .again else { throw code }
        return 0
    }

    /// Starts to write the front of the queue. The owner is told when all of that has left.
    ///
    /// There is one write at a time: of several, libuv would finish only one in each turn.
    ///
    /// - Returns: How many bytes are in this write.
    func write(_ queue: SendQueue) throws(UVError.Code) -> Int {
        let request = WriteRequest(of: self)
        let status = unsafe withUnsafeTemporaryAllocation(
            of: uv_buf_t.self, capacity: Self.buffersInFlight
        ) { buffers in
            let front = unsafe UnsafeMutableBufferPointer(
                rebasing: buffers[..<queue.segmentsBeforeKey])
            let count = unsafe queue.fill(front, limit: Self.bytesInFlight)
            request.retain(queue, count, unsafe buffers[..<count].reduce(0) { unsafe $0 + $1.len })
            return unsafe startWriting(request, buffers.baseAddress, count)
        }
        guard status == 0 else { throw .init(rawValue: status) }
        return request.bytes
    }
}

extension SendQueue {
    /// How many segments may be in flight. They end before the first message that a later one may
    /// replace, unless that is the first segment. A segment in flight cannot be replaced, even if
    /// the kernel has none of it.
    fileprivate var segmentsBeforeKey: Int {
        guard segments > 1 else { return segments }
        let limit = min(segments, StreamHandle.buffersInFlight)
        return (1..<limit).first { self[$0].buffer.key != nil } ?? limit
    }

    /// Points the buffers at the front of the queue.
    ///
    /// - Returns: How many buffers were filled: as many as fit, and no more than `limit` bytes.
    fileprivate func fill(_ buffers: UnsafeMutableBufferPointer<uv_buf_t>, limit: Int) -> Int {
        var count = 0
        var room = limit
        for index in 0..<min(segments, buffers.count) where room > 0 {
            let segment = self[index]
            let length = min(segment.range.count, room)
            unsafe buffers[count] = uv_buf_t(
                base: UnsafeMutablePointer(
                    mutating: (segment.buffer.base + segment.range.lowerBound)
                        .assumingMemoryBound(to: CChar.self)),
                len: length)
            count += 1
            room -= length
        }
        return count
    }
}

extension uv_buf_t {
    init(_ bytes: UnsafeRawBufferPointer) {
        unsafe self.init(
            base: UnsafeMutablePointer(
                mutating: bytes.baseAddress?.assumingMemoryBound(to: CChar.self)),
            len: bytes.count)
    }
}
