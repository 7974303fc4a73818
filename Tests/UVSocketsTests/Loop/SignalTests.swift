import Foundation
import Testing
import UVSockets

@Suite("Signals", .ownThreads, .timeLimit(.minutes(1)))
struct SignalTests {
    @Test("Every loop that watches a signal gets it, and the process does not end")
    func watched() async {
        await #expect(processExitsWith: .exitCode(7)) {
            let one = try UVLoop()
            let other = try onThread { try UVLoop() }
            var watches: [UVSignalWatch] = []
            var seen = 0
            watches.append(
                try one.on(.user1) {
                    seen += 1
                    one.stop()
                })
            watches.append(try one.on(.user1) { seen += 1 })
            let otherSeen = Journal<Void>()
            let isWatching = Journal<Void>()
            Thread.detachNewThread {
                guard (try? other.on(.user1) { otherSeen.append(()) }) != nil else { return }
                isWatching.append(())
                other.run(.untilStopped)
            }
            try isWatching.wait(for: 1)
            raiseUnblocked(SIGUSR1)
            one.run(.untilStopped)
            try otherSeen.wait(for: 1)
            for watch in watches { watch.cancel() }
            one.run()
            try one.close()
            exit(seen == 2 ? 7 : 1)
        }
    }

    @Test("Once nobody watches it, a signal does what it does by default")
    func cancelled() async {
        await #expect(processExitsWith: .signal(SIGUSR2)) {
            let loop = try UVLoop()
            let watch = try loop.on(.user2) { exit(0) }
            watch.cancel()
            watch.cancel()
            loop.run()
            raiseUnblocked(SIGUSR2)
        }
    }

    @Test("A watch does not keep the loop running", arguments: UVSignal.allCases)
    func idle(signal: UVSignal) async {
        await #expect(processExitsWith: .exitCode(7)) { [name = "\(signal)"] in
            guard let signal = UVSignal.allCases.first(where: { "\($0)" == name }) else { exit(1) }
            let loop = try UVLoop()
            let watch = try loop.on(signal) {}
            loop.run()
            watch.cancel()
            try loop.close()
            exit(7)
        }
    }
}
