internal import Synchronization

/// What a loop is doing, for other threads. They may ask while the loop is blocked.
///
/// Only the loop's thread writes. A callback costs two additions. The handler of messages writes
/// nothing more: the flight recorder tells whose message came last. Other handlers say which they
/// are.
final class LoopPulse: Sendable {
    /// The depth of callbacks in the low 16 bits. Above them, how many callbacks have begun.
    private let beats = Atomic<UInt64>(0)
    /// The kind of the handler that runs, and the line of its origin; 0 for that of messages.
    private let kind = Atomic<UInt64>(0)
    private let file = Atomic<UInt>(0)
    private let client = Atomic<UInt64>(0)
    /// The number of the thread that runs the loop, as the system counts them; 0 if none does.
    private let thread = Atomic<Int32>(0)
    private let hasEnded = Atomic<Bool>(false)
    /// What the library does around handlers; 0 for nothing that is told apart.
    private let work = Atomic<UInt8>(0)

    // MARK: For the loop's thread

    @inline(__always)
    func callbackBegins() {
        beats.store(beats.load(ordering: .relaxed) &+ 0x1_0001, ordering: .relaxed)
    }

    @inline(__always)
    func callbackEnds() {
        beats.store(beats.load(ordering: .relaxed) &- 1, ordering: .relaxed)
    }

    /// How many callbacks run, one within another.
    @inline(__always)
    var depth: UInt16 { UInt16(truncatingIfNeeded: beats.load(ordering: .relaxed)) }

    func runs(onThread number: Int32) {
        thread.store(number, ordering: .relaxed)
    }

    /// The loop is closed.
    func ended() {
        hasEnded.store(true, ordering: .relaxed)
    }

    func handlerBegins(_ handler: HandlerKind, _ origin: Origin?, _ client: UInt64) {
        file.store(origin?.name ?? 0, ordering: .relaxed)
        self.client.store(client, ordering: .relaxed)
        kind.store(
            UInt64(handler.rawValue) | UInt64(origin?.line ?? 0) << 8, ordering: .relaxed)
        // A handler of its own within a callback, such as the next closure of a batch.
        beats.store(beats.load(ordering: .relaxed) &+ 0x1_0000, ordering: .relaxed)
    }

    @inline(__always)
    func begins(_ work: LoopWork) {
        self.work.store(work.rawValue, ordering: .relaxed)
    }

    func handlerEnds() {
        kind.store(0, ordering: .relaxed)
    }

    // MARK: For every thread

    /// Whether the loop is closed.
    var isOver: Bool { hasEnded.load(ordering: .relaxed) }

    /// What the loop is doing now.
    struct Reading: Equatable {
        /// Changes with each callback.
        let beats: UInt64
        let handler: HandlerKind
        /// Where the handler or its owner was made.
        let origin: String?
        /// The id of the client that the handler is for; 0 if it is for none.
        let client: UInt64
        let thread: Int32
        let work: LoopWork

        /// Whether a callback runs.
        var isBusy: Bool { beats & 0xFFFF > 0 }
    }

    /// The state and which callback it belongs to.
    var reading: Reading {
        for _ in 0..<3 {
            let before = beats.load(ordering: .acquiring)
            let what = kind.load(ordering: .acquiring)
            let reading = Reading(
                beats: before,
                handler: HandlerKind(rawValue: UInt8(truncatingIfNeeded: what)) ?? .message,
                origin: Origin.description(
                    ofName: file.load(ordering: .acquiring),
                    UInt32(truncatingIfNeeded: what >> 8)),
                client: client.load(ordering: .acquiring),
                thread: thread.load(ordering: .relaxed), work: currentWork)
            // Otherwise the parts belong to different handlers.
            if beats.load(ordering: .relaxed) == before { return reading }
        }
        // It is so busy that no handler runs for long.
        return Reading(
            beats: beats.load(ordering: .relaxed), handler: .message, origin: nil, client: 0,
            thread: thread.load(ordering: .relaxed), work: currentWork)
    }

    private var currentWork: LoopWork {
        LoopWork(rawValue: work.load(ordering: .relaxed)) ?? .other
    }
}

/// What the library itself does.
enum LoopWork: UInt8, Sendable {
    case other, writing, accepting
}

/// A handler of the user, or a kind of them.
enum HandlerKind: UInt8, CaseIterable, Sendable {
    /// The handler of messages, or the task that takes them.
    case message
    case connected, disconnected, peerFinished, drained, listening, failed, reconnecting
    case timer, signal, submission, task

    /// The name in the library.
    var name: String {
        switch self {
        case .message: "the message handler"
        case .connected: "onConnected"
        case .disconnected: "onDisconnected"
        case .peerFinished: "onPeerFinished"
        case .drained: "onDrained"
        case .listening: "onListening"
        case .failed: "onFailed"
        case .reconnecting: "onReconnecting"
        case .timer: "a timer's closure"
        case .signal: "a signal's closure"
        case .submission: "a submitted closure"
        case .task: "a task"
        }
    }
}

extension UVLoop {
    /// Runs a handler that is not the one of messages, and notes which it is.
    @inline(__always)
    func running(
        _ handler: HandlerKind, _ origin: Origin? = nil, of connection: UVConnection? = nil,
        _ body: () -> Void
    ) {
        pulse.handlerBegins(handler, origin, connection?.id ?? 0)
        body()
        pulse.handlerEnds()
    }
}

extension UVLoop {
    /// How long ago the current turn began. Any thread may ask.
    var turnTime: Duration {
        // libuv writes the time; a reader on another thread gets the old one or the new one.
        let began = unsafe UnsafeMutableRawPointer(time)
            .assumingMemoryBound(to: Atomic<UInt64>.self).pointee.load(ordering: .relaxed)
        let now = network == nil ? coarseMilliseconds() : began
        return .milliseconds(now > began ? now - began : 0)
    }
}
