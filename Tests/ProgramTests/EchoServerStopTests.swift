import Foundation
import Testing

@Suite("Stopping echo-server", .ownThreads, .timeLimit(.minutes(3)))
struct EchoServerStopTests {
    private static let signals = [SIGINT, SIGTERM]

    @Test("A signal ends it with 0", arguments: signals)
    func idle(signal: Int32) throws {
        try withEchoServer { server in
            try server.stop(signal)
            #expect(
                try server.output.line() == "stopped: 0 clients drained, 0 cut off, 0 bytes lost")
        }
    }

    @Test("Ctrl-C at its terminal ends it with 0")
    func controlC() throws {
        try withEchoServer(input: .terminal) { server in
            try server.input.write("\u{3}")
            #expect(try server.program.ending() == .code(0))
        }
    }

    @Test("A slow reader gets all that was queued for it before the end", arguments: signals)
    func drain(signal: Int32) throws {
        try withEchoServer(["--mode", "broadcast", "--quiet", "--console"]) { server in
            let reader = try server.connect(receiveBuffer: 4096)
            let sender = try server.connect()
            try server.waitForClients(2)
            let bytes = Pattern.bytes(4 << 20)
            try sender.write(bytes)
            let queued = try server.waitUntilReceived(bytes.count)
            try #require(queued > 1 << 20, "nothing to drain: the kernel took it all")

            server.program.send(signal)
            #expect(try sender.rest() == [])  // The stop has begun.
            sender.close()
            var received: [UInt8] = []
            var chunk: [UInt8]
            repeat {
                chunk = try reader.some(atMost: 4096)
                received += chunk
            } while !chunk.isEmpty
            #expect(received.count == bytes.count)
            // Not `==` itself: to find the difference of so many bytes takes hours.
            let isSame = received == bytes
            #expect(isSame)
            reader.close()
            #expect(try server.program.ending() == .code(0))
            let report = try server.output.rest()
            #expect(report == [], "quiet")
        }
    }

    @Test("A client that never reads is cut off, with 0 at the end")
    func cutOff() throws {
        try withEchoServer(["--mode", "broadcast", "--console"]) { server in
            let reader = try server.fillQueue()
            server.program.send(SIGTERM)
            #expect(try server.program.ending() == .code(0))
            let report = try server.output.line(with: "stopped: ")
            #expect(report.contains("1 cut off"))
            #expect(!report.contains(" 0 bytes lost"))
            reader.close()
        }
    }

    @Test(
        "The goodbye is the last that every client gets", arguments: signals,
        [("raw", "good bye", "good bye\n"), ("netstring", "bye", "3:bye,")])
    func goodbye(signal: Int32, words: (framing: String, text: String, sent: String)) throws {
        let options = ["--framing", words.framing, "--goodbye", words.text]
        try withEchoServer(options) { server in
            let clients = try (1...2).map { _ in try server.connectAndEcho("5:hello,") }
            server.program.send(signal)
            for client in clients {
                #expect(String(decoding: try client.rest(), as: UTF8.self) == words.sent)
                client.close()
            }
            #expect(try server.program.ending() == .code(0))
            let report = try server.output.line(with: "stopped: ")
            #expect(report == "stopped: 2 clients drained, 0 cut off, 0 bytes lost")
        }
    }

    @Test("A client that never reads is cut off when the time for it is over", arguments: [0, 0.3])
    func drainTime(seconds: Double) throws {
        let options = ["--mode", "broadcast", "--console", "--quiet"]
        try withEchoServer(options + ["--drain-time", "\(seconds)"]) { server in
            let reader = try server.fillQueue()
            let began = ContinuousClock.now
            server.program.send(SIGTERM)
            #expect(try server.program.ending() == .code(0))
            let time = ContinuousClock.now - began
            #expect(time >= .seconds(seconds) - .milliseconds(1))
            #expect(time < .seconds(4), "the default is 5 s")
            reader.close()
        }
    }

    @Test(
        "While it drains nobody comes in, and a second signal ends it at once", arguments: signals)
    func secondSignal(signal: Int32) throws {
        try withEchoServer(["--mode", "broadcast", "--quiet", "--console"]) { server in
            let reader = try server.fillQueue()
            let idle = try server.connect()
            try server.waitForClients(2)
            server.program.send(signal)
            #expect(try idle.rest() == [])  // The stop has begun.
            #expect(server.program.isRunning)
            #expect(throws: SystemFailure.self) { _ = try server.connect() }
            server.program.send(signal)
            // Drained, it would have ended with 0.
            #expect(try server.program.ending() == .code(128 + signal))
            // It must not take what it got for the whole.
            #expect(throws: SystemFailure.self) { _ = try reader.rest() }
            reader.close()
        }
    }
}

extension Server {
    /// Waits until the server has so many clients. It needs the console.
    func waitForClients(_ count: Int) throws {
        try wait(for: "\(count) clients") { try stats()["clients"] == count }
    }

    /// Waits until the server has received so many bytes from all clients, and tells how many are
    /// queued then. It needs the console.
    func waitUntilReceived(_ count: Int) throws -> Int {
        var queued = 0
        try wait(for: "\(count) bytes in") {
            let stats = try stats()
            queued = stats["bytes queued"]
            return stats["bytes in"] == count
        }
        return queued
    }

    /// Makes a client that does not read, with more queued for it than any kernel takes, as the
    /// only client. It needs the console and the broadcast mode.
    func fillQueue() throws -> Channel {
        let reader = try connect(receiveBuffer: 4096)
        try waitForClients(1)
        let sender = try connect()
        try waitForClients(2)
        try sender.write(Pattern.bytes(8 << 20))
        let queued = try waitUntilReceived(8 << 20)
        try #require(queued > 1 << 20, "the kernel took it all")
        sender.close()
        try waitForClients(1)
        return reader
    }
}
