import Testing

@testable import UVSockets

@Suite("Byte search", .ownThreads)
struct ByteSearchTests {
    @Test("A byte is found where it first is, at or behind the start")
    func found() {
        let bytes: [UInt8] = [7, 0, 7, 255]
        #expect(bytes.span.firstIndex(of: 7) == 0)
        #expect(bytes.span.firstIndex(of: 7, from: 1) == 2)
        #expect(bytes.span.firstIndex(of: 7, from: 3) == nil)
        #expect(bytes.span.firstIndex(of: 255) == 3)
        #expect(bytes.span.extracting(..<3).firstIndex(of: 255) == nil)
        #expect(bytes.span.firstIndex(of: 1) == nil)
    }

    @Test("Behind the last byte nothing is found")
    func behind() {
        #expect(Span<UInt8>().firstIndex(of: 0) == nil)
        #expect(([0] as [UInt8]).span.firstIndex(of: 0, from: 1) == nil)
        #expect(([0] as [UInt8]).span.firstIndex(of: 0, from: 2) == nil)
    }
}
