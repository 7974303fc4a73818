import Testing

@testable import UVSockets

@Suite("MessageCopies", .ownThreads)
struct MessageCopiesTests {
    private let copies = MessageCopies()

    /// Copies a message, and tells where the copy lies, which is not kept.
    private func place(of message: [UInt8]) -> UInt {
        unsafe copies.copy(message.span).withUnsafeBytes { UInt(bitPattern: $0.baseAddress) }
    }

    @Test("A copy is the message, whatever the one before was")
    func copy() {
        for count in [0, 1, 64, 63, 65, 64, 0, 200, 10, 70_000, 3] {
            let message = pattern(count)
            #expect(copies.copy(message.span) == message)
        }
    }

    @Test("Memory is used again that nobody has any more")
    func reuse() {
        let first = place(of: pattern(64))
        #expect(place(of: pattern(64)) == first)
        #expect(place(of: pattern(40)) == first)
        #expect(place(of: pattern(60)) == first)
    }

    @Test("A copy that somebody has stays as it is", arguments: [10, 1000])
    func kept(step: Int) {
        let messages = (0..<100).map { [UInt8](repeating: $0, count: Int($0) % 7 * step) }
        let kept = messages.map { copies.copy($0.span) }
        #expect(kept == messages)
    }

    @Test("No copy has much more room than its message", arguments: [1, 10, 64, 1000, 65_536])
    func room(count: Int) {
        _ = copies.copy(pattern(2 * count).span)
        _ = copies.copy(pattern(60_000).span)
        #expect(copies.copy(pattern(count).span).capacity <= 2 * count + 64)
    }
}
