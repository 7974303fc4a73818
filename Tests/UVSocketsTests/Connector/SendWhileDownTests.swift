import Foundation
import Testing
import UVSockets

@Suite("Sending by a connector", .ownThreads, .onEachTransport, .timeLimit(.minutes(1)))
struct SendWhileDownTests {
    private static let soon = UVReconnect(
        initialDelay: .milliseconds(5), maximumDelay: .milliseconds(50))

    @Test("What is sent while it connects leaves in its order, after the greeting of onConnected")
    func whileConnecting() throws {
        let listener = try RawListener.alone()
        try withLoop { [endpoint = listener.local] loop in
            let connector = UVConnector(on: loop, to: endpoint, framing: .lines) { _, _ in }
            connector.onConnected = { [unowned connector] server in
                #expect(connector.messagesPending == 3)
                server.send("greeting")
                #expect(connector.send("and more") == .taken)
                #expect(connector.messagesPending == 3)
                // When what was kept has left.
                _ = try? loop.after(.milliseconds(1)) {
                    #expect(connector.messagesPending == 0)
                    #expect(connector.send("later") == .taken)
                    server.close()
                }
            }
            #expect(connector.send("too early") == .closed)
            try connector.startConnect()
            #expect(connector.send("one") == .taken)
            #expect(connector.send("") == .taken)
            #expect(connector.send(Array("three".utf8)) == .taken)
            // It is not a line, and is told so at once.
            guard case .refused = connector.send("two\nlines") else {
                Issue.record("not refused")
                return
            }
        } meanwhile: { _ in
            let peer = try listener.accept()
            let expected = "greeting\nand more\none\n\nthree\nlater\n"
            #expect(try peer.receiveToEnd() == Array(expected.utf8))
        }
    }

    @Test("What is sent while it is down comes to the next connection, wherever it was sent from")
    func whileDown() throws {
        let listener = try RawListener.alone()
        let log = Journal<String>()
        try withLoop { [endpoint = listener.local] loop in
            let connector = UVConnector(on: loop, to: endpoint, reconnect: Self.soon) { _, _ in }
            connector.onConnected = { server in
                server.send("hello \(server.id);")
                if server.id == 2 { _ = try? loop.after(.milliseconds(1)) { server.close() } }
            }
            connector.onDisconnected = { [unowned connector] server, _ in
                if server.id == 1 { #expect(connector.send("ended;") == .taken) }
            }
            connector.onReconnecting = { connector, _, _ in
                #expect(connector.send("waiting;") == .taken)
                log.append("waiting")
            }
            try connector.startConnect()
        } meanwhile: { _ in
            let peer = try listener.accept()
            #expect(try peer.receive(8) == Array("hello 1;".utf8))
            peer.close()
            let next = try listener.accept()
            #expect(try next.receiveToEnd() == Array("hello 2;ended;waiting;".utf8))
        }
        #expect(log.entries == ["waiting"])
    }

    @Test("What is sent to a connection that is ending waits for the next one")
    func whileEnding() throws {
        let listener = try RawListener.alone()
        let log = Journal<UVSendResult>()
        let sent = Journal<Void>()
        try withLoop { [endpoint = listener.local] loop in
            let connector = UVConnector(on: loop, to: endpoint, reconnect: Self.soon) { _, _ in }
            connector.onConnected = { server in
                if server.id == 2 {
                    _ = try? loop.after(.milliseconds(1)) { server.close() }
                } else {
                    // More than the kernel takes, so that the end has to wait for it.
                    server.send(pattern(8 << 20))
                    sent.append(())
                }
            }
            let timer = try loop.every(.milliseconds(1)) {
                guard let server = connector.connection, !server.isOpen, log.entries.isEmpty
                else { return }
                #expect(server.send("x") == .closed)
                log.append(connector.send("at last"))
            }
            connector.onDisconnected = { server, _ in timer.cancel() }
            try connector.startConnect()
        } meanwhile: { _ in
            let peer = try listener.accept()
            try sent.wait(for: 1)
            try peer.finish()
            #expect(try log.first() == .taken)
            try peer.reset()
            let next = try listener.accept()
            #expect(try next.receiveToEnd() == Array("at last".utf8))
        }
        #expect(log.entries == [.taken])
    }

    @Test("Beyond the limit nothing is taken, and onDrained says when to go on")
    func limit() throws {
        let listener = try RawListener.alone()
        let drained = Journal<UVConnection.ID>()
        try withLoop { [endpoint = listener.local] loop in
            let connector = UVConnector(on: loop, to: endpoint, queueLimit: 100) { _, _ in }
            connector.onConnected = { _ in #expect(drained.entries.isEmpty) }
            connector.onDrained = { [unowned connector] server in
                drained.append(server.id)
                #expect(connector.messagesPending == 0)
                // A connection takes what the queue did not.
                #expect(connector.send([UInt8](repeating: 3, count: 1000)) == .taken)
                server.close()
            }
            try connector.startConnect()
            #expect(connector.send([UInt8](repeating: 1, count: 42)) == .taken)
            #expect(connector.send([UInt8](repeating: 9, count: 43)) == .closed)
            #expect(connector.send([UInt8](repeating: 2, count: 42)) == .takenButFull)
            #expect(connector.send([]) == .closed)
            #expect(connector.messagesPending == 2)
        } meanwhile: { _ in
            let all = [(1, 42), (2, 42), (3, 1000)].flatMap {
                [UInt8](repeating: UInt8($0.0), count: $0.1)
            }
            let next = try listener.accept()
            #expect(try next.receiveToEnd() == all)
        }
        #expect(drained.entries == [1])
    }

    @Test("Whoever was told to hold back by a connection that then broke hears of the next one")
    func drainedByTheNext() throws {
        let listener = try RawListener.alone()
        let drained = Journal<UVConnection.ID>()
        let full = Journal<Void>()
        try withLoop { [endpoint = listener.local] loop in
            let connector = UVConnector(on: loop, to: endpoint, reconnect: Self.soon) { _, _ in }
            connector.onConnected = { [unowned connector] server in
                guard server.id == 1 else { return }
                #expect(connector.send(pattern(8 << 20)) == .takenButFull)
                full.append(())
            }
            connector.onDrained = { server in
                drained.append(server.id)
                server.close()
            }
            try connector.startConnect()
        } meanwhile: { _ in
            let peer = try listener.accept()
            try full.wait(for: 1)
            try peer.reset()
            let next = try listener.accept()
            #expect(try next.receiveToEnd() == [])
        }
        #expect(drained.entries == [2])
    }

    @Test("When trying ends, what was kept is dropped and counted", arguments: [true, false])
    func dropped(isCancelled: Bool) throws {
        let free = try RawSocket.refusing()
        let endpoint = free.local
        defer { free.close() }
        let failed = Journal<UVError.Code>()
        try withLoop { loop in
            let connector = UVConnector(on: loop, to: endpoint) { _, _ in }
            connector.onFailed = { connector, error in
                #expect(connector.messagesDropped == 2)
                #expect(connector.messagesPending == 0)
                #expect(connector.send("x") == .closed)
                failed.append(error.code)
            }
            try connector.startConnect()
            connector.send("one")
            connector.send("two")
            if isCancelled {
                connector.cancel()
                #expect(connector.messagesDropped == 2)
                #expect(connector.send("x") == .closed)
            }
        }
        #expect(failed.entries == (isCancelled ? [] : [.connectionRefused]))
    }

    @Test("Where onConnected ends the connection, what was kept is dropped and counted")
    func closedByGreeting() throws {
        let listener = try RawListener.alone()
        let dropped = Journal<UInt64>()
        try withLoop { [endpoint = listener.local] loop in
            let connector = UVConnector(on: loop, to: endpoint, reconnect: Self.soon) { _, _ in }
            connector.onConnected = { $0.close() }
            connector.onDisconnected = { [unowned connector] _, _ in
                dropped.append(connector.messagesDropped)
            }
            try connector.startConnect()
            connector.send("one")
        } meanwhile: { _ in
            let next = try listener.accept()
            #expect(try next.receiveToEnd() == [])
        }
        #expect(dropped.entries == [1])
    }

    @Test("A framing set by onConnected frames what was kept, and what it refuses is counted")
    func framing() throws {
        let listener = try RawListener.alone()
        let dropped = Journal<UInt64>()
        try withLoop { [endpoint = listener.local] loop in
            let connector = UVConnector(on: loop, to: endpoint) { _, _ in }
            connector.onConnected = { server in
                server.framing = .lines
                _ = try? loop.after(.milliseconds(1)) { server.close() }
            }
            connector.onDisconnected = { [unowned connector] _, _ in
                dropped.append(connector.messagesDropped)
            }
            try connector.startConnect()
            for message in ["one", "two\nlines", "three"] {
                #expect(connector.send(message) == .taken)
            }
        } meanwhile: { _ in
            let next = try listener.accept()
            #expect(try next.receiveToEnd() == Array("one\nthree\n".utf8))
        }
        #expect(dropped.entries == [1])
    }
}
