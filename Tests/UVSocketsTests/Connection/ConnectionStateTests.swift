import Testing

@testable import UVSockets

@Suite("ConnectionState", .ownThreads)
struct ConnectionStateTests {
    enum Event: CaseIterable, Sendable {
        case finish, close, peerFinished, peerFinishedHalfOpen, drained, failed, reset, deadline
        case peerFinishedUnacknowledged, drainedUnacknowledged
    }

    struct Path: Sendable, CustomTestStringConvertible {
        let events: [Event]
        let actions: [ConnectionState.Action]
        let reason: UVEndReason?

        init(_ steps: [(Event, ConnectionState.Action)], ends reason: UVEndReason?) {
            events = steps.map(\.0)
            actions = steps.map(\.1)
            self.reason = reason
        }

        var testDescription: String { "\(events)" }
    }

    static let paths: [Path] = [
        // Nothing ends by itself.
        Path([(.drained, .none)], ends: nil),
        Path([(.deadline, .none)], ends: nil),
        // We finish first.
        Path([(.finish, .none)], ends: nil),
        Path([(.finish, .none), (.drained, .finishSending)], ends: nil),
        Path([(.finish, .none), (.drained, .finishSending), (.drained, .none)], ends: nil),
        Path([(.finish, .none), (.finish, .none), (.drained, .finishSending)], ends: nil),
        Path(
            [(.finish, .none), (.drained, .finishSending), (.peerFinished, .close)],
            ends: .peerClosed),
        Path(
            [(.finish, .none), (.drained, .finishSending), (.peerFinishedHalfOpen, .close)],
            ends: .peerClosed),
        // The peer finishes first: what is queued leaves, then we close.
        Path([(.peerFinished, .none), (.drained, .close)], ends: .peerClosed),
        Path(
            [(.peerFinished, .none), (.peerFinished, .none), (.drained, .close)],
            ends: .peerClosed),
        Path([(.finish, .none), (.peerFinished, .none), (.drained, .close)], ends: .peerClosed),
        Path([(.peerFinished, .none), (.close, .none), (.drained, .close)], ends: .peerClosed),
        Path([(.peerFinished, .none), (.deadline, .reset)], ends: .peerClosed),
        // Where that is asked for, the peer's acknowledgement is waited for.
        Path(
            [
                (.close, .none), (.drained, .linger),
                (.peerFinishedUnacknowledged, .awaitAcknowledgement), (.deadline, .close),
            ], ends: .kicked),
        Path(
            [
                (.peerFinished, .none), (.drainedUnacknowledged, .awaitAcknowledgement),
                (.deadline, .close),
            ], ends: .peerClosed),
        Path(
            [
                (.peerFinished, .none), (.drainedUnacknowledged, .awaitAcknowledgement),
                (.failed, .close),
            ], ends: .peerClosed),
        // Half-open: only our own end ends it.
        Path([(.peerFinishedHalfOpen, .none), (.drained, .none)], ends: nil),
        Path(
            [(.peerFinishedHalfOpen, .none), (.finish, .none), (.drained, .close)],
            ends: .peerClosed),
        Path(
            [(.peerFinishedHalfOpen, .none), (.close, .none), (.drained, .close)], ends: .kicked),
        // Close flushes, lingers, and ends when the peer has finished or the time is over.
        Path([(.close, .none)], ends: .kicked),
        Path([(.close, .none), (.close, .none), (.drained, .linger)], ends: .kicked),
        Path([(.close, .none), (.drained, .linger), (.drained, .none)], ends: .kicked),
        Path([(.close, .none), (.drained, .linger), (.peerFinished, .close)], ends: .kicked),
        Path([(.close, .none), (.drained, .linger), (.deadline, .close)], ends: .kicked),
        Path([(.close, .none), (.deadline, .reset)], ends: .kicked),
        Path([(.close, .none), (.peerFinished, .none), (.drained, .close)], ends: .kicked),
        Path([(.finish, .none), (.close, .none), (.drained, .linger)], ends: .kicked),
        Path(
            [
                (.finish, .none), (.drained, .finishSending), (.close, .linger),
                (.deadline, .close),
            ], ends: .kicked),
        // Failure and reset end it anywhere, once.
        Path([(.failed, .close), (.reset, .none), (.drained, .none)], ends: .peerReset),
        Path([(.reset, .reset), (.failed, .none), (.close, .none)], ends: .reset),
        Path([(.close, .none), (.failed, .close)], ends: .kicked),
        Path([(.close, .none), (.drained, .linger), (.reset, .reset)], ends: .kicked),
        Path([(.reset, .reset), (.peerFinished, .none), (.deadline, .none)], ends: .reset),
    ]

    @Test(
        "Each event on each path has its action, and the first cause is the reason",
        arguments: paths)
    func path(_ path: Path) {
        var state = ConnectionState()
        #expect(path.events.map { state.apply($0) } == path.actions)
        #expect(state.reason == path.reason)
    }

    @Test("Whatever happens in whatever order, a connection closes once and never comes back")
    func everyOrder() {
        for number in 0..<(1 << 15) {
            // The first eight: what waits for an acknowledgement has paths of its own.
            let events = (0..<5).map { Event.allCases[number >> ($0 * 3) & 7] }
            var state = ConnectionState()
            var actions: [ConnectionState.Action] = []
            for event in events {
                let before = state
                let action = state.apply(event)
                actions.append(action)
                let isEnd = action == .close || action == .reset
                guard
                    state.isClosed == (before.isClosed || isEnd),
                    !before.isClosed || action == .none,
                    before.reason == nil || before.reason == state.reason,
                    !state.isClosed || state.reason != nil,
                    !state.acceptsBytes || before.acceptsBytes,
                    !(state.delivers && state.discards),
                    !state.isClosed || !(state.delivers || state.discards || state.isFinishing)
                else {
                    Issue.record("\(events): \(actions)")
                    return
                }
            }
            for action in [ConnectionState.Action.finishSending, .linger]
            where actions.count(where: { $0 == action }) > 1 {
                Issue.record("\(events): \(actions)")
                return
            }
        }
    }

    @Test("Bytes are taken, delivered and discarded while it makes sense")
    func phases() {
        var state = ConnectionState()
        #expect(state.acceptsBytes && state.delivers && !state.discards)
        _ = state.close(.closed)
        #expect(!state.acceptsBytes && !state.delivers && state.discards && state.isFinishing)
        _ = state.drained()
        #expect(state.discards && !state.isFinishing)

        var halfOpen = ConnectionState()
        _ = halfOpen.peerFinished(allowsHalfOpen: true)
        #expect(halfOpen.acceptsBytes && !halfOpen.delivers && !halfOpen.discards)

        var finishing = ConnectionState()
        finishing.finish()
        #expect(!finishing.acceptsBytes && finishing.delivers && finishing.isFinishing)
    }
}

extension ConnectionState {
    fileprivate mutating func apply(_ event: ConnectionStateTests.Event) -> Action {
        switch event {
        case .finish:
            finish()
            return .none
        case .close: return close(.kicked)
        case .peerFinished: return peerFinished(allowsHalfOpen: false)
        case .peerFinishedHalfOpen: return peerFinished(allowsHalfOpen: true)
        case .drained: return drained()
        case .peerFinishedUnacknowledged:
            return peerFinished(allowsHalfOpen: false, isAcknowledged: false)
        case .drainedUnacknowledged: return drained(isAcknowledged: false)
        case .failed: return failed(.peerReset)
        case .reset: return reset(.reset)
        case .deadline: return deadlinePassed()
        }
    }
}
