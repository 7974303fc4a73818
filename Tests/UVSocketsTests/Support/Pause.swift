import UVSockets

/// Waits by the clock of the loop that the task is on.
func pause(_ time: Duration, on loop: UVLoop) async {
    await withCheckedContinuation { continuation in
        if (try? loop.after(time) { continuation.resume() }) == nil { continuation.resume() }
    }
}
