import Foundation
import Testing

@testable import UVSockets
@testable import UVSocketsAdmin

@Suite("Metrics over HTTP", .ownThreads, .timeLimit(.minutes(1)))
struct HTTPTests {
    // MARK: - The request

    private func read(_ text: String) -> Result<HTTPRequest, HTTPRequest.Problem> {
        do throws(HTTPRequest.Problem) {
            return .success(try HTTPRequest(Array(text.utf8)))
        } catch {
            return .failure(error)
        }
    }

    @Test(
        "Requests that are right",
        arguments: [
            ("GET /metrics HTTP/1.1\r\nHost: a", "/metrics", false, true),
            ("HEAD /metrics?x=1 HTTP/1.1\r\nhOsT:a\r\nX-Empty:", "/metrics", true, true),
            ("GET /a HTTP/1.1\r\nHost: a\r\nConnection: Close", "/a", false, false),
            ("GET /a HTTP/1.1\r\nHost: a\r\nConnection: x, close", "/a", false, false),
            ("GET /a HTTP/1.0", "/a", false, false),
            ("GET /a HTTP/1.0\r\nConnection: keep-alive", "/a", false, true),
            ("GET http://a:1/b HTTP/1.1\r\nHost: a:1", "/b", false, true),
            ("GET http://a HTTP/1.1\r\nHost: a", "/", false, true),
            ("GET /a HTTP/1.1\r\nHost: a\r\nContent-Length: 3", "/a", false, false),
            ("GET /a HTTP/1.1\r\nHost: a\r\nContent-Length: 0", "/a", false, true),
            ("GET /a HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked", "/a", false, false),
            ("GET /a HTTP/1.9\r\nHost: a\r\nAccept: */*; q=0.5\t", "/a", false, true),
        ])
    func right(text: String, path: String, isHead: Bool, keepsAlive: Bool) throws {
        let request = try read(text).get()
        #expect(request.path == path)
        #expect(request.isHead == isHead)
        #expect(request.keepsAlive == keepsAlive)
    }

    @Test(
        "Requests that are wrong",
        arguments: [
            ("", .badRequest), ("GET", .badRequest), ("GET /", .badRequest),
            ("GET  / HTTP/1.1\r\nHost: a", .badRequest), ("GET / HTTP/1.1", .badRequest),
            ("GET / HTTP/1.1\r\nHost: a\r\nHost: b", .badRequest),
            ("GET metrics HTTP/1.1\r\nHost: a", .badRequest),
            ("GET / HTTP/1.1\r\nHost : a", .badRequest),
            ("GET / HTTP/1.1\r\nHost: a\r\n folded", .badRequest),
            ("GET / HTTP/1.1\r\nHost: a\r\nno colon", .badRequest),
            ("GET / HTTP/1.1\r\nHost: a\r\n: empty", .badRequest),
            ("GET / HTTP/1.1\nHost: a", .badRequest), ("GET / HTTP/1.1\rHost: a", .badRequest),
            ("GET /\u{0} HTTP/1.1\r\nHost: a", .badRequest),
            ("G\u{E9}T / HTTP/1.1\r\nHost: a", .badRequest),
            ("GET / HTTP/11\r\nHost: a", .badRequest), ("GET / http/1.1\r\nHost: a", .badRequest),
            ("GET / HTTP/2.0\r\nHost: a", .versionNotSupported),
            ("POST / HTTP/1.1\r\nHost: a", .methodNotAllowed),
            ("get / HTTP/1.1\r\nHost: a", .methodNotAllowed),
            ("OPTIONS * HTTP/1.1\r\nHost: a", .methodNotAllowed),
        ] as [(String, HTTPRequest.Problem)])
    func wrong(text: String, problem: HTTPRequest.Problem) {
        #expect(read(text) == .failure(problem))
    }

    /// What the codec finds; nil if it throws.
    private func search(
        _ codec: HTTPHeadCodec, _ bytes: [UInt8], memory: Int = 0
    ) -> FrameSearch? {
        do throws(FramingError) {
            return try codec.firstFrame(in: bytes.span, memory: memory)
        } catch {
            return nil
        }
    }

    @Test("Whatever bytes come, they are refused or read", arguments: 1...20)
    func fuzz(seed: Int) throws {
        var random = SplitMix64(seed: UInt64(seed))
        let right = Array("GET /metrics HTTP/1.1\r\nHost: here\r\nConnection: close\r\n\r\n".utf8)
        let codec = HTTPHeadCodec(maximumLength: 200)
        for _ in 0..<2000 {
            var bytes = right
            for _ in 0..<Int.random(in: 0...4, using: &random) where !bytes.isEmpty {
                let index = bytes.indices.randomElement(using: &random) ?? 0
                switch Int.random(in: 0..<3, using: &random) {
                case 0: bytes[index] = UInt8.random(in: 0 ... .max, using: &random)
                case 1: bytes.remove(at: index)
                default: bytes.insert([0x0D, 0x0A, 0x20, 0x3A][index % 4], at: index)
                }
            }
            let whole = search(codec, bytes)
            if case .frame(let payload, let end)? = whole {
                #expect(payload.lowerBound <= payload.upperBound && end <= bytes.count)
                _ = try? HTTPRequest(Array(bytes[payload]))
            }
            // However it is cut, the same is found.
            var memory = 0
            for count in 0...bytes.count {
                let part = search(codec, Array(bytes[..<count]), memory: memory)
                guard case .incomplete(let next, let needed)? = part else {
                    if case .frame(let payload, let end)? = part {
                        guard case .frame(let all, let allEnd)? = whole else {
                            Issue.record("a part has a frame that the whole has not")
                            break
                        }
                        #expect(payload == all && end == allEnd)
                    }
                    break
                }
                #expect(needed > count)
                memory = next
            }
        }
    }

    @Test("A head that is too long is refused, even without an end")
    func tooLong() {
        let codec = HTTPHeadCodec(maximumLength: 100)
        for byte: UInt8 in [0x61, 0x0A] {
            #expect(search(codec, [UInt8](repeating: byte, count: 100)) != nil)
            #expect(search(codec, [UInt8](repeating: byte, count: 101)) == nil)
        }
    }

    // MARK: - The server

    private func request(
        _ text: String, _ endpoint: UVEndpoint
    ) throws -> String {
        let peer = try RawPeer(to: endpoint)
        try peer.send(text)
        return String(decoding: try peer.receiveToEnd(), as: UTF8.self)
    }

    private static let last = "Host: a\r\nConnection: close\r\n\r\n"

    @Test("GET and HEAD of /metrics, /healthz, and of nothing else")
    func answers() async throws {
        try await withGroup { server in
            let web = try UVMetricsServer(
                at: "127.0.0.1:0", for: server.remote, answerWithin: .seconds(20))
            let page = try request("GET /metrics HTTP/1.1\r\n" + Self.last, web.endpoint)
            let parts = page.components(separatedBy: "\r\n\r\n")
            try #require(parts.count == 2)
            let start = "HTTP/1.1 200 OK\r\nContent-Type: text/plain; version=0.0.4"
            #expect(parts[0].hasPrefix(start))
            #expect(parts[0].contains("\r\nContent-Length: \(parts[1].utf8.count)\r\n"))
            #expect(parts[1].hasPrefix("# HELP uvsockets_connections ") && parts[1].hasSuffix("\n"))
            let head = try request("HEAD /metrics HTTP/1.1\r\n" + Self.last, web.endpoint)
            #expect(head.hasPrefix("HTTP/1.1 200 OK\r\n") && head.hasSuffix("\r\n\r\n"))
            let health = try request("GET /healthz HTTP/1.0\r\n\r\n", web.endpoint)
            #expect(health.hasPrefix("HTTP/1.1 200 OK\r\n") && health.hasSuffix("\r\n\r\nok\n"))
            for (text, status) in [
                ("GET / HTTP/1.1\r\n", 404), ("POST /metrics HTTP/1.1\r\n", 405),
                ("GET /metrics HTTP/3.0\r\n", 505), ("nonsense\r\n", 400),
                ("GET /" + String(repeating: "x", count: 9000) + " HTTP/1.1\r\n", 431),
            ] {
                let answer = try request(text + Self.last, web.endpoint)
                #expect(answer.hasPrefix("HTTP/1.1 \(status) "), "\(answer.prefix(40))")
            }
            // Several on one connection, in order, also cut.
            let peer = try RawPeer(to: web.endpoint)
            let get = "GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n"
            for piece in [
                get + get + "GET /nothing HTTP/1.1\r\nHo", "st: a\r\n\r",
                "\nHEAD / HTTP/1.1\r\n", Self.last,
            ] {
                try peer.send(piece)
            }
            let all = String(decoding: try peer.receiveToEnd(), as: UTF8.self)
            let statuses = all.components(separatedBy: "HTTP/1.1 ").dropFirst().map { $0.prefix(3) }
            #expect(statuses == ["200", "200", "404", "404"])
        }
    }

    @Test("It is unhealthy while a loop is blocked, and when the server stops")
    func health() async throws {
        try await withGroup { server in
            let web = try UVMetricsServer(at: "127.0.0.1:0", for: server.remote)
            let get = "GET /healthz HTTP/1.1\r\n" + Self.last
            try withBlockedLoops(server.remote) {
                let answer = try request(get, web.endpoint)
                #expect(answer.hasPrefix("HTTP/1.1 503 Service Unavailable\r\n"))
                #expect(answer.contains("\r\n\r\nloop 0 does not answer: a submitted closure runs"))
                let page = try request("GET /metrics HTTP/1.1\r\n" + Self.last, web.endpoint)
                #expect(page.hasPrefix("HTTP/1.1 200 "))
            }
            try until { try request(get, web.endpoint).hasPrefix("HTTP/1.1 200 ") }
            _ = try server.ask { await $0.stop() }
            try until { try request(get, web.endpoint).hasSuffix("\r\n\r\nthe server stops\n") }
        }
    }

    @Test("A head has 5 seconds to come")
    func slowHead() async throws {
        try await withGroup { server in
            let web = try UVMetricsServer(at: "127.0.0.1:0", for: server.remote)
            let (silent, slow) = (try RawPeer(to: web.endpoint), try RawPeer(to: web.endpoint))
            let began = ContinuousClock.now
            try slow.send("GET /metrics HT")
            #expect(try silent.receiveToEnd() == [])
            #expect(try slow.receiveToEnd() == [])
            #expect(.seconds(4.5)...(.seconds(15)) ~= ContinuousClock.now - began)
        }
    }
}
