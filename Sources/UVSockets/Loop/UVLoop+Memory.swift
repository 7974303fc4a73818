internal import CLibuv

/// A loop without sockets, for tests. Its streams are in memory.
///
/// Its time moves only when nothing is left to do. It belongs to the thread that uses it. No other
/// thread can use it, because what is made on it is not `Sendable`.
extension UVLoop {
    /// How many rounds a run may take before that counts as a fault. The most common fault is two
    /// handlers that answer each other without end.
    private static var longestRun: Int { 1_000_000 }

    /// Does everything that can be done at the current time.
    package func settle() {
        confineOpen("UVTestNetwork.run")
        precondition(!isRunning, "UVTestNetwork.run was called within one of its own callbacks")
        isRunning = true
        finishRounds()
        isRunning = false
        // The next caller may be on another thread. Until then, jobs of tasks come through the
        // inbox.
        release()
    }

    /// Does everything that can be done until the time has passed.
    package func run(for time: Duration) {
        guard let clock = network?.clock else { return }
        let end = clock.now + (time > .zero ? time.wholeMilliseconds : 0)
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
        let end = clock.now + time.wholeMilliseconds
        var waited = 0
        while true {
            settle()
            if condition() { return true }
            if let next = clock.next {
                guard next <= end else { return false }
                clock.move(to: next)
            } else {
                // Work on other threads takes real time.
                guard waited < Self.longestWait else { return false }
                waited += 1
                sleepForMillisecond()
            }
        }
    }

    /// How many milliseconds of real time other threads may take.
    private static var longestWait: Int { 10_000 }

    /// Runs until the loop is stopped. Without `untilStopped`, it also ends when nothing is left to
    /// do at any time. When nothing is left to do now, the time moves.
    func runInMemory(_ network: MemoryNetwork, untilStopped: Bool) {
        while !isStopping {
            finishRounds()
            if isStopping { return }
            if let next = network.clock.next, untilStopped || network.clock.keepsLoopRunning {
                network.clock.move(to: next)
            } else if untilStopped {
                // A task may come back from another thread.
                turn(UV_RUN_ONCE)
            } else {
                return
            }
        }
    }

    private func finishRounds() {
        guard let network else { return }
        var rounds = 0
        repeat {
            rounds += 1
            precondition(
                rounds < Self.longestRun, "after \(rounds) rounds there is still something to do")
            callback { drainInbox() }
            turn(UV_RUN_NOWAIT)
            network.runRound()
        } while !isStopping && (network.clock.fire() || !isQuiet(network))
    }

    private func isQuiet(_ network: MemoryNetwork) -> Bool {
        network.isQuiet && closingHandles == 0 && inbox.isEmpty && nextJob == jobs.count
    }
}
