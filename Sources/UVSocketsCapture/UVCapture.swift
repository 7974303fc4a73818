public import UVSockets

/// What a pcapng file has of TCP connections, put together again.
///
///     let capture = try UVCapture(contentsOf: "client.pcapng")
///     for event in capture.connections[0].events { print(event.time, event.direction) }
///
/// It reads the files of ``UVTap``, in which the bytes are cut as they were received and sent. It also
/// reads those of other programs, such as Wireshark: there each packet is one piece. Packets of
/// IPv4 and IPv6 on Ethernet, on the loopback, in Linux' "any" form and without a link are understood;
/// others are counted and skipped, and so are fragments.
///
/// No file can make it trap. A file that is cut off or damaged gives what comes before.
public struct UVCapture: Sendable {
    /// From where to where bytes went, seen from the side that was tapped.
    public enum Direction: Sendable, Hashable {
        /// The tapped side received them.
        case received
        /// The tapped side sent them.
        case sent

        var opposite: Direction { self == .sent ? .received : .sent }
    }

    /// Something that happened on a connection.
    public struct Event: Sendable, Hashable {
        /// What happened.
        ///
        /// More cases may come: a `switch` over them needs an `@unknown default`.
        #if hasAttribute(nonexhaustive)
            @nonexhaustive
        #endif
        public enum Kind: Sendable, Hashable {
            /// Bytes, as one read or one write.
            case bytes([UInt8])
            /// The sender has finished.
            case finish
            /// The sender has reset the connection.
            case reset
        }

        /// What happened.
        public let kind: Kind
        /// Who did it.
        public let direction: Direction
        /// When, since the first packet of the file.
        public let time: Duration
        /// Where the bytes begin in the stream, from the first byte of the capture.
        public let offset: UInt64
    }

    /// A comment on a packet.
    public struct Comment: Sendable, Hashable {
        /// When, since the first packet of the file.
        public let time: Duration
        /// The text. It comes from the file, so it may hold anything.
        public let text: String
    }

    /// One connection.
    public struct Connection: Sendable {
        /// The side that was tapped.
        public internal(set) var local: UVEndpoint
        /// The other side.
        public internal(set) var peer: UVEndpoint
        /// Whether the peer has connected to the tapped side. It is false for a connector's.
        public internal(set) var isIncoming: Bool
        /// What happened, in order.
        public internal(set) var events: [Event] = []
        /// The comments, in order.
        public internal(set) var comments: [Comment] = []
        /// How many bytes of both streams are not in the file: they were dropped, or cut off by a
        /// snapshot length.
        public internal(set) var bytesMissing: UInt64 = 0
        /// Whether the capture began after the connection.
        public internal(set) var beginsInMiddle = false

        /// All bytes of one direction.
        ///
        /// - Parameter direction: The direction.
        /// - Returns: The bytes. What is missing is left out.
        public func bytes(_ direction: Direction) -> [UInt8] {
            pieces(direction).flatMap(\.self)
        }

        /// The bytes of one direction, as they were cut.
        ///
        /// - Parameter direction: The direction.
        /// - Returns: The pieces.
        public func pieces(_ direction: Direction) -> [[UInt8]] {
            events.compactMap { event in
                guard event.direction == direction, case .bytes(let bytes) = event.kind else {
                    return nil
                }
                return bytes
            }
        }
    }

    /// The connections, in the order of their first packets.
    public internal(set) var connections: [Connection] = []
    /// How many packets of TCP were read.
    public internal(set) var packets = 0
    /// How many packets were skipped: they are not TCP, or not understood.
    public internal(set) var packetsSkipped = 0
    /// How many packets the file says were dropped when it was written.
    public internal(set) var packetsDropped: UInt64 = 0
    /// Whether the file ends within a block, or is damaged from some block on.
    public internal(set) var isCutOff = false
    /// The program that has written the file, as the file says.
    public internal(set) var application: String?

    /// The most bytes of a file by default: 1 GiB.
    public static let defaultLimit = 1 << 30

    /// Reads a file. It is held in memory meanwhile.
    ///
    /// - Parameters:
    ///   - path: The file.
    ///   - limit: The most bytes that it may have.
    /// - Throws: ``UVError`` if it cannot be read, is longer, or is not a pcapng file.
    public init(contentsOf path: String, limit: Int = defaultLimit) throws(UVError) {
        try self.init(try CaptureFile.read(path, limit: limit), name: path)
    }

    /// Reads the bytes of a file.
    ///
    /// - Parameter bytes: All of them.
    /// - Throws: ``UVError`` if they are not those of a pcapng file.
    public init(_ bytes: [UInt8]) throws(UVError) {
        try self.init(bytes, name: "")
    }

    private init(_ bytes: [UInt8], name: String) throws(UVError) {
        var reader = PcapngReader(bytes)
        if let reason = reader.whyNot {
            throw UVError(
                call: "read capture", subject: name, code: .invalidArgument, reason: reason)
        }
        var streams = StreamTable()
        while let packet = reader.next() {
            streams.isOwn = reader.application?.hasPrefix("UVSockets") == true
            guard let segment = TCPSegment(packet) else {
                packetsSkipped += 1
                continue
            }
            packets += 1
            streams.add(segment, packet)
        }
        connections = streams.connections()
        packetsDropped = reader.drops
        isCutOff = reader.isCutOff
        application = reader.application
    }
}
