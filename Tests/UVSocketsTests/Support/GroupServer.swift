import Foundation
import Logging
import Testing
import UVSockets

/// A server on the loops of a group, as a test sees it from outside.
final class GroupServer: Sendable {
    /// A client, and where it is served.
    struct Arrival: Sendable {
        let id: UVConnection.ID
        let loop: Int
    }

    let group: UVLoopGroup
    let remote: UVServerHandle
    let endpoint: UVEndpoint
    /// The clients as they connected, and as they ended.
    let connected: Journal<Arrival>
    let ended: Journal<Server.End>

    fileprivate init(
        _ group: UVLoopGroup, _ remote: UVServerHandle, connected: Journal<Arrival>,
        ended: Journal<Server.End>
    ) {
        self.group = group
        self.remote = remote
        self.connected = connected
        self.ended = ended
        endpoint = remote.localEndpoint ?? "127.0.0.1:0"
    }

    /// Makes a client.
    func connect(from source: String? = nil, receiveBuffer: Int32? = nil) throws -> RawPeer {
        try RawPeer(to: endpoint, from: source, receiveBuffer: receiveBuffer)
    }

    /// Makes clients, and waits until they are served.
    func connect(_ count: Int) throws -> [RawPeer] {
        let before = connected.entries.count
        let peers = try (0..<count).map { _ in try connect() }
        try connected.wait(for: before + count)
        return peers
    }

    /// Makes a client, and waits until it is served.
    func arrive(receiveBuffer: Int32? = nil) throws -> (peer: RawPeer, arrival: Arrival) {
        let before = connected.entries.count
        let peer = try connect(receiveBuffer: receiveBuffer)
        return (peer, try connected.wait(for: before + 1)[before])
    }

    /// Waits until so many have left, and their places are free.
    func departure(of count: Int) throws {
        try ended.wait(for: count)
        // A place is free when its client's end has been told.
        _ = try onEachLoop { _ in }
    }

    /// Asks the server, and waits for the answer.
    func ask<Value: Sendable>(
        _ question: @escaping @Sendable (UVServerHandle) async throws -> Value
    ) throws -> Value {
        try begin(question).first().get()
    }

    /// Asks the server, and goes on.
    func begin<Value: Sendable>(
        _ question: @escaping @Sendable (UVServerHandle) async throws -> Value
    ) -> Journal<Result<Value, any Error>> {
        let answer = Journal<Result<Value, any Error>>()
        beginTask { [remote] in
            do {
                answer.append(.success(try await question(remote)))
            } catch {
                answer.append(.failure(error))
            }
        }
        return answer
    }

    /// Has something done on every loop, and waits for what it gives, in the loops' order.
    func onEachLoop<Value: Sendable>(
        _ body: @escaping @Sendable (UVListener) throws -> Value
    ) throws -> [Value] {
        let answers = Journal<(loop: Int, value: Result<Value, any Error>)>()
        let isPosted = remote.forEachListener { [group] listener in
            let loop = group.loops.firstIndex { $0 === listener.loop } ?? -1
            answers.append((loop, Result { try body(listener) }))
        }
        #expect(isPosted)
        return try answers.wait(for: group.loops.count).sorted { $0.loop < $1.loop }
            .map { try $0.value.get() }
    }

    fileprivate func finish() {
        // Every client that came has gone, once, and no two have had the same id.
        let ids = connected.entries.map(\.id).sorted()
        #expect(ids == ended.entries.map(\.id).sorted())
        #expect(Set(ids).count == ids.count)
    }
}

/// Sends back what came, on every loop.
let echoOnLoops: @Sendable (UVListener) -> MessageHandler = { _ in echo }

/// Runs a server on many loops for the time of a test, stops them, and checks that nothing is left.
///
/// - Parameters:
///   - endpoint: Where it listens. A test that connects when the server has stopped needs an address of
///     its own: another test's server may have got the port by then.
///   - loops: How many loops.
///   - balance: How clients are spread over them. Where the current transport does not do so, there is no
///     test.
///   - framing: How messages are told apart.
///   - options: How the server behaves.
///   - makeHandler: What is made on each loop.
///   - body: The test, on a thread of its own: it may block.
/// - Throws: What the body throws, when the loops are closed.
func withGroup(
    at endpoint: UVEndpoint = Transport.freeEndpoint(), loops: Int = 3,
    balance: UVBalance = .fewestClients,
    framing: UVFraming = .raw,
    options: UVListenerOptions = .patient,
    makeHandler: @escaping @Sendable (UVListener) -> UVLoopGroup.MessageHandler = echoOnLoops,
    body: @escaping @Sendable (GroupServer) throws -> Void
) async throws {
    guard Transport.current.isSpread(over: loops, by: balance) else { return }
    try await withLoops(loops) { group in
        let (connected, ended) = (Journal<GroupServer.Arrival>(), Journal<Server.End>())
        let observed: @Sendable (UVListener) -> UVLoopGroup.MessageHandler = { listener in
            let handler = makeHandler(listener)
            let loop = group.loops.firstIndex { $0 === listener.loop } ?? -1
            observe(
                listener, connected: { connected.append(.init(id: $0, loop: loop)) }, ended: ended)
            return handler
        }
        let remote = try await group.listen(
            at: endpoint, framing: framing, options: options, balance: balance,
            makeHandler: observed)
        let server = GroupServer(group, remote, connected: connected, ended: ended)
        let result = await onThreadOfItsOwn { try body(server) }
        await group.stop(drainFor: .zero)
        server.finish()
        try result.get()
    }
}

/// Runs loops for the time of a test, stops them, and checks that they were closed.
func withLoops(
    _ count: Int = 3, submissionLimit: Int = 65_536, _ body: (UVLoopGroup) async throws -> Void
) async throws {
    let errors = Journal<String>()
    let group = try UVLoopGroup(
        loops: count, submissionLimit: submissionLimit, logger: journal(errors, level: .error))
    do {
        try await body(group)
    } catch {
        await group.stop(drainFor: .zero)
        throw error
    }
    await group.stop(drainFor: .zero)
    // A loop that something is left on says so when it is closed.
    #expect(errors.entries == [])
}
