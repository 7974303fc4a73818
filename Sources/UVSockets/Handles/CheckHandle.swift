internal import CLibuv

/// Tells the turns of the loop apart, by a number.
///
/// It counts just after a turn's events, and only turns in which somebody asked for the number.
/// Other turns cost nothing.
final class CheckHandle: Handle {
    private var turns: UInt64 = 0
    private var isCounting = false

    /// Makes the handle. It does not keep the loop running.
    init(on loop: UVLoop) throws(UVError) {
        try unsafe super.init(UV_CHECK, on: loop, isLoopsOwn: true, call: "make check") { memory in
            unsafe uv_check_init(loop.raw, memory.assumingMemoryBound(to: uv_check_t.self))
        }
        keepsLoopRunning = false
    }

    override var name: String { "check" }

    /// The number of the current turn. It differs from that of every earlier turn.
    var turn: UInt64 {
        if !isCounting, !isClosing {
            isCounting = true
            _ = unsafe uv_check_start(raw()) { unsafe CheckHandle.from($0).turned() }
        }
        return turns
    }

    private func turned() {
        turns &+= 1
        isCounting = false
        _ = unsafe uv_check_stop(raw())
    }
}
