/// A range of IP addresses, or a user whose processes connect to a Unix-domain socket.
///
/// As text, a range is `10.0.0.0/8` or `2001:db8::/32`, or one address alone (CIDR, RFC 4632 §3.1
/// and RFC 4291 §2.3). A user is `uid:1000`.
///
/// A dual-stack socket reports an IPv4 address as `::ffff:a.b.c.d`. It counts as an IPv4 address:
/// IPv4 ranges contain it, and IPv6 ranges do not, not even `::/0`.
public struct UVAddressRange: Hashable, Sendable {
    private let network: SocketAddress
    private let bits: Int

    /// Makes a range of all processes of one user, as clients of a Unix-domain socket.
    ///
    /// - Parameter uid: The user's number (uid).
    /// - Returns: The range.
    public static func user(_ uid: UInt32) -> UVAddressRange {
        UVAddressRange(user: uid)
    }

    private init(user uid: UInt32) {
        network = Self.network(of: uid)
        bits = 0
    }

    private static func network(of uid: UInt32) -> SocketAddress {
        SocketAddress(UVPeerCredentials(pid: 0, uid: uid, gid: 0))
    }

    /// Reads a range from text.
    ///
    /// - Parameter text: An IPv4 or IPv6 address, then optionally `/` and the number of leading
    ///   bits that count. Without that number all bits count. `::ffff:10.0.0.0/104` is
    ///   `10.0.0.0/8`. A user is `uid:` and a number.
    /// - Throws: ``UVError`` with the code ``UVError/Code/invalidArgument`` and a reason that says
    ///   which part is wrong. An address with bits set after the ones that count is refused,
    ///   because either the address or the number is a mistake.
    public init(_ text: String) throws(UVError) {
        func refuse(_ reason: String) -> UVError {
            UVError(
                call: "read address range", subject: "'\(text)'", code: .invalidArgument,
                reason: reason)
        }
        if text.hasPrefix("uid:") {
            let digits = text.dropFirst("uid:".count)
            guard digits.utf8.allSatisfy({ UInt8(ascii: "0")...UInt8(ascii: "9") ~= $0 }),
                let uid = UInt32(digits)
            else { throw refuse("the user is not a number from 0 to 4294967295") }
            network = Self.network(of: uid)
            bits = 0
            return
        }
        let slash = text.firstIndex(of: "/") ?? text.endIndex
        let host = text[..<slash]
        guard !host.isEmpty else { throw refuse("the address is missing") }
        guard !host.contains("%") else { throw refuse("a range cannot have a zone") }
        guard let address = SocketAddress(UVEndpoint(host: String(host), port: 0)) else {
            throw refuse("the address is neither an IPv4 nor an IPv6 address")
        }
        let isMapped = !address.isIPv6 && host.contains(":")
        let offset = isMapped ? 96 : 0
        let allowed = offset...offset + address.width
        guard let length = Self.number(text[slash...], among: allowed) else {
            throw refuse(
                "the prefix length is not a number from \(allowed.lowerBound) "
                    + "to \(allowed.upperBound)")
        }
        bits = length - offset
        network = address.prefix(bits: bits)
        guard network == address.prefix(bits: address.width) else {
            throw refuse("the address has bits set behind the first \(length); meant is \(self)?")
        }
    }

    /// Reads `/` and a number. Without them, it is the greatest number allowed.
    private static func number(_ text: Substring, among allowed: ClosedRange<Int>) -> Int? {
        guard !text.isEmpty else { return allowed.upperBound }
        let digits = text.dropFirst()
        guard digits.utf8.allSatisfy({ UInt8(ascii: "0")...UInt8(ascii: "9") ~= $0 }),
            let number = Int(digits), allowed.contains(number)
        else { return nil }
        return number
    }

    func contains(_ address: SocketAddress) -> Bool {
        if address.isUnix || network.isUnix { return address.network(ipv4: 0, ipv6: 0) == network }
        return address.isIPv6 == network.isIPv6 && address.prefix(bits: bits) == network
    }
}

extension UVAddressRange: CustomStringConvertible {
    /// The range as text that ``init(_:)`` reads back.
    public var description: String {
        if let user = network.credentials { return "uid:\(user.uid)" }
        let address = network.endpoint.host
        return bits == network.width ? address : "\(address)/\(bits)"
    }
}

extension UVAddressRange: ExpressibleByStringLiteral {
    /// Reads a range from a literal.
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
