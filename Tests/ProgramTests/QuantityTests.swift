import Console
import Testing

@Suite("Sizes and times as options", .ownThreads)
struct QuantityTests {
    @Test(
        "A size is read, and shown in its greatest unit",
        arguments: [
            ("1", 1, "1"), ("1000", 1000, "1000"), ("65536", 65_536, "64k"),
            ("64k", 65_536, "64k"), ("64K", 65_536, "64k"), ("1536k", 1_572_864, "1536k"),
            ("1024k", 1_048_576, "1m"), ("16m", 16_777_216, "16m"), ("2G", 2_147_483_648, "2g"),
            ("1024g", 1 << 40, "1024g"),
        ])
    func size(text: String, bytes: Int, shown: String) throws {
        #expect(try ByteSize.parse(text) == bytes)
        #expect("\(ByteSize(bytes))" == shown)
        #expect(try ByteSize.parse(shown) == bytes)
    }

    @Test(
        "What is no size is refused",
        arguments: [
            "", "0", "0k", "-1", "+1", "k", "1.5m", "64kb", "64 k", "kk", "1025g", "1099511627777",
            "9223372036854775808", "6４",
        ])
    func noSize(text: String) {
        #expect(throws: (any Error).self) { try ByteSize.parse(text) }
    }

    @Test(
        "A time is read, and shown as short as it can be",
        arguments: [
            ("5", Duration.seconds(5), "5"), ("0.5", .milliseconds(500), "0.5"),
            ("2.0", .seconds(2), "2"), (".25", .milliseconds(250), "0.25"),
            ("31536000", .seconds(31_536_000), "31536000"),
        ])
    func time(text: String, duration: Duration, shown: String) throws {
        #expect(try Seconds.parse(text) == duration)
        #expect("\(Seconds(duration))" == shown)
        #expect(try TimeLimit.parse(text).duration == duration)
        #expect("\(TimeLimit(duration))" == shown)
    }

    @Test("A limit may be none, which is not the same as no time")
    func none() throws {
        #expect(try TimeLimit.parse("none").duration == nil)
        #expect("\(TimeLimit(nil))" == "none")
        #expect(try Seconds.parse("0") == .zero)
        #expect(throws: (any Error).self) { try TimeLimit.parse("0") }
        #expect(throws: (any Error).self) { try Seconds.parse("none") }
    }

    @Test(
        "What is no time is refused",
        arguments: ["", ".", "-1", "+1", "1e3", "0x1", "inf", "nan", "1.2.3", "5s", "31536000.1"])
    func noTime(text: String) {
        #expect(throws: (any Error).self) { try Seconds.parse(text) }
        #expect(throws: (any Error).self) { try TimeLimit.parse(text) }
    }
}
