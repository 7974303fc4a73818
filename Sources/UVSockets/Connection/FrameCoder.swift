/// A codec behind a reference, made once per agent, with the loops over its frames.
///
/// The loops are closures, so that they are compiled for their codec: the compiler can inline the
/// codecs that ``of(_:)`` names. For an unknown codec in an existential, each frame costs several
/// indirect calls and copies.
final class FrameCoder {
    typealias Deliver = (
        UVConnection, Span<UInt8>, Borrower?, inout (any Error)?
    ) throws(FramingError) -> Int
    typealias Take = (UVConnection, Span<UInt8>, inout Int) throws(FramingError) -> [UInt8]?
    typealias Send = (UVConnection, Span<UInt8>) -> UVSendResult

    let framing: UVFraming
    let codec: any FrameCodec
    private let deliver: Deliver
    private let take: Take
    private let send: Send

    /// Puts the codec of a framing behind a reference; nil if there is none.
    static func of(_ framing: UVFraming) -> FrameCoder? {
        switch framing.codec {
        case nil: nil
        case let codec as LineCodec: FrameCoder(framing, codec)
        case let codec as LengthPrefixCodec: FrameCoder(framing, codec)
        case let codec as VarintPrefixCodec: FrameCoder(framing, codec)
        case let codec as DelimiterCodec: FrameCoder(framing, codec)
        case let codec as FixedLengthCodec: FrameCoder(framing, codec)
        case let codec as NetstringCodec: FrameCoder(framing, codec)
        case let codec?: FrameCoder(framing, codec)
        }
    }

    private init(_ framing: UVFraming, _ codec: some FrameCodec) {
        self.framing = framing
        self.codec = codec
        // The closures capture only one reference. So they are called without a thunk that unpacks
        // more.
        let box = Box(codec, maximumSentLength: framing.maximumSentLength)
        deliver = { connection, chunk, borrower, failure throws(FramingError) in
            var rest = chunk
            // Two loops, because to check for a borrower at each message would cost each message.
            if let borrower {
                while connection.isDemanding, connection.extras == nil,
                    let (payload, end) = try box.firstFrame(in: rest)
                {
                    do {
                        try connection.messageLent(rest.extracting(payload), to: borrower)
                    } catch {
                        failure = error
                        connection.borrowerFailed()
                    }
                    rest = rest.extracting(end...)
                }
                return chunk.count - rest.count
            }
            while connection.isDemanding, connection.extras == nil,
                let (payload, end) = try box.firstFrame(in: rest)
            {
                connection.messageReceived(rest.extracting(payload))
                rest = rest.extracting(end...)
            }
            return chunk.count - rest.count
        }
        take = { connection, bytes, taken throws(FramingError) in
            guard let (payload, end) = try box.firstFrame(in: bytes) else { return nil }
            taken = end
            return connection.messageTaken(bytes.extracting(payload))
        }
        send = { connection, payload in
            do throws(FramingError) {
                guard connection.mayCork(payload.count) else {
                    return try connection.sendBeyondCork(framing: payload)
                }
                return try connection.sendFrame(payload, between: box.wrapper(of: payload))
            } catch {
                return .refused(error)
            }
        }
    }

    /// Calls the connection's handler, or a borrowing closure, with each whole message in the
    /// bytes. It stops when the connection does not want more, or has another codec.
    ///
    /// - Returns: How many bytes those messages take.
    @inline(__always)
    func deliver(
        _ chunk: Span<UInt8>, to connection: UVConnection, _ borrower: Borrower?,
        _ failure: inout (any Error)?
    ) throws(FramingError) -> Int {
        try deliver(connection, chunk, borrower, &failure)
    }

    /// Takes the first frame for the connection's task, if the bytes hold it whole. Sets how many
    /// bytes it takes.
    ///
    /// - Returns: A copy of its payload.
    @inline(__always)
    func take(
        of bytes: Span<UInt8>, _ taken: inout Int, for connection: UVConnection
    ) throws(FramingError) -> [UInt8]? {
        try take(connection, bytes, &taken)
    }

    /// Frames a message and sends it.
    @inline(__always)
    func send(_ payload: Span<UInt8>, on connection: UVConnection) -> UVSendResult {
        send(connection, payload)
    }
}

private final class Box<Codec: FrameCodec> {
    let codec: Codec
    private let longestFrame: Int
    private let maximumSentLength: Int

    init(_ codec: Codec, maximumSentLength: Int) {
        self.codec = codec
        self.maximumSentLength = maximumSentLength
        longestFrame = codec.longestFrame
    }

    @inline(__always)
    func firstFrame(
        in bytes: Span<UInt8>
    ) throws(FramingError) -> (payload: Range<Int>, end: Int)? {
        try codec.firstFrame(in: bytes, memory: 0)
            .frame(within: bytes.count, limit: longestFrame, codec.maximumLength)
    }

    @inline(__always)
    func wrapper(of payload: Span<UInt8>) throws(FramingError) -> FrameWrapper {
        try UVFraming.check(payload.count, limit: maximumSentLength)
        return try codec.wrapper(of: payload)
    }
}
