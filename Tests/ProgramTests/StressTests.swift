import Foundation
import Testing

/// `make stress` runs the same program for longer, with more seeds, and under valgrind.
@Suite("The stress", .ownThreads, .serialized, .timeLimit(.minutes(2)))
struct StressTests {
    /// What poisons memory that is freed.
    ///
    /// With the byte 0x5A a freed handle says of itself that it is being read, so that libuv acts on what
    /// else is in it. Without a cache of its own in each thread, malloc poisons small blocks, too.
    private static let poison = [
        "MALLOC_PERTURB_": "90", "GLIBC_TUNABLES": "glibc.malloc.tcache_count=0",
        "SWIFT_BACKTRACE": "enable=no",
    ]

    @Test(
        "Every public member may be called at any time, on what is live and on what has ended",
        arguments: [1, 2, 3])
    func random(seed: Int) throws {
        let outcome = try run(
            ["stress", "--seed", "\(seed)", "--seconds", "2"], environment: Self.poison)
        #expect(
            outcome.ending == .code(0),
            "to see it again: make stress SEED=\(seed)\n\(outcome.errors)")
    }

    @Test(
        "It calls every public member of every public class",
        .enabled(if: !isSanitized, "only the compiler runs, which no sanitizer watches"))
    func members() throws {
        let lines = try run(["stress", "--members"]).output.split(separator: "\n")
        let called = Set(lines.compactMap { $0.split(separator: "\t").first.map(String.init) })
        let members = try PublicMembers().names
        #expect(members.count > 100)
        #expect(members.subtracting(called).sorted() == [], "nothing calls them")
        #expect(called.subtracting(members).sorted() == [], "they are no public members")
    }
}
