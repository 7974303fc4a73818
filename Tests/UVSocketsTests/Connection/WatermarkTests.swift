import Testing

@testable import UVSockets

@Suite("Watermark", .ownThreads)
struct WatermarkTests {
    @Test(
        "It rises above the high level and falls at the low one",
        arguments: [
            (levels: [0, 100], changes: [.none, .none]),
            (levels: [101], changes: [.rose]),
            (levels: [101, 200, 101, 11], changes: [.rose, .none, .none, .none]),
            (levels: [101, 10], changes: [.rose, .fell]),
            (levels: [101, 0, 0], changes: [.rose, .fell, .none]),
            (levels: [101, 10, 100, 101], changes: [.rose, .fell, .none, .rose]),
        ] as [(levels: [Int], changes: [Watermark.Change])])
    func levels(_ levels: [Int], _ changes: [Watermark.Change]) {
        var watermark = Watermark()
        #expect(levels.map { watermark.update($0, high: 100, low: 10) } == changes)
    }

    @Test("A low level above the high one counts as the high one")
    func inverted() {
        var watermark = Watermark()
        #expect(watermark.update(11, high: 10, low: 100) == .rose)
        #expect(watermark.update(11, high: 10, low: 100) == .none)
        #expect(watermark.update(10, high: 10, low: 100) == .fell)
    }

    @Test("A queue that must stay empty falls when it is empty again")
    func zero() {
        var watermark = Watermark()
        #expect(watermark.update(0, high: 0, low: 0) == .none)
        #expect(watermark.update(1, high: 0, low: 0) == .rose)
        #expect(watermark.update(0, high: 0, low: 0) == .fell)
    }
}
