import Foundation

/// The public members of the library's public classes, and of its mailbox, as the compiler's symbol graph
/// tells them.
///
/// A member is named by its path, such as `UVConnection.close()`. Where several have the same path, the
/// type of the first parameter stands behind it: `UVConnection.send(_:)-([UInt8])`.
struct PublicMembers {
    let names: Set<String>

    /// Asks the compiler about the module that was built with these tests.
    init() throws {
        let graph = try Self.extract()
        let classes = graph.symbols.filter { $0.kind.identifier == "swift.class" }
        let owners = Set(classes.compactMap(\.pathComponents.first)).union(["UVMailbox"])
        let members = graph.symbols.filter {
            $0.pathComponents.count > 1 && owners.contains($0.pathComponents[0]) && $0.isCalled
        }
        let counts = Dictionary(grouping: members, by: \.path).mapValues(\.count)
        names = Set(members.map { counts[$0.path] == 1 ? $0.path : $0.pathAndType })
    }

    private static func extract() throws -> Graph {
        let info = try run(["swiftc", "-print-target-info"]).output
        let target = try JSONDecoder().decode(Info.self, from: Data(info.utf8)).target
        return try withTemporaryFolder { folder in
            let outcome = try run([
                "swift", "symbolgraph-extract", "-module-name", "UVSockets",
                "-target", target.unversionedTriple, "-minimum-access-level", "public",
                "-skip-synthesized-members", "-I", "\(Built.folder)/Modules",
                "-I", "\(Built.root)/Vendor-modulemaps/CLibuv", "-output-dir", folder,
            ])
            guard outcome.ending == .code(0) else { throw Overdue(outcome.errors) }
            let path = URL(filePath: "\(folder)/UVSockets.symbols.json")
            return try JSONDecoder().decode(Graph.self, from: Data(contentsOf: path))
        }
    }

    private struct Info: Decodable {
        struct Target: Decodable {
            let unversionedTriple: String
        }

        let target: Target
    }

    private struct Graph: Decodable {
        let symbols: [Symbol]
    }

    private struct Symbol: Decodable {
        struct Kind: Decodable {
            let identifier: String
        }

        struct Signature: Decodable {
            let parameters: [Parameter]?
        }

        struct Parameter: Decodable {
            let declarationFragments: [Fragment]
        }

        struct Fragment: Decodable {
            let spelling: String
        }

        let kind: Kind
        let pathComponents: [String]
        let functionSignature: Signature?

        /// Whether it is something to call, rather than a type or one of its cases.
        var isCalled: Bool {
            let kinds = ["init", "method", "property", "subscript", "type.method", "type.property"]
            return kinds.contains { kind.identifier == "swift.\($0)" }
        }

        var path: String { pathComponents.joined(separator: ".") }

        var pathAndType: String {
            let fragments = functionSignature?.parameters?.first?.declarationFragments ?? []
            let declaration = fragments.map(\.spelling).joined()
            let type = declaration.split(separator: ": ", maxSplits: 1).last ?? ""
            return "\(path)-(\(type))"
        }
    }
}
