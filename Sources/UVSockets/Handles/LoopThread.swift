internal import CLibuv

#if canImport(Glibc)
    internal import Glibc
#else
    internal import Darwin
#endif

/// A thread that runs a loop until the loop is stopped, and then closes it.
@safe package final class LoopThread: Sendable {
    /// The thread for connections that have no loop of their own. It starts when it is first
    /// needed, and never stops.
    static let shared: Result<LoopThread, UVError> = {
        do throws(UVError) {
            return .success(try LoopThread(running: try UVLoop()))
        } catch {
            return .failure(error)
        }
    }()

    package let loop: UVLoop
    private let thread: uv_thread_t

    /// Starts a thread for a loop that belongs to no thread yet.
    ///
    /// - Parameters:
    ///   - loop: The loop.
    ///   - whenEnded: Called last on the thread, when the loop is closed.
    /// - Throws: ``UVError`` if the system has no memory or threads left.
    package init(
        running loop: UVLoop, whenEnded: @escaping @Sendable () -> Void = {}
    ) throws(UVError) {
        self.loop = loop
        thread = try makeThread(stackSize: nil) {
            takeMainThreadsSignalMask()
            loop.run(.untilStopped)
            loop.end()
            whenEnded()
        }
    }

    /// Lets the thread end by itself. It is not joined then.
    package func detach() {
        _ = pthread_detach(thread)
    }

    /// Waits for the end of the thread. Its loop must have been stopped.
    package func join() {
        var thread = thread
        _ = unsafe uv_thread_join(&thread)
    }
}

/// Starts a thread that nobody waits for.
///
/// - Parameters:
///   - stackSize: The size of its stack in bytes; nil for the system's default.
///   - body: What the thread does.
/// - Throws: ``UVError`` if the system has no memory or threads left.
package func startThread(
    stackSize: Int? = nil, _ body: @escaping @Sendable () -> Void
) throws(UVError) {
    _ = pthread_detach(try makeThread(stackSize: stackSize, body))
}

private func makeThread(
    stackSize: Int?, _ body: @escaping @Sendable () -> Void
) throws(UVError) -> uv_thread_t {
    /// The work that is passed to the thread.
    final class Work {
        let body: @Sendable () -> Void

        init(_ body: @escaping @Sendable () -> Void) {
            self.body = body
        }
    }

    var thread = uv_thread_t()
    var options = uv_thread_options_t()
    if let stackSize {
        options.flags = UInt32(UV_THREAD_HAS_STACK_SIZE.rawValue)
        options.stack_size = stackSize
    }
    let work = unsafe Unmanaged.passRetained(Work(body))
    let status = unsafe uv_thread_create_ex(
        &thread, &options,
        { argument in
            guard let argument = unsafe argument else { return }
            unsafe Unmanaged<Work>.fromOpaque(argument).takeRetainedValue().body()
        }, work.toOpaque())
    guard status == 0 else {
        unsafe work.release()
        throw UVError(call: "make thread", code: .init(rawValue: status))
    }
    return thread
}
