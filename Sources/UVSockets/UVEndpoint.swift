/// An endpoint: a host and a port, or a Unix-domain socket.
///
/// It says where a listener listens, where a connector connects to, or who a peer is.
///
/// As text, a host and a port are `host:port`. The host is a name, an IPv4 address, or an IPv6
/// address in square brackets: `localhost:8081`, `127.0.0.1:8081`, `[::1]:8081`,
/// `[fe80::1%eth0]:8081`. Port 0 asks the system for a free port, and ``UVListener/localEndpoint``
/// tells which one it is.
///
/// A Unix-domain socket is `unix:/run/chat.sock`, or `unix:@chat` with an abstract name (Linux).
/// Its clients have no address. They are known by their credentials, and shown as
/// `pid 812, uid 1000`.
///
/// A name is looked up when the endpoint is used, not when it is made. The lookup runs on a
/// separate thread.
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

    /// A host name or a numeric address, without brackets. Empty for a Unix-domain socket.
    public var host: String {
        if case .host(let host, _) = kind { host } else { "" }
    }

    /// The port, 0 to 65535. It is 0 for a Unix-domain socket.
    public var port: UInt16 {
        if case .host(_, let port) = kind { port } else { 0 }
    }

    /// The credentials of the client of a Unix-domain socket. Nil for other endpoints.
    public var credentials: UVPeerCredentials? {
        if case .process(let credentials) = kind { credentials } else { nil }
    }

    /// The address of a Unix-domain socket. Nil for other endpoints.
    var unixAddress: UnixAddress? {
        if case .unix(let address) = kind { address } else { nil }
    }

    /// Whether it is a Unix-domain socket to listen on or to connect to.
    package var isUnix: Bool { unixAddress != nil }

    /// Makes an endpoint for a Unix-domain socket with a path.
    ///
    /// A listener makes the socket file, and removes it when it stops. It replaces the file of a
    /// server that is dead. If the other server is alive, it fails with
    /// ``UVError/Code/addressInUse``. While it listens, the file `PATH.lock` is beside the socket
    /// file.
    ///
    /// - Parameters:
    ///   - path: The path, 1 to 107 bytes without NUL. Any other path fails when it is used.
    ///   - mode: The mode bits of the socket file. Who may write to the file may connect. By
    ///     default only its owner may.
    /// - Returns: The endpoint.
    public static func unix(_ path: String, mode: UInt16 = 0o600) -> UVEndpoint {
        UVEndpoint(kind: .unix(UnixAddress(name: path, isAbstract: false, mode: mode & 0o777)))
    }

    /// Makes an endpoint for a Unix-domain socket with an abstract name. This is for Linux only.
    ///
    /// Every process in the same network namespace may connect.
    ///
    /// - Parameter name: The name, 1 to 107 bytes without NUL. Any other name fails when it is
    ///   used.
    /// - Returns: The endpoint.
    public static func abstract(_ name: String) -> UVEndpoint {
        UVEndpoint(kind: .unix(UnixAddress(name: name, isAbstract: true)))
    }

    /// Makes an endpoint from a host and a port.
    ///
    /// - Parameters:
    ///   - host: A host name, or an IPv4 or IPv6 address without brackets. At most 253 bytes. A
    ///     host that is empty, longer, or not a name fails when it is looked up.
    ///   - port: The port, 0 to 65535.
    public init(host: String, port: UInt16) {
        kind = .host(host, port: port)
    }

    /// Reads an endpoint from text.
    ///
    /// - Parameter text: `host:port` with an IPv6 address in square brackets, `unix:PATH`, or
    ///   `unix:@NAME`. The path begins with `/` or `.`. Neither the host nor the port may be left
    ///   out. `unix:8081` is port 8081 of a host with the name `unix`.
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
        // A number after `unix:` is a port, because a host may have the name `unix`.
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
    /// Reads an endpoint from a literal.
    ///
    /// An invalid literal is a programmer error: it traps with the reason.
    ///
    /// - Parameter value: The literal, in the format of ``init(_:)``.
    public init(stringLiteral value: String) {
        do {
            try self.init(value)
        } catch {
            fatalError("\(error)")
        }
    }
}
