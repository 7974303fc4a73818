internal import CLibuv

/// Counts the turns of the loop, each just after its events: what runs between two counts is one turn.
final class CheckHandle: Handle {
    private(set) var turns: UInt64 = 0

    /// Starts counting; does not keep the loop running.
    init(on loop: UVLoop) throws(UVError) {
        try unsafe super.init(UV_CHECK, on: loop, call: "make check") { memory in
            unsafe uv_check_init(loop.raw, memory.assumingMemoryBound(to: uv_check_t.self))
        }
        _ = unsafe uv_check_start(raw()) { unsafe CheckHandle.with($0) { $0.turned() } }
        keepsLoopRunning = false
    }

    override var name: String { "check" }

    private func turned() {
        turns &+= 1
    }
}
