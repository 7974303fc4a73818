import Foundation
import Testing
import UVSockets
import UVSocketsTesting

@testable import UVSocketsCapture

@Suite("A tap", .onPool, .timeLimit(.minutes(2)))
struct TapTests {
    private static func echo(_ options: UVListenerOptions = .init()) throws -> MemoryServer {
        try MemoryServer(framing: .lines, options: options) { $0.send($1) }
    }

    /// Makes a server, has its first connection tapped from its begin, and reads the file.
    private nonisolated(nonsending) func tapped(
        at endpoint: UVEndpoint = "127.0.0.1:0", from source: UVEndpoint? = nil,
        limits: UVTap.Limits = .init(),
        onMessage: @escaping (UVConnection, Span<UInt8>) -> Void = { $0.send($1) },
        _ body: (MemoryServer, UVTestPeer) throws -> Void
    ) async throws -> (file: PacketFile, report: UVTap.Report) {
        try await withFolder { folder in
            let server = try MemoryServer(at: endpoint, framing: .lines, onMessage: onMessage)
            let path = "\(folder)/tap.pcapng"
            let remote = server.listener.remote
            let tap = try await UVTap.start(remote, .all, to: path, limits: limits)
            let peer = try server.connect(from: source)
            try body(server, peer)
            let report = await tap.stop()
            #expect(tap.report == report)
            return (try PacketFile(path), report)
        }
    }

    @Test(
        "An echo from its begin to its end is right in every number",
        arguments: ["127.0.0.1:0", "[::1]:0", "unix:@tapped"])
    func echoes(endpoint: UVEndpoint) async throws {
        let (file, report) = try await tapped(at: endpoint) { server, peer in
            #expect(peer.exchange("hello\n") == "hello\n")
            #expect(peer.exchange("world\n") == "world\n")
            peer.close()
            server.network.run()
            #expect(server.reasons == [.peerClosed])
        }
        file.expectContinuity()
        #expect(file.link == 101)
        #expect(file.application == "UVSockets")
        #expect(file.blocks.first == 0x0A0D_0D0A)
        #expect(file.blocks.last == 5)
        #expect(file.payload(isOut: false) == Array("hello\nworld\n".utf8))
        #expect(file.payload(isOut: true) == Array("hello\nworld\n".utf8))
        // SYN of the client, answer of the server, and the client's acknowledgement.
        #expect(file.packets.prefix(3).map(\.flags) == [2, 18, 16])
        #expect(file.packets.prefix(3).map(\.direction) == [1, 2, 1])
        // The peer finishes first.
        #expect(file.packets.filter(\.isFIN).map(\.direction) == [1, 2])
        #expect(!file.packets.contains { $0.isReset })
        #expect(file.comments.first?.hasPrefix("client 1, ") == true)
        #expect(file.comments.last?.hasPrefix("ended: closed by the peer") == true)
        #expect(report.end == .stopped)
        #expect(report.packets == UInt64(file.packets.count))
        #expect(file.received == report.packets)
        #expect(file.dropped == 0)
        #expect(file.packets[0].isIPv6 == (endpoint.host == "::1"))
    }

    @Test("Peers of Unix-domain sockets have addresses of their own")
    func unixPeers() async throws {
        let (file, _) = try await tapped(at: "unix:@tapped") { server, peer in
            let other = try server.connect()
            #expect(peer.exchange("one\n") == "one\n")
            #expect(other.exchange("two\n") == "two\n")
        }
        file.expectContinuity()
        let clients = file.packets.filter { !$0.isOut }.map { "\($0.source):\($0.sourcePort)" }
        #expect(Set(clients) == ["[198, 18, 0, 1]:1024", "[198, 18, 0, 1]:1025"])
        let servers = file.packets.filter(\.isOut).map { "\($0.source):\($0.sourcePort)" }
        #expect(Set(servers) == ["[192, 0, 2, 1]:1"])
    }

    @Test("An IPv4 client of a dual-stack server is written as IPv4")
    func mapped() async throws {
        let (file, _) = try await tapped(at: "[::]:0", from: "10.1.2.3:4567") { _, peer in
            #expect(peer.exchange("one\n") == "one\n")
        }
        file.expectContinuity()
        #expect(file.packets.allSatisfy { !$0.isIPv6 })
        #expect(file.packets[0].source == [10, 1, 2, 3])
        #expect(file.packets[0].sourcePort == 4567)
    }

    @Test("A reset of the peer is a reset in the file, in its direction")
    func peerResets() async throws {
        let (file, _) = try await tapped { server, peer in
            #expect(peer.exchange("one\n") == "one\n")
            peer.reset()
            server.network.run()
            #expect(server.reasons == [.peerReset])
        }
        file.expectContinuity()
        #expect(file.packets.last?.isReset == true)
        #expect(file.packets.last?.direction == 1)
        #expect(file.packets.last?.comment == "ended: reset by the peer")
    }

    @Test("A reset of this side is one, too, and the lost bytes are not acknowledged")
    func resets() async throws {
        let (file, _) = try await tapped { server, peer in
            peer.isReading = false
            peer.receiveBuffer = 1000
            let client = try server.client(1)
            client.send([UInt8](repeating: 65, count: 300_000))
            server.network.run()
            client.reset()
            server.network.run()
        }
        file.expectContinuity()
        let last = try #require(file.packets.last)
        #expect(last.isReset)
        #expect(last.direction == 2)
        let sent = file.payload(isOut: true).count
        // The peer's kernel took 1,000 bytes, and our kernel holds 64 KiB more.
        #expect(sent == 1000 + 65_536)
        let comment = try #require(last.comment)
        #expect(comment.contains("the peer had not acknowledged the last 65536 bytes"))
        #expect(comment.contains("\(300_001 - sent) bytes were queued and are lost"))
        let first = file.packets[1].sequence &+ 1
        let acknowledged = file.packets.filter { !$0.isOut && !$0.isSYN }
            .map { $0.acknowledgement &- first }.max()
        #expect(acknowledged == 0 || acknowledged == 1000)
    }

    @Test("A tap that begins in the middle begins with a handshake at the offsets of then")
    func middle() async throws {
        try await withFolder { folder in
            let server = try Self.echo()
            let peer = try server.connect()
            #expect(peer.exchange("before\n") == "before\n")
            let path = "\(folder)/tap.pcapng"
            let tap = try await UVTap.start(server.listener.remote, .client(1), to: path)
            #expect(peer.exchange("after\n") == "after\n")
            await tap.stop()
            #expect(peer.exchange("later\n") == "later\n")
            let file = try PacketFile(path)
            file.expectContinuity()
            #expect(file.packets.prefix(3).map(\.flags) == [2, 18, 16])
            #expect(file.payload(isOut: false) == Array("after\n".utf8))
            #expect(file.payload(isOut: true) == Array("after\n".utf8))
            let comment = try #require(file.comments.first)
            #expect(comment.contains("began in the middle, after 7 bytes received and 7 sent"))
            let capture = try UVCapture(contentsOf: path)
            #expect(capture.connections.first?.beginsInMiddle == true)
            // Whatever was watched is let go.
            server.network.run()
            #expect(try server.client(1).tapCount == 0)
        }
    }

    @Test("A tap of a client that is stuck says by what, and what waits for it")
    func stuck() async throws {
        try await withFolder { folder in
            var options = UVListenerOptions()
            options.connection.highWatermark = 1000
            let server = try MemoryServer(options: options)
            let peer = try server.connect()
            peer.isReading = false
            peer.send(pattern(200_000))
            server.network.run()
            try server.client(1).pauseReceiving()
            let queued = try server.client(1).bytesQueued
            #expect(queued > 0)
            let path = "\(folder)/tap.pcapng"
            let tap = try await UVTap.start(server.listener.remote, .client(1), to: path)
            peer.isReading = true
            server.network.run()
            await tap.stop()
            let file = try PacketFile(path)
            file.expectContinuity()
            let comment = try #require(file.comments.first)
            #expect(comment.contains("\(queued) bytes are queued; held: paused by its user, "))
            #expect(comment.hasSuffix("its queue is above the high watermark"))
            // What was queued before is sent behind that.
            #expect(file.payload(isOut: true).count == queued)
            #expect(
                file.comments.contains { $0.hasSuffix("its queue is above the high watermark") })
        }
    }

    @Test("Half-closed connections show their ends in the order in which they came")
    func halfClosed() async throws {
        try await withFolder { folder in
            var options = UVListenerOptions()
            options.connection.allowsHalfOpen = true
            let server = try MemoryServer(options: options)
            let path = "\(folder)/tap.pcapng"
            let tap = try await UVTap.start(server.listener.remote, to: path)
            let peer = try server.connect()
            peer.send("ask")
            peer.finish()
            server.network.run()
            try server.client(1).send("answer")
            server.network.run()
            try server.client(1).close()
            server.network.run()
            await tap.stop()
            let file = try PacketFile(path)
            file.expectContinuity()
            let ends = file.packets.indices.filter { file.packets[$0].isFIN }
            #expect(ends.map { file.packets[$0].direction } == [1, 2])
            let answer = file.packets.firstIndex { $0.payload == Array("answer".utf8) }
            #expect(try #require(answer) > ends[0])
        }
    }

    @Test("Bytes that come after the end of the messages are in the file")
    func discarded() async throws {
        let (file, _) = try await tapped(onMessage: { client, _ in client.close() }) {
            server, peer in
            peer.send("close\n")
            server.network.run()
            peer.send("late\n")
            server.network.run()
        }
        file.expectContinuity()
        #expect(file.payload(isOut: false) == Array("close\nlate\n".utf8))
    }

    @Test("Much is cut into packets of at most 65,535 bytes, and stays whole")
    func much() async throws {
        let text = pattern(1 << 20)
        try await withFolder { folder in
            let server = try MemoryServer()
            let path = "\(folder)/tap.pcapng"
            let tap = try await UVTap.start(server.listener.remote, to: path)
            let peer = try server.connect()
            peer.send(text)
            server.network.run()
            #expect(peer.received == text)
            await tap.stop()
            let file = try PacketFile(path)
            file.expectContinuity()
            #expect(file.payload(isOut: false) == text)
            #expect(file.payload(isOut: true) == text)
            #expect(file.packets.map(\.length).max() == 65_535)
            let capture = try UVCapture(contentsOf: path)
            #expect(capture.connections[0].bytes(.sent) == text)
            // A read of 64 KiB is two packets, and one piece.
            #expect(capture.connections[0].pieces(.received).map(\.count).max() == 65_536)
        }
    }

    @Test("Why a connection is held is told in comments")
    func holds() async throws {
        let (file, _) = try await tapped(onMessage: { client, _ in client.pauseReceiving() }) {
            server, peer in
            peer.send("one\n")
            server.network.run(for: .milliseconds(20))
            try server.client(1).resumeReceiving()
            server.network.run()
        }
        file.expectContinuity()
        #expect(file.comments.contains("held: paused by its user"))
        #expect(file.comments.contains("no longer held after 20.0 ms: paused by its user"))
    }

    @Test("A handler that takes long is told in a comment")
    func slowHandler() async throws {
        let (file, _) = try await tapped(onMessage: { client, message in
            let end = ContinuousClock.now + .milliseconds(3)
            while ContinuousClock.now < end {}
            client.send(message)
        }) { _, peer in
            #expect(peer.exchange("one\n") == "one\n")
        }
        file.expectContinuity()
        let comment = try #require(file.comments.first { $0.hasPrefix("the handler took") })
        #expect(comment.hasSuffix("ms for 1 messages"))
    }

    @Test("A snapshot length keeps the headers and the first bytes, and the real lengths")
    func snap() async throws {
        let (file, _) = try await tapped(limits: .init(snapLength: 64)) { _, peer in
            let line = String(repeating: "a", count: 1001) + "\n"
            #expect(peer.exchange(line) == line)
        }
        #expect(file.snapLength == 64)
        #expect(file.packets.allSatisfy { $0.captured.count <= 64 })
        #expect(file.packets.map(\.length).max() == 40 + 1002)
        file.expectContinuity()
        // The checksum is that of the whole packet.
        let (whole, _) = try await tapped { _, peer in
            let line = String(repeating: "a", count: 1001) + "\n"
            #expect(peer.exchange(line) == line)
        }
        let sums = { (file: PacketFile) in
            file.packets.filter { $0.payloadLength > 0 }.map { $0.captured[36..<38] }
        }
        #expect(sums(file) == sums(whole))
    }

    @Test("Sequence numbers wrap")
    func wraps() throws {
        let address = { (port: UInt16) in
            WireAddress(high: 0, low: 0x7f00_0001, port: port, isIPv6: false)
        }
        let flow = Flow(
            connection: 1, local: address(1), peer: address(2), name: "client 1", isIncoming: true,
            localStart: 5, peerStart: .max - 3)
        try withOutput { output in
            let nothing: [UInt8] = []
            _ = output.add(
                TapRecord(flow: flow, kind: .begin, isOut: false, sequence: 0, acknowledged: 0),
                nothing[...])
            for sequence in [UInt64(1), 5, 9, 1 << 32] {
                var record = TapRecord(
                    flow: flow, kind: .data(endsChunk: true), isOut: false, sequence: sequence,
                    acknowledged: 1)
                record.length = 4
                _ = output.add(record, Array("abcd".utf8)[...])
            }
        } check: { file in
            let last = UInt32.max
            let wanted: [UInt32] = [last - 3, 5, last - 2, last - 2, 1, 5, last - 3]
            #expect(file.packets.map(\.sequence) == wanted)
            #expect(file.packets.allSatisfy { $0.hasRightChecksums })
        }
    }

    private func withOutput(
        _ body: (inout PcapngOutput) throws -> Void, check: (PacketFile) throws -> Void
    ) throws {
        let path = FileManager.default.temporaryDirectory.path + "/uvsockets-\(UUID())"
        defer { try? FileManager.default.removeItem(atPath: path) }
        var output = PcapngOutput(
            try CaptureFile(creating: path), limit: .max, snapLength: 65_535)
        try body(&output)
        output.end(drops: 0)
        try output.flush(isAll: true)
        output.close()
        try check(try PacketFile(path))
    }

    @Test("What does not fit into the queue is dropped, counted, and leaves a gap")
    func drops() async throws {
        let server = try MemoryServer { _, _ in }
        let peer = try server.connect()
        let tap = UVTap(UVTap.Limits(queueBytes: 1))
        #expect(TapPart.begin(tap, try server.client(1)))
        let sent = pattern(600_000)
        for start in stride(from: 0, to: sent.count, by: 50_000) {
            peer.send(Array(sent[start..<start + 50_000]), inPiecesOf: 50_000)
            server.network.run()
        }
        try withOutput { output in
            var batch = TapQueue.Batch()
            func write() {
                tap.queue.take(into: &batch)
                var start = 0
                for record in batch.records {
                    let isAdded = output.add(record, batch.bytes[start..<start + record.kept])
                    #expect(isAdded)
                    start += record.kept
                }
            }
            write()
            peer.send([1, 2, 3])
            server.network.run()
            write()
            #expect(tap.queue.drops.packets == 7)
            #expect(tap.queue.drops.bytes == 350_000)
        } check: { file in
            #expect(file.payload(isOut: false) == Array(sent[..<250_000]) + [1, 2, 3])
            let last = try #require(file.packets.last { $0.payloadLength == 3 })
            #expect(file.packets.compactMap(\.drops).reduce(0, +) == 7)
            let dropped = file.comments.filter { $0.contains("the tap was full") }
            #expect(dropped.compactMap { Int($0.prefix { $0 != " " }) }.reduce(0, +) == 350_000)
            #expect(last.sequence &- file.packets[0].sequence == 600_001)
            #expect(file.packets.allSatisfy { $0.hasRightChecksums })
        }
        tap.detach()
    }

    @Test("A range and later clients are tapped, and others are not")
    func range() async throws {
        try await withFolder { folder in
            let server = try Self.echo()
            let path = "\(folder)/tap.pcapng"
            let wanted = try server.connect(from: "10.0.0.1:1000")
            let other = try server.connect(from: "11.0.0.1:1000")
            let tap = try await UVTap.start(
                server.listener.remote, .range("10.0.0.0/8"), to: path)
            let later = try server.connect(from: "10.200.0.1:1000")
            for peer in [wanted, other, later] { #expect(peer.exchange("a\n") == "a\n") }
            await tap.stop()
            let file = try PacketFile(path)
            file.expectContinuity()
            let clients = file.packets.filter { !$0.isOut }.map(\.source)
            #expect(Set(clients) == [[10, 0, 0, 1], [10, 200, 0, 1]])
        }
    }

    @Test("More clients than fit in one turn are all tapped")
    func many() async throws {
        try await withFolder { folder in
            let server = try Self.echo()
            let peers = try (0..<600).map { _ in try server.connect() }
            let path = "\(folder)/tap.pcapng"
            let remote = server.listener.remote
            let task = server.network.start { try await UVTap.start(remote, to: path) }
            server.network.run { task.result != nil }
            let tap = try #require(try task.result?.get())
            #expect(server.listener.clients.allSatisfy { $0.tapCount == 1 })
            for peer in peers { #expect(peer.exchange("a\n") == "a\n") }
            let report = await tap.stop()
            let file = try PacketFile(path)
            file.expectContinuity()
            #expect(file.packets.filter(\.isSYN).count == 1200)
            #expect(report.connectionsSkipped == 0)
        }
    }
}
