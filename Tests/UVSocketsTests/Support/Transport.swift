import Testing
import UVSockets

/// What carries the bytes between a test's server and its peers.
enum Transport: String, CaseIterable, Sendable {
    case tcp = "TCP"
    case unix = "a Unix-domain socket"
    case memory = "a network in memory"

    /// That of the running test.
    @TaskLocal static var current = tcp

    /// Whether a peer sees that it was reset, and can reset. A Unix-domain socket ends as any other one,
    /// unless bytes are unread.
    var hasResets: Bool { self == .tcp }

    /// Whether bytes can be on their way: what the kernel has taken for a Unix-domain socket has arrived.
    var hasUnacknowledged: Bool { self == .tcp }

    /// Whether clients can be spread over so many loops so: the kernel does not spread those of a
    /// Unix-domain socket, and a network in memory has one loop.
    func isSpread(over loops: Int, by balance: UVBalance) -> Bool {
        switch self {
        case .tcp: true
        case .unix: balance != .kernel
        case .memory: loops == 1
        }
    }

    /// An endpoint where nobody else listens.
    ///
    /// - Parameter host: The TCP host.
    /// - Returns: The endpoint.
    static func freeEndpoint(host: String = "127.0.0.1") -> UVEndpoint {
        switch current {
        case .tcp, .memory: UVEndpoint(host: host, port: 0)
        case .unix: .abstract("uvsockets-test \(UInt64.random(in: 0 ... .max))")
        }
    }
}

/// Runs each test on every transport, one after the other: the harness listens on the current one unless
/// it is told where. A failure says on which.
///
/// A test whose figures are those of TCP, or that names addresses, opts out by ``TCPOnly``. One that
/// makes sockets of its own opts out of memory by ``SocketsOnly``.
struct OnEachTransport: TestTrait, SuiteTrait, TestScoping {
    /// Those whose listener is a ``TaskServer`` run in memory, too.
    fileprivate let transports: [Transport]

    var isRecursive: Bool { true }

    func scopeProvider(for test: Test, testCase: Test.Case?) -> Self? {
        testCase == nil || test.traits.contains { $0 is TCPOnly } ? nil : self
    }

    @concurrent func provideScope(
        for test: Test, testCase: Test.Case?,
        performing function: @concurrent @Sendable () async throws -> Void
    ) async throws {
        let isForSockets = test.traits.contains { $0 is SocketsOnly }
        for transport in transports where transport != .memory || !isForSockets {
            let named = IssueHandlingTrait.compactMapIssues { issue in
                var issue = issue
                issue.comments.append("over \(transport.rawValue)")
                return issue
            }
            try await Transport.$current.withValue(transport) {
                try await named.provideScope(for: test, testCase: testCase) {
                    do {
                        try await function()
                    } catch {
                        Issue.record(error, sourceLocation: test.sourceLocation)
                    }
                }
            }
        }
    }
}

/// The test is about TCP alone.
struct TCPOnly: TestTrait {}

/// The test is about sockets.
struct SocketsOnly: TestTrait {}

extension Trait where Self == OnEachTransport {
    /// Each test runs over TCP, and over Unix-domain sockets.
    static var onEachTransport: Self { OnEachTransport(transports: [.tcp, .unix]) }

    /// Each test runs on a network in memory, too.
    static var alsoInMemory: Self { OnEachTransport(transports: Transport.allCases) }
}

extension Trait where Self == SocketsOnly {
    /// The test does not run in memory, also in a suite that does.
    static var socketsOnly: Self { SocketsOnly() }
}

extension Trait where Self == TCPOnly {
    /// The test runs over TCP alone, also in a suite that is ``onEachTransport``.
    static var tcpOnly: Self { TCPOnly() }
}
