/// A host and a port: where a listener listens, where a connector connects, who a peer is.
///
/// As text it is `host:port`, where the host is a name, an IPv4 address, or an IPv6 address in
/// square brackets: `localhost:8081`, `127.0.0.1:8081`, `[::1]:8081`, `[fe80::1%eth0]:8081`.
/// Port 0 asks the system for a free port; ``UVListener/localEndpoint`` says which it gave.
///
/// A name is looked up when the endpoint is used, on a thread of its own, never when it is made.
public struct UVEndpoint: Hashable, Sendable {
    /// The longest host name the Domain Name System allows, in bytes (RFC 1035 §2.3.4).
    static let maximumHostLength = 253

    /// A host name or a numeric address, without brackets.
    public let host: String
    /// The port, 0 to 65535.
    public let port: UInt16

    /// Names a host and a port.
    ///
    /// - Parameters:
    ///   - host: A host name, or an IPv4 or IPv6 address without brackets. At most 253 bytes;
    ///     a host that is empty, longer or not a name fails when it is looked up.
    ///   - port: The port, 0 to 65535.
    public init(host: String, port: UInt16) {
        self.host = host
        self.port = port
    }

    /// Reads an endpoint from text.
    ///
    /// - Parameter text: `host:port`, with an IPv6 address in square brackets. Nothing may be
    ///   left out.
    /// - Throws: ``UVError`` with the code ``UVError/Code/invalidArgument`` and a reason that says
    ///   which part is wrong.
    public init(_ text: String) throws(UVError) {
        func refuse(_ reason: String) -> UVError {
            UVError(
                call: "read endpoint", subject: "'\(text)'", code: .invalidArgument, reason: reason)
        }
        guard let colon = text.lastIndex(of: ":") else {
            throw refuse("expected HOST:PORT")
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
        host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)"
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
