internal import CLibuv

#if canImport(Glibc)
    internal import Glibc
#else
    internal import Darwin
#endif

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
    ///
    /// - Parameters:
    ///   - loop: The loop.
    ///   - whenEnded: Called last on the thread, when the loop is closed.
    /// - Throws: ``UVError`` where the system has no memory or threads left.
    init(
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

    /// Waits for the thread of a loop that was stopped to end.
    func join() {
        var thread = thread
        _ = unsafe uv_thread_join(&thread)
    }
}

/// Starts a thread that nobody waits for.
///
/// - Parameters:
///   - stackSize: How large its stack is; nil for the system's default.
///   - body: What it does.
/// - Throws: ``UVError`` where the system has no memory or threads left.
func startThread(
    stackSize: Int? = nil, _ body: @escaping @Sendable () -> Void
) throws(UVError) {
    _ = pthread_detach(try makeThread(stackSize: stackSize, body))
}

private func makeThread(
    stackSize: Int?, _ body: @escaping @Sendable () -> Void
) throws(UVError) -> uv_thread_t {
    /// What the thread is given.
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
