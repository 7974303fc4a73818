/// Puts the segments of one direction in order.
struct SegmentQueue {
    /// How many segments wait for one that is missing, and how many bytes in them. Beyond that the
    /// missing bytes are given up.
    private static let mostWaiting = 256
    private static let mostBytesWaiting = 4 << 20
    /// A longer piece is cut.
    private static let longestPiece = 1 << 20

    /// A piece of the stream.
    struct Piece {
        let kind: UVCapture.Event.Kind
        let offset: UInt64
        let moment: Moment
    }

    private struct Waiting {
        let sequence: UInt32
        let segment: TCPSegment
        let moment: Moment
    }

    /// The first sequence number of a byte.
    private(set) var start: UInt32?
    private(set) var missing: UInt64 = 0
    private var next: UInt32 = 0
    private var offset: UInt64 = 0
    private var waiting: [Waiting] = []
    private var bytesWaiting = 0
    /// When the last segment came. What had to wait counts as of then.
    private var latest: Moment?
    /// What has come of a piece that has not ended.
    private var open: (bytes: [UInt8], offset: UInt64, moment: Moment)?
    private var hasFinished = false
    private var isReset = false

    /// Adds a segment.
    ///
    /// - Parameters:
    ///   - segment: The segment.
    ///   - moment: When it came.
    ///   - isOwn: Whether none comes out of order, and a push flag ends a piece.
    /// - Returns: The pieces that are complete now.
    mutating func add(_ segment: TCPSegment, _ moment: Moment, isOwn: Bool) -> [Piece] {
        latest = moment
        var sequence = segment.sequence
        if segment.flags.contains(.synchronize) {
            sequence &+= 1
            if start == nil { (start, next) = (sequence, sequence) }
            return []
        }
        if start == nil { (start, next) = (sequence, sequence) }
        var pieces: [Piece] = []
        if segment.flags.contains(.reset) {
            pieces += closeOpen()
            if !isReset { pieces.append(Piece(kind: .reset, offset: offset, moment: moment)) }
            isReset = true
            return pieces
        }
        guard segment.length > 0 || segment.flags.contains(.finish) else { return [] }
        if Int32(bitPattern: sequence &- next) > 0 {
            waiting.append(Waiting(sequence: sequence, segment: segment, moment: moment))
            bytesWaiting += segment.payload.count
            let isFull =
                waiting.count > Self.mostWaiting || bytesWaiting > Self.mostBytesWaiting
            if isOwn || isFull { pieces += skipGap() }
        } else {
            pieces += take(segment, sequence, moment, isOwn: isOwn)
        }
        return pieces + takeWaiting(isOwn: isOwn)
    }

    /// Takes a segment whose first byte is the next one, or has come before.
    private mutating func take(
        _ segment: TCPSegment, _ sequence: UInt32, _ moment: Moment, isOwn: Bool
    ) -> [Piece] {
        let moment = latest ?? moment
        var pieces: [Piece] = []
        let known = Int(next &- sequence)
        if known < segment.length {
            let new = segment.payload.dropFirst(known)
            let length = segment.length - known
            if open == nil, !new.isEmpty { open = ([], offset, moment) }
            open?.bytes += new
            missing &+= UInt64(length - new.count)
            offset &+= UInt64(length)
            next &+= UInt32(truncatingIfNeeded: length)
            let isWhole = segment.flags.contains(.push) || new.count < length
            if !isOwn || isWhole || open?.bytes.count ?? 0 > Self.longestPiece {
                pieces += closeOpen()
            }
        }
        if segment.flags.contains(.finish), !hasFinished,
            known <= segment.length
        {
            hasFinished = true
            next &+= 1
            pieces += closeOpen()
            pieces.append(Piece(kind: .finish, offset: offset, moment: moment))
        }
        return pieces
    }

    private mutating func closeOpen() -> [Piece] {
        guard let piece = open else { return [] }
        open = nil
        return [Piece(kind: .bytes(piece.bytes), offset: piece.offset, moment: piece.moment)]
    }

    /// Takes the waiting segments that nothing is missing before.
    private mutating func takeWaiting(isOwn: Bool) -> [Piece] {
        var pieces: [Piece] = []
        while let index = waiting.firstIndex(where: {
            Int32(bitPattern: $0.sequence &- next) <= 0
        }) {
            let found = waiting.remove(at: index)
            bytesWaiting -= found.segment.payload.count
            pieces += take(found.segment, found.sequence, found.moment, isOwn: isOwn)
        }
        return pieces
    }

    /// Gives up the bytes before the first waiting segment.
    private mutating func skipGap() -> [Piece] {
        let base = next
        guard let gap = waiting.map({ $0.sequence &- base }).min() else { return [] }
        missing &+= UInt64(gap)
        offset &+= UInt64(gap)
        next &+= gap
        return closeOpen()
    }

    /// Nothing more follows.
    mutating func end() -> [Piece] {
        var pieces: [Piece] = []
        while !waiting.isEmpty {
            pieces += skipGap()
            pieces += takeWaiting(isOwn: false)
        }
        return pieces + closeOpen()
    }
}
