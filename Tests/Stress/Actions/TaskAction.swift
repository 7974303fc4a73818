import UVSockets

/// A call that awaits, by a task on the loop's thread, with a connection that tasks use.
struct TaskAction: Sendable {
    typealias Body =
        nonisolated(nonsending) @Sendable (World, TaskEntry) async throws -> Void

    /// The member, as ``Members`` names it.
    let member: String
    let body: Body

    init(_ member: String, _ body: @escaping Body) {
        self.member = member
        self.body = body
    }

    static let all =
        receiving + sending + elsewhere + facts + connecting + serving
        + clients
}

/// What the closure of a task throws to get its connection back.
struct Enough: Error {}

/// Runs tasks on a loop's thread.
actor Resident {
    nonisolated let world: World

    nonisolated var unownedExecutor: UnownedSerialExecutor {
        world.loop.asUnownedSerialExecutor()
    }

    init(_ world: World) {
        self.world = world
    }

    /// Does some calls, each of which may wait; then is gone.
    func roam() async {
        defer { world.openTasks -= 1 }
        for _ in 0..<world.random.number(1...4) where !Task.isCancelled {
            guard let entry = world.clients.pick(&world.random) else { return }
            await world.roam(with: entry)
            world.act()
        }
    }
}

extension Action {
    static let tasks: [Action] = [
        Action("UVLoop.asUnownedSerialExecutor()") { world in
            guard world.kind != .bare, world.openTasks < 20 else { return }
            world.openTasks += 1
            let resident = Resident(world)
            let task = Task { await resident.roam() }
            world.tasks.add(task)?.cancel()
        },
        Action("UVLoop.task(_:)") { world in
            guard world.kind != .bare, world.openTasks < 20 else { return }
            world.openTasks += 1
            let task = world.loop.task {
                defer { world.openTasks -= 1 }
                if let entry = world.clients.pick(&world.random) { await world.roam(with: entry) }
                try Task.checkCancellation()
                world.act()
            }
            if world.random.once(in: 3) { task.cancel() }
        },
        Action("UVLoop.enqueue(_:)") { world in
            guard world.kind != .bare, world.openTasks < 20 else { return }
            world.openTasks += 1
            Task(executorPreference: world.loop) {
                await Task.yield()
                world.act()
                world.openTasks -= 1
            }
        },
    ]
}

extension World {
    /// Does one call that may wait, and swallows what it throws.
    nonisolated(nonsending) func roam(with entry: TaskEntry) async {
        guard !isOver else { return }
        let action = random.pick(TaskAction.all)
        count(action.member)
        do {
            try await action.body(self, entry)
        } catch {
            // Ends, refused messages and failed attempts are what this is about.
        }
    }

    /// Serves a wild client: some calls at random, between them those of callbacks.
    nonisolated(nonsending) func serve(_ client: UVAsyncConnection) async throws {
        let entry = TaskEntry(client, isSteady: false)
        clients.add(entry)
        for _ in 0..<random.number(0...12) {
            act()
            try Task.checkCancellation()
            let other = random.once(in: 4) ? clients.pick(&random) : nil
            await roam(with: other ?? entry)
        }
        if random.once(in: 6) { throw Enough() }
    }

    /// Serves a well-behaved client: every line is sent back.
    nonisolated(nonsending) func echo(_ client: UVAsyncConnection) async throws {
        let entry = TaskEntry(client, isSteady: true)
        entry.isReceiving = true
        entry.isSending = true
        clients.add(entry)
        do {
            for try await line in client.messages {
                act()
                try await client.send(line)
            }
        } catch  where scene.isFree {
        } catch {
            fault("a steady client's task ends: \(error)")
        }
        if !scene.isFree { fault("a steady client's messages end") }
    }
}
