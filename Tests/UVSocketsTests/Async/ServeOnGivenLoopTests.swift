import Foundation
import Testing

@testable import UVSockets

@Suite("Serving by tasks on a given loop", .onPool, .timeLimit(.minutes(1)))
struct ServeOnGivenLoopTests {
    @Test(
        "Handlers run on the thread that runs the loop, which has nothing left when it has served")
    func thread() async throws {
        let servers = Journal<UVServerHandle>()
        async let end: Result<Void, any Error> = onThreadOfItsOwn {
            let loop = try UVLoop()
            let thread = pthread_self()
            try loop.run {
                try await UVListener.serve(
                    at: "127.0.0.1:0", framing: .lines, on: loop,
                    onListening: { servers.append($0) }
                ) { client in
                    for try await line in client.messages {
                        let isHere = pthread_self() == thread
                        try await client.send(isHere ? line : [])
                    }
                }
            }
            try loop.close()
        }
        let server = try await servers.arrival(of: 1)[0]
        let endpoint = try #require(server.localEndpoint)
        let peers = try await onThreadOfItsOwn {
            let peers = try (0..<20).map { _ in try RawPeer(to: endpoint) }
            for (number, peer) in peers.enumerated() {
                let line = Array("line \(number)\n".utf8)
                #expect(try peer.exchange(line) == line)
            }
            return peers
        }.get()
        async let report = server.stop(drainFor: .seconds(patience))
        try await onThreadOfItsOwn { () throws -> Void in
            for peer in peers {
                #expect(try peer.receiveToEnd() == [])
                peer.close()
            }
        }.get()
        #expect(await report.drained == peers.count)
        try await end.get()
    }

    @Test("A loop serves two addresses, until it is stopped, and drains both")
    func two() async throws {
        let servers = Journal<UVServerHandle>()
        let loop = try UVLoop()
        async let end: Result<Void, any Error> = onThreadOfItsOwn {
            try loop.run {
                try await withThrowingTaskGroup { group in
                    for answer in ["one", "two"] {
                        group.addTask {
                            try await UVListener.serve(
                                at: "127.0.0.1:0", on: loop, onListening: { servers.append($0) }
                            ) { client in
                                try await client.send(answer)
                                do {
                                    while try await client.nextMessage() != nil {}
                                } catch is CancellationError {
                                    try await client.send(", bye")
                                }
                            }
                        }
                    }
                    try await group.waitForAll()
                }
            }
            try loop.close()
        }
        let listening = try await servers.arrival(of: 2)
        let peers = try await onThreadOfItsOwn {
            try listening.map { try RawPeer(to: #require($0.localEndpoint)) }
        }.get()
        for peer in peers { #expect(try peer.receive(3).count == 3) }
        loop.stop()
        for peer in peers {
            #expect(try peer.receiveToEnd() == Array(", bye".utf8))
            peer.close()
        }
        try await end.get()
    }

    @Test("An address that is in use is reported, and leaves nothing on the loop")
    func inUse() async throws {
        try await onThreadOfItsOwn {
            let loop = try UVLoop()
            try loop.run {
                try await UVListener.serve(
                    at: "127.0.0.1:0", on: loop,
                    onListening: { server in
                        let endpoint = server.localEndpoint ?? "127.0.0.1:0"
                        Task {
                            let error = await #expect(throws: UVError.self) {
                                try await UVListener.serve(at: endpoint, on: loop) { _ in }
                            }
                            #expect(error?.code == .addressInUse)
                            await server.stop()
                        }
                    }
                ) { _ in }
            }
            try loop.close()
        }.get()
    }

    @Test("A given loop is one loop")
    func loops() async {
        await #expect(processExitsWith: .failure) {
            let loop = try UVLoop()
            try await UVListener.serve(at: "127.0.0.1:0", on: loop, loops: 2) { _ in }
        }
    }
}
