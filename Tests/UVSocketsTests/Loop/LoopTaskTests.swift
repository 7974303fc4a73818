import Foundation
import Testing
import UVSockets

/// Tasks that callbacks start on their loop.
@Suite("A loop's tasks", .ownThreads, .onEachTransport, .timeLimit(.minutes(1)))
struct LoopTaskTests {
    @Test("A callback awaits something elsewhere, and goes on with its connection on the loop")
    func awaits() throws {
        try withServer(
            onMessage: { client, message in
                let question = String(message: message)
                client.loop.task {
                    #expect(client.loop.isOnLoop)
                    let answer = await onThreadOfItsOwn { question.uppercased() }
                    #expect(client.loop.isOnLoop)
                    client.send(try answer.get())
                }
            },
            body: { server in
                let peer = try server.connect()
                #expect(try peer.exchange(Array("hello".utf8)) == Array("HELLO".utf8))
            })
    }

    @Test("A task can be cancelled, does not keep the loop running, and may fail")
    func ends() throws {
        struct Failure: Error {}
        let loop = try UVLoop()
        var wasCancelled = false
        let task = loop.task {
            do {
                try await waitForCancellation()
            } catch {
                wasCancelled = error is CancellationError
                throw error
            }
        }
        loop.task { throw Failure() }
        _ = try loop.after(.milliseconds(20)) { task.cancel() }
        let done = loop.mailbox { (_: Void) in loop.stop() }
        Task {
            await task.value
            done.post(())
        }
        loop.run(.untilStopped)
        #expect(wasCancelled)
        let left = loop.task { try await waitForCancellation() }
        // Nothing is left to do.
        loop.run()
        left.cancel()
        try loop.close()
    }
}
