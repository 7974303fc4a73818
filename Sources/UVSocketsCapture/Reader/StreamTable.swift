internal import UVSockets

/// Puts segments of TCP together to connections.
struct StreamTable {
    private struct Key: Hashable {
        let one: WireAddress
        let other: WireAddress

        /// The same for both directions.
        init(_ segment: TCPSegment) {
            let isInOrder = segment.source.isBefore(segment.target)
            one = isInOrder ? segment.source : segment.target
            other = isInOrder ? segment.target : segment.source
        }
    }

    /// Whether the file is one of this library, in which no packet is out of order, and the last
    /// packet of a piece has the push flag.
    var isOwn = false

    private var indices: [Key: Int] = [:]
    private var all: [StreamPair] = []
    private var firstTime: UInt64?
    private var lastTime: UInt64 = 0
    private var number = 0

    /// Adds a segment.
    mutating func add(_ segment: TCPSegment, _ packet: PcapngReader.Packet) {
        number += 1
        let time = packet.time ?? lastTime
        lastTime = time
        if firstTime == nil { firstTime = time }
        let since = time >= (firstTime ?? 0) ? time - (firstTime ?? 0) : 0
        let moment = Moment(number: number, time: .nanoseconds(Int64(clamping: since)))
        let key = Key(segment)
        let isFirst = segment.flags.intersection([.synchronize, .acknowledge]) == .synchronize
        var index = indices[key]
        // The same ports are used again.
        if isFirst, let old = index, all[old].isOther(segment) { index = nil }
        let found = index ?? all.count
        if index == nil {
            indices[key] = found
            all.append(StreamPair(segment, isOut: packet.isOut))
        }
        all[found].add(segment, moment, comments: packet.comments, isOwn: isOwn)
    }

    /// The connections, with everything that was still waiting.
    mutating func connections() -> [UVCapture.Connection] {
        all.indices.map { all[$0].end() }
    }
}

/// When something happened.
struct Moment {
    /// The number of the packet.
    let number: Int
    let time: Duration
}

extension WireAddress {
    fileprivate func isBefore(_ other: WireAddress) -> Bool {
        (high, low, port) < (other.high, other.low, other.port)
    }
}

/// Both directions of a connection.
private struct StreamPair {
    private let local: WireAddress
    private var connection: UVCapture.Connection
    private var received = SegmentQueue()
    private var sent = SegmentQueue()
    private var events: [(number: Int, event: UVCapture.Event)] = []

    init(_ segment: TCPSegment, isOut: Bool?) {
        let isSYN = segment.flags.contains(.synchronize)
        let isAnswer = segment.flags.contains(.acknowledge)
        let isFromClient =
            isSYN ? !isAnswer : segment.source.port >= segment.target.port
        // A file that does not say who was captured is taken for that of a server.
        let isOut = isOut ?? !isFromClient
        local = isOut ? segment.source : segment.target
        connection = UVCapture.Connection(
            local: local.endpoint, peer: (isOut ? segment.target : segment.source).endpoint,
            isIncoming: isFromClient != isOut)
        connection.beginsInMiddle = !isSYN
    }

    /// Whether a SYN begins another connection than this one.
    func isOther(_ segment: TCPSegment) -> Bool {
        let stream = segment.source == local ? sent : received
        return stream.start.map { $0 != segment.sequence &+ 1 } ?? false
    }

    mutating func add(
        _ segment: TCPSegment, _ moment: Moment, comments: [String], isOwn: Bool
    ) {
        for text in comments {
            connection.comments.append(UVCapture.Comment(time: moment.time, text: text))
            if isOwn, text.contains("the tap began in the middle") {
                connection.beginsInMiddle = true
            }
        }
        let direction: UVCapture.Direction = segment.source == local ? .sent : .received
        let pieces =
            direction == .sent
            ? sent.add(segment, moment, isOwn: isOwn)
            : received.add(segment, moment, isOwn: isOwn)
        note(pieces, direction)
    }

    private mutating func note(
        _ pieces: [SegmentQueue.Piece], _ direction: UVCapture.Direction
    ) {
        for piece in pieces {
            let event = UVCapture.Event(
                kind: piece.kind, direction: direction, time: piece.moment.time,
                offset: piece.offset)
            events.append((piece.moment.number, event))
        }
    }

    mutating func end() -> UVCapture.Connection {
        note(received.end(), .received)
        note(sent.end(), .sent)
        // The sort keeps the order of those with the same number.
        connection.events = events.sorted { $0.number < $1.number }.map(\.event)
        connection.bytesMissing = received.missing &+ sent.missing
        return connection
    }
}
