import Foundation
import Logging
import Testing
import UVSockets
import UVSocketsTesting

@testable import UVSocketsCapture

@Suite("The end of a tap, and its file", .onPool, .timeLimit(.minutes(2)))
struct TapEndTests {
    private static func server(
        logger: Logger? = nil, _ network: UVTestNetwork? = nil
    ) throws -> (UVTestNetwork, UVListener) {
        let network = try network ?? UVTestNetwork(logger: logger ?? Logger(label: "test"))
        let listener = UVListener(on: network.loop, at: "127.0.0.1:0", framing: .lines) {
            $0.send($1)
        }
        try listener.startAccept()
        return (network, listener)
    }

    private static func mode(_ path: String) throws -> Int {
        let attributes = try FileManager.default.attributesOfItem(atPath: path)
        return try #require(attributes[.posixPermissions] as? Int)
    }

    @Test("The file can be read by its user alone, also where one was there before")
    func mode() async throws {
        try await withFolder { folder in
            let (network, listener) = try Self.server()
            defer { withExtendedLifetime(network) {} }
            let new = "\(folder)/new.pcapng"
            await (try await UVTap.start(listener.remote, to: new)).stop()
            #expect(try Self.mode(new) == 0o600)
            let old = "\(folder)/old.pcapng"
            _ = FileManager.default.createFile(
                atPath: old, contents: Data(count: 100_000),
                attributes: [.posixPermissions: 0o644])
            await (try await UVTap.start(listener.remote, to: old)).stop()
            #expect(try Self.mode(old) == 0o600)
            #expect(try PacketFile(old).blocks == [0x0A0D_0D0A, 1, 5])
        }
    }

    @Test("Links, folders, devices and missing folders are refused, and stay as they are")
    func refusals() async throws {
        try await withFolder { folder in
            let (network, listener) = try Self.server()
            let target = "\(folder)/target"
            try Data("precious".utf8).write(to: URL(fileURLWithPath: target))
            try FileManager.default.createSymbolicLink(
                atPath: "\(folder)/symbolic", withDestinationPath: target)
            try FileManager.default.linkItem(atPath: target, toPath: "\(folder)/hard")
            let cases = [
                ("\(folder)/symbolic", "symbolic link"), ("\(folder)/hard", "this user alone"),
                (folder, "directory"), ("/dev/null", "this user alone"),
                ("\(folder)/none/file", "no such file"), ("", "the path is empty"),
            ]
            let peer = try network.connect(to: listener)
            for (path, reason) in cases {
                var found: UVError?
                do throws(UVError) {
                    _ = try await UVTap.start(listener.remote, to: path)
                } catch {
                    found = error
                }
                #expect(found?.description.contains(reason) == true, "\(found as Any)")
            }
            #expect(try String(contentsOfFile: target, encoding: .utf8) == "precious")
            #expect(listener.clients.allSatisfy { $0.tapCount == 0 })
            #expect(peer.exchange("still\n") == "still\n")
        }
    }

    @Test("A full disk ends the tap, is said once, and harms nobody")
    func fullDisk() async throws {
        let messages = Journal<String>()
        let (network, listener) = try Self.server(logger: journal(messages))
        let peer = try network.connect(to: listener)
        let descriptor = unsafe open("/dev/full", O_WRONLY | O_CLOEXEC)
        try #require(descriptor >= 0)
        let file = CaptureFile(descriptor: descriptor, path: "/dev/full")
        let tap = try UVTap.start(try #require(listener.client(1)), .init(), .open(file))
        #expect(peer.exchange("one\n") == "one\n")
        let report = await tap.ended()
        guard case .failed(let error) = report.end else {
            Issue.record("\(report.end)")
            return
        }
        #expect(error.call == "write")
        #expect("\(error)".contains("ENOSPC"))
        #expect(
            messages.entries == ["the tap to /dev/full has ended: \(error)"])
        #expect(peer.exchange("two\n") == "two\n")
        #expect(listener.client(1)?.tapCount == 0)
    }

    @Test("A disk that becomes full leaves a file of whole packets", arguments: [false, true])
    func diskBecomesFull(isText: Bool) async throws {
        try await withFolder { folder in
            // Only the administrator can make a small disk.
            guard unsafe mount("tmpfs", folder, "tmpfs", 0, "size=65536") == 0 else { return }
            defer { _ = unsafe umount2(folder, Int32(MNT_DETACH)) }
            let (network, listener) = try Self.server()
            let peer = try network.connect(to: listener)
            let path = "\(folder)/tap"
            let client = try #require(listener.client(1))
            let tap =
                isText
                ? try UVTap.dump(client, to: .file(path)) : try UVTap.start(client, to: path)
            let line = String(repeating: "x", count: 999) + "\n"
            for _ in 0..<200 { #expect(peer.exchange(line) == line) }
            let report = await tap.ended()
            guard case .failed(let error) = report.end else {
                Issue.record("\(report.end)")
                return
            }
            #expect("\(error)".contains("ENOSPC"))
            let bytes = Array(try Data(contentsOf: URL(fileURLWithPath: path)))
            #expect(bytes.count == report.bytes)
            #expect(bytes.count > 30_000)
            if isText {
                #expect(bytes.last == UInt8(ascii: "\n"))
            } else {
                #expect(try !UVCapture(bytes).isCutOff)
                let file = try PacketFile(path)
                file.expectContinuity()
                #expect(file.packets.count == Int(report.packets))
            }
        }
    }

    @Test("The limit of bytes ends the tap before it is passed")
    func bytes() async throws {
        try await withFolder { folder in
            let (network, listener) = try Self.server()
            let path = "\(folder)/tap.pcapng"
            let tap = try await UVTap.start(
                listener.remote, to: path, limits: .init(bytes: 2000))
            let peer = try network.connect(to: listener)
            for _ in 0..<50 { #expect(peer.exchange("hello\n") == "hello\n") }
            let report = await tap.ended()
            #expect(report.end == .bytesLimit)
            let file = try PacketFile(path)
            file.expectContinuity()
            #expect(file.packets.count == Int(report.packets))
            let size = try Data(contentsOf: URL(fileURLWithPath: path)).count
            #expect(size == report.bytes)
            #expect(size > 1800 && size < 2200)
            network.run()
            #expect(listener.client(1)?.tapCount == 0)
        }
    }

    @Test("The limit of time ends the tap, although nothing happens")
    func time() async throws {
        try await withFolder { folder in
            let (network, listener) = try Self.server()
            defer { withExtendedLifetime(network) {} }
            let path = "\(folder)/tap.pcapng"
            let began = ContinuousClock.now
            let tap = try await UVTap.start(
                listener.remote, to: path, limits: .init(time: .milliseconds(60)))
            let report = await tap.ended()
            #expect(report.end == .timeLimit)
            #expect(ContinuousClock.now - began >= .milliseconds(60))
            #expect(try PacketFile(path).blocks == [0x0A0D_0D0A, 1, 5])
        }
    }

    @Test("When the server has stopped, the tap ends by itself with a complete file")
    func serverStops() async throws {
        try await withFolder { folder in
            let (network, listener) = try Self.server()
            let path = "\(folder)/tap.pcapng"
            let tap = try await UVTap.start(listener.remote, to: path)
            let peer = try network.connect(to: listener)
            #expect(peer.exchange("one\n") == "one\n")
            listener.stop(goodbye: Array("bye".utf8))
            peer.close()
            network.run(for: .seconds(10))
            let report = await tap.ended()
            #expect(report.end == .sourceEnded)
            let file = try PacketFile(path)
            file.expectContinuity()
            #expect(file.payload(isOut: true) == Array("one\nbye\n".utf8))
            #expect(file.comments.last?.hasPrefix("ended: the listener stopped") == true)
            #expect(file.blocks.last == 5)
        }
    }

    @Test("When the loop is gone, the tap ends by itself")
    func loopEnds() async throws {
        try await withFolder { folder in
            let path = "\(folder)/tap.pcapng"
            let tap: UVTap
            do {
                let (network, listener) = try Self.server()
                tap = try await UVTap.start(listener.remote, to: path)
                let peer = try network.connect(to: listener)
                #expect(peer.exchange("one\n") == "one\n")
            }
            let report = await tap.ended()
            #expect(report.end == .sourceEnded)
            #expect(try PacketFile(path).payload(isOut: true) == Array("one\n".utf8))
        }
    }

    @Test("The tap of one client ends with it, and one that is not there is refused")
    func client() async throws {
        try await withFolder { folder in
            let (network, listener) = try Self.server()
            let path = "\(folder)/tap.pcapng"
            var found: UVError?
            do throws(UVError) {
                _ = try await UVTap.start(listener.remote, .client(1), to: path)
            } catch {
                found = error
            }
            #expect(found?.reason == "there is no such client")
            #expect(!FileManager.default.fileExists(atPath: path))
            let peer = try network.connect(to: listener)
            let other = try network.connect(to: listener)
            let tap = try await UVTap.start(listener.remote, .client(1), to: path)
            #expect(peer.exchange("one\n") == "one\n")
            #expect(other.exchange("two\n") == "two\n")
            peer.close()
            network.run()
            let report = await tap.ended()
            #expect(report.end == .sourceEnded)
            let file = try PacketFile(path)
            file.expectContinuity()
            #expect(file.payload(isOut: true) == Array("one\n".utf8))
        }
    }

    @Test("A callback taps its own connection, from the message on that it is called with")
    func inCallback() async throws {
        try await withFolder { folder in
            let network = try UVTestNetwork()
            let path = "\(folder)/tap.pcapng"
            var tap: UVTap?
            let listener = UVListener(on: network.loop, at: "127.0.0.1:0", framing: .lines) {
                client, line in
                client.send("before")
                if line == "tap" { tap = try? UVTap.start(client, to: path) }
                client.send(line)
            }
            let peer = try network.connect(to: listener)
            #expect(peer.exchange("tap\nmore\n") == "before\ntap\nbefore\nmore\n")
            tap?.cancel()
            _ = await tap?.ended()
            let file = try PacketFile(path)
            file.expectContinuity()
            #expect(file.payload(isOut: true) == Array("tap\nbefore\nmore\n".utf8))
        }
    }

    @Test("The connections of a connector are tapped one after the other")
    func connector() async throws {
        try await withFolder { folder in
            let network = try UVTestNetwork()
            let server = try network.listen(at: "127.0.0.1:9000")
            let connector = UVConnector(
                on: network.loop, to: server.endpoint, reconnect: UVReconnect()
            ) { $0.send($1) }
            let path = "\(folder)/tap.pcapng"
            let tap = try UVTap.start(connector, to: path)
            try connector.startConnect()
            network.run { server.peers.count == 1 && connector.connection != nil }
            #expect(server.peers[0].exchange("one") == "one")
            server.peers[0].close()
            network.run { server.peers.count == 2 && connector.connection != nil }
            #expect(server.peers[1].exchange("two") == "two")
            await tap.stop()
            connector.cancel()
            let file = try PacketFile(path)
            file.expectContinuity()
            // This side connects.
            #expect(file.packets.prefix(3).map(\.direction) == [2, 1, 2])
            #expect(file.packets[0].targetPort == 9000)
            #expect(file.payload(isOut: true) == Array("onetwo".utf8))
            let capture = try UVCapture(contentsOf: path)
            #expect(capture.connections.map(\.isIncoming) == [false, false])
            #expect(
                capture.connections.map { $0.bytes(.received) } == [
                    Array("one".utf8), Array("two".utf8),
                ])
        }
    }

    @Test("Eight taps at a time see the same, and a ninth is refused")
    func severalTaps() async throws {
        try await withFolder { folder in
            let (network, listener) = try Self.server()
            let peer = try network.connect(to: listener)
            let client = try #require(listener.client(1))
            let taps = try (0..<8).map { try UVTap.start(client, to: "\(folder)/\($0)") }
            let error = #expect(throws: UVError.self) {
                try UVTap.start(client, to: "\(folder)/8")
            }
            #expect(error?.description.hasPrefix("tap connection 1: 8 taps watch it") == true)
            #expect(!FileManager.default.fileExists(atPath: "\(folder)/8"))
            #expect(peer.exchange("one\n") == "one\n")
            await taps[0].stop()
            network.run()
            #expect(client.tapCount == 7)
            #expect(peer.exchange("two\n") == "two\n")
            for tap in taps { await tap.stop() }
            #expect(try PacketFile("\(folder)/0").payload(isOut: true) == Array("one\n".utf8))
            for number in 1..<8 {
                let file = try PacketFile("\(folder)/\(number)")
                #expect(file.payload(isOut: true) == Array("one\ntwo\n".utf8))
            }
        }
    }

    @Test("A stopped server cannot be tapped")
    func stopped() async throws {
        let (network, listener) = try Self.server()
        listener.stop()
        network.run()
        var found: UVError?
        do throws(UVError) {
            _ = try await UVTap.start(listener.remote, to: "/dev/null")
        } catch {
            found = error
        }
        #expect(found?.reason == "the server has stopped")
    }

    @Test("Clients of real sockets on several loops are tapped while they come and go")
    func group() async throws {
        try await withFolder { folder in
            var server = UVServer(at: "127.0.0.1:0", framing: .lines) { client in
                for try await line in client.messages { try await client.send(line) }
            }
            server.loops = 2
            let (handles, handle) = AsyncStream<UVServerHandle>.makeStream()
            server.onListening = { handle.yield($0) }
            let running = Task { [server] in try await server.run() }
            let remote = try #require(await handles.first { _ in true })
            let endpoint = try #require(remote.localEndpoint)
            let path = "\(folder)/tap.pcapng"
            let tap = try await UVTap.start(remote, to: path)
            try await withThrowingTaskGroup { group in
                for number in 0..<20 {
                    group.addTask {
                        try await UVConnector.connect(to: endpoint, framing: .lines) { server in
                            for round in 0..<20 {
                                try await server.send("\(number) \(round)")
                                let answer = try await server.nextMessage()
                                #expect(answer == Array("\(number) \(round)".utf8))
                            }
                        }
                    }
                }
                try await group.waitForAll()
            }
            running.cancel()
            _ = await running.result
            let report = await tap.ended()
            #expect(report.end == .sourceEnded)
            #expect(report.packetsDropped == 0)
            let file = try PacketFile(path)
            file.expectContinuity()
            let capture = try UVCapture(contentsOf: path)
            #expect(capture.connections.count == 20)
            for connection in capture.connections {
                #expect(connection.bytes(.received) == connection.bytes(.sent))
                #expect(connection.bytes(.sent).count > 80)
                #expect(connection.bytesMissing == 0)
            }
        }
    }
}
