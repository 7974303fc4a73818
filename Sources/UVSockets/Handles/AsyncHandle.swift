internal import CLibuv

/// Wakes the loop from any thread. It is the only call of libuv that other threads may make.
final class AsyncHandle: Handle {
    private let onWake: () -> Void

    /// Makes a wake-up that does not keep the loop running.
    init(on loop: UVLoop, onWake: @escaping () -> Void) throws(UVError) {
        self.onWake = onWake
        try unsafe super.init(UV_ASYNC, on: loop, isLoopsOwn: true, call: "make wake-up") {
            memory in
            unsafe uv_async_init(loop.raw, memory.assumingMemoryBound(to: uv_async_t.self)) {
                unsafe AsyncHandle.from($0).woken()
            }
        }
        keepsLoopRunning = false
    }

    override var name: String { "wake-up" }

    private func woken() {
        loop.callback { onWake() }
    }

    /// Wakes the loop. Any thread may call it until the handle is closed. The caller makes sure
    /// that this call and the close never overlap (libuv says nothing about such a race).
    func wake() {
        _ = unsafe uv_async_send(raw())
    }
}
