import Testing

@testable import UVSockets

@Suite("TurnBudget", .ownThreads)
struct TurnBudgetTests {
    private final class Reader {}
    private let one = Reader()
    private let other = Reader()

    @Test("A reader has used its turn once it has read as much as it may, and then begins anew")
    func used() {
        var budget = TurnBudget()
        let reads = (0..<6).map { _ in budget.read(10, by: .init(one), turn: 1, limit: 25) }
        #expect(reads == [false, false, true, false, false, true])
    }

    @Test("Another turn, and another reader, have budgets of their own")
    func others() {
        var budget = TurnBudget()
        let reads = [(one, 1), (other, 1), (other, 2), (other, 2)].map { reader, turn in
            budget.read(20, by: .init(reader), turn: turn, limit: 25)
        }
        #expect(reads == [false, false, false, true])
    }

    @Test("A limit below one read lets one read pass", arguments: [0, 1])
    func atLeastOne(limit: Int) {
        var budget = TurnBudget()
        let isUsed = budget.read(10, by: .init(one), turn: 1, limit: limit)
        #expect(isUsed)
    }
}
