internal import CLibuv
public import Logging
internal import Synchronization

/// An event loop: one `uv_loop_t`, run by one thread.
///
/// Everything made on a loop, listeners, connectors, connections and timers, belongs to the loop's
/// thread: the first thread that makes something on the loop or runs it. Used from another thread
/// they trap with a sentence that says so, and the compiler refuses most attempts, for they are
/// not `Sendable`. That is why the handlers you give them need no lock.
///
/// The loop itself is `Sendable`. From any thread, ``submit(_:)`` runs a closure on it, a
/// ``UVMailbox`` brings it messages, and ``stop()`` ends its ``run(_:)``.
///
/// A process that has made a loop survives SIGPIPE: a write to a socket whose peer is gone fails
/// instead of ending the process. A handler for SIGPIPE that the program has set stays. Standard
/// descriptors that are closed are opened on `/dev/null`, so that no socket becomes one of them.
///
/// A loop holds one receive buffer of 64 KiB for all of its connections. What is open on it keeps it:
/// a listener, a connection, a timer, a signal watch. So does what it still has to do or to tell: a task
/// that is to go on there, the end of a connection, a completion. Where nothing is, and nobody keeps it, it is closed.
@safe public final class UVLoop: @unchecked Sendable {
    // Sendable is unchecked because all that follows, but for the inbox and the owner, is used on
    // the loop's thread only, which `confine` checks.

    /// When ``run(_:)`` returns by itself.
    ///
    /// More cases may come: a `switch` over them needs an `@unknown default`.
    #if hasAttribute(nonexhaustive)
        @nonexhaustive
    #endif
    public enum RunMode: Sendable {
        /// When nothing is left that could call: no listener, no connection, no timer.
        case untilIdle
        /// Only when ``UVLoop/stop()`` was called. For loops that other threads submit work to.
        case untilStopped
    }

    /// Where the loop and what is made on it report trouble, and at `debug` what they do.
    public let logger: Logger
    let throttles: LogThrottles

    let raw: UnsafeMutablePointer<uv_loop_t>
    /// Where the present time stands, in milliseconds: in libuv's loop, or in a virtual clock.
    let time: UnsafeMutablePointer<UInt64>
    /// The network of a loop without sockets; nil for others.
    package let network: MemoryNetwork?
    let receiveBuffer: ReceiveBuffer
    /// What all receive cycles share: only one of them is answered at a time.
    let receiveArgs: SocketEventArgs
    let cork: Cork
    /// The messages that tasks take.
    let messageCopies = MessageCopies()
    /// What keeps ``close()`` from closing.
    var openHandles = 0
    /// How many names are being looked up, for which the loop goes on running.
    var openLookups = 0 {
        didSet { updateWakeUp() }
    }
    /// The present turn's number.
    var turn: UInt64 { turnCounter?.turn ?? 0 }
    /// Whom other threads reach, by keys that they can carry.
    var addressees: [Int: AnyObject] = [:]
    var nextAddressee = 0

    /// The thread that the loop belongs to: 0 before there is one, `nobody` when the loop is closed.
    let owner = Atomic<UInt>(0)
    static let nobody = UInt.max
    /// The thread that has closed the loop, where what has ended may still be asked.
    let formerOwner = Atomic<UInt>(UInt.max)
    let hasClosed = Atomic<Bool>(false)
    let inbox: Inbox
    let lateJobs = LateJobs()
    /// The loop in its role as an actor's executor.
    let isolation = LoopExecutor()
    /// Where its tasks wait.
    let parking = ParkingExecutor()
    var ownHandles: [Handle] = []
    var wakeUp: AsyncHandle?
    var turnCounter: CheckHandle?
    var clock: DeadlineClock?
    var callbackDepth = 0
    var gathered: [UVConnection] = []
    /// Whether connections have gathered, or jobs wait, for the end of the callback.
    var hasWork = false
    /// The jobs of tasks that wait, from `nextJob` on.
    var jobs: [LoopJob] = []
    var nextJob = 0
    /// Of the agents whose tasks' jobs are timed.
    var timedEvents: [ConnectionEvents] = []
    var nextTurn: IdleHandle?
    /// Whose `onDrained` is to be called, and what else is to be told, when the callback has ended.
    var drained: [UVConnection] = []
    var later: [() -> Void] = []
    var waitingForTurn: [UVConnection] = []
    /// How much its tasks have sent since one of them has waited for a turn. A message counts 64 bytes more
    /// than it has.
    // Unchecked because other modules add to it for each message, and nothing else happens meanwhile.
    @exclusivity(unchecked) @usableFromInline var sentByTasks = 0
    /// The tasks that let others have their turn.
    var tasksForTurn: [TaskSlot] = []
    var turnBudget = TurnBudget()
    /// The handles that libuv has still to close.
    var closingHandles = 0
    var isRunning = false
    private(set) var isStopping = false
    /// Whether libuv runs: the only time at which it may be told to stop.
    private var isTurning = false
    private var runsUntilStopped = false {
        didSet { updateWakeUp() }
    }

    /// Makes a loop. It belongs to no thread yet.
    ///
    /// - Parameters:
    ///   - submissionLimit: How many closures and messages may wait for the loop, at least 1; when
    ///     so many do, ``submit(_:)`` and ``UVMailbox/post(_:)`` refuse more and return false.
    ///   - logger: Where the loop and what is made on it report.
    /// - Throws: ``UVError`` where the system has no descriptors or memory left for a loop.
    public convenience init(
        submissionLimit: Int = 65_536, logger: Logger = Logger(label: "UVSockets")
    ) throws(UVError) {
        try self.init(submissionLimit, logger, LogThrottles())
    }

    package convenience init(in network: MemoryNetwork, logger: Logger) throws(UVError) {
        try self.init(65_536, logger, LogThrottles(), network)
    }

    init(
        _ submissionLimit: Int, _ logger: Logger, _ throttles: LogThrottles,
        _ network: MemoryNetwork? = nil
    ) throws(UVError) {
        self.network = network
        self.logger = logger
        self.throttles = throttles
        inbox = Inbox(limit: max(1, submissionLimit))
        receiveBuffer = ReceiveBuffer()
        receiveArgs = SocketEventArgs(userToken: nil, buffer: receiveBuffer) { _ in
            preconditionFailure("a receive is complete at the handle's owner")
        }
        cork = Cork(receiveBuffer)
        openStandardDescriptors()
        unsafe raw = try Self.makeRaw()
        unsafe time = network?.clock.time ?? Self.time(of: raw)
        unsafe raw.pointee.data = receiveBuffer.base
        unsafe isolation.loop = self
        ignoreSIGPIPE()
        do throws(UVError) {
            try makeOwnHandles()
        } catch {
            shutDown()
            throw error
        }
    }

    /// How many descriptors must be left for a loop: its own four, two that libuv has for signals, some
    /// that Dispatch has for tasks and their sleep, and some to listen. Where they find none, libuv and
    /// Dispatch end the process.
    private static let descriptorsNeeded = 16

    private static func makeRaw() throws(UVError) -> UnsafeMutablePointer<uv_loop_t> {
        guard DescriptorLimit.allows(descriptorsNeeded) else {
            throw UVError(call: "make loop", code: .tooManyOpenFiles)
        }
        let raw = UnsafeMutablePointer<uv_loop_t>.allocate(capacity: 1)
        let status = unsafe uv_loop_init(raw)
        guard status == 0 else {
            // Before 1.52, libuv forgets this one where it has no descriptor left for the next.
            let descriptor = unsafe uv_backend_fd(raw)
            if descriptor > 2 { SocketDescriptor(number: descriptor).close() }
            unsafe raw.deallocate()
            throw UVError(call: "make loop", code: .init(rawValue: status))
        }
        return unsafe raw
    }

    private static func time(
        of raw: UnsafeMutablePointer<uv_loop_t>
    ) -> UnsafeMutablePointer<UInt64> {
        unsafe withUnsafeMutablePointer(to: &raw.pointee.time) { unsafe $0 }
    }

    private func makeOwnHandles() throws(UVError) {
        let wakeUp = try AsyncHandle(on: self) { [unowned self] in drainInbox() }
        self.wakeUp = wakeUp
        ownHandles.append(wakeUp)
        let turnCounter = try CheckHandle(on: self)
        self.turnCounter = turnCounter
        ownHandles.append(turnCounter)
        let clock = try DeadlineClock(on: self)
        self.clock = clock
        if let timer = clock.timer { ownHandles.append(timer) }
        let nextTurn = try IdleHandle(on: self, isLoopsOwn: true) { [unowned self] in
            goOn()
        }
        self.nextTurn = nextTurn
        ownHandles.append(nextTurn)
        openHandles = 0
        inbox.open(wakeUp)
    }

    deinit {
        // Nothing of others is open on it, or that would keep it.
        if !isClosed { shutDown() }
        unsafe raw.deallocate()
    }

    // MARK: Running

    /// Runs the loop on this thread until there is nothing left to do, or it is stopped.
    ///
    /// - Parameter mode: When to return by itself.
    public func run(_ mode: RunMode = .untilIdle) {
        confineOpen("UVLoop.run")
        precondition(!isRunning, "UVLoop.run was called within one of the loop's own callbacks")
        isRunning = true
        runsUntilStopped = mode == .untilStopped
        repeat {
            callback { drainInbox() }
            if isStopping { break }
            if let network {
                runInMemory(network, untilStopped: runsUntilStopped)
            } else {
                turn(UV_RUN_DEFAULT)
            }
        } while !isStopping && !inbox.isEmpty
        isStopping = false
        isRunning = false
    }

    /// Lets libuv run.
    func turn(_ mode: uv_run_mode) {
        isTurning = true
        _ = unsafe uv_run(raw, mode)
        isTurning = false
    }

    private func updateWakeUp() {
        wakeUp?.keepsLoopRunning = runsUntilStopped || openLookups > 0
    }

    /// Makes ``run(_:)`` return after the turn it is in, with everything left as it is. Where the
    /// loop is not running, its next run returns at once. Where it runs for a task, by ``run(task:)``,
    /// that is cancelled. From any thread.
    public func stop() {
        guard isOnLoop else {
            inbox.requestStop()
            return
        }
        isStopping = true
        if isTurning { unsafe uv_stop(raw) }
    }
}
