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
/// A process that has made a loop ignores SIGPIPE: a write to a socket whose peer is gone fails
/// instead of ending the process.
///
/// A loop holds one receive buffer of 64 KiB for all of its connections. It lives until
/// ``close()``, which most programs need not call.
@safe public final class UVLoop: @unchecked Sendable {
    // Sendable is unchecked because all that follows, but for the inbox and the owner, is used on
    // the loop's thread only, which `confine` checks.

    /// When ``run(_:)`` returns by itself.
    public enum RunMode: Sendable {
        /// When nothing is left that could call: no listener, no connection, no timer.
        case untilIdle
        /// Only when ``UVLoop/stop()`` was called. For loops that other threads submit work to.
        case untilStopped
    }

    /// Where the loop and what is made on it report trouble, and at `debug` what they do.
    public let logger: Logger

    let raw: UnsafeMutablePointer<uv_loop_t>
    let receiveBuffer: ReceiveBuffer
    /// What all receive cycles share: only one of them is answered at a time.
    let receiveArgs: SocketEventArgs
    let cork: Cork
    /// The messages that tasks take.
    let messageCopies = MessageCopies()
    /// libuv's spare descriptor, kept here between inits of sockets; -1 before the first.
    var spareDescriptor: Int32 = -1
    /// What keeps ``close()`` from closing.
    var openHandles = 0
    var openLookups = 0
    /// The present turn's number.
    var turn: UInt64 { turnCounter?.turn ?? 0 }
    /// Whom other threads reach, by keys that they can carry.
    var addressees: [Int: AnyObject] = [:]
    private var nextAddressee = 0

    private let owner = Atomic<UInt>(0)
    let inbox: Inbox
    /// The loop in its role as an actor's executor.
    let isolation = LoopExecutor()
    /// Where its tasks wait.
    let berth = Berth()
    private var ownHandles: [Handle] = []
    private var wakeUp: AsyncHandle?
    private var turnCounter: CheckHandle?
    var clock: DeadlineClock?
    var callbackDepth = 0
    var gathered: [UVConnection] = []
    /// Whether connections have gathered, or jobs wait, for the end of the callback.
    var hasWork = false
    /// The jobs of tasks that wait, from `nextJob` on.
    var jobs: [LoopJob] = []
    var nextJob = 0
    var nextTurn: IdleHandle?
    var waitingForTurn: [UVConnection] = []
    var turnBudget = TurnBudget()
    private var isRunning = false
    private var isStopping = false
    private var isClosed = false

    /// Makes a loop. It belongs to no thread yet.
    ///
    /// - Parameters:
    ///   - submissionLimit: How many closures and messages may wait for the loop; when so many
    ///     do, ``submit(_:)`` and ``UVMailbox/post(_:)`` refuse more and return false.
    ///   - logger: Where the loop and what is made on it report.
    /// - Throws: ``UVError`` where the system has no descriptors or memory left for a loop.
    public init(
        submissionLimit: Int = 65_536, logger: Logger = Logger(label: "UVSockets")
    ) throws(UVError) {
        self.logger = logger
        inbox = Inbox(limit: submissionLimit)
        receiveBuffer = ReceiveBuffer()
        receiveArgs = SocketEventArgs(userToken: nil, buffer: receiveBuffer) { _ in
            preconditionFailure("a receive is complete at the handle's owner")
        }
        cork = Cork(receiveBuffer)
        unsafe raw = .allocate(capacity: 1)
        let status = unsafe uv_loop_init(raw)
        guard status == 0 else {
            throw UVError(call: "make loop", code: .init(rawValue: status))
        }
        unsafe raw.pointee.data = receiveBuffer.base
        unsafe isolation.loop = self
        ignoreSIGPIPE()
        let wakeUp: AsyncHandle
        do throws(UVError) {
            wakeUp = try AsyncHandle(on: self) { [unowned self] in drainInbox() }
        } catch {
            _ = unsafe uv_loop_close(raw)
            throw error
        }
        let turnCounter = try CheckHandle(on: self)
        let clock = try DeadlineClock(on: self)
        self.wakeUp = wakeUp
        self.clock = clock
        let nextTurn = try IdleHandle(on: self) { [unowned self] in continueReceiving() }
        self.turnCounter = turnCounter
        self.nextTurn = nextTurn
        ownHandles = [wakeUp, turnCounter, nextTurn] + [clock.timer].compactMap(\.self)
        openHandles = 0
        inbox.open(wakeUp)
    }

    deinit {
        unsafe raw.deallocate()
    }

    // MARK: Running

    /// Runs the loop on this thread until there is nothing left to do, or it is stopped.
    ///
    /// - Parameter mode: When to return by itself.
    public func run(_ mode: RunMode = .untilIdle) {
        confine("UVLoop.run")
        precondition(!isRunning, "UVLoop.run was called within one of the loop's own callbacks")
        isRunning = true
        wakeUp?.keepsLoopRunning = mode == .untilStopped
        repeat {
            callback { drainInbox() }
            if isStopping { break }
            _ = unsafe uv_run(raw, UV_RUN_DEFAULT)
        } while !isStopping && !inbox.isEmpty
        isStopping = false
        isRunning = false
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
        if isRunning { unsafe uv_stop(raw) }
    }

    /// Closes the loop and frees what it holds. Calling it again does nothing.
    ///
    /// - Throws: ``UVError`` with the code ``UVError/Code/busy``, naming what is still open. The
    ///   loop can be used on: close those, run the loop, and close it again.
    public func close() throws(UVError) {
        confine("UVLoop.close")
        precondition(!isRunning, "UVLoop.close was called within one of the loop's own callbacks")
        guard !isClosed else { return }
        callback { drainInbox() }
        // Lets handles that are closing finish.
        _ = unsafe uv_run(raw, UV_RUN_NOWAIT)
        try checkNothingIsOpen()
        // What was taken is done, also where it came just now.
        let last = inbox.close()
        callback { handle(last) }
        finishJobs()
        _ = unsafe uv_run(raw, UV_RUN_NOWAIT)
        do throws(UVError) {
            try checkNothingIsOpen()
        } catch {
            wakeUp.map(inbox.open)
            throw error
        }
        addressees = [:]
        openHandles = ownHandles.count
        ownHandles.forEach { $0.close() }
        ownHandles = []
        clock = nil
        wakeUp = nil
        turnCounter = nil
        nextTurn = nil
        _ = unsafe uv_run(raw, UV_RUN_DEFAULT)
        unsafe raw.pointee.emfile_fd = spareDescriptor
        let status = unsafe uv_loop_close(raw)
        guard status == 0 else {
            throw UVError(call: "close loop", code: .init(rawValue: status))
        }
        isClosed = true
    }

    private func checkNothingIsOpen() throws(UVError) {
        guard openHandles == 0, openLookups == 0 else {
            throw UVError(call: "close loop", code: .busy, reason: "still open: \(openNames)")
        }
    }

    /// What is open, for a person.
    private var openNames: String {
        var names: [String] = []
        unsafe withUnsafeMutablePointer(to: &names) { names in
            unsafe uv_walk(
                raw,
                { handle, names in
                    guard let names = unsafe names?.assumingMemoryBound(to: [String].self) else {
                        return
                    }
                    let handle = unsafe Handle.from(handle)
                    guard !handle.loop.ownHandles.contains(where: { $0 === handle }) else { return }
                    unsafe names.pointee.append(handle.name)
                }, names)
        }
        if openLookups > 0 { names.append("\(openLookups) lookups") }
        return names.joined(separator: ", ")
    }

    // MARK: One thread

    /// Whether the caller runs on the loop's thread.
    public var isOnLoop: Bool {
        owner.load(ordering: .relaxed) == currentThread()
    }

    /// Traps where the caller is on another thread than the loop's. The first caller's thread
    /// becomes the loop's.
    @inline(__always)
    func confine(_ call: StaticString) {
        if !isOnLoop { claim(call) }
    }

    /// The loop's thread ends, and the system may give its number to another. The loop is no thread's
    /// from here on.
    func leaveThread() {
        owner.store(.max, ordering: .relaxed)
    }

    private func claim(_ call: StaticString) {
        let (isFirst, _) = owner.compareExchange(
            expected: 0, desired: currentThread(), ordering: .relaxed)
        guard isFirst else {
            fatalError(
                "\(call) was called on another thread than its loop's; post to a UVMailbox made on the loop"
            )
        }
    }

    /// Runs a closure on the loop's thread, in one of its next turns, in the order of submission.
    /// From any thread.
    ///
    /// - Parameter body: What to run. It may make listeners and connectors on the loop, but cannot
    ///   bring any along: to reach those, make a ``UVMailbox`` on the loop.
    /// - Returns: False, and the closure will not run, when the loop is closed or its
    ///   `submissionLimit` is reached.
    @discardableResult
    public func submit(_ body: @escaping @Sendable () -> Void) -> Bool {
        inbox.post(body)
    }

    /// Runs a closure as ``submit(_:)`` does, also beyond the `submissionLimit`. For what comes once.
    ///
    /// - Returns: False where the loop is closed.
    @discardableResult
    func submitAlways(_ body: @escaping @Sendable () -> Void) -> Bool {
        inbox.post(body, isLimited: false)
    }

    /// Forgets an object that was registered.
    func unregister(_ key: Int) {
        addressees[key] = nil
    }

    /// Keeps an object until the loop is closed, for submissions to find it.
    ///
    /// - Returns: Its key in ``addressees``.
    func register(_ addressee: AnyObject) -> Int {
        defer { nextAddressee += 1 }
        addressees[nextAddressee] = addressee
        return nextAddressee
    }

    private func drainInbox() {
        handle(inbox.take())
    }

    func handle(_ batch: Inbox.Batch) {
        for body in batch.submissions { body() }
        if !batch.jobs.isEmpty {
            jobs += batch.jobs
            hasWork = true
        }
        if batch.isStopRequested { stop() }
    }
}
