import Testing
import UVSockets

@Suite("UVEndpoint", .ownThreads)
struct EndpointTests {
    @Test(
        "Text and endpoint turn into each other",
        arguments: [
            ("localhost:8081", "localhost", 8081),
            ("127.0.0.1:0", "127.0.0.1", 0),
            ("[::1]:65535", "::1", 65535),
            ("[fe80::1%lo]:1", "fe80::1%lo", 1),
            ("unix:8081", "unix", 8081),
        ])
    func roundTrip(text: String, host: String, port: Int) throws {
        let endpoint = try UVEndpoint(text)
        #expect(endpoint.host == host)
        #expect(Int(endpoint.port) == port)
        #expect(endpoint.description == text)
    }

    @Test(
        "What is no endpoint is refused with the part that is wrong",
        arguments: [
            ("", "expected HOST:PORT, unix:PATH or unix:@NAME"),
            ("localhost", "expected HOST:PORT, unix:PATH or unix:@NAME"),
            (":8081", "the host is missing"),
            ("[]:8081", "the host is missing"),
            ("::1:8081", "an IPv6 address is written [ADDRESS]:PORT"),
            ("[::1:8081", "an IPv6 address is written [ADDRESS]:PORT"),
            ("localhost:", "the port is not a number from 0 to 65535"),
            ("localhost:65536", "the port is not a number from 0 to 65535"),
            ("localhost:-1", "the port is not a number from 0 to 65535"),
            ("localhost:+1", "the port is not a number from 0 to 65535"),
            ("localhost:8o81", "the port is not a number from 0 to 65535"),
            ("a\u{0}b:1", "the host is longer than 253 bytes or holds a NUL"),
            (
                String(repeating: "a", count: 254) + ":1",
                "the host is longer than 253 bytes or holds a NUL"
            ),
            ("unix:@", "the name is missing"),
            ("unix:", Self.unixSocket),
            ("unix:x", Self.unixSocket),
            ("unix:run/x.sock", Self.unixSocket),
            ("unix:8081x", Self.unixSocket),
            ("unix:x:8081", Self.unixSocket),
            ("unix:65536", "the port is not a number from 0 to 65535"),
        ])
    func refused(text: String, reason: String) {
        let error = #expect(throws: UVError.self) { try UVEndpoint(text) }
        #expect(error?.reason == reason)
        #expect(error?.code == .invalidArgument)
    }

    private static let unixSocket =
        "a Unix socket is unix:PATH or unix:@NAME, and the path begins with / or ."
}
