import Foundation
import Testing

@testable import UVSockets

@Suite("Running a task", .ownThreads, .timeLimit(.minutes(1)))
struct LoopTaskTests {
    struct Failure: Error {}

    /// On a thread of the pool.
    actor Elsewhere {
        func double(_ number: Int) -> Int { number * 2 }
    }

    @Test("A loop runs until its task is done, on one thread, and brings what the task returns")
    func value() throws {
        let elsewhere = Elsewhere()
        let result = try onThread {
            let loop = try UVLoop()
            let thread = pthread_self()
            let result = try loop.run {
                try #require(pthread_self() == thread)
                let doubled = await elsewhere.double(21)
                try #require(pthread_self() == thread)
                return doubled
            }
            try loop.close()
            return result
        }
        #expect(result == 42)
    }

    @Test("What the task throws is thrown, and the loop runs the next")
    func failure() throws {
        try onThread {
            let loop = try UVLoop()
            #expect(throws: Failure.self) { try loop.run { throw Failure() } }
            #expect(try loop.run { 7 } == 7)
            try loop.close()
        }
    }

    @Test("To stop the loop cancels the task, and the loop runs until that has ended")
    func stop() throws {
        let begun = Journal<UVLoop>()
        Thread.detachNewThread { (try? begun.first())?.stop() }
        let result = try onThread {
            let loop = try UVLoop()
            let result = try loop.run {
                begun.append(loop)
                do {
                    try await waitForCancellation()
                    return "waited"
                } catch {
                    // Not the end of the run: it waits for the task.
                    for _ in 0..<3 {
                        loop.stop()
                        await Task.yield()
                    }
                    return "cancelled"
                }
            }
            try loop.close()
            return result
        }
        #expect(result == "cancelled")
    }

    @Test("Stopped before it runs, the loop runs its task, cancelled, to its end")
    func stopBefore() throws {
        try onThread {
            let loop = try UVLoop()
            loop.stop()
            #expect(throws: CancellationError.self) {
                try loop.run { try await waitForCancellation() }
            }
            try loop.close()
        }
    }
}
