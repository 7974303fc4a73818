import Testing

@testable import UVSockets

@Suite("UVAddressRange", .ownThreads)
struct AddressRangeTests {
    @Test(
        "A range is read and printed, and what is printed is the same range",
        arguments: [
            ("10.0.0.0/8", "10.0.0.0/8"),
            ("0.0.0.0/0", "0.0.0.0/0"),
            ("192.168.1.7", "192.168.1.7"),
            ("192.168.1.7/32", "192.168.1.7"),
            ("128.0.0.0/1", "128.0.0.0/1"),
            ("10.0.0.0/08", "10.0.0.0/8"),
            ("2001:db8::/32", "2001:db8::/32"),
            ("2001:DB8:0:0::/64", "2001:db8::/64"),
            ("::/0", "::/0"),
            ("::1", "::1"),
            ("::1/128", "::1"),
            ("fe80::/10", "fe80::/10"),
            ("2001:db8:0:0:8000::/65", "2001:db8:0:0:8000::/65"),
            ("::ffff:10.0.0.0/104", "10.0.0.0/8"),
            ("::ffff:10.1.2.3", "10.1.2.3"),
            ("::ffff:0:0/96", "0.0.0.0/0"),
        ])
    func roundTrip(text: String, printed: String) throws {
        let range = try UVAddressRange(text)
        #expect("\(range)" == printed)
        #expect(try UVAddressRange(printed) == range)
    }

    @Test(
        "What is no range is refused with the part that is wrong",
        arguments: [
            ("", "the address is missing"),
            ("/8", "the address is missing"),
            ("example.org/8", "the address is neither an IPv4 nor an IPv6 address"),
            ("10.0.0/8", "the address is neither an IPv4 nor an IPv6 address"),
            ("10.0.0.256", "the address is neither an IPv4 nor an IPv6 address"),
            (" 10.0.0.0/8", "the address is neither an IPv4 nor an IPv6 address"),
            ("10.0.0.0\u{0}/8", "the address is neither an IPv4 nor an IPv6 address"),
            ("[::1]/128", "the address is neither an IPv4 nor an IPv6 address"),
            ("10.0.0.0:80/8", "the address is neither an IPv4 nor an IPv6 address"),
            ("fe80::1%lo/64", "a range cannot have a zone"),
            ("10.0.0.0/", "the prefix length is not a number from 0 to 32"),
            ("10.0.0.0/33", "the prefix length is not a number from 0 to 32"),
            ("10.0.0.0/-1", "the prefix length is not a number from 0 to 32"),
            ("10.0.0.0/+8", "the prefix length is not a number from 0 to 32"),
            ("10.0.0.0/8/8", "the prefix length is not a number from 0 to 32"),
            ("10.0.0.0/255.0.0.0", "the prefix length is not a number from 0 to 32"),
            ("10.0.0.0/99999999999999999999", "the prefix length is not a number from 0 to 32"),
            ("2001:db8::/129", "the prefix length is not a number from 0 to 128"),
            ("::ffff:10.0.0.0/8", "the prefix length is not a number from 96 to 128"),
            ("10.0.0.1/8", "the address has bits set behind the first 8; meant is 10.0.0.0/8?"),
            ("1.2.3.4/0", "the address has bits set behind the first 0; meant is 0.0.0.0/0?"),
            (
                "2001:db8::1/64",
                "the address has bits set behind the first 64; meant is 2001:db8::/64?"
            ),
            (
                "::ffff:10.0.0.1/104",
                "the address has bits set behind the first 104; meant is 10.0.0.0/8?"
            ),
        ])
    func refused(text: String, reason: String) {
        let error = #expect(throws: UVError.self) { try UVAddressRange(text) }
        #expect(error?.reason == reason)
        #expect(error?.code == .invalidArgument)
        #expect(error?.subject == "'\(text)'")
    }

    @Test(
        "A range contains the addresses that begin with its prefix, of its own family",
        arguments: [
            ("10.0.0.0/8", "10.255.255.255", true),
            ("10.0.0.0/8", "11.0.0.0", false),
            ("10.0.0.0/8", "::ffff:10.1.2.3", true),
            ("10.0.0.0/8", "::10.1.2.3", false),
            ("0.0.0.0/0", "::ffff:1.2.3.4", true),
            ("0.0.0.0/0", "::1", false),
            ("::/0", "2001:db8::1", true),
            ("::/0", "1.2.3.4", false),
            ("::/0", "::ffff:1.2.3.4", false),
            ("192.168.1.7", "192.168.1.7", true),
            ("192.168.1.7", "192.168.1.6", false),
            ("192.168.1.6/31", "192.168.1.7", true),
            ("fe80::/64", "fe80::1%lo", true),
            ("2001:db8::/64", "2001:db8::ffff:ffff:ffff:ffff", true),
            ("2001:db8::/64", "2001:db8:0:1::", false),
            ("2001:db8::/65", "2001:db8::7fff:ffff:ffff:ffff", true),
            ("2001:db8::/65", "2001:db8::8000:0:0:0", false),
            ("2001:db8::/63", "2001:db8:0:1::", true),
        ])
    func contains(range: UVAddressRange, text: String, isInside: Bool) throws {
        let address = try #require(SocketAddress(UVEndpoint(host: text, port: 4711)))
        #expect(range.contains(address) == isInside)
    }

    @Test("Any address and any prefix length agree with arithmetic on 128 bits")
    func model() throws {
        var random = SplitMix64(seed: 1)
        for _ in 0..<4000 {
            let width = Bool.random(using: &random) ? 32 : 128
            let bits = Int.random(in: 0...width, using: &random)
            let host = UInt128.max >> (128 - width + bits)
            // Not the mapped ones, which are not IPv6 addresses here.
            let top: UInt128 = width == 128 ? 1 << 127 : 0
            let first = Self.random(width, using: &random) | top
            let range = try UVAddressRange(Self.text(first & ~host, width) + "/\(bits)")
            // An address of the range with at most one bit changed.
            let inside = (first & ~host) | (Self.random(width, using: &random) & host)
            let flip = Int.random(in: 0..<width - (width == 128 ? 1 : 0), using: &random)
            let other = inside ^ (Bool.random(using: &random) ? UInt128(1) << flip : 0)
            let endpoint = UVEndpoint(host: Self.text(other, width), port: 1)
            let address = try #require(SocketAddress(endpoint))
            try #require(range.contains(address) == ((other ^ first) & ~host == 0))
            try #require(try UVAddressRange("\(range)") == range)
            let network = address.prefix(bits: bits).endpoint
            try #require(network.port == 0)
            try #require(
                SocketAddress(network)
                    == SocketAddress(UVEndpoint(host: Self.text(other & ~host, width), port: 0)))
        }
    }

    private static func random(_ width: Int, using random: inout SplitMix64) -> UInt128 {
        (UInt128(random.next()) << 64 | UInt128(random.next())) >> (128 - width)
    }

    private static func text(_ address: UInt128, _ width: Int) -> String {
        let size = width == 32 ? 8 : 16
        let parts = stride(from: width - size, through: 0, by: -size).map {
            String((address >> $0) & (1 << size - 1), radix: width == 32 ? 10 : 16)
        }
        return parts.joined(separator: width == 32 ? "." : ":")
    }
}
