/// The requests that wait until no client of theirs is slow any more.
struct SlowWaits {
    private struct Wait {
        let isOver: () -> Bool
        let goOn: () -> Void
    }

    private var waits: [Wait] = []

    var isEmpty: Bool { waits.isEmpty }

    mutating func add(until isOver: @escaping () -> Bool, _ goOn: @escaping () -> Void) {
        waits.append(Wait(isOver: isOver, goOn: goOn))
    }

    /// Removes the waits that are over.
    ///
    /// - Returns: What goes on now.
    mutating func takeOver() -> [() -> Void] {
        let over = waits.filter { $0.isOver() }
        if !over.isEmpty { waits.removeAll { $0.isOver() } }
        return over.map(\.goOn)
    }
}

extension UVListener {
    /// Calls a closure when a condition holds, now or when a slow client has room again or has
    /// ended.
    func wait(until isOver: @escaping () -> Bool, _ goOn: @escaping () -> Void) {
        if isOver() { return goOn() }
        slowWaits.add(until: isOver, goOn)
        events.onRoom = { [unowned self] in checkSlowWaits() }
    }

    /// A slow client has room again, or a wait was cancelled.
    func checkSlowWaits() {
        let over = slowWaits.takeOver()
        if slowWaits.isEmpty { events.onRoom = nil }
        for goOn in over { goOn() }
    }
}

/// Whether the task that waits for other loops was cancelled. The loops ask for it.
final class Cancellation: Sendable {
    private let state = Locked(false)

    var isSet: Bool { state.withLock { $0 } }

    func set() {
        state.withLock { $0 = true }
    }
}
