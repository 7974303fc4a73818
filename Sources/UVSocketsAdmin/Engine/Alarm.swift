package import UVSockets

/// The deadlines of what runs on one loop. It belongs to the loop's thread.
package final class Alarm {
    private let loop: UVLoop
    private var lastNumber = 0
    private var waiting: [Int: (timer: UVTimer, body: () -> Void)] = [:]
    package private(set) var isClosed = false

    package init(on loop: UVLoop) {
        self.loop = loop
    }

    /// Calls a closure after a delay, or when the alarm is closed. It does not keep the loop
    /// running.
    ///
    /// - Returns: A number, to cancel it.
    @discardableResult
    func after(_ delay: Duration, _ body: @escaping () -> Void) -> Int {
        lastNumber += 1
        let number = lastNumber
        do throws(UVError) {
            guard !isClosed else { throw UVError(call: "make timer", code: .canceled) }
            let timer = try loop.after(delay, keepsRunning: false) { [unowned self] in
                fire(number)
            }
            waiting[number] = (timer, body)
        } catch {
            // There is no memory for a timer either.
            body()
        }
        return number
    }

    func cancel(_ number: Int) {
        waiting.removeValue(forKey: number)?.timer.cancel()
    }

    private func fire(_ number: Int) {
        waiting.removeValue(forKey: number)?.body()
    }

    /// Waits, at most until the alarm is closed.
    package func sleep(_ time: Duration) async {
        await withCheckedContinuation { continuation in
            after(time) { continuation.resume() }
        }
    }

    /// Ends all waits now. Later ones end at once.
    package func close() {
        isClosed = true
        let ended = waiting
        waiting = [:]
        for (timer, body) in ended.values {
            timer.cancel()
            body()
        }
    }
}
