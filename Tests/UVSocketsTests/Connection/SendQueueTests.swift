import Testing

@testable import UVSockets

@Suite("SendQueue", .ownThreads)
struct SendQueueTests {
    /// Copies that share buffers, copies that fill them, shared buffers, and nothing at all.
    static let pieces: [(size: Int, isShared: Bool)] = [
        (3, false), (0, false), (4100, false), (7, true), (5, false), (0, true), (100, false),
        (9, true), (11, true), (1, false),
    ]

    @Test("Whatever is taken off the front, the rest stays as it was, also when more is added")
    func everySplit() {
        let all = pattern(Self.pieces.reduce(0) { $0 + $1.size })
        for split in 0...all.count {
            let queue = SendQueue()
            Self.fill(queue, with: all)
            queue.consume(split)
            guard queue.content == Array(all[split...]), queue.bytes == all.count - split,
                queue.isEmpty == (split == all.count)
            else {
                Issue.record("consumed \(split)")
                return
            }
            queue.append(copying: [1, 2, 3].span)
            guard queue.content == all[split...] + [1, 2, 3] else {
                Issue.record("added behind \(split)")
                return
            }
            queue.consume(queue.bytes)
            guard queue.isEmpty, queue.bytes == 0, queue.content == [] else {
                Issue.record("emptied after \(split)")
                return
            }
        }
    }

    @Test("Taken off in steps of any size, the bytes come in order", arguments: [1, 2, 3, 4096])
    func steps(of size: Int) {
        let all = pattern(Self.pieces.reduce(0) { $0 + $1.size })
        let queue = SendQueue()
        Self.fill(queue, with: all)
        var left = all[...]
        while !left.isEmpty {
            let step = min(size, left.count)
            queue.consume(step)
            left = left.dropFirst(step)
            guard queue.bytes == left.count, queue.content.prefix(8) == left.prefix(8) else {
                Issue.record("\(left.count) left")
                return
            }
        }
        #expect(queue.isEmpty)
    }

    @Test("Small sends share one buffer")
    func coalesce() {
        let queue = SendQueue()
        for byte in 0..<100 { queue.append(copying: [UInt8(byte), 0, 1, 2].span) }
        #expect(queue.segments == 1)
        #expect(queue.bytes == 400)
    }

    @Test("Nothing is added to a buffer that other queues share")
    func sharedIsLeftAlone() {
        let shared = SendBuffer(capacity: 64)
        shared.append([1, 2, 3].span)
        let one = SendQueue()
        let other = SendQueue()
        one.append(shared)
        other.append(shared)
        one.append(copying: [4, 5].span)
        one.append(copying: [6].span)
        #expect(shared.count == 3)
        #expect(one.content == [1, 2, 3, 4, 5, 6])
        #expect(other.content == [1, 2, 3])
        #expect(one.segments == 2)
    }

    @Test("Bytes that are already sent are not sent again when the buffer fills up behind them")
    func extendPartlySent() {
        let queue = SendQueue()
        queue.append(copying: [1, 2, 3].span)
        queue.consume(2)
        queue.append(copying: [4].span)
        #expect(queue.content == [3, 4])
        #expect(queue.segments == 1)
    }

    @Test("What has left, or was dropped, is not held any more", arguments: [true, false])
    func emptyOwnsNothing(isDropped: Bool) {
        weak var shared: SendBuffer?
        weak var own: SendBuffer?
        let queue = SendQueue()
        queue.append(copying: [1].span)
        own = queue[0].buffer
        do {
            let buffer = SendBuffer(copying: [1, 2, 3].span)
            shared = buffer
            queue.append(buffer)
        }
        #expect(own != nil && shared != nil)
        if isDropped { queue.removeAll() } else { queue.consume(queue.bytes) }
        #expect(own == nil && shared == nil)
        #expect(queue.isEmpty && queue.bytes == 0)
        queue.append(copying: [7].span)
        #expect(queue.content == [7])
    }

    @Test("Nothing is nothing")
    func nothing() {
        let queue = SendQueue()
        let none: [UInt8] = []
        queue.append(copying: none.span)
        queue.append(SendBuffer(capacity: 8))
        #expect(queue.isEmpty && queue.bytes == 0)
        queue.consume(0)
        #expect(queue.isEmpty)
    }

    static func fill(_ queue: SendQueue, with all: [UInt8]) {
        var rest = all[...]
        for (size, isShared) in pieces {
            let piece = Array(rest.prefix(size))
            rest = rest.dropFirst(size)
            if isShared {
                queue.append(SendBuffer(copying: piece.span))
            } else {
                queue.append(copying: piece.span)
            }
        }
    }
}

extension SendQueue {
    fileprivate var content: [UInt8] {
        (0..<segments).flatMap { index in
            self[index].buffer.withBytes(self[index].range) { Array(message: $0) }
        }
    }
}

@Suite("SendQueue, replacing", .ownThreads)
struct SendQueueReplaceTests {
    private static func buffer(_ text: String, key: String?) -> SendBuffer {
        SendBuffer(copying: Array(text.utf8).span, between: FrameWrapper(), key: key)
    }

    private static func text(_ queue: SendQueue) -> String {
        (0..<queue.segments).map { index in
            queue[index].buffer.withBytes(queue[index].range) { String(message: $0) }
        }.joined(separator: "|")
    }

    @Test(
        "A message takes the place of the whole one with its key that is not being written",
        arguments: [
            (consumed: 0, inFlight: 0, "new|two|three", true),
            (consumed: 1, inFlight: 0, "ne|two|three", false),
            (consumed: 0, inFlight: 1, "one|two|three", false),
            (consumed: 0, inFlight: 3, "one|two|three", false),
        ])
    func front(consumed: Int, inFlight: Int, expected: String, isReplaced: Bool) {
        let queue = SendQueue()
        queue.append(Self.buffer("one", key: "k"))
        queue.append(Self.buffer("two", key: nil))
        queue.append(Self.buffer("three", key: "other"))
        queue.consume(consumed)
        let answer = queue.replace(with: Self.buffer("new", key: "k"), inFlight: inFlight)
        #expect(answer == isReplaced)
        #expect(Self.text(queue) == expected)
    }

    @Test("The bytes are counted anew, and other keys and no key are left alone")
    func counts() {
        let queue = SendQueue()
        queue.append(copying: Array("small".utf8).span)
        queue.append(Self.buffer("one", key: "k"))
        queue.append(Self.buffer("two", key: "l"))
        let answers = [("longer", "l"), ("x", "k"), ("y", "m")].map { text, key in
            queue.replace(with: Self.buffer(text, key: key), inFlight: 5)
        }
        #expect(answers == [true, true, false])
        let withoutKey = queue.replace(with: Self.buffer("z", key: nil), inFlight: 0)
        #expect(!withoutKey)
        #expect(Self.text(queue) == "small|x|longer")
        #expect(queue.bytes == 12)
        queue.consume(12)
        #expect(queue.isEmpty)
    }
}
