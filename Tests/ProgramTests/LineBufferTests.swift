import Console
import Testing

@Suite("LineBuffer", .ownThreads)
struct LineBufferTests {
    private typealias Line = LineBuffer.Line

    private static func line(_ text: String) -> Line { .whole(Array(text.utf8)) }

    /// What a buffer of lines of 4 bytes makes of a text.
    private static let texts: [(String, [Line])] = [
        ("", []),
        ("\n", [line("")]),
        ("\r\n", [line("")]),
        ("a\nb\r\nc", [line("a"), line("b"), line("c")]),
        ("four\nfour\r\nfour", [line("four"), line("four"), line("four")]),
        ("fives\nb\n", [.tooLong, line("b")]),
        ("fives\r\nb\n", [.tooLong, line("b")]),
        ("four\r", [.tooLong]),
        ("four\r\r\nb", [.tooLong, line("b")]),
        ("very very long", [.tooLong]),
        ("very very long\n\nlong again\n", [.tooLong, line(""), .tooLong]),
    ]

    @Test("A line is returned whole or told to be too long, however the input is cut")
    func everySplit() {
        for (text, expected) in Self.texts {
            let bytes = Array(text.utf8)
            for split in 0...bytes.count {
                var buffer = LineBuffer(maximumLength: 4)
                var lines = buffer.append(Array(bytes[..<split]))
                lines += buffer.append(Array(bytes[split...]))
                if let last = buffer.finish() { lines.append(last) }
                #expect(lines == expected, "\(text.debugDescription) cut at \(split)")
            }
        }
    }

    @Test("A line is told to be too long before it ends")
    func early() {
        var buffer = LineBuffer(maximumLength: 4)
        #expect(buffer.append(Array("five!".utf8)) == [.tooLong])
        #expect(buffer.append(Array("still the same line".utf8)) == [])
        #expect(buffer.finish() == nil)
    }
}
