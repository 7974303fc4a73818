import Foundation
import UVSockets

/// A server whose clients are served by tasks, as a test sees it from outside.
struct TaskServer: Sendable {
    let remote: UVServerHandle
    let endpoint: UVEndpoint
    /// The network in memory that it is on, if it is on one.
    fileprivate let network: NetworkThread?
    fileprivate let task: Task<Void, any Error>
    fileprivate let hasReturned: Journal<Void>

    /// The loop of its network in memory; nil where it has sockets.
    var loop: UVLoop? { network?.loop }

    /// Makes a client.
    func connect(receiveBuffer: Int32? = nil) throws -> RawPeer {
        try network?.connect(to: endpoint, receiveBuffer: receiveBuffer)
            ?? RawPeer(to: endpoint, receiveBuffer: receiveBuffer)
    }

    /// Tells it to drain.
    func cancel() {
        task.cancel()
    }

    /// Waits until `serve` has returned, for which it needs a thread of the pool.
    func returned() throws {
        try hasReturned.wait(for: 1, seconds: 100)
    }
}

typealias TaskHandler = nonisolated(nonsending) @Sendable (UVAsyncConnection) async throws -> Void

/// Runs a server of tasks for the time of a test, cancels it, and waits until it has returned.
///
/// - Parameters:
///   - endpoint: Where it listens. A test that connects when the server has stopped needs an address of
///     its own: another test's server may have got the port by then.
///   - framing: How messages are told apart.
///   - options: How it behaves.
///   - loops: On how many loops it runs.
///   - balance: How clients are spread over them. Where the current transport does not do so, there is no
///     test.
///   - drainTime: How long it drains.
///   - setUp: What is done on each loop first.
///   - handler: What serves a client.
///   - body: The test, on a thread of its own: it may block.
/// - Throws: What the body throws, when the server has returned.
func withTaskServer(
    at endpoint: UVEndpoint = Transport.freeEndpoint(), framing: UVFraming = .raw,
    options: UVListenerOptions = .patient,
    loops: Int = 1, balance: UVBalance = .fewestClients,
    drainFor drainTime: Duration = .seconds(20),
    setUp: @escaping @Sendable (UVListener) -> Void = { _ in }, handler: @escaping TaskHandler,
    body: @escaping @Sendable (TaskServer) throws -> Void
) async throws {
    guard Transport.current.isSpread(over: loops, by: balance) else { return }
    let network = Transport.current == .memory ? try await NetworkThread() : nil
    // The test begins when the server listens, and so do its waits: tests that block take the threads
    // of the pool, on which a task begins.
    let (listening, listens) = AsyncStream.makeStream(of: UVServerHandle.self)
    let hasReturned = Journal<Void>()
    let server = Task {
        defer {
            listens.finish()
            hasReturned.append(())
        }
        try await UVListener.serve(
            at: endpoint, framing: framing, options: options, on: network?.loop, loops: loops,
            balance: balance, drainFor: drainTime, onListening: { listens.yield($0) }, setUp: setUp,
            handler: handler)
    }
    var remotes = listening.makeAsyncIterator()
    guard let remote = await remotes.next(), let local = remote.localEndpoint else {
        let end = await server.result
        try await network?.finish()
        return try end.get()
    }
    let result = await onThreadOfItsOwn {
        try body(
            TaskServer(
                remote: remote, endpoint: local, network: network, task: server,
                hasReturned: hasReturned))
    }
    server.cancel()
    try await server.value
    try await network?.finish()
    try result.get()
}
