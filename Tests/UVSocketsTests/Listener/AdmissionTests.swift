import Foundation
import Testing
import UVSockets

@Suite("Admission", .ownThreads, .onEachTransport, .timeLimit(.minutes(1)))
struct AdmissionTests {
    private static let goodbye = Array("come back later\n".utf8)

    // MARK: - allow and deny

    @Test("Who is denied is sent away unheard and counted; the others come in", .tcpOnly)
    func deny() throws {
        try withServer(options: .admitting { $0.deny = ["127.0.0.2", "127.9.0.0/16"] }) {
            server in
            for (number, source) in ["127.0.0.2", "127.9.1.2"].enumerated() {
                try expectEnd(of: server.connect(from: source))
                #expect(try Self.refusals(of: server).denied == number + 1)
            }
            for source in ["127.0.0.3", "127.8.1.2"] {
                #expect(try server.connect(from: source).exchange([1]) == [1])
            }
            #expect(server.connected.entries == [1, 2])
            #expect(try Self.refusals(of: server).total == 2)
        }
    }

    @Test("Where somebody is allowed nobody else is, and who is denied as well is not", .tcpOnly)
    func allow() throws {
        let options = UVListenerOptions.admitting {
            $0.allow = ["127.1.0.0/16"]
            $0.deny = ["127.1.1.1"]
        }
        try withServer(options: options) { server in
            #expect(try server.connect(from: "127.1.2.3").exchange([1]) == [1])
            try expectEnd(of: server.connect(from: "127.0.0.1"))
            try expectEnd(of: server.connect(from: "127.1.1.1"))
            #expect(server.connected.entries == [1])
            #expect(try Self.refusals(of: server).denied == 2)
            #expect(try Self.refusals(of: server).total == 2)
        }
    }

    // MARK: - perAddress

    @Test("An address has so many places, and one that leaves makes its place free", .tcpOnly)
    func perAddress() throws {
        try withServer(options: .admitting { $0.perAddress = 2 }) { server in
            let first = try (0..<2).map { _ in try server.connect(from: "127.0.0.2") }
            for peer in first { #expect(try peer.exchange([1]) == [1]) }
            try expectEnd(of: server.connect(from: "127.0.0.2"))
            #expect(try Self.refusals(of: server).perAddress == 1)

            let other = try server.connect(from: "127.0.0.3")
            #expect(try other.exchange([1]) == [1])

            first[0].close()
            #expect(try server.ended.first().id == 1)
            let next = try server.connect(from: "127.0.0.2")
            #expect(try next.exchange([1]) == [1])
            try expectEnd(of: server.connect(from: "127.0.0.2"))
            #expect(try Self.refusals(of: server).perAddress == 2)
            #expect(try Self.refusals(of: server).total == 2)
            #expect(try first[1].exchange([2]) == [2])
        }
    }

    // MARK: - acceptsPerSecond

    @Test(
        "Beyond the rate clients wait, all come in as the rate allows, and nobody is refused",
        .tcpOnly)
    func holdAtRate() throws {
        let rate = 20
        let count = 32
        let times = Journal<ContinuousClock.Instant>()
        try withServer(
            options: .admitting { $0.acceptsPerSecond = rate }, isHeld: true,
            configure: { $0.onConnected = { _ in times.append(.now) } },
            body: { server in
                let peers = try (0..<count).map { _ in try server.connect() }
                for peer in peers { try peer.send("x") }
                server.run()
                for peer in peers { #expect(try peer.receive(1) == [UInt8(ascii: "x")]) }
                let entries = try times.wait(for: count)
                for (number, time) in entries.enumerated() where number >= rate {
                    let earliest = Duration.milliseconds((number - rate + 1) * 1000 / rate)
                    #expect(time - entries[0] > earliest - .milliseconds(50))
                }
                // The first come at once.
                #expect(entries[rate - 1] - entries[0] < .milliseconds(900))
                #expect(server.connected.entries.count == count)
                #expect(try Self.refusals(of: server).total == 0)
            })
    }

    @Test("Clients that wait for the rate when the listener stops are not let in")
    func stopAtRate() throws {
        try withServer(options: .admitting { $0.acceptsPerSecond = 1 }) { server in
            let inside = try server.connect()
            #expect(try inside.exchange([1]) == [1])
            let waiting = try (0..<3).map { _ in try server.connect() }
            server.post { $0.stop() }
            #expect(try inside.receiveToEnd() == [])
            inside.close()
            for peer in waiting { try expectEnd(of: peer) }
            #expect(server.connected.entries == [1])
        }
    }

    // MARK: - whenFull

    @Test("Beyond maxConnections clients are told goodbye until one leaves, and counted")
    func full() throws {
        let options = UVListenerOptions.admitting(maxConnections: 2) {
            $0.whenFull = .refuse(goodbye: Self.goodbye)
        }
        try withServer(options: options) { server in
            let inside = try (0..<2).map { _ in try server.connect() }
            for peer in inside { #expect(try peer.exchange([1]) == [1]) }
            for number in 1...3 {
                try expectEnd(of: server.connect(), after: Self.goodbye)
                #expect(try Self.refusals(of: server).full == number)
            }
            inside[0].close()
            #expect(try server.ended.first().id == 1)
            let next = try server.connect()
            #expect(try next.exchange([2]) == [2])
            #expect(try inside[1].exchange([2]) == [2])
            #expect(server.connected.entries == [1, 2, 3])
            #expect(try Self.refusals(of: server).total == 3)
        }
    }

    @Test("A goodbye also reaches a client that has sent something already")
    func goodbyeToTalker() throws {
        let options = UVListenerOptions.admitting(maxConnections: 1) {
            $0.whenFull = .refuse(goodbye: Self.goodbye)
        }
        try withServer(options: options, isHeld: true) { server in
            let inside = try server.connect()
            let talker = try server.connect()
            try talker.send("hello")
            server.run()
            #expect(try inside.exchange([1]) == [1])
            #expect(try talker.receive(Self.goodbye.count) == Self.goodbye)
            #expect(server.connected.entries == [1])
        }
    }

    @Test("A crowd that is refused with nothing said leaves those inside alone, and the door open")
    func crowd() throws {
        let options = UVListenerOptions.admitting(maxConnections: 1) {
            $0.whenFull = .refuse(goodbye: [])
        }
        try withServer(options: options) { server in
            let inside = try server.connect()
            #expect(try inside.exchange([1]) == [1])
            let crowd = try (0..<100).map { _ in try server.connect() }
            for peer in crowd { try expectEnd(of: peer) }
            #expect(try inside.exchange([1]) == [1])
            #expect(try Self.refusals(of: server).full == 100)
            #expect(try server.onLoop { $0.clients.count } == 1)
        }
    }

    // MARK: - Help

    private static func refusals(of server: Server) throws -> UVRefusals {
        try server.onLoop { $0.refusals }
    }
}
