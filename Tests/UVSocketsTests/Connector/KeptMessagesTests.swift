import Testing

@testable import UVSockets

@Suite("PendingMessages", .ownThreads)
struct KeptMessagesTests {
    @Test("Messages come out as they went in: whole, in their order, and the empty ones, too")
    func order() {
        var kept = PendingMessages(limit: 1000)
        let messages = ["one", "", "two", "three", ""]
        Self.append(messages, to: &kept)
        #expect(kept.count == 5)
        #expect(Self.drain(&kept) == messages)
        #expect(kept.isEmpty)
        #expect(kept.size == 0)
        #expect(Self.drain(&kept) == [])
    }

    @Test("Those that were not accepted stay, and come first the next time", arguments: 0...4)
    func partly(accepted: Int) {
        var kept = PendingMessages(limit: 1000)
        let messages = ["a", "bb", "", "cccc"]
        Self.append(messages, to: &kept)
        #expect(Self.drain(&kept, atMost: accepted) == Array(messages.prefix(accepted)))
        #expect(kept.count == 4 - accepted)
        Self.append(["last"], to: &kept)
        #expect(Self.drain(&kept) == messages.dropFirst(accepted) + ["last"])
    }

    @Test("What does not fit is not taken, and leaves the rest as it is")
    func limit() {
        var kept = PendingMessages(limit: 100)
        #expect(Self.append([String(repeating: "x", count: 93)], to: &kept) == [false])
        #expect(kept.size == 0)
        #expect(Self.append([String(repeating: "x", count: 42)], to: &kept) == [true])
        #expect(kept.size == 50)
        #expect(!kept.isHigh)
        #expect(Self.append([String(repeating: "y", count: 43)], to: &kept) == [false])
        #expect(Self.append([String(repeating: "y", count: 42)], to: &kept) == [true])
        #expect(kept.isHigh)
        #expect(Self.append([""], to: &kept) == [false])
        #expect(Self.drain(&kept).map(\.count) == [42, 42])
        #expect(Self.append([String(repeating: "x", count: 92)], to: &kept) == [true])
    }

    @Test("Messages without a byte are bounded, too")
    func empty() {
        var kept = PendingMessages(limit: 100)
        let taken = Self.append([String](repeating: "", count: 50), to: &kept)
        #expect(taken.filter(\.self).count == 12)
    }

    @Test("Without room it takes nothing")
    func none() {
        var kept = PendingMessages(limit: 0)
        #expect(Self.append(["", "x"], to: &kept) == [false, false])
    }

    @discardableResult
    private static func append(_ messages: [String], to kept: inout PendingMessages) -> [Bool] {
        var taken: [Bool] = []
        for message in messages { taken.append(kept.append(message.utf8.span)) }
        return taken
    }

    private static func drain(_ kept: inout PendingMessages, atMost limit: Int = .max) -> [String] {
        var drained: [String] = []
        kept.drain { message in
            guard drained.count < limit else { return false }
            drained.append(String(message: message))
            return true
        }
        return drained
    }
}
