import Foundation
import Testing

@testable import UVSockets

@Suite("Unix-domain sockets", .ownThreads, .timeLimit(.minutes(1)))
struct UnixSocketTests {
    /// Calls with a path in a folder of its own, which is empty again in the end.
    private func withPath(_ body: (String) throws -> Void) throws {
        let folder =
            FileManager.default.temporaryDirectory.path + "/uv\(UInt32.random(in: 0 ... .max))"
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: false)
        defer { try? FileManager.default.removeItem(atPath: folder) }
        try body(folder + "/s")
        #expect(try FileManager.default.contentsOfDirectory(atPath: folder) == [])
    }

    private func withEndpoint(isAbstract: Bool, _ body: (UVEndpoint) throws -> Void) throws {
        if isAbstract {
            try body(.abstract("uvsockets \(UInt64.random(in: 0 ... .max))"))
        } else {
            try withPath { try body(.unix($0)) }
        }
    }

    /// Calls with a loop, runs that, and closes it.
    private func onLoop(_ body: @escaping @Sendable (UVLoop) throws -> Void) throws {
        try onThread {
            let loop = try UVLoop()
            try body(loop)
            loop.run()
            try loop.close()
        }
    }

    private static func mode(of path: String) throws -> Int? {
        try FileManager.default.attributesOfItem(atPath: path)[.posixPermissions] as? Int
    }

    // MARK: - Both sides

    @Test(
        "Bytes come back as they were sent, and the client is its credentials",
        arguments: [false, true])
    func echoes(isAbstract: Bool) throws {
        try withEndpoint(isAbstract: isAbstract) { endpoint in
            let peers = Journal<UVPeerCredentials?>()
            try withServer(
                at: endpoint, framing: .lines,
                configure: { listener in
                    listener.onConnected = { client in
                        #expect("\(client.peer)" == "pid \(getpid()), uid \(getuid())")
                        #expect(client.localEndpoint == endpoint)
                        peers.append(client.peer.credentials)
                    }
                },
                body: { server in
                    #expect(server.endpoint == endpoint)
                    let peer = try server.connect()
                    for _ in 0..<3 {
                        #expect(try peer.exchange(Array("hello\n".utf8)) == Array("hello\n".utf8))
                    }
                    let expected = UVPeerCredentials(pid: getpid(), uid: getuid(), gid: getgid())
                    #expect(try peers.first() == expected)
                    try peer.finish()
                    #expect(try peer.receiveToEnd() == [])
                    #expect(try server.ended.first().reason == .peerClosed)
                    try onLoop { loop in
                        let connector = UVConnector(on: loop, to: endpoint, framing: .lines) {
                            server, line in
                            #expect(String(message: line) == "hello")
                            #expect(server.peer == endpoint)
                            server.close()
                        }
                        connector.onConnected = { $0.send("hello") }
                        var ends = 0
                        connector.onDisconnected = { _, _ in ends += 1 }
                        connector.onFailed = { _, error in Issue.record(error) }
                        try connector.startConnect()
                        loop.run()
                        #expect(ends == 1)
                    }
                })
        }
    }

    @Test("Tasks serve and connect, and a slow reader gets all", arguments: [false, true])
    func tasks(isAbstract: Bool) throws {
        let payload = pattern(8 << 20)
        try withEndpoint(isAbstract: isAbstract) { endpoint in
            let loop = try UVLoop()
            try loop.run {
                let listens = Journal<Void>()
                let server = Task {
                    try await UVListener.serve(
                        at: endpoint, onListening: { _ in listens.append(()) }
                    ) { client in
                        #expect(try await client.nextMessage() != nil)
                        try await client.send(payload)
                    }
                }
                try await listens.arrival(of: 1)
                let received = try await UVConnector.connect(to: endpoint) { server in
                    try await server.send("all")
                    var bytes: [UInt8] = []
                    for try await chunk in server.messages { bytes += chunk }
                    return bytes
                }
                #expect(received.count == payload.count)
                server.cancel()
                try await server.value
            }
            try loop.close()
        }
    }

    @Test("A stop drains, and a client that reads nothing is cut off")
    func drain() throws {
        let reports = Journal<UVDrainReport>()
        try withPath { path in
            try withServer(at: .unix(path)) { server in
                let good = try server.connect()
                let deaf = try server.connect()
                try server.connected.wait(for: 2)
                server.post { listener in
                    listener.broadcast(pattern(4 << 20))
                    listener.stop(drainFor: .milliseconds(500)) { reports.append($0) }
                }
                #expect(try good.receive(4 << 20).count == 4 << 20)
                good.close()
                let report = try reports.first()
                #expect(report.drained == 1 && report.cutOff == 1)
                #expect(report.bytesLost > 0)
                #expect(throws: SocketError.self) { _ = try server.connect() }
                deaf.close()
            }
        }
    }

    // MARK: - The file

    @Test("The file has its mode, whatever the umask", arguments: [0o600, 0o660, 0o666, 0o700])
    func mode(mode: Int) throws {
        try withPath { path in
            try withServer(at: .unix(path, mode: UInt16(mode))) { server in
                #expect(try Self.mode(of: path) == mode)
                _ = try server.connect().exchange([1])
            }
        }
    }

    @Test("The file of a server that is dead is replaced, and a living server's is not")
    func stale() throws {
        try withPath { path in
            let dead = try RawListener.silent(at: .unix(path))
            try onLoop { loop in
                let listener = UVListener(on: loop, at: .unix(path)) { _, _ in }
                let error = #expect(throws: UVError.self) { try listener.startAccept() }
                #expect(error?.code == .addressInUse)
            }
            dead.close()
            #expect(FileManager.default.fileExists(atPath: path))
            try withServer(at: .unix(path)) { server in
                #expect(try server.connect().exchange([1]) == [1])
                try onLoop { loop in
                    let other = UVListener(on: loop, at: .unix(path)) { _, _ in }
                    let error = #expect(throws: UVError.self) { try other.startAccept() }
                    #expect(error?.code == .addressInUse)
                }
                #expect(try server.connect().exchange([1]) == [1])
            }
            #expect(!FileManager.default.fileExists(atPath: path))
        }
    }

    @Test("A file that is no socket is left alone, and so is one that has taken the socket's place")
    func otherFiles() throws {
        try withPath { path in
            try "words".write(toFile: path, atomically: false, encoding: .utf8)
            try onLoop { loop in
                let listener = UVListener(on: loop, at: .unix(path)) { _, _ in }
                let error = #expect(throws: UVError.self) { try listener.startAccept() }
                #expect(error?.code == .addressInUse)
            }
            #expect(try String(contentsOfFile: path, encoding: .utf8) == "words")
            try FileManager.default.removeItem(atPath: path)
            try withServer(at: .unix(path)) { _ in
                try FileManager.default.removeItem(atPath: path)
                try "words".write(toFile: path, atomically: false, encoding: .utf8)
            }
            #expect(try String(contentsOfFile: path, encoding: .utf8) == "words")
            try FileManager.default.removeItem(atPath: path)
        }
    }

    @Test("Of many that start at the same time one wins, each time")
    func starters() throws {
        try withPath { path in
            for _ in 0..<20 {
                let (outcomes, over) = (Journal<Bool>(), Journal<Void>())
                for _ in 0..<8 {
                    Thread.detachNewThread {
                        guard let loop = try? UVLoop() else { return }
                        let listener = UVListener(on: loop, at: .unix(path)) { _, _ in }
                        outcomes.append((try? listener.startAccept()) != nil)
                        _ = try? outcomes.wait(for: 8)
                        listener.stop(drainFor: .zero)
                        try? loop.close()
                        over.append(())
                    }
                }
                #expect(try outcomes.wait(for: 8).count { $0 } == 1)
                try over.wait(for: 8)
            }
        }
    }

    // MARK: - What cannot be

    @Test(
        "A name that cannot be one is refused in words",
        arguments: ["", String(repeating: "x", count: 108), "a\0b"], [false, true])
    func names(name: String, isAbstract: Bool) throws {
        try onLoop { loop in
            let endpoint: UVEndpoint = isAbstract ? .abstract(name) : .unix(name)
            let listener = UVListener(on: loop, at: endpoint) { _, _ in }
            let error = #expect(throws: UVError.self) { try listener.startAccept() }
            #expect(error?.code == .invalidArgument)
            #expect(error?.reason.contains("name") == true)
            let connector = UVConnector(on: loop, to: endpoint) { _, _ in }
            #expect(throws: UVError.self) { try connector.startConnect() }
        }
    }

    @Test("A name of 107 bytes is taken")
    func longest() throws {
        try onLoop { loop in
            let name = String(repeating: "x", count: 90) + "\(UInt32.random(in: 1 << 31 ... .max))"
            let endpoint = UVEndpoint.abstract(
                name.padding(toLength: 107, withPad: "y", startingAt: 0))
            let listener = UVListener(on: loop, at: endpoint) { _, _ in }
            try listener.startAccept()
            listener.stop()
        }
    }

    @Test("Where nobody listens a connector fails, at once and later than its call")
    func refused() throws {
        try withPath { path in
            try onLoop { loop in
                var errors: [UVError] = []
                let connector = UVConnector(on: loop, to: .unix(path)) { _, _ in }
                connector.onFailed = { errors.append($1) }
                try connector.startConnect()
                #expect(errors.isEmpty)
                loop.run()
                #expect(errors.count == 1 && "\(errors)".contains("(ENOENT)"))
            }
        }
    }

    @Test("Where as many wait as may, a connector asks again until its time is over")
    func full() throws {
        try withPath { path in
            let silent = try RawListener.silent(at: .unix(path))
            var waiting: [RawPeer] = []
            while waiting.count < 100, let peer = try? RawPeer.nonblocking(to: .unix(path)) {
                waiting.append(peer)
            }
            try #require(waiting.count < 100)
            try onLoop { loop in
                var errors: [UVError] = []
                let connector = UVConnector(
                    on: loop, to: .unix(path), timeout: .milliseconds(200)
                ) { _, _ in }
                connector.onFailed = { errors.append($1) }
                try connector.startConnect()
                loop.run()
                #expect(errors.map(\.code) == [.timedOut])
            }
            silent.close()
            _ = unsafe unlink(path)
        }
    }

    @Test("As text it is read back", arguments: ["unix:/run/x.sock", "unix:./x", "unix:@x y"])
    func text(text: String) throws {
        #expect("\(try UVEndpoint(text))" == text)
        #expect(try UVEndpoint(text).host == "")
    }

    // MARK: - Admission

    @Test("A user is let in, or kept out, by his number", arguments: [true, false])
    func users(isDenied: Bool) throws {
        try withPath { path in
            var options = UVListenerOptions()
            let range = try UVAddressRange("uid:\(getuid())")
            #expect("\(range)" == "uid:\(getuid())")
            if isDenied {
                options.admission.deny = [range]
            } else {
                options.admission.allow = [range]
            }
            options.admission.perAddress = 1
            try withServer(at: .unix(path), options: options) { server in
                let peer = try server.connect()
                if isDenied {
                    #expect(try peer.receiveToEnd() == [])
                } else {
                    #expect(try peer.exchange([1]) == [1])
                    // All of a user's clients count together.
                    #expect(try server.connect().receiveToEnd() == [])
                }
            }
        }
    }
}
