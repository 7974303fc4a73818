import Logging
import UVSockets

extension Action {
    static let loops: [Action] = [
        Action("UVLoop.submit(_:)") { world in
            let other = world.random.pick(world.scene.allWorlds)
            other.loop.submit { other.act() }
        },
        Action("UVLoop.stop()") { world in
            // A group's loop would end, and nobody would run it again.
            guard world.kind == .callbacks, world.random.once(in: 10) else { return }
            world.loop.stop()
        },
        Action("UVLoop.isOnLoop") { $0.expect($0.loop.isOnLoop, "a callback is on its loop") },
        Action("UVLoop.checkIsolated()") { $0.loop.checkIsolated() },
        Action("UVLoop.recordedEvents(last:)") { world in
            let other = world.random.pick(world.scene.allWorlds)
            let events = other.loop.recordedEvents(last: 50)
            world.expect(events.allSatisfy { $0.time >= .zero }, "each event has a time")
        },
        Action("UVLoop.historyLimit") {
            $0.expect(UVLoop.historyLimit <= UVLoop.defaultRecordedEvents, "a history is a part")
        },
        Action("UVLoop.defaultRecordedEvents") {
            $0.expect(UVLoop.defaultRecordedEvents > 0, "a loop records")
        },
        Action("UVLoop.activity") { world in
            let activity = world.random.pick(world.scene.allWorlds).loop.activity
            world.expect(activity.isBusy == !activity.handler.isEmpty, "who is busy has a handler")
        },
        Action("UVLoop.isMeasuring") { world in
            world.loop.isMeasuring = world.random.once(in: 2)
        },
        Action("UVLoop.measurements") { world in
            guard let values = world.loop.measurements else { return }
            world.expect(values.idleTime <= values.time, "a loop waits for a part of the time")
        },
        Action("UVLoop.whyRunning") { world in
            world.expect(world.loop.whyRunning.allSatisfy { !$0.isEmpty }, "a line says something")
        },
        Action("UVWatchdog.stop()") { world in
            guard world.random.once(in: 20) else { return }
            (try? UVWatchdog(watching: world.scene.allWorlds.map(\.loop)))?.stop()
        },
        Action("UVWatchdog.init(watching:threshold:onReport:)") { world in
            guard world.random.once(in: 20) else { return }
            _ = try? UVWatchdog(watching: [world.loop], threshold: .milliseconds(20)) { _ in }
        },
        Action("UVLoop.trace(_:to:)") { world in
            guard world.random.once(in: 5) else { return }
            var options = UVTraceOptions()
            options.lineLimit = world.random.number(1...20)
            options.endsAtBadEnd = world.random.once(in: 2)
            world.random.pick(world.scene.allWorlds).loop.trace(options) { _ in }
        },
        Action("UVTrace.stop()") { world in
            var options = UVTraceOptions([.receive, .send])
            options.lineLimit = 1
            world.loop.trace(options) { _ in }.stop()
        },
        Action("UVTrace.isOver") { world in
            let trace = world.loop.trace { _ in }
            trace.stop()
            world.expect(trace.isOver, "a stopped trace is over")
        },
        Action("UVLoop.logger") { _ = $0.loop.logger.label },
        Action("UVLoop.raiseDescriptorLimit()") { world in
            if world.random.once(in: 20) { UVLoop.raiseDescriptorLimit() }
        },
        Action("UVLoop.mailbox(_:)") { world in
            // The loop keeps each until it is closed.
            guard world.mailboxesMade < 20 else { return }
            world.mailboxesMade += 1
            let scene = world.scene
            world.mailboxes.add(
                world.loop.mailbox { [weak world] number in
                    if number < 0 { scene.fault("a mailbox has brought \(number)") }
                    world?.act()
                })
        },
        Action("UVMailbox.post(_:)") { world in
            (world.mailboxes.pick(&world.random) ?? world.mailbox).post(world.random.number(0...9))
            world.random.pick(world.scene.allWorlds).mailbox.post(1)
        },
        Action("UVLoop.on(_:file:line:_:)") { world in
            guard world.kind != .bare else { return }
            let watch = try? world.loop.on(.user1) { world.callback("UVSignalWatch") {} }
            guard let watch else { return }
            world.watches.add(watch)?.cancel()
        },
        Action("UVSignalWatch.cancel()") { world in world.watches.pick(&world.random)?.cancel() },
    ]

    static let timers: [Action] = [
        Action("UVLoop.after(_:keepsRunning:file:line:_:)") { world in
            guard world.kind != .bare else { return }
            let timer = try? world.loop.after(
                world.random.milliseconds(0...50), keepsRunning: world.random.once(in: 2)
            ) {
                world.callback("UVTimer") {}
            }
            if let timer { world.timers.add(timer)?.cancel() }
        },
        Action("UVLoop.every(_:keepsRunning:file:line:_:)") { world in
            guard world.kind != .bare else { return }
            let timer = try? world.loop.every(
                world.random.milliseconds(5...50), keepsRunning: world.random.once(in: 2)
            ) {
                world.callback("UVTimer") {}
            }
            if let timer { world.timers.add(timer)?.cancel() }
        },
        Action("UVTimer.cancel()") { world in world.timers.pick(&world.random)?.cancel() },
    ]
}
