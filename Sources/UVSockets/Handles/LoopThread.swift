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

    /// Starts a thread for the loop, which belongs to none yet.
    init(running loop: UVLoop) throws(UVError) {
        self.loop = loop
        var thread = uv_thread_t()
        let entrance = unsafe Unmanaged.passRetained(loop)
        let status = unsafe uv_thread_create(
            &thread,
            { argument in
                guard let argument = unsafe argument else { return }
                LoopThread.run(
                    unsafe Unmanaged<UVLoop>.fromOpaque(argument).takeRetainedValue())
            }, entrance.toOpaque())
        guard status == 0 else {
            unsafe entrance.release()
            throw UVError(call: "make thread", code: .init(rawValue: status))
        }
        self.thread = thread
    }

    private static func run(_ loop: UVLoop) {
        loop.run(.untilStopped)
        loop.finishLookups()
        do {
            try loop.close()
        } catch {
            loop.logger.error("\(error)")
            loop.abandon()
        }
    }

    /// Stops the loop, and waits for its thread to end.
    func stop() {
        loop.stop()
        var thread = thread
        _ = unsafe uv_thread_join(&thread)
    }
}
