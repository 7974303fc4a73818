internal import CLibuv

/// Calls a closure once in the next turn of the loop. While a call is due, the loop does not sleep.
final class IdleHandle: Handle {
    /// Nil once the handle closes: the closure may refer to the handle's owner.
    private var onTurn: (() -> Void)?
    private var isDue = false

    init(
        on loop: UVLoop, isLoopsOwn: Bool = false, onTurn: @escaping () -> Void
    ) throws(UVError) {
        self.onTurn = onTurn
        try unsafe super.init(
            UV_IDLE, on: loop, isLoopsOwn: isLoopsOwn, call: "make idle"
        ) { memory in
            unsafe uv_idle_init(loop.raw, memory.assumingMemoryBound(to: uv_idle_t.self))
        }
    }

    override var name: String { "idle" }

    /// Asks for the call. A second request before the call comes changes nothing.
    func callInNextTurn() {
        guard !isClosing, !isDue else { return }
        isDue = true
        loop.network?.callsDue += 1
        _ = unsafe uv_idle_start(raw()) { unsafe IdleHandle.from($0).turned() }
    }

    private func turned() {
        _ = unsafe uv_idle_stop(raw())
        notDue()
        loop.callback { onTurn?() }
    }

    private func notDue() {
        guard isDue else { return }
        isDue = false
        withLoop { $0.network?.callsDue -= 1 }
    }

    override func dropCallbacks() {
        notDue()
        onTurn = nil
    }
}
