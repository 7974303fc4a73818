import Foundation
import Testing

/// Compiles a text against the library that was built with these tests, as a user's program.
enum Compiler {
    /// Compiles it as far as the last check, and throws the result away.
    ///
    /// Type checking alone is not enough: that nothing is shared between threads, and that no span
    /// is kept, is checked after it.
    static func compile(
        _ source: String, named name: String = "Snippet.swift", allowsWarnings: Bool = false
    ) throws -> Outcome {
        try withTemporaryFolder { folder in
            let path = "\(folder)/\(name)"
            try source.write(toFile: path, atomically: true, encoding: .utf8)
            return try run(command(allowsWarnings) + [path])
        }
    }

    /// Compiles texts as files of one module, in a few runs of the compiler rather than one each.
    ///
    /// What is at fault in a text hides what only a later stage of the compiler finds in the others:
    /// those are compiled again without it, until nothing is at fault in what is left.
    static func compile(together sources: [String], allowsWarnings: Bool) throws -> [Outcome] {
        try withTemporaryFolder { folder in
            let paths = sources.indices.map { "\(folder)/Snippet\($0).swift" }
            for (path, source) in zip(paths, sources) {
                try source.write(toFile: path, atomically: true, encoding: .utf8)
            }
            var refused: [String: String] = [:]
            while refused.count < paths.count {
                let rest = paths.filter { refused[$0] == nil }
                // Its output is read while it runs: more may come than fits into a pipe.
                let shell = ["sh", "-c", "exec \"$@\" 2>&1", "sh"]
                let outcome = try run(shell + command(allowsWarnings) + ["-wmo"] + rest)
                if outcome.ending == .code(0) { break }
                let found = diagnostics(in: outcome.output, of: rest)
                    .filter { $1.contains(": error: ") }
                guard outcome.ending == .code(1), !found.isEmpty else {
                    throw Overdue("the compiler refuses no text, and fails: \(outcome.output)")
                }
                refused.merge(found) { $1 }
            }
            return paths.map {
                Outcome(
                    ending: .code(refused[$0] == nil ? 0 : 1), output: "",
                    errors: refused[$0] ?? "")
            }
        }
    }

    /// What the compiler says of each file: from a line that begins with its path to the next such.
    private static func diagnostics(in text: String, of paths: [String]) -> [String: String] {
        var diagnostics: [String: String] = [:]
        var current: String?
        for line in text.split(separator: "\n") {
            current = paths.first { line.hasPrefix("\($0):") } ?? current
            if let current { diagnostics[current, default: ""] += line + "\n" }
        }
        return diagnostics
    }

    private static func command(_ allowsWarnings: Bool) -> [String] {
        [
            "swiftc", "-emit-sil", "-o", "/dev/null", "-swift-version", "6",
            allowsWarnings ? "-no-warnings-as-errors" : "-warnings-as-errors",
            "-module-name", "Snippet",
            "-module-cache-path", "\(Built.folder)/ModuleCache",
            "-I", "\(Built.folder)/Modules", "-I", "\(Built.root)/Vendor-modulemaps/CLibuv",
        ] + libuv
    }

    /// What a build of the package passes on to find libuv's headers.
    private static let libuv: [String] = {
        let outcome = try? run(["pkg-config", "--cflags", "libuv"])
        let flags = outcome?.output.split(whereSeparator: \.isWhitespace) ?? []
        return flags.flatMap { ["-Xcc", String($0)] }
    }()
}
