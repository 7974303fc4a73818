/// A codec behind a reference, made once an agent, with the loops over its frames.
///
/// The loops are closures so that they are compiled for the codec they are made of: the compiler
/// sees through the codecs named in ``of(_:)``, while one that it does not know, held as an
/// existential, costs several indirect calls and copies for each frame.
final class FrameCoder {
    typealias Deliver = (UVConnection, Span<UInt8>, inout Int) throws(FramingError) -> Void
    typealias Take = (UVConnection, Span<UInt8>, inout Int) throws(FramingError) -> [UInt8]?
    typealias Send = (UVConnection, Span<UInt8>) throws(FramingError) -> Void

    let codec: any FrameCodec
    private let deliver: Deliver
    private let take: Take
    private let send: Send

    /// Puts a codec behind a reference.
    static func of(_ codec: some FrameCodec) -> FrameCoder {
        switch codec {
        case let codec as LineCodec: FrameCoder(codec)
        case let codec as LengthPrefixCodec: FrameCoder(codec)
        case let codec as VarintPrefixCodec: FrameCoder(codec)
        case let codec as DelimiterCodec: FrameCoder(codec)
        case let codec as FixedLengthCodec: FrameCoder(codec)
        case let codec as NetstringCodec: FrameCoder(codec)
        default: FrameCoder(codec)
        }
    }

    private init(_ codec: some FrameCodec) {
        self.codec = codec
        // One reference is all the closures capture: they are called without a thunk that unpacks it.
        let box = Box(codec)
        // Inlined into each of the closures, so that both are compiled for the codec.
        @inline(__always)
        func nextFrame(
            in chunk: Span<UInt8>, _ offset: inout Int
        ) throws(FramingError) -> Range<Int>? {
            guard offset < chunk.count,
                case .frame(let payload, let end) = try box.codec.firstFrame(
                    in: chunk.extracting(offset...), scanned: 0)
            else { return nil }
            let begin = offset
            offset += end
            return begin + payload.lowerBound..<begin + payload.upperBound
        }
        deliver = { connection, chunk, offset throws(FramingError) in
            // Two loops: to ask for each message whose it is would retain who that is for each.
            if let session = connection.session, let borrower = session.borrower {
                while connection.isDemanding, connection.frames == nil,
                    let range = try nextFrame(in: chunk, &offset)
                {
                    connection.messageLent(chunk.extracting(range), by: session, to: borrower)
                }
                return
            }
            while connection.isDemanding, connection.frames == nil,
                let range = try nextFrame(in: chunk, &offset)
            {
                connection.messageReceived(chunk.extracting(range))
            }
        }
        take = { connection, chunk, offset throws(FramingError) in
            guard let range = try nextFrame(in: chunk, &offset) else { return nil }
            return connection.messageTaken(chunk.extracting(range))
        }
        send = { connection, payload throws(FramingError) in
            connection.sendFrame(payload, between: try box.codec.ends(of: payload))
        }
    }

    /// Calls the connection's handler with each message that lies whole in the bytes, from an offset
    /// that is counted on, for as long as it wants them and this is its codec.
    func deliver(
        _ chunk: Span<UInt8>, _ offset: inout Int, to connection: UVConnection
    ) throws(FramingError) {
        try deliver(connection, chunk, &offset)
    }

    /// Takes the next frame that lies whole in the bytes, from an offset that is counted on, for the
    /// connection's task.
    ///
    /// - Returns: A copy of its payload.
    func take(
        of chunk: Span<UInt8>, _ offset: inout Int, for connection: UVConnection
    ) throws(FramingError) -> [UInt8]? {
        try take(connection, chunk, &offset)
    }

    /// Frames a message and sends it.
    func send(_ payload: Span<UInt8>, on connection: UVConnection) throws(FramingError) {
        try send(connection, payload)
    }
}

private final class Box<Codec: FrameCodec> {
    let codec: Codec

    init(_ codec: Codec) {
        self.codec = codec
    }
}
