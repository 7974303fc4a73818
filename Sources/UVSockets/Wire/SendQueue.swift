internal import DequeModule

/// The bytes that the kernel has not taken yet, in the order they were sent.
///
/// A connection makes this object when something has to wait for the first time. For most
/// connections that never happens.
final class SendQueue {
    /// A part of a buffer.
    struct Segment {
        let buffer: SendBuffer
        fileprivate(set) var range: Range<Int>
    }

    /// Small sends share buffers of at least this size.
    private static let smallBuffer = 4096

    /// How many bytes wait.
    private(set) var bytes = 0
    /// When it was filled, in nanoseconds, if the loop measures; 0 if not.
    var filledAt: UInt64 = 0

    // The front is kept apart. A client that keeps up has a queue of one segment, and such a queue
    // allocates nothing.
    private var front: Segment?
    private var others = Deque<Segment>()
    /// How many others there are. It is kept apart, because a look at the deque costs an
    /// exclusivity check.
    private var othersCount = 0
    private var canExtendLast = false

    var isEmpty: Bool { front == nil }

    /// Adds a copy of the bytes.
    func append(copying span: Span<UInt8>) {
        guard span.count > 0 else { return }
        bytes += span.count
        let copied = canExtendLast ? extendLast(span) : 0
        guard copied < span.count else { return }
        let rest = span.extracting(copied...)
        let buffer = SendBuffer(capacity: max(rest.count, Self.smallBuffer))
        buffer.append(rest)
        add(Segment(buffer: buffer, range: 0..<rest.count))
        canExtendLast = true
    }

    /// Adds a copy of a payload between its prefix and suffix.
    func append(copying payload: Span<UInt8>, between ends: FrameWrapper) {
        ends.prefix.withSpan { append(copying: $0) }
        append(copying: payload)
        ends.suffix.withSpan { append(copying: $0) }
    }

    /// Adds a buffer's bytes without copying them. The buffer may wait in other queues, too.
    func append(_ buffer: SendBuffer) {
        guard buffer.count > 0 else { return }
        bytes += buffer.count
        add(Segment(buffer: buffer, range: 0..<buffer.count))
        canExtendLast = false
    }

    /// Replaces the buffer that has the same key, if that buffer is still whole.
    ///
    /// - Parameters:
    ///   - buffer: The new buffer.
    ///   - inFlight: How many bytes at the front are being written. They must not change.
    /// - Returns: Whether a buffer was replaced.
    func replace(with buffer: SendBuffer, inFlight: Int) -> Bool {
        var start = 0
        for index in 0..<segments {
            let segment = self[index]
            if start >= inFlight, segment.buffer.key == buffer.key, buffer.key != nil,
                segment.range == 0..<segment.buffer.count
            {
                bytes += buffer.count - segment.range.count
                let replacement = Segment(buffer: buffer, range: 0..<buffer.count)
                if index == 0 { front = replacement } else { others[index - 1] = replacement }
                return true
            }
            start += segment.range.count
        }
        return false
    }

    /// Removes bytes from the front, because the kernel has taken them.
    func consume(_ count: Int) {
        precondition(count <= bytes, "more bytes were sent than queued")
        bytes -= count
        var left = count
        while left > 0, var segment = front {
            if left < segment.range.count {
                segment.range.removeFirst(left)
                front = segment
                return
            }
            left -= segment.range.count
            front = nextSegment()
        }
        if front == nil { reset() }
    }

    /// Drops everything.
    func removeAll() {
        bytes = 0
        front = nil
        reset()
    }

    /// Takes the first of the others. It is the front from now on.
    private func nextSegment() -> Segment? {
        guard othersCount > 0 else { return nil }
        othersCount -= 1
        let segment = others.popFirst()
        // An empty queue keeps no buffers.
        if othersCount == 0 { others = Deque() }
        return segment
    }

    private func reset() {
        canExtendLast = false
        guard othersCount > 0 else { return }
        othersCount = 0
        others = Deque()
    }

    private func add(_ segment: Segment) {
        guard front != nil else {
            front = segment
            return
        }
        others.append(segment)
        othersCount += 1
    }

    private func extendLast(_ span: Span<UInt8>) -> Int {
        // Not in place: a call within an access to the front would cost all of them a check.
        if othersCount == 0 {
            guard var segment = front else { return 0 }
            defer { front = segment }
            return segment.extend(by: span)
        }
        return others[othersCount - 1].extend(by: span)
    }
}

extension SendQueue {
    /// How many segments there are.
    var segments: Int { front == nil ? 0 : 1 + othersCount }

    /// A segment by its place from the front.
    subscript(index: Int) -> Segment {
        if index == 0, let front { return front }
        return others[index - 1]
    }
}

extension SendQueue.Segment {
    /// Adds as many bytes as fit into the buffer. This segment must be the last of its buffer.
    fileprivate mutating func extend(by span: Span<UInt8>) -> Int {
        let added = buffer.append(span)
        range = range.lowerBound..<range.upperBound + added
        return added
    }
}

extension Range<Int> {
    fileprivate mutating func removeFirst(_ count: Int) {
        self = lowerBound + count..<upperBound
    }
}
