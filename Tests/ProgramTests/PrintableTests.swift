import Testing
import UVSockets

@Suite("Printable", .ownThreads)
struct PrintableTests {
    @Test(
        "Nothing that a stranger sends can garble a terminal or fake a line",
        arguments: [
            ("hello\n", "hello"),
            ("hello\r\n", "hello"),
            ("two\nlines\n", "two\\nlines"),
            ("\u{1B}[2J", "\\u{1b}[2J"),
            ("\u{9B}31m", "\\u{9b}31m"),
            ("a\u{202E}b\u{2028}c", "a\\u{202e}b\\u{2028}c"),
            ("tab\tbell\u{7}", "tab\\tbell\\u{7}"),
            ("back\\slash", "back\\\\slash"),
            ("안녕 👩‍👩‍👧", "안녕 👩‍👩‍👧"),
        ])
    func harmless(text: String, shown: String) {
        #expect(Printable(Array(text.utf8)).description == shown)
    }

    @Test("Bytes that are not UTF-8 are replaced")
    func invalid() {
        #expect(Printable([0x61, 0xFF, 0x62]).description == "a\u{FFFD}b")
    }

    @Test("Of a long message the beginning is shown, and how long it is")
    func long() {
        let bytes = [UInt8](repeating: 0x61, count: 2000)
        #expect(Printable(bytes, limit: 3).description == "aaa… (2000 bytes)")
    }
}
