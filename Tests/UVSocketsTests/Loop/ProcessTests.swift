import Foundation
import Testing

@testable import UVSockets

/// What the library does to its process, and what it leaves alone.
@Suite("The process", .ownThreads, .timeLimit(.minutes(1)))
struct ProcessTests {
    @Test("A program that is started by a handler has SIGPIPE as it ordinarily is")
    func children() async {
        await #expect(processExitsWith: .success) {
            _ = signal(SIGPIPE, SIG_DFL)
            let loop = try UVLoop()
            let output = Pipe()
            let child = Process()
            child.executableURL = URL(fileURLWithPath: "/bin/sh")
            child.arguments = ["-c", "grep SigIgn /proc/self/status"]
            child.standardOutput = output
            try child.run()
            let text = String(
                decoding: output.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
            let mask = text.split(separator: "\t").last.flatMap {
                UInt64($0.trimmingCharacters(in: .whitespacesAndNewlines), radix: 16)
            }
            try loop.close()
            // At once: Foundation still has what it has watched the child with, which counts as a leak.
            _exit(mask.map { $0 & (1 << (SIGPIPE - 1)) } == 0 ? 0 : 1)
        }
    }

    @Test("A program that is started on a loop with a thread of its own can be ended")
    func childrenOfThreads() async throws {
        let masks = Journal<UInt64?>()
        // A worker of the pool blocks nearly all signals.
        try await Task.detached {
            let group = try UVLoopGroup(loops: 1)
            group.loops[0].submit { masks.append(Self.blockedSignals) }
            try await masks.arrival(of: 1)
            await group.stop()
        }.value
        let blocked = try #require(try masks.first())
        #expect(blocked & (1 << (SIGTERM - 1)) == 0)
    }

    /// A bit for each signal that this thread blocks.
    private static var blockedSignals: UInt64? {
        let status = try? String(contentsOfFile: "/proc/thread-self/status", encoding: .utf8)
        let line = status?.split(separator: "\n").first { $0.hasPrefix("SigBlk:") }
        return line?.split(separator: "\t").last.flatMap { UInt64($0, radix: 16) }
    }

    @Test("A handler for SIGPIPE that the program has set stays")
    func ownHandler() async {
        await #expect(processExitsWith: .success) {
            _ = signal(SIGPIPE) { _ in _exit(0) }
            let loop = try UVLoop()
            raiseUnblocked(SIGPIPE)
            try loop.close()
            exit(1)
        }
    }

    @Test(
        "Where standard descriptors are closed, none becomes a socket",
        arguments: [[0], [1], [0, 1, 2]])
    func standardDescriptors(closed: [Int32]) async {
        await #expect(processExitsWith: .success) { [closed] in
            for descriptor in closed { close(descriptor) }
            let loop = try UVLoop()
            let listener = UVListener(on: loop, at: "127.0.0.1:0", onMessageReceived: echo)
            listener.onDisconnected = { client, _ in client.listener?.stop() }
            try listener.startAccept()
            // Both sockets are open.
            listener.onConnected = { _ in
                for descriptor in 0...2 as ClosedRange<Int32> {
                    var status = stat()
                    guard unsafe fstat(descriptor, &status) == 0 else { continue }
                    if status.st_mode & S_IFMT == S_IFSOCK { exit(1) }
                }
            }
            try onThread { [endpoint = listener.localEndpoint ?? listener.endpoint] in
                Thread.detachNewThread {
                    let peer = try? RawPeer(to: endpoint)
                    _ = try? peer?.exchange([1])
                    peer?.close()
                }
            }
            loop.run()
            try loop.close()
        }
    }
}
