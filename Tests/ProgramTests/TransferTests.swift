import Foundation
import Testing

@Suite("echo-client < big > copy", .ownThreads, .timeLimit(.minutes(10)), .serialized)
struct TransferTests {
    /// A sanitizer keeps freed memory for a while, and notes about all of it.
    private static let bound = (isSanitized ? 1024 : 64) << 20
    /// How much before the end the client's memory is looked at: so much that it must be running.
    private static let remainder = 1 << 20

    @Test("64 MiB come back byte for byte, in bounded memory at both ends")
    func transfer() throws {
        try transfer(64 << 20)
    }

    @Test(
        "1 GiB comes back byte for byte, in bounded memory at both ends",
        .enabled(if: wantsBigTransfer, "only when UVSOCKETS_BIG_TRANSFER is set"))
    func bigTransfer() throws {
        try transfer(1 << 30)
    }

    private func transfer(_ count: Int) throws {
        try withTemporaryFolder { folder in
            try Pattern.write(count, to: folder + "/big")
            try withEchoServer(["--quiet"]) { server in
                let command = ["echo-client", server.endpoint]
                try withProgram(command, input: .file(folder + "/big")) { client in
                    let output = try #require(client.output)
                    var offset = 0
                    var peak = 0
                    while true {
                        let bytes = try output.some(atMost: 64 * 1024)
                        guard !bytes.isEmpty else { break }
                        try #require(Pattern.matches(bytes, at: offset), "after \(offset) bytes")
                        offset += bytes.count
                        if peak == 0, count - offset <= Self.remainder {
                            peak = try client.peakMemory()
                        }
                    }
                    #expect(offset == count)
                    #expect(try client.ending() == .code(0))
                    #expect(try client.errorText() == "")
                    #expect(peak < Self.bound, "the client's memory")
                    #expect(try server.program.peakMemory() < Self.bound, "the server's memory")
                }
                try server.stop()
            }
        }
    }

    @Test("A file to a file, as the shell does it")
    func files() throws {
        try withTemporaryFolder { folder in
            let count = 10_000_001
            try Pattern.write(count, to: folder + "/big")
            try withEchoServer(["--quiet"]) { server in
                let script = "exec \"$0\" \(server.endpoint) < big > copy"
                let client = Built.folder + "/echo-client"
                let outcome = try run(["sh", "-c", "cd '\(folder)' && " + script, client])
                #expect(outcome.ending == .code(0))
                #expect(outcome.errors == "")
                let copy = try Data(contentsOf: URL(filePath: folder + "/copy"))
                #expect(copy.count == count)
                #expect(Pattern.matches(Array(copy), at: 0))
            }
        }
    }

    @Test("A reader that is slow at first holds back the client, not its memory")
    func slowReader() throws {
        try withEchoServer(["--quiet", "--console"]) { server in
            let command = ["echo-client", server.endpoint]
            try withProgram(command, input: .file("/dev/zero")) { client in
                // All stands still once every buffer on the way is full.
                var received = 0
                var lastChange = ContinuousClock.now
                try wait(for: "the flow to stop") {
                    try server.command("list")
                    let line = try server.output.line { $0.hasPrefix("1 ") || $0 == "no clients" }
                    let fields = line.split(separator: " ")
                    let now = fields.count > 4 ? Int(fields[4]) ?? 0 : 0
                    if now != received { lastChange = .now }
                    received = now
                    try #require(client.peakMemory() < Self.bound, "after \(received) bytes")
                    return received > 0 && ContinuousClock.now - lastChange > .seconds(1)
                }
                #expect(try server.program.peakMemory() < Self.bound)
                let output = try #require(client.output)
                for _ in 1...256 { #expect(try output.bytes(64 * 1024).allSatisfy { $0 == 0 }) }
            }
        }
    }
}

private let wantsBigTransfer =
    ProcessInfo.processInfo.environment["UVSOCKETS_BIG_TRANSFER"].map { !$0.isEmpty } ?? false
