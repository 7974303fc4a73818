import Foundation
import Testing
import UVSockets

/// A loop on a thread of its own, never the main one, whose end is the proof that nothing leaked:
/// `close()` throws naming what is still open.
final class LoopThread<Ready: Sendable>: Sendable {
    typealias TearDown = () -> Void

    private enum Start {
        case ready(UVLoop, Ready)
        case failed(any Error)
    }

    let loop: UVLoop
    let ready: Ready
    private let mode: UVLoop.RunMode
    private let go = Journal<Void>()
    private let ended = Journal<UVError?>()

    /// Starts a thread, makes a loop on it, and waits until `setUp` has run there.
    ///
    /// - Parameters:
    ///   - mode: How the loop runs. One that runs until it is stopped is stopped by ``finish()``.
    ///   - isHeld: Whether the loop waits for ``release()`` before it runs.
    ///   - setUp: What to do first, on the loop's thread. It answers with what the test needs, and
    ///     with what to do on the loop's thread when the test has ended.
    /// - Throws: What `setUp` throws.
    init(
        _ mode: UVLoop.RunMode, isHeld: Bool = false,
        setUp: @escaping @Sendable (UVLoop) throws -> (Ready, TearDown)
    ) throws {
        self.mode = mode
        if !isHeld { go.append(()) }
        let started = Journal<Start>()
        let (go, ended) = (go, ended)
        Thread.detachNewThread {
            do {
                let loop = try UVLoop()
                do {
                    let (ready, tearDown) = try setUp(loop)
                    started.append(.ready(loop, ready))
                    try go.wait(for: 1)
                    loop.run(mode)
                    tearDown()
                    loop.run(.untilIdle)
                } catch {
                    started.append(.failed(error))
                }
                do throws(UVError) {
                    try loop.close()
                    ended.append(nil)
                } catch {
                    ended.append(error)
                }
            } catch {
                started.append(.failed(error))
                ended.append(nil)
            }
        }
        switch try started.first() {
        case .ready(let loop, let ready): (self.loop, self.ready) = (loop, ready)
        case .failed(let error):
            if let leak = try ended.first() { Issue.record("\(leak)") }
            throw error
        }
    }

    /// Lets a held loop run.
    func release() {
        go.append(())
    }

    /// Runs the loop out and checks that nothing was left open on it.
    func finish() throws {
        release()
        if mode == .untilStopped { loop.stop() }
        do throws(TimedOut) {
            try check(ended.first())
        } catch {
            Issue.record("the loop did not come to an end")
            // Makes it say what it waits for.
            loop.stop()
            try check(ended.first())
            throw error
        }
    }

    private func check(_ leak: UVError?) {
        guard let leak else { return }
        Issue.record("\(leak)")
    }
}

/// Runs a loop until it is idle, on a thread of its own, and checks that nothing is left on it.
///
/// - Parameters:
///   - setUp: What to make on the loop, on its thread.
///   - body: What the test does meanwhile, on its own thread.
/// - Throws: What either throws, when the loop is closed.
func withLoop(
    _ setUp: @escaping @Sendable (UVLoop) throws -> Void,
    meanwhile body: (UVLoop) throws -> Void = { _ in }
) throws {
    let thread = try LoopThread(.untilIdle) { loop in (try setUp(loop), {}) }
    let result = Result { try body(thread.loop) }
    try thread.finish()
    try result.get()
}
