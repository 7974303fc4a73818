internal import CLibuv

#if canImport(Glibc)
    internal import Glibc
#else
    internal import Darwin
#endif

/// Calls a closure on the loop when the process gets a signal. Several loops may watch one signal.
final class SignalHandle: Handle {
    /// Nil once the handle closes: the closure may refer to the handle's owner.
    private var onSignal: (() -> Void)?
    /// Where the user has made the watch.
    var origin: Origin?

    /// Starts to watch. The watch does not keep the loop running.
    init(on loop: UVLoop, _ signal: UVSignal, onSignal: @escaping () -> Void) throws(UVError) {
        self.onSignal = onSignal
        try unsafe super.init(UV_SIGNAL, on: loop, call: "watch signal") { memory in
            unsafe uv_signal_init(loop.raw, memory.assumingMemoryBound(to: uv_signal_t.self))
        }
        let status = unsafe uv_signal_start(
            raw(), { handle, _ in unsafe SignalHandle.from(handle).arrived() }, signal.number)
        guard status == 0 else {
            close()
            throw UVError(
                call: "watch signal", subject: "\(signal)", code: .init(rawValue: status))
        }
        keepsLoopRunning = false
    }

    override var name: String { "signal" }
    override var owner: String { "a signal watch made at \(origin?.description ?? "?")" }

    private func arrived() {
        loop.callback { onSignal?() }
    }

    override func dropCallbacks() {
        onSignal = nil
    }
}

extension UVSignal {
    fileprivate var number: Int32 {
        switch self {
        case .interrupt: SIGINT
        case .terminate: SIGTERM
        case .hangup: SIGHUP
        case .user1: SIGUSR1
        case .user2: SIGUSR2
        }
    }
}
