import Foundation
import Testing

/// A text that must compile, or must not and then with certain words in the diagnostic.
struct Snippet: CustomTestStringConvertible, Sendable {
    let testDescription: String
    let words: [String]
    fileprivate let imports: String
    fileprivate let source: String
    fileprivate var batch: Batch?

    /// - Parameters:
    ///   - name: What it does.
    ///   - imports: What it imports beside UVSockets.
    ///   - words: What the diagnostic must have in it; none for a text that compiles.
    ///   - source: The text.
    init(_ name: String, imports: String = "", refusedWith words: String..., source: String) {
        testDescription = name
        self.words = words
        self.imports = imports
        self.source = source
    }

    /// What the compiler says of it. Only a text that must compile must do so without a warning.
    func outcome() throws -> Outcome {
        guard let outcome = try batch?.outcomes()[testDescription] else {
            throw Overdue("'\(testDescription)' is in no batch")
        }
        return outcome
    }

    /// The text as a file beside others, which may have the same names in it.
    fileprivate var file: String {
        let lines = source.split(separator: "\n", omittingEmptySubsequences: false).map { line in
            Self.declarations.contains { line.hasPrefix("\($0) ") } ? "private \(line)" : "\(line)"
        }
        return "import UVSockets\n\(imports)\n\(lines.joined(separator: "\n"))\n"
    }

    private static let declarations = ["func", "class", "final class", "actor", "struct", "enum"]
}

/// Snippets that are compiled together, when the first of them is asked for.
final class Batch: @unchecked Sendable {
    private let lock = NSLock()
    private let snippets: [Snippet]
    private var compiled: Result<[String: Outcome], any Error>?

    private init(_ snippets: [Snippet]) {
        self.snippets = snippets
    }

    /// The snippets, each of which knows its batch: those that import the same, and must all compile
    /// or must all not. A file that imports a module shows others its members.
    static func snippets(_ snippets: [Snippet]) -> [Snippet] {
        let groups = Dictionary(grouping: snippets) { "\($0.words.isEmpty) \($0.imports)" }
        let batches = groups.mapValues { Batch($0) }
        return snippets.map { snippet in
            var snippet = snippet
            snippet.batch = batches["\(snippet.words.isEmpty) \(snippet.imports)"]
            return snippet
        }
    }

    fileprivate func outcomes() throws -> [String: Outcome] {
        try lock.withLock {
            let result = compiled ?? Result { try compile() }
            compiled = result
            return result
        }.get()
    }

    private func compile() throws -> [String: Outcome] {
        let mustCompile = snippets.allSatisfy(\.words.isEmpty)
        let outcomes = try Compiler.compile(
            together: snippets.map(\.file), allowsWarnings: !mustCompile)
        return Dictionary(uniqueKeysWithValues: zip(snippets.map(\.testDescription), outcomes))
    }
}
