import Foundation
import Testing

/// A breach of the rules of the house: a line, where it is put, and what must be said of it.
///
/// The lines are put together from pieces, for this file keeps the rules, too.
struct Breach: CustomTestStringConvertible, Sendable {
    let file: String
    let line: String
    let sentence: String

    var testDescription: String { "\(line) in \(file)" }
}

@Suite("The house", .ownThreads, .timeLimit(.minutes(3)))
struct HouseTests {
    @Test(
        "make lists its targets, also where none is named",
        arguments: [["make", "help"], ["make"]])
    func help(command: [String]) throws {
        let outcome = try run(command + ["--no-print-directory", "-C", Built.root])
        #expect(outcome.ending == .code(0))
        #expect(outcome.errors == "")
        let lines = outcome.output.split(separator: "\n")
        for target in [
            "help", "build", "run-server", "run-client", "test", "stress", "sanitize", "lint",
            "format",
            "docs", "clean",
        ] {
            let line = lines.first { $0.hasPrefix("  make \(target) ") }
            #expect(try #require(line, "no \(target)").split(separator: " ").count > 3)
        }
    }

    @Test("The shape check passes")
    func shape() throws {
        try withCopy { folder in
            let outcome = try run(["\(folder)/.ci/shape"], in: folder)
            #expect(outcome.ending == .code(0))
            #expect(outcome.output + outcome.errors == "")
        }
    }

    private static let library = "Sources/UVSockets/Wire/Watermark.swift"

    /// All that single patterns forbid.
    private static let forbidden = [
        Breach(file: library, line: "import C" + "Libuv", sentence: "CLibuv outside"),
        Breach(
            file: "Sources/echo-server/main.swift", line: "import C" + "Libuv",
            sentence: "CLibuv outside"),
        Breach(file: library, line: "let x = un" + "safe y", sentence: "unsafe outside"),
        Breach(file: library, line: "import Foundation", sentence: "Foundation in the library"),
        Breach(
            file: "Sources/UVSockets/Loop/UVLoop.swift", line: "internal import Foundation",
            sentence: "Foundation in the library"),
        Breach(file: library, line: "    print(\"x\")", sentence: "print in the library"),
        Breach(file: library, line: "let x = try" + "! f()", sentence: "or a" + "s!"),
        Breach(
            file: "Tests/UVSocketsTests/EndpointTests.swift", line: "let x = y as" + "! Int",
            sentence: "or a" + "s!"),
        Breach(
            file: library, line: "try handle.tryWrite(x)",
            sentence: "writing outside the outlet"),
        Breach(
            file: library, line: "handle.stopReceiving()", sentence: "reading outside the inlet"
        ),
        Breach(
            file: library, line: "let x: TCPHandle", sentence: "a transport outside Handles/"),
        Breach(file: library, line: "let x: Relay", sentence: "tasks below their room"),
    ]

    /// What is counted, or looked for over several lines.
    private static let others = [
        Breach(
            file: library, line: "final class C: @unchecked Sendable {}",
            sentence: "escapes from Sendable checking"),
        Breach(
            file: "Sources/UVSockets/Loop/UVLoop.swift",
            line: "final class C: @unchecked Sendable {}",
            sentence: "escapes from Sendable checking"),
        Breach(
            file: "Tests/UVSocketsTests/EndpointTests.swift",
            line: "@Su" + "ite(\"Lone\") struct Lone {}",
            sentence: "neither .ownThreads nor .onPool"),
        Breach(
            file: "Sources/Console/Output.swift", line: "nonisolated(un" + "safe) var x = 0",
            sentence: "escapes from Sendable checking"),
    ]

    @Test("The shape check finds each breach", arguments: [forbidden] + others.map { [$0] })
    func breach(breaches: [Breach]) throws {
        try withCopy { folder in
            for breach in breaches {
                let path = "\(folder)/\(breach.file)"
                let text = try String(contentsOfFile: path, encoding: .utf8) + "\(breach.line)\n"
                try text.write(toFile: path, atomically: true, encoding: .utf8)
            }
            let outcome = try run(["\(folder)/.ci/shape"], in: folder)
            #expect(outcome.ending == .code(1))
            let lines = outcome.output.split(separator: "\n")
            for breach in breaches {
                // Each stands behind the sentence of its rule.
                let start = try #require(lines.firstIndex { $0.contains(breach.sentence) })
                let found = lines[(start + 1)...].prefix { !$0.hasSuffix(":") }
                #expect(
                    found.contains { $0.hasPrefix("\(breach.file):") && $0.contains(breach.line) },
                    "\(breach)")
            }
        }
    }

    /// A copy of what the check looks at, in a repository of its own.
    private func withCopy(_ body: (String) throws -> Void) throws {
        try withTemporaryFolder { folder in
            let rooms = [".ci", "Sources", "Tests"].map { "\(Built.root)/\($0)" }
            #expect(try run(["cp", "-R"] + rooms + [folder]).ending == .code(0))
            #expect(try run(["git", "init", "--quiet", folder]).ending == .code(0))
            try body(folder)
        }
    }

    private func run(_ command: [String], in folder: String) throws -> Outcome {
        try ProgramTests.run(["env", "-C", folder] + command)
    }

    private func run(_ command: [String]) throws -> Outcome {
        try ProgramTests.run(command)
    }
}
