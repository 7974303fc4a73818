import Testing

@testable import UVSockets

@Suite("SocketAddress", .ownThreads)
struct SocketAddressTests {
    @Test(
        "A numeric address is read, handed to the system, taken back and printed",
        arguments: [
            ("0.0.0.0:0", "0.0.0.0:0", false),
            ("127.0.0.1:8081", "127.0.0.1:8081", false),
            ("255.255.255.255:65535", "255.255.255.255:65535", false),
            ("[::]:1", "[::]:1", true),
            ("[::1]:80", "[::1]:80", true),
            ("[2001:DB8:0:0::0:1]:443", "[2001:db8::1]:443", true),
            ("[1:2:3:4:5:6:7:8]:9", "[1:2:3:4:5:6:7:8]:9", true),
            ("[fe80::1%lo]:7", "[fe80::1%lo]:7", true),
            ("[::ffff:10.0.0.1]:8081", "10.0.0.1:8081", false),
            ("[::ffff:ffff:ffff]:1", "255.255.255.255:1", false),
            ("[::1:ffff:a00:1]:1", "[::1:ffff:a00:1]:1", true),
        ])
    func roundTrip(text: String, printed: String, isIPv6: Bool) throws {
        let address = try #require(SocketAddress(UVEndpoint(text)))
        #expect("\(address.endpoint)" == printed)
        #expect(address.isIPv6 == isIPv6)
        let back = unsafe address.withSockaddr { address, _ in unsafe SocketAddress(address) }
        #expect(back == address)
        #expect(back?.port == address.port)
    }

    @Test("A mapped IPv4 address is the IPv4 address")
    func mapped() throws {
        #expect(SocketAddress("[::ffff:10.0.0.1]:1") == SocketAddress("10.0.0.1:1"))
        #expect(SocketAddress("10.0.0.1:1") != SocketAddress("10.0.0.1:2"))
        #expect(SocketAddress("[::1]:1") != SocketAddress("0.0.0.1:1"))
    }

    @Test(
        "A name is not an address",
        arguments: [
            "localhost", "", "1.2.3", "1.2.3.4.5", "1.2.3.256", "127.0.0.1\0", "::g", "a.b",
        ])
    func names(host: String) {
        #expect(SocketAddress(UVEndpoint(host: host, port: 1)) == nil)
    }
}
