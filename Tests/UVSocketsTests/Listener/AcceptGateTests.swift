import Testing

@testable import UVSockets

@Suite("AcceptGate", .ownThreads)
struct AcceptGateTests {
    @Test("No turn takes in more than the budget, and each turn has its own")
    func budget() {
        let gate = AcceptGate()
        for turn in 1...3 {
            for _ in 0..<AcceptGate.budget {
                #expect(gate.next(turn: UInt64(turn)) == .accept)
                _ = gate.accepted()
            }
            #expect(gate.next(turn: UInt64(turn)) == .yield)
            #expect(gate.next(turn: UInt64(turn)) == .yield)
        }
    }

    @Test("What was accepted but did not become a client counts in its turn, too")
    func neverClients() {
        let gate = AcceptGate()
        for _ in 0..<AcceptGate.budget {
            #expect(gate.next(turn: 1) == .accept)
            _ = gate.accepted()
        }
        #expect(gate.next(turn: 1) == .yield)
    }

    @Test("Clients are held while there are as many as may be, and that costs no place in the turn")
    func full() {
        let gate = AcceptGate()
        for _ in 0..<100 { #expect(gate.next(turn: 1, isFull: true) == .hold) }
        #expect(gate.next(turn: 1, isFull: false) == .accept)
    }

    @Test("Each failure in a row doubles the pause from 50 ms up to a second")
    func pauses() {
        let gate = AcceptGate()
        let pauses = (0..<70).map { _ in gate.failed().pause }
        let expected: [Duration] =
            [50, 100, 200, 400, 800].map { .milliseconds($0) }
            + Array(repeating: .seconds(1), count: 65)
        #expect(pauses == expected)
    }

    @Test("Only the first failure in a row is the first, and a success begins anew")
    func firstInRow() {
        let gate = AcceptGate()
        #expect(gate.failed() == (.milliseconds(50), true))
        gate.resumed()
        #expect(gate.failed() == (.milliseconds(100), false))
        gate.resumed()
        _ = gate.accepted()
        #expect(gate.failed() == (.milliseconds(50), true))
    }

    @Test("The first success says how many failures in a row it ends, and the next none")
    func endsFailures() {
        let gate = AcceptGate()
        #expect(gate.accepted() == 0)
        for _ in 0..<30 {
            _ = gate.failed()
            gate.resumed()
        }
        #expect(gate.accepted() == 30)
        #expect(gate.accepted() == 0)
    }

    @Test("Nobody comes in during the pause")
    func paused() {
        let gate = AcceptGate()
        _ = gate.failed()
        #expect(gate.next(turn: 1) == .hold)
        gate.resumed()
        #expect(gate.next(turn: 1) == .accept)
    }

    @Test("Once closed, it stays closed")
    func closed() {
        let gate = AcceptGate()
        gate.close()
        gate.resumed()
        #expect(gate.next(turn: 9) == .hold)
    }
}
