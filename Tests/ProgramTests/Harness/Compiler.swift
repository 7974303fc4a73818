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
            return try run(
                [
                    "swiftc", "-emit-sil", "-o", "/dev/null", "-swift-version", "6",
                    allowsWarnings ? "-no-warnings-as-errors" : "-warnings-as-errors",
                    "-module-name", "Snippet",
                    "-module-cache-path", "\(Built.folder)/ModuleCache",
                    "-I", "\(Built.folder)/Modules", "-I", "\(Built.root)/Vendor-modulemaps/CLibuv",
                ] + libuv + [path])
        }
    }

    /// What a build of the package passes on to find libuv's headers.
    private static let libuv: [String] = {
        let outcome = try? run(["pkg-config", "--cflags", "libuv"])
        let flags = outcome?.output.split(whereSeparator: \.isWhitespace) ?? []
        return flags.flatMap { ["-Xcc", String($0)] }
    }()
}
