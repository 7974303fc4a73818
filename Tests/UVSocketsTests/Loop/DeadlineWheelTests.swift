import Testing

@testable import UVSockets

@Suite("DeadlineWheel", .ownThreads)
struct DeadlineWheelTests {
    private final class Owner: DeadlineOwner {
        let id: Int
        var deadlineSlot: DeadlineSlot?
        init(_ id: Int) { self.id = id }
        func deadlinePassed() {}
    }

    @Test("It agrees with a plain dictionary of due times")
    func againstModel() {
        let owners = (0..<60).map(Owner.init)
        var wheel = DeadlineWheel()
        var model: [Int: UInt64] = [:]
        var choices = pattern(60_000).makeIterator()
        while let what = choices.next(), let who = choices.next(), let when = choices.next() {
            let owner = owners[Int(who) % owners.count]
            switch what % 4 {
            case 0:
                // Up to 765 ticks: three rounds of the ring.
                wheel.schedule(owner, ticks: UInt64(when) * 3)
                model[owner.id] = wheel.tick + max(1, UInt64(when) * 3)
            case 1:
                wheel.remove(owner)
                model[owner.id] = nil
            default:
                let due = wheel.advance().compactMap { ($0 as? Owner)?.id }.sorted()
                let expected = model.filter { $0.value == wheel.tick }.keys.sorted()
                guard due == expected else {
                    Issue.record("tick \(wheel.tick): \(due), not \(expected)")
                    return
                }
                for id in due { model[id] = nil }
            }
            guard wheel.count == model.count else {
                Issue.record("tick \(wheel.tick): \(wheel.count), not \(model.count)")
                return
            }
        }
        #expect(wheel.tick > 5000)
        #expect(owners.allSatisfy { ($0.deadlineSlot == nil) == (model[$0.id] == nil) })
    }

    @Test(
        "A deadline passes at its tick, not a round of the ring sooner",
        arguments: [1, 255, 256, 257, 512, 1000])
    func exact(ticks: Int) {
        let owner = Owner(1)
        var wheel = DeadlineWheel()
        wheel.schedule(owner, ticks: UInt64(ticks))
        for _ in 1..<ticks { #expect(wheel.advance().isEmpty) }
        #expect(wheel.advance().count == 1)
        #expect(wheel.count == 0)
        #expect(owner.deadlineSlot == nil)
    }

    @Test("A new deadline replaces the old one, and no deadline is for this very tick")
    func replaced() {
        let owner = Owner(1)
        var wheel = DeadlineWheel()
        wheel.schedule(owner, ticks: 1)
        wheel.schedule(owner, ticks: 3)
        #expect(wheel.count == 1)
        #expect((0..<3).map { _ in wheel.advance().count } == [0, 0, 1])
        wheel.schedule(owner, ticks: 0)
        #expect(wheel.advance().count == 1)
    }
}
