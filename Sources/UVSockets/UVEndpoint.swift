/// Where a listener listens, where a connector connects, who a peer is: a host and a port, or a
/// Unix-domain socket.
///
/// As text a host and a port are `host:port`, where the host is a name, an IPv4 address, or an IPv6
/// address in square brackets: `localhost:8081`, `127.0.0.1:8081`, `[::1]:8081`, `[fe80::1%eth0]:8081`.
/// Port 0 asks the system for a free port; ``UVListener/localEndpoint`` says which it gave.
///
/// A Unix-domain socket is `unix:/run/chat.sock`, or with an abstract name of Linux `unix:@chat`. Its
/// clients have no address. They are known by their credentials, and shown as `pid 812, uid 1000`.
///
/// A name is looked up when the endpoint is used, on a thread of its own, never when it is made.
public struct UVEndpoint: Hashable, Sendable {
    /// The longest host name the Domain Name System allows, in bytes (RFC 1035 §2.3.4).
    static let maximumHostLength = 253

    enum Kind: Hashable, Sendable {
        case host(String, port: UInt16)
        case unix(UnixAddress)
        /// The client of a Unix-domain socket.
        case process(UVPeerCredentials)
    }

    let kind: Kind

    init(kind: Kind) {
        self.kind = kind
    }

    /// A host name or a numeric address, without brackets; empty for a Unix-domain socket.
    public var host: String {
        if case .host(let host, _) = kind { host } else { "" }
    }

    /// The port, 0 to 65535; 0 for a Unix-domain socket.
    public var port: UInt16 {
        if case .host(_, let port) = kind { port } else { 0 }
    }

    /// Who the client of a Unix-domain socket is; nil for others.
    public var credentials: UVPeerCredentials? {
        if case .process(let credentials) = kind { credentials } else { nil }
    }

    /// The address of a Unix-domain socket; nil for others.
    var unixAddress: UnixAddress? {
        if case .unix(let address) = kind { address } else { nil }
    }

    /// Names a Unix-domain socket by its path.
    ///
    /// A listener makes the file, and removes it at its end. The file of a server that is dead is
    /// replaced; where one lives, the code is ``UVError/Code/addressInUse``. Beside it stands
    /// `PATH.lock` meanwhile.
    ///
    /// - Parameters:
    ///   - path: The path, 1 to 107 bytes without NUL; another fails when it is used.
    ///   - mode: The mode bits that the listener gives the file: who may write to it may connect. By
    ///     default only its own user.
    /// - Returns: The endpoint.
    public static func unix(_ path: String, mode: UInt16 = 0o600) -> UVEndpoint {
        UVEndpoint(kind: .unix(UnixAddress(name: path, isAbstract: false, mode: mode & 0o777)))
    }

    /// Names a Unix-domain socket by an abstract name, which Linux has. Everybody in its network
    /// namespace may connect.
    ///
    /// - Parameter name: The name, 1 to 107 bytes without NUL; another fails when it is used.
    /// - Returns: The endpoint.
    public static func abstract(_ name: String) -> UVEndpoint {
        UVEndpoint(kind: .unix(UnixAddress(name: name, isAbstract: true)))
    }

    /// Names a host and a port.
    ///
    /// - Parameters:
    ///   - host: A host name, or an IPv4 or IPv6 address without brackets. At most 253 bytes;
    ///     a host that is empty, longer or not a name fails when it is looked up.
    ///   - port: The port, 0 to 65535.
    public init(host: String, port: UInt16) {
        kind = .host(host, port: port)
    }

    /// Reads an endpoint from text.
    ///
    /// - Parameter text: `host:port`, with an IPv6 address in square brackets, where nothing may be
    ///   left out; `unix:PATH`, where the path begins with `/` or `.`; or `unix:@NAME`. `unix:8081` is
    ///   a port of a host that is named `unix`.
    /// - Throws: ``UVError`` with the code ``UVError/Code/invalidArgument`` and a reason that says
    ///   which part is wrong.
    public init(_ text: String) throws(UVError) {
        func refuse(_ reason: String) -> UVError {
            UVError(
                call: "read endpoint", subject: "'\(text)'", code: .invalidArgument, reason: reason)
        }
        if let address = UnixAddress(text) {
            try address.check("read endpoint")
            self.init(kind: .unix(address))
            return
        }
        // A number behind it is a port: a host may be named so.
        guard !text.hasPrefix("unix:") || Int(text.dropFirst("unix:".count)) != nil else {
            throw refuse(
                "a Unix socket is unix:PATH or unix:@NAME, and the path begins with / or .")
        }
        guard let colon = text.lastIndex(of: ":") else {
            throw refuse("expected HOST:PORT, unix:PATH or unix:@NAME")
        }
        var host = text[..<colon]
        if host.hasPrefix("[") {
            guard host.hasSuffix("]") else {
                throw refuse("an IPv6 address is written [ADDRESS]:PORT")
            }
            host = host.dropFirst().dropLast()
        } else if host.contains(":") {
            throw refuse("an IPv6 address is written [ADDRESS]:PORT")
        }
        guard !host.isEmpty else {
            throw refuse("the host is missing")
        }
        guard host.utf8.count <= Self.maximumHostLength, !host.utf8.contains(0) else {
            throw refuse("the host is longer than \(Self.maximumHostLength) bytes or holds a NUL")
        }
        let digits = text[text.index(after: colon)...]
        guard digits.utf8.allSatisfy({ UInt8(ascii: "0")...UInt8(ascii: "9") ~= $0 }),
            let port = UInt16(digits)
        else {
            throw refuse("the port is not a number from 0 to 65535")
        }
        self.init(host: String(host), port: port)
    }
}

extension UVEndpoint: CustomStringConvertible {
    /// The endpoint as text that ``init(_:)`` reads back.
    public var description: String {
        switch kind {
        case .host(let host, let port):
            host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)"
        case .unix(let address): address.text
        case .process(let credentials): "\(credentials)"
        }
    }
}

extension UVEndpoint: ExpressibleByStringLiteral {
    /// Reads an endpoint from a literal; one that is not an endpoint is a programmer's error and
    /// traps with the reason.
    ///
    /// - Parameter value: The literal, as ``init(_:)`` takes it.
    public init(stringLiteral value: String) {
        do {
            try self.init(value)
        } catch {
            fatalError("\(error)")
        }
    }
}
