#if ServiceLifecycle
    import Foundation
    import Logging
    import ServiceLifecycle
    import Testing
    import UVSockets
    import UVSocketsService

    @Suite("A server as a service", .onPool, .timeLimit(.minutes(1)))
    struct ServiceTests {
        /// Runs the service in a group with another service that shuts the group down when told to, and
        /// tells what the test, on a thread of its own, has found.
        private func withService(
            _ service: UVServer, _ listening: AsyncStream<UVEndpoint>,
            body: @escaping @Sendable (UVEndpoint, @escaping @Sendable () -> Void) throws -> Void
        ) async throws {
            let group = ServiceGroup(services: [service], logger: Logger(label: "test"))
            let running = Task { try await group.run() }
            var endpoints = listening.makeAsyncIterator()
            let endpoint = try #require(await endpoints.next())
            let result = await onThreadOfItsOwn {
                try body(endpoint) { Task { await group.triggerGracefulShutdown() } }
            }
            await group.triggerGracefulShutdown()
            try await running.value
            try result.get()
        }

        private func listening() -> (
            AsyncStream<UVEndpoint>, @Sendable (UVServerHandle) -> Void
        ) {
            let (stream, continuation) = AsyncStream.makeStream(of: UVEndpoint.self)
            return (stream, { $0.localEndpoint.map { _ = continuation.yield($0) } })
        }

        @Test(
            "A graceful shutdown ends the messages, and lets handlers finish that it does not cancel",
            arguments: [1, 3])
        func drains(loops: Int) async throws {
            let (stream, onListening) = listening()
            let begun = Journal<Void>()
            let wasCancelled = Journal<Bool>()
            var service = UVServer(at: "127.0.0.1:0", framing: .lines) { client in
                begun.append(())
                for try await line in client.messages { try await client.send(line) }
                // Something else, awaited after the shutdown has begun.
                _ = await onThreadOfItsOwn {}
                wasCancelled.append(Task.isCancelled)
                try await client.send("last words")
            }
            (service.loops, service.goodbye) = (loops, Array("bye".utf8))
            service.onListening = onListening
            try await withService(service, stream) { endpoint, shutDown in
                let peers = try (0..<12).map { _ in try RawPeer(to: endpoint) }
                try begun.wait(for: 12)
                for peer in peers {
                    #expect(try peer.exchange(Array("a\n".utf8)) == Array("a\n".utf8))
                }
                shutDown()
                for peer in peers {
                    #expect(try peer.receiveToEnd() == Array("last words\nbye\n".utf8))
                }
            }
            #expect(wasCancelled.entries == Array(repeating: false, count: 12))
        }

        @Test("A server with callbacks is a service, too")
        func callbacks() async throws {
            let (stream, onListening) = listening()
            var service = UVServer.callbacks(at: "127.0.0.1:0", framing: .lines) { _ in
                { $0.send($1) }
            }
            (service.loops, service.goodbye) = (2, Array("bye".utf8))
            service.onListening = onListening
            try await withService(service, stream) { endpoint, shutDown in
                let peers = try (0..<4).map { _ in try RawPeer(to: endpoint) }
                for peer in peers {
                    #expect(try peer.exchange(Array("a\n".utf8)) == Array("a\n".utf8))
                }
                shutDown()
                for peer in peers { #expect(try peer.receiveToEnd() == Array("bye\n".utf8)) }
            }
        }

        @Test("A client is closed after the service that uses it has ended")
        func client() async throws {
            let (listener, asked) = (try RawListener(), Journal<Void>())
            let client = try UVClient(to: listener.local, framing: .lines)
            let (stream, onListening) = listening()
            var front = UVServer(at: "127.0.0.1:0", framing: .lines) { peer in
                for try await line in peer.messages {
                    asked.append(())
                    try await peer.send(try await client.ask(line))
                }
            }
            front.onListening = onListening
            let group = ServiceGroup(services: [client, front], logger: Logger(label: "test"))
            let running = Task { try await group.run() }
            var endpoints = stream.makeAsyncIterator()
            let endpoint = try #require(await endpoints.next())
            let found = await onThreadOfItsOwn {
                let (upstream, peer) = (try listener.accept(), try RawPeer(to: endpoint))
                try peer.send("question\n")
                try asked.wait(for: 1)
                Task { await group.triggerGracefulShutdown() }
                // The server drains, and its handler still gets its answer.
                #expect(try upstream.receive(9) == Array("question\n".utf8))
                try upstream.send("answer\n")
                #expect(try peer.receiveToEnd() == Array("answer\n".utf8))
                #expect(try upstream.receiveToEnd() == [])
            }
            try await running.value
            try found.get()
        }

        @Test("A client that gives up ends the group with its error")
        func lostClient() async throws {
            let listener = try RawListener()
            let client = try UVClient(to: listener.local, framing: .lines, reconnect: nil)
            let group = ServiceGroup(services: [client], logger: Logger(label: "test"))
            let running = Task { try await group.run() }
            try await client.connected()
            try await onThreadOfItsOwn { try listener.accept().reset() }.get()
            let reason = await #expect(throws: UVEndReason.self) { try await running.value }
            #expect(reason == .peerReset)
        }

        @Test("A shutdown that comes before anybody has connected ends the service")
        func early() async throws {
            let (stream, onListening) = listening()
            var service = UVServer(at: "127.0.0.1:0") { _ in }
            service.onListening = onListening
            try await withService(service, stream) { _, shutDown in shutDown() }
        }

        @Test("A service that cannot listen fails the group, with the reason")
        func taken() async throws {
            let other = try RawListener()
            let service = UVServer(at: other.local) { _ in }
            let group = ServiceGroup(services: [service], logger: Logger(label: "test"))
            let error = await #expect(throws: UVError.self) { try await group.run() }
            #expect(error?.code == .addressInUse)
        }

        @Test("When the group is cancelled its handlers are, too")
        func cancelled() async throws {
            let (stream, onListening) = listening()
            let (begun, ended) = (Journal<Void>(), Journal<Bool>())
            var service = UVServer(at: "127.0.0.1:0") { _ in
                begun.append(())
                do {
                    try await waitForCancellation()
                } catch {
                    ended.append(error is CancellationError)
                    throw error
                }
            }
            service.onListening = onListening
            let group = ServiceGroup(services: [service], logger: Logger(label: "test"))
            let running = Task { try await group.run() }
            var endpoints = stream.makeAsyncIterator()
            let endpoint = try #require(await endpoints.next())
            let result = await onThreadOfItsOwn {
                let peer = try RawPeer(to: endpoint)
                try begun.first()
                running.cancel()
                #expect(try ended.first())
                #expect(try peer.receiveToEnd() == [])
            }
            _ = await running.result
            try result.get()
        }
    }
#endif
