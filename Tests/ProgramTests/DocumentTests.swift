import Foundation
import Testing

/// A block of Swift in a Markdown file.
struct Block: CustomTestStringConvertible, Sendable {
    let file: String
    let line: Int
    let source: String

    var testDescription: String { "\(file):\(line)" }

    /// The blocks of the README and of the library's documentation.
    static let all: [Block] = files.flatMap(blocks(of:))

    /// Paths from the package's root.
    static let files: [String] = {
        let catalog = "Sources/UVSockets/UVSockets.docc"
        let names = FileManager.default.enumerator(atPath: "\(Built.root)/\(catalog)")
        let articles = names?.compactMap { $0 as? String } ?? []
        return ["README.md"]
            + articles.filter { $0.hasSuffix(".md") }.sorted().map { "\(catalog)/\($0)" }
    }()

    /// The text between a line that begins with "```swift" and the next that begins with "```".
    static func blocks(of file: String) -> [Block] {
        let text = (try? String(contentsOfFile: "\(Built.root)/\(file)", encoding: .utf8)) ?? ""
        var blocks: [Block] = []
        var lines: [Substring]?
        var start = 0
        for (index, line) in text.split(separator: "\n", omittingEmptySubsequences: false)
            .enumerated()
        {
            let fence = line.drop { $0 == " " }
            if let block = lines, fence.hasPrefix("```") {
                blocks.append(
                    Block(file: file, line: start, source: block.joined(separator: "\n") + "\n"))
                lines = nil
            } else if lines != nil {
                lines?.append(line)
            } else if fence == "```swift" {
                start = index + 1
                lines = []
            }
        }
        return blocks
    }
}

@Suite(
    "The documents' Swift", .ownThreads, .serialized, .timeLimit(.minutes(5)),
    .enabled(if: !isSanitized, "only the compiler runs, which no sanitizer watches"))
struct DocumentTests {
    @Test("Each block compiles by itself, as a main.swift, without a warning", arguments: Block.all)
    func compiles(block: Block) throws {
        // A package's manifest has a module of its own.
        let isManifest =
            block.source.contains("import PackageDescription")
            || block.source.contains(".package(")
        guard !isManifest else { return }
        let outcome = try Compiler.compile(block.source, named: "main.swift")
        #expect(outcome.ending == .code(0), "\(block.testDescription)\n\(outcome.errors)")
    }

    @Test(
        "The README has a server and a client", .enabled(if: !Block.blocks(of: "README.md").isEmpty)
    )
    func readme() throws {
        let blocks = Block.blocks(of: "README.md").map(\.source)
        #expect(blocks.count >= 2)
        #expect(blocks.contains { $0.contains("UVListener(") })
        #expect(blocks.contains { $0.contains("UVConnector(") })
    }
}
