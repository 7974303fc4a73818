import Foundation
import Testing
import UVSocketsJSON

@testable import UVSockets

@Suite("JSON frames", .ownThreads)
struct JSONFrameTests {
    struct Move: Codable, Equatable {
        var player: String
        var x: Int
    }

    @Test(
        "A value goes through any codec and comes out as it was",
        arguments: [LineCodec(), NetstringCodec(), LengthPrefixCodec(.bytes2)] as [any FrameCodec])
    func roundTrip(codec: any FrameCodec) throws {
        let move = Move(player: "line\nfeed ✓", x: -1)
        let payload = try JSONEncoder().payload(of: move)
        let wire = try Wire(framing: Wire(payload), by: codec)
        let frames = Divided(wire.single, codec).frames
        #expect(frames == [Wire(payload)])
        let value: Move = try JSONDecoder().decode(from: payload.span)
        #expect(value == move)
    }

    @Test("What is no JSON value, or not only one, is an error", arguments: ["", "{", "{}{}", "1"])
    func refused(text: String) {
        #expect(throws: DecodingError.self) {
            let payload = Array(text.utf8)
            _ = try JSONDecoder().decode(Move.self, from: payload.span)
        }
    }
}
