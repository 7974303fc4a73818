internal import CLibuv

/// What a thread does for a loop of its own that was stopped.
extension UVLoop {
    /// Stops the listeners that other threads may ask, at once. A loop that is ended with clients, by
    /// its own `stop`, still answers those who wait for their ends.
    func endListeners() {
        callback {
            for addressee in addressees.values {
                (addressee as? UVListener)?.stop(drainFor: .zero)
            }
        }
        _ = unsafe uv_run(raw, UV_RUN_NOWAIT)
    }

    /// Runs until no lookup is underway. One that has begun cannot be interrupted, although nobody
    /// waits for its answer any more.
    func finishLookups() {
        while openLookups > 0 { _ = unsafe uv_run(raw, UV_RUN_ONCE) }
    }

    /// Takes nothing more: for a loop that could not be closed, and that nobody runs any more.
    func abandon() {
        let last = inbox.close()
        callback { handle(last) }
        addressees = [:]
    }
}
