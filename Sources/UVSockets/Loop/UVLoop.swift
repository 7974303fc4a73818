internal import CLibuv
public import Logging
internal import Synchronization

/// An event loop: one `uv_loop_t`, run by one thread.
///
/// Listeners, connectors, connections and timers that are made on a loop belong to the loop's
/// thread. That is the first thread that makes something on the loop or runs it. On another thread
/// they trap with a message that says so. The compiler refuses most such uses, because they are not
/// `Sendable`. So your handlers need no lock.
///
/// The loop itself is `Sendable`. Any thread may run a closure on it with ``submit(_:)``, send it
/// messages through a ``UVMailbox``, and end its ``run(_:)`` with ``stop()``.
///
/// A process that has made a loop survives SIGPIPE: a write to a socket whose peer is gone fails
/// instead of ending the process. A handler for SIGPIPE that the program has set stays. Standard
/// descriptors that are closed are opened on `/dev/null`, so that no socket becomes one of them.
///
/// A loop has one receive buffer of 64 KiB for all of its connections. Everything that is open on
/// the loop keeps the loop alive: a listener, a connection, a timer, a signal watch. So does its
/// unfinished work: a task that will continue there, the end of a connection, a completion. If
/// there is none of these, and nobody holds the loop, it is closed.
@safe public final class UVLoop: @unchecked Sendable {
    // `Sendable` is unchecked because everything below, except the inbox and the owner, is used
    // only on the loop's thread. `confine` checks that.

    /// When ``run(_:)`` returns by itself.
    ///
    /// More cases may come: a `switch` over them needs an `@unknown default`.
    #if hasAttribute(nonexhaustive)
        @nonexhaustive
    #endif
    public enum RunMode: Sendable {
        /// When nothing is left that could call back: no listener, no connection, no timer.
        case untilIdle
        /// Only after a call of ``UVLoop/stop()``. For loops to which other threads submit work.
        case untilStopped
    }

    /// Where the loop and the objects on it report trouble.
    ///
    /// At level `debug` they also report what they do.
    public let logger: Logger
    let throttles: LogThrottles

    let raw: UnsafeMutablePointer<uv_loop_t>
    /// The address of the current time in milliseconds, in libuv's loop or in a virtual clock.
    let time: UnsafeMutablePointer<UInt64>
    /// The network of a loop without sockets; nil for others.
    package let network: MemoryNetwork?
    /// What happened last; nil if the loop does not record.
    let recorder: FlightRecorder?
    let receiveBuffer: ReceiveBuffer
    /// Measures the loop, if it was told to.
    var measures: LoopMeasures?
    /// Whether handlers are timed, as the loop or an agent asks, and whether events are traced.
    var isTimingHandlers = false, hasTimedHandlers = false, isTraced = false
    /// All receive cycles share it, because only one of them is answered at a time.
    let receiveArgs: SocketEventArgs
    let cork: Cork
    /// Makes the copies of messages that tasks take.
    let messageCopies = MessageCopies()
    /// The number of open handles, without the loop's own. While there are any, ``close()`` throws.
    var openHandles = 0
    /// What looks up names. A test may have one of its own, whose threads are its own, too.
    var resolver = Resolver.shared
    /// How many names are being looked up. The loop keeps running for them.
    var openLookups = 0 {
        didSet { updateWakeUp() }
    }
    /// The number of the current turn.
    var turn: UInt64 { turnCounter?.turn ?? 0 }
    /// The objects that other threads reach, by keys that those threads can carry.
    var addressees: [Int: AnyObject] = [:]
    var nextAddressee = 0

    /// The thread that the loop belongs to: 0 if there is none yet, `nobody` when the loop is
    /// closed.
    let owner = Atomic<UInt>(0)
    static let nobody = UInt.max
    /// The thread that has closed the loop. It may still use what has ended.
    let formerOwner = Atomic<UInt>(UInt.max)
    let hasClosed = Atomic<Bool>(false)
    let inbox: Inbox
    let lateJobs = LateJobs()
    /// The loop in its role as an actor's executor.
    let isolation = LoopExecutor()
    /// Where tasks of the loop wait.
    let parking = ParkingExecutor()
    var ownHandles: [Handle] = []
    var wakeUp: AsyncHandle?
    var turnCounter: CheckHandle?
    var clock: DeadlineClock?
    /// What the loop is doing, for other threads.
    let pulse = LoopPulse()
    var gathered: [UVConnection] = []
    /// Whether gathered connections, jobs or calls wait for the end of the callback.
    var hasWork = false
    /// Jobs of tasks. Those from `nextJob` on still wait.
    var jobs: [LoopJob] = []
    var nextJob = 0
    /// The events of those agents whose tasks' jobs are timed.
    var timedEvents: [ConnectionEvents] = [] {
        didSet { isTiming = !timedEvents.isEmpty }
    }
    /// Each wait of a task looks at this. A look at the array would cost a check for exclusive
    /// access.
    private(set) var isTiming = false
    var nextTurn: IdleHandle?
    /// What to do when the callback ends: call `onDrained` of these connections, then these
    /// closures.
    var drained: [UVConnection] = []
    var later: [() -> Void] = []
    var waitingForTurn: [UVConnection] = [], bodiesForTurn: [() -> Void] = []
    /// How many bytes tasks have sent since one of them last waited for a turn. Each message counts
    /// 64 bytes more than it has.
    // Unchecked because other modules add to it for each message, and no other access overlaps.
    @exclusivity(unchecked) @usableFromInline var sentByTasks = 0
    /// The tasks that wait for the next turn, so that others can run.
    var tasksForTurn: [TaskSlot] = []
    var turnBudget = TurnBudget()
    /// How often a task has waited for a turn.
    var taskYields: UInt64 = 0
    /// How many handles libuv has still to close.
    var closingHandles = 0
    var isRunning = false
    private(set) var isStopping = false
    /// Whether libuv is running. Only then may it be told to stop.
    private var isTurning = false
    private(set) var runsUntilStopped = false {
        didSet { updateWakeUp() }
    }

    /// Makes a loop. It belongs to no thread yet.
    ///
    /// - Parameters:
    ///   - submissionLimit: How many closures and messages may wait for the loop, at least 1.
    ///     Beyond that, ``submit(_:)`` and ``UVMailbox/post(_:)`` refuse more and return false.
    ///   - logger: Where the loop and the objects on it report.
    ///   - recordedEvents: How many events of its connections it keeps, rounded up to a power of
    ///     two, each in 32 bytes. 0 records none. At most 16,777,216. See
    ///     ``UVConnection/history``.
    ///   - blackBox: The path of a file to keep the events in, so that they survive a crash and
    ///     `kill -9`. Nil means what the environment variable `UVSOCKETS_RECORDER` says when the
    ///     loop is made. If the file cannot be made, the logger gets a warning, and the events are
    ///     kept in memory. The article "Debugging" has more about it.
    /// - Throws: ``UVError`` if the system has no descriptors or memory left for a loop.
    public convenience init(
        submissionLimit: Int = 65_536, logger: Logger = Logger(label: "UVSockets"),
        recordedEvents: Int = UVLoop.defaultRecordedEvents, blackBox: String? = nil
    ) throws(UVError) {
        try self.init(
            submissionLimit, logger, LogThrottles(), recordedEvents: recordedEvents,
            blackBox: blackBox)
    }

    /// How many events a loop keeps by default: 16,384, in 512 KiB.
    public static let defaultRecordedEvents = FlightRecorder.defaultCapacity

    package convenience init(in network: MemoryNetwork, logger: Logger) throws(UVError) {
        try self.init(65_536, logger, LogThrottles(), network)
    }

    init(
        _ submissionLimit: Int, _ logger: Logger, _ throttles: LogThrottles,
        _ network: MemoryNetwork? = nil, recordedEvents: Int = UVLoop.defaultRecordedEvents,
        blackBox: String? = nil
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
        recorder = unsafe Self.makeRecorder(
            recordedEvents, blackBox, now: time.pointee, hasNetwork: network != nil, logger)
        unsafe raw.pointee.data = receiveBuffer.base
        unsafe isolation.loop = self
        ignoreSIGPIPE()
        do throws(UVError) {
            try makeOwnHandles()
        } catch {
            shutDown()
            throw error
        }
        startEnvironmentTrace()
    }

    /// How many descriptors must be left to make a loop. The loop needs four, libuv needs two for
    /// signals, Dispatch needs some for tasks and their sleep, and listening needs some. If libuv
    /// or Dispatch finds none, it ends the process.
    private static let descriptorsNeeded = 16

    private static func makeRaw() throws(UVError) -> UnsafeMutablePointer<uv_loop_t> {
        guard DescriptorLimit.allows(descriptorsNeeded) else {
            throw UVError(call: "make loop", code: .tooManyOpenFiles)
        }
        let raw = UnsafeMutablePointer<uv_loop_t>.allocate(capacity: 1)
        let status = unsafe uv_loop_init(raw)
        guard status == 0 else {
            // Before 1.52, libuv leaks this descriptor if it has none left for the next one.
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
        // Only the loop's own handles are open: others would have kept the loop alive.
        if !isClosed { shutDown() }
        unsafe raw.deallocate()
    }

    // MARK: Running

    /// Runs the loop on this thread until nothing is left to do, or the loop is stopped.
    ///
    /// - Parameter mode: When to return by itself.
    public func run(_ mode: RunMode = .untilIdle) {
        confineOpen("UVLoop.run")
        precondition(!isRunning, "UVLoop.run was called within one of the loop's own callbacks")
        isRunning = true
        pulse.runs(onThread: threadNumber())
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
        pulse.runs(onThread: 0)
    }

    /// Lets libuv run.
    func turn(_ mode: uv_run_mode) {
        isTurning = true
        _ = unsafe uv_run(raw, mode)
        isTurning = false
    }

    /// A run has ended that was to be stopped.
    func takeStop() {
        isStopping = false
    }

    private func updateWakeUp() {
        wakeUp?.keepsLoopRunning = runsUntilStopped || openLookups > 0
    }

    /// Makes ``run(_:)`` return after its current turn. Any thread may call it.
    ///
    /// Everything on the loop stays as it is. If the loop is not running, its next run returns at
    /// once. If it runs for a task, by ``run(task:)``, the task is cancelled.
    public func stop() {
        guard isOnLoop else {
            inbox.requestStop()
            return
        }
        isStopping = true
        if isTurning { unsafe uv_stop(raw) }
    }
}
