internal import CLibuv

/// A loop without sockets, for tests. Its streams are in memory.
///
/// Its time moves only when nothing is left to do. It belongs to the thread that uses it. No other
/// thread can use it, because what is made on it is not `Sendable`.
extension UVLoop {
    /// How many rounds a run may take before that counts as a fault. The most common fault is two
    /// handlers that answer each other without end.
    private static var longestRun: Int { 10_000_000 }

    /// Does everything that can be done at the current time.
    package func settle() {
        confineOpen("UVTestNetwork.run")
        precondition(!isRunning, "UVTestNetwork.run was called within one of its own callbacks")
        isRunning = true
        finishRounds()
        isRunning = false
        // A call to stop the loop ends a run, and this one is over.
        takeStop()
        // The next caller may be on another thread. Until then, jobs of tasks come through the
        // inbox.
        release()
    }

    /// Whether it runs now: the caller is in one of its callbacks.
    package var isInRun: Bool { isRunning }

    /// Does everything that can be done until the time has passed.
    package func run(for time: Duration) {
        guard let clock = network?.clock else { return }
        let end = clock.time(after: time)
        settle()
        while let next = clock.next, next <= end {
            clock.move(to: next)
            settle()
        }
        clock.move(to: end)
        settle()
    }

    /// Does everything that can be done until a condition holds, or the time has passed.
    ///
    /// - Returns: Whether the condition holds.
    package func run(until condition: () -> Bool, within time: Duration) -> Bool {
        guard let clock = network?.clock else { return condition() }
        let end = clock.time(after: time)
        var patience = Self.longestWait
        while true {
            settle()
            if condition() { return true }
            if !clock.isAwaited, patience > 0 {
                // Only work on other threads can bring it now, and takes real time.
                patience -= 1
                sleepForMillisecond()
            } else if let next = clock.next {
                guard next <= end else { return false }
                clock.move(to: next)
            } else {
                return false
            }
        }
    }

    /// Does everything that can be done until a condition holds, while other threads work. The time does
    /// not move.
    ///
    /// - Returns: Whether the condition holds.
    package func wait(until condition: () -> Bool) -> Bool {
        for _ in 0..<Self.longestWait {
            settle()
            if condition() { return true }
            sleepForMillisecond()
        }
        return false
    }

    /// How many milliseconds of real time other threads may take.
    private static var longestWait: Int { 10_000 }

    /// Runs until the loop is stopped. Without `untilStopped`, it also ends when nothing is left to
    /// do at any time. When nothing is left to do now, the time moves.
    func runInMemory(_ network: MemoryNetwork, untilStopped: Bool) {
        while !isStopping {
            finishRounds(untilStopped: true)
            if isStopping { return }
            if let next = network.clock.next, untilStopped || network.clock.isAwaited {
                network.clock.move(to: next)
            } else if untilStopped {
                // A task may come back from another thread.
                turn(UV_RUN_ONCE)
            } else {
                return
            }
        }
    }

    private func finishRounds(untilStopped: Bool = false) {
        guard let network else { return }
        var rounds = 0
        repeat {
            rounds += 1
            precondition(
                rounds < Self.longestRun, "after \(rounds) rounds there is still something to do")
            callback { drainInbox() }
            turn(UV_RUN_NOWAIT)
            network.runRound()
        } while !(isStopping && untilStopped) && (network.clock.fire() || !isQuiet(network))
    }

    private func isQuiet(_ network: MemoryNetwork) -> Bool {
        network.isQuiet && closingHandles == 0 && inbox.isEmpty && nextJob == jobs.count
    }
}
