internal import CLibuv

/// Calls in every turn of the loop, just before it waits for events.
final class PrepareHandle: Handle {
    private let onTurn: () -> Void

    /// Starts calling; does not keep the loop running.
    init(on loop: UVLoop, onTurn: @escaping () -> Void) throws(UVError) {
        self.onTurn = onTurn
        try unsafe super.init(UV_PREPARE, on: loop, call: "make prepare") { memory in
            unsafe uv_prepare_init(loop.raw, memory.assumingMemoryBound(to: uv_prepare_t.self))
        }
        _ = unsafe uv_prepare_start(raw()) { unsafe PrepareHandle.from($0).onTurn() }
        keepsLoopRunning = false
    }

    override var name: String { "prepare" }
}
