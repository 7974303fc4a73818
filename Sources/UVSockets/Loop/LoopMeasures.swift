internal import CLibuv

/// Measures a loop: how long its turns take, and what waits for how long.
@safe final class LoopMeasures {
    private var values = UVLoopMeasurements()
    private let began: UInt64
    private let idleBefore: UInt64
    /// When the present turn began, without the wait for events, and how long the loop had waited
    /// until then.
    private var turnBegan: UInt64
    private var idleAtTurn: UInt64
    private var prepare: PrepareHandle?
    private unowned let loop: UVLoop

    init(on loop: UVLoop) {
        self.loop = loop
        // libuv then takes the time before and after each wait.
        if loop.network == nil {
            _ = unsafe uvsockets_measure_idle_time(loop.raw)
        }
        idleBefore = unsafe uv_metrics_idle_time(loop.raw)
        began = uv_hrtime()
        (turnBegan, idleAtTurn) = (began, idleBefore)
        // Without memory for a handle, turns are not measured.
        prepare = try? PrepareHandle(on: loop) { [unowned self] in turnEnds() }
        if let prepare { loop.adopt(prepare) }
    }

    /// Ends before the loop does.
    func end() {
        guard let prepare = prepare.take() else { return }
        loop.disown(prepare)
        prepare.close()
    }

    /// The loop is about to wait for events.
    private func turnEnds() {
        let (now, idle) = unsafe (uv_hrtime(), uv_metrics_idle_time(loop.raw))
        let waited = idle - idleAtTurn
        if now - turnBegan >= waited { values.turns.add(now - turnBegan - waited) }
        (turnBegan, idleAtTurn) = (now, idle)
    }

    func handlerTook(_ nanoseconds: UInt64) {
        values.handlers.add(nanoseconds)
    }

    func wokenAfter(_ nanoseconds: UInt64) {
        values.wakeUps.add(nanoseconds)
    }

    func queueTook(_ nanoseconds: UInt64) {
        values.queues.add(nanoseconds)
    }

    func acceptTook(_ milliseconds: UInt32) {
        values.accepts.add(UInt64(milliseconds) * 1_000_000)
    }

    func measurements(of loop: UVLoop) -> UVLoopMeasurements {
        var values = values
        let idle = unsafe uv_metrics_idle_time(loop.raw) - idleBefore
        values.time = .nanoseconds(Int64(clamping: uv_hrtime() - began))
        values.idleTime = .nanoseconds(Int64(clamping: idle))
        return values
    }
}

extension UVLoop {
    /// A handle is one of the loop's own, which end with it.
    fileprivate func adopt(_ handle: Handle) {
        ownHandles.append(handle)
        openHandles -= 1
    }

    /// One of the loop's own handles is about to be closed before the loop.
    fileprivate func disown(_ handle: Handle) {
        ownHandles.removeAll { $0 === handle }
        openHandles += 1
    }
}

/// Calls a closure in each turn, just before the loop waits for events.
private final class PrepareHandle: Handle {
    private let body: () -> Void

    init(on loop: UVLoop, _ body: @escaping () -> Void) throws(UVError) {
        self.body = body
        try unsafe super.init(UV_PREPARE, on: loop, isLoopsOwn: true, call: "make prepare") {
            memory in
            unsafe uv_prepare_init(loop.raw, memory.assumingMemoryBound(to: uv_prepare_t.self))
        }
        keepsLoopRunning = false
        _ = unsafe uv_prepare_start(raw()) { unsafe PrepareHandle.from($0).body() }
    }

    override var name: String { "prepare" }
}
