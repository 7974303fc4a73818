internal import CLibuv
internal import Logging

/// A thread that runs a loop until that is stopped, and closes it.
@safe final class LoopThread: Sendable {
    /// The thread of the connections that bring no loop along; started when first needed, and never
    /// stopped.
    static let shared: Result<LoopThread, UVError> = {
        do throws(UVError) {
            return .success(try LoopThread(running: try UVLoop()))
        } catch {
            return .failure(error)
        }
    }()

    let loop: UVLoop
    private let thread: uv_thread_t

    /// What a thread is given.
    private final class Entrance {
        let loop: UVLoop
        let whenEnded: @Sendable () -> Void

        init(_ loop: UVLoop, _ whenEnded: @escaping @Sendable () -> Void) {
            self.loop = loop
            self.whenEnded = whenEnded
        }
    }

    /// Starts a thread for the loop, which belongs to none yet.
    ///
    /// - Parameters:
    ///   - loop: The loop.
    ///   - whenEnded: Called last on the thread, when the loop is closed.
    /// - Throws: ``UVError`` where the system has no memory or threads left.
    init(
        running loop: UVLoop, whenEnded: @escaping @Sendable () -> Void = {}
    ) throws(UVError) {
        self.loop = loop
        var thread = uv_thread_t()
        let entrance = unsafe Unmanaged.passRetained(Entrance(loop, whenEnded))
        let status = unsafe uv_thread_create(
            &thread,
            { argument in
                guard let argument = unsafe argument else { return }
                let entrance = unsafe Unmanaged<Entrance>.fromOpaque(argument).takeRetainedValue()
                LoopThread.run(entrance.loop)
                entrance.whenEnded()
            }, entrance.toOpaque())
        guard status == 0 else {
            unsafe entrance.release()
            throw UVError(call: "make thread", code: .init(rawValue: status))
        }
        self.thread = thread
    }

    private static func run(_ loop: UVLoop) {
        loop.run(.untilStopped)
        loop.endListeners()
        loop.finishLookups()
        do {
            try loop.close()
        } catch {
            loop.logger.error("\(error)")
            loop.abandon()
        }
        loop.leaveThread()
    }

    /// Waits for the thread of a loop that was stopped to end.
    func join() {
        var thread = thread
        _ = unsafe uv_thread_join(&thread)
    }
}
