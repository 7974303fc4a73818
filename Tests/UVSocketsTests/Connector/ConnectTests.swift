import Foundation
import Testing
import UVSockets

@Suite("Connector", .ownThreads, .timeLimit(.minutes(2)))
struct ConnectTests {
    @Test(
        "It connects, by address or by name, talks and ends", arguments: ["127.0.0.1", "localhost"])
    func connects(host: String) throws {
        let listener = try RawListener()
        let log = Journal<String>()
        try withLoop { [port = listener.local.port] loop in
            let connector = UVConnector(on: loop, to: UVEndpoint(host: host, port: port)) {
                server, message in
                log.append("message \(String(message: message))")
                #expect(server.listener == nil)
                server.close()
            }
            connector.onConnected = { [unowned connector] server in
                log.append("connected \(server.id) \(server.peer)")
                #expect(connector.connection === server)
                server.send("hello")
            }
            connector.onDisconnected = { [unowned connector] server, reason in
                log.append("disconnected \(reason) \(server.bytesSent) \(server.bytesReceived)")
                #expect(connector.connection == nil)
            }
            connector.onFailed = { _, error in log.append("\(error)") }
            try connector.startConnect()
            // Starting again meanwhile is nothing.
            try connector.startConnect()
            #expect(log.entries.isEmpty)
        } meanwhile: { _ in
            let peer = try listener.accept()
            #expect(try peer.receive(5) == Array("hello".utf8))
            try peer.send("world")
            #expect(try peer.receiveToEnd() == [])
        }
        #expect(
            log.entries == [
                "connected 1 \(listener.local)", "message world", "disconnected closed 5 5",
            ])
    }

    @Test("A refusal is told by onFailed: the call, the address and why")
    func refused() throws {
        let failed = Journal<UVError>()
        let free = try RawSocket.refusing()
        let endpoint = free.local
        defer { free.close() }
        try withLoop { loop in
            let connector = UVConnector(on: loop, to: endpoint) { _, _ in }
            connector.onFailed = { _, error in failed.append(error) }
            connector.onConnected = { _ in Issue.record("connected") }
            connector.onDisconnected = { _, _ in Issue.record("disconnected") }
            try connector.startConnect()
            #expect(failed.entries.isEmpty)
        }
        #expect(
            failed.entries.map { "\($0)" }
                == ["connect \(endpoint): connection refused (ECONNREFUSED)"])
    }

    @Test("A host that nobody knows is told by onFailed")
    func unknown() throws {
        let failed = Journal<UVError>()
        try withLoop { loop in
            let connector = UVConnector(on: loop, to: "a..b:1") { _, _ in }
            connector.onFailed = { _, error in failed.append(error) }
            try connector.startConnect()
        }
        #expect(failed.entries.map(\.call) == ["look up"])
        #expect(failed.entries.map(\.subject) == ["a..b"])
    }

    @Test(
        "What cannot be a name throws, and leaves nothing behind",
        arguments: ["", String(repeating: "a", count: 254), "a\0b"])
    func notAName(host: String) throws {
        try withLoop { loop in
            let connector = UVConnector(on: loop, to: UVEndpoint(host: host, port: 1)) { _, _ in }
            connector.onFailed = { _, _ in Issue.record("failed") }
            let error = #expect(throws: UVError.self) { try connector.startConnect() }
            #expect(error?.code == .unknownHost)
        }
    }

    @Test("No answer before the deadline is a failure that says so")
    func deadline() throws {
        let listener = try RawListener.silent()
        let failed = Journal<UVError>()
        let took = Journal<Duration>()
        try withLoop { [endpoint = listener.local] loop in
            let connector = UVConnector(on: loop, to: endpoint, timeout: .milliseconds(300)) {
                _, _ in
            }
            let start = ContinuousClock.now
            connector.onFailed = { _, error in
                took.append(ContinuousClock.now - start)
                failed.append(error)
            }
            try connector.startConnect()
        }
        #expect(failed.entries.map(\.code) == [.timedOut])
        #expect(failed.entries.map(\.call) == ["connect"])
        #expect(failed.entries.map(\.subject) == ["\(listener.local)"])
        #expect(try took.first() >= .milliseconds(299))
        #expect(try took.first() < .seconds(20))
    }

    @Test("Cancelled, it calls nobody, and can start again", arguments: [false, true])
    func cancel(isByName: Bool) throws {
        let silent = try RawListener.silent()
        let listener = try RawListener()
        let connected = Journal<Void>()
        let endpoint =
            isByName
            ? UVEndpoint(host: "localhost", port: silent.local.port) : silent.local
        let other = listener.local
        try withLoop { loop in
            let cancelled = UVConnector(on: loop, to: endpoint) { _, _ in }
            cancelled.onFailed = { _, error in Issue.record("\(error)") }
            cancelled.onConnected = { _ in Issue.record("connected") }
            cancelled.cancel()
            try cancelled.startConnect()
            cancelled.cancel()
            cancelled.cancel()
            try cancelled.startConnect()
            try loop.after(.milliseconds(50)) { cancelled.cancel() }

            let restarted = UVConnector(on: loop, to: other) { _, _ in }
            restarted.onConnected = {
                connected.append(())
                $0.close()
            }
            try restarted.startConnect()
            restarted.cancel()
            try restarted.startConnect()
        } meanwhile: { _ in
            try connected.wait(for: 1)
            // The first attempt may or may not have come through before it was cancelled.
            while listener.poll(POLLIN, seconds: 0.2) { try listener.accept().close() }
        }
        #expect(connected.entries.count == 1)
    }

    @Test("Cancelling does not touch a connection that is there")
    func cancelConnected() throws {
        try withServer { server in
            let endpoint = server.endpoint
            let log = Journal<String>()
            try withLoop { loop in
                let connector = UVConnector(on: loop, to: endpoint) { server, message in
                    log.append(String(message: message))
                    server.close()
                }
                connector.onConnected = { [unowned connector] server in
                    connector.cancel()
                    server.send("still here")
                }
                try connector.startConnect()
            }
            #expect(log.entries == ["still here"])
        }
    }

    @Test("It may connect again after an end and after a failure")
    func again() throws {
        try withServer { server in
            let endpoint = server.endpoint
            let log = Journal<String>()
            try withLoop { loop in
                let connector = UVConnector(on: loop, to: endpoint) { server, _ in server.close() }
                connector.onConnected = { server in
                    log.append("connected \(server.id)")
                    server.send("x")
                }
                connector.onDisconnected = { [unowned connector] server, reason in
                    log.append("\(reason)")
                    if server.id < 4 { try? connector.startConnect() }
                }
                try connector.startConnect()

                let free = try RawSocket.refusing()
                let nobody = UVConnector(on: loop, to: free.local) { _, _ in }
                var failures = 0
                nobody.onFailed = { nobody, _ in
                    failures += 1
                    guard failures == 3 else { return _ = try? nobody.startConnect() }
                    free.close()
                    log.append("failed")
                }
                try nobody.startConnect()
            }
            #expect(
                log.entries.filter { $0 != "failed" }
                    == (1...4).flatMap { ["connected \($0)", "closed"] })
            #expect(log.entries.contains("failed"))
        }
    }

    @Test("finish() tells the server, and its answer still comes")
    func finish() throws {
        let listener = try RawListener()
        let log = Journal<String>()
        try withLoop { [endpoint = listener.local] loop in
            let connector = UVConnector(on: loop, to: endpoint) { _, message in
                log.append(String(message: message))
            }
            connector.onConnected = { server in
                server.send("request")
                server.finish()
            }
            connector.onDisconnected = { _, reason in log.append("\(reason)") }
            try connector.startConnect()
        } meanwhile: { _ in
            let peer = try listener.accept()
            #expect(try peer.receiveToEnd() == Array("request".utf8))
            try peer.send("answer")
            try log.wait(for: 1)
            peer.close()
        }
        #expect(log.entries == ["answer", "closed by the peer"])
    }

    @Test("A server that resets or goes away is told as what it did", arguments: [true, false])
    func serverEnds(isReset: Bool) throws {
        let listener = try RawListener()
        let reasons = Journal<UVEndReason>()
        try withLoop { [endpoint = listener.local] loop in
            let connector = UVConnector(on: loop, to: endpoint) { _, _ in }
            connector.onConnected = { $0.send("x") }
            connector.onDisconnected = { _, reason in reasons.append(reason) }
            try connector.startConnect()
        } meanwhile: { _ in
            let peer = try listener.accept()
            _ = try peer.receive(1)
            if isReset { try peer.reset() } else { peer.close() }
        }
        #expect(reasons.entries == [isReset ? .peerReset : .peerClosed])
    }

    @Test("8 MiB go there and back, between two of our own ends")
    func large() throws {
        try withServer { server in
            let endpoint = server.endpoint
            let message = pattern(8 << 20)
            let back = Journal<Bool>()
            try withLoop { loop in
                var received: [UInt8] = []
                let connector = UVConnector(on: loop, to: endpoint) { server, bytes in
                    received += Array(message: bytes)
                    if received.count == message.count { server.close() }
                }
                connector.onConnected = { $0.send(message) }
                connector.onDisconnected = { _, _ in back.append(received == message) }
                try connector.startConnect()
            }
            #expect(back.entries == [true])
        }
    }

    @Test(
        "When one address fails the next is tried", .enabled(if: geteuid() == 0), arguments: [1, 2])
    func nextAddress(last: Int) async {
        await #expect(processExitsWith: .exitCode(7)) { [last] in
            try withHosts("127.0.0.1 two-faced\n127.0.0.2 two-faced\n") {
                let listener = try RawListener(
                    at: UVEndpoint(host: "127.0.0.\(last)", port: 0))
                let loop = try UVLoop()
                let endpoint = UVEndpoint(host: "two-faced", port: listener.local.port)
                let connector = UVConnector(on: loop, to: endpoint) { _, _ in }
                connector.onFailed = { _, error in fatalError("\(error)") }
                connector.onConnected = { server in
                    guard server.peer == listener.local else { exit(1) }
                    server.reset()
                }
                connector.onDisconnected = { _, _ in listener.close() }
                try connector.startConnect()
                loop.run()

                // Now both fail, and the failure names the last.
                connector.onFailed = { _, error in
                    guard error.call == "connect", error.code == .connectionRefused,
                        error.subject.hasPrefix("127.0.0.")
                    else { exit(2) }
                    loop.stop()
                }
                try connector.startConnect()
                loop.run(.untilStopped)
                try loop.close()
                exit(7)
            }
        }
    }
}
