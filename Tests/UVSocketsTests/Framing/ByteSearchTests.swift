import Testing

@testable import UVSockets

@Suite("Byte search", .ownThreads)
struct ByteSearchTests {
    @Test("A byte is found where it first is, at or behind the start")
    func found() {
        let bytes: [UInt8] = [7, 0, 7, 255]
        #expect(firstIndex(of: 7, in: bytes.span, from: 0) == 0)
        #expect(firstIndex(of: 7, in: bytes.span, from: 1) == 2)
        #expect(firstIndex(of: 7, in: bytes.span, from: 3) == nil)
        #expect(firstIndex(of: 255, in: bytes.span, from: 0) == 3)
        #expect(firstIndex(of: 255, in: bytes.span.extracting(..<3), from: 0) == nil)
        #expect(firstIndex(of: 1, in: bytes.span, from: 0) == nil)
    }

    @Test("Behind the last byte nothing is found")
    func behind() {
        #expect(firstIndex(of: 0, in: Span(), from: 0) == nil)
        #expect(firstIndex(of: 0, in: [0].span, from: 1) == nil)
        #expect(firstIndex(of: 0, in: [0].span, from: 2) == nil)
    }
}
