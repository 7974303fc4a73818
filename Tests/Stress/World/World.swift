import UVSockets

/// A loop, what is made on it, and what has ended there: all of it on the loop's thread.
///
/// It is `Sendable` only by promise: other threads use its `let`s and the loop's inbox alone.
final class World: @unchecked Sendable {
    enum Kind {
        /// A loop that a thread runs; its `stop()` may be called at any time.
        case callbacks
        /// A loop that a thread runs for a task; as before.
        case task
        /// A loop of a group, which ends with that.
        case group
        /// A loop of a task server, which ends with that. Nothing else may be made on it.
        case bare
    }

    let scene: Scene
    let loop: UVLoop
    let name: String
    let kind: Kind
    let mailbox: UVMailbox<Int>
    /// Whether nothing is left of all that was made here.
    let isQuiet = Guarded(false)

    var random: SplitMix64
    private(set) var live: [Record] = []
    private(set) var ended = Roster<Record>(limit: 150)
    private var records: [ObjectIdentifier: Record] = [:]
    var listeners = Roster<ListenerEntry>(limit: 12)
    var connectors = Roster<UVConnector>(limit: 14)
    var rooms = Roster<RoomEntry>(limit: 12)
    var timers = Roster<UVTimer>(limit: 12)
    var watches = Roster<UVSignalWatch>(limit: 6)
    var clients = Roster<TaskEntry>(limit: 60)
    var mailboxes = Roster<UVMailbox<Int>>(limit: 8)
    var mailboxesMade = 0
    var tasks = Roster<Task<Void, Never>>(limit: 20)

    /// How many tasks have not ended, how many calls are put off, and how many stops are not answered.
    var openTasks = 0
    var openWaits = 0
    var openStops = 0
    /// Whether nothing new begins here.
    private(set) var isOver = false
    /// The member whose call runs now, within which no callback may come.
    private(set) var callee: String?
    private var isActing = false
    private var calls: [String: Int] = [:]
    /// What is done when it is quiet.
    private var heartbeat: UVTimer?
    private var signalWatch: UVSignalWatch?

    init(_ scene: Scene, _ loop: UVLoop, _ name: String, _ kind: Kind) {
        self.scene = scene
        self.loop = loop
        self.name = name
        self.kind = kind
        random = scene.generator(for: name)
        let owner = Owner()
        mailbox = loop.mailbox { _ in owner.world?.act() }
        owner.world = self
    }

    /// Who answers the mailbox, which is made before the world.
    private final class Owner {
        weak var world: World?
    }

    // MARK: - Calls at random

    /// Calls some members at random: what every callback does.
    func act() {
        guard !isOver, !isActing, !scene.isOver else { return }
        isActing = true
        defer { isActing = false }
        for _ in 0..<random.number(0...3) { perform(random.pick(Action.all)) }
    }

    func perform(_ action: Action) {
        count(action.member)
        callee = action.member
        action.body(self)
        callee = nil
    }

    func count(_ member: String) {
        calls[member, default: 0] += 1
    }

    /// A callback has been called.
    func called(_ callback: String) {
        if let callee { fault("\(callback) was called within \(callee)") }
    }

    func fault(_ what: String) -> Never {
        scene.fault("\(name): \(what)")
    }

    // MARK: - Connections

    /// A connection has begun.
    func began(_ connection: UVConnection, isSteady: Bool = false) {
        guard records[ObjectIdentifier(connection)] == nil else { fault("it has connected twice") }
        let record = Record(connection, isSteady: isSteady)
        records[ObjectIdentifier(connection)] = record
        live.append(record)
    }

    /// The record of a connection that is live: of another nothing may be told.
    @discardableResult
    func record(of connection: UVConnection, in callback: String) -> Record {
        called(callback)
        guard let record = records[ObjectIdentifier(connection)] else {
            fault("\(callback) is called for a connection that nobody has begun")
        }
        if record.hasEnded { fault("\(callback) is called after onDisconnected") }
        if let wrong = record.check() { fault(wrong) }
        return record
    }

    /// A connection has ended.
    func ended(_ connection: UVConnection, _ reason: UVEndReason) {
        guard let record = records[ObjectIdentifier(connection)] else {
            fault("onDisconnected is called for a connection that nobody has begun")
        }
        if let wrong = record.end() { fault(wrong) }
        if record.isSteady, !scene.isFree { fault("a steady client's connection ends: \(reason)") }
        live.removeAll { $0 === record }
        if let oldest = ended.add(record) { records[ObjectIdentifier(oldest.connection)] = nil }
        scene.connections.withLock { $0 += 1 }
    }

    /// Whether a connection has begun and not ended.
    func isLive(_ connection: UVConnection) -> Bool {
        records[ObjectIdentifier(connection)]?.hasEnded == false
    }

    /// A connection, live or ended.
    func anyRecord() -> Record? {
        let record = random.once(in: 2) ? ended.pick(&random) : live.randomElement(using: &random)
        if let wrong = record?.check() { fault(wrong) }
        return record
    }

    // MARK: - Life

    /// Begins: from here on things are made and called here.
    func begin() throws(UVError) {
        guard kind != .bare else { return }
        heartbeat = try loop.every(.milliseconds(4)) { [self] in
            callback("UVTimer") { keepUp() }
        }
        // While somebody watches it, the signal does not end the process.
        signalWatch = try loop.on(.user1) { [self] in callback("UVSignalWatch") {} }
    }

    /// What a callback that belongs to no connection does.
    func callback(_ name: String, _ body: () -> Void) {
        called(name)
        body()
        act()
    }

    /// Ends all that was made here but what belongs to servers; then waits until it is quiet.
    func retire() {
        guard !isOver else { return }
        isOver = true
        for timer in timers.all { timer.cancel() }
        for watch in watches.all { watch.cancel() }
        for task in tasks.all { task.cancel() }
        for connector in connectors.all { end(connector) }
        for entry in listeners.all where entry.owner == .world { stop(entry) }
        heartbeat?.cancel()
        heartbeat = try? loop.every(.milliseconds(10)) { [self] in
            for record in live where record.connection.listener == nil {
                record.connection.reset()
            }
            if live.isEmpty, openTasks == 0, openWaits == 0, openStops == 0 { becomeQuiet() }
        }
    }

    private func becomeQuiet() {
        heartbeat?.cancel()
        signalWatch?.cancel()
        isQuiet.value = true
    }

    /// What it still waits for, for a person.
    var debts: String {
        "\(live.count) connections, \(openTasks) tasks and \(openStops) stops"
    }

    /// Lets go of everything, once its loop is closed or will not run again.
    func clear() {
        scene.calls.withLock { $0.merge(calls, uniquingKeysWith: +) }
        calls = [:]
        (heartbeat, signalWatch, records, live) = (nil, nil, [:], [])
        ended = Roster(limit: 0)
        (listeners, connectors, rooms) = (Roster(limit: 0), Roster(limit: 0), Roster(limit: 0))
        (timers, watches, clients) = (Roster(limit: 0), Roster(limit: 0), Roster(limit: 0))
        scene.forget(self)
    }
}
