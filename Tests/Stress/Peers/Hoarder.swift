import Foundation

/// Takes every descriptor that the process may still open, for a moment, again and again: where the stress
/// is told so.
final class Hoarder: Sendable {
    private let scene: Scene
    private let hasEnded = Guarded(false)
    /// How many descriptors the process may have, so that few are to be taken.
    private static let limit: rlim_t = 400

    init(_ scene: Scene) {
        self.scene = scene
        scene.begin("the hoarder", hasEnded) { [self] in if scene.isScarce { run() } }
    }

    func end() {
        scene.wait(for: "the hoarder", hasEnded)
    }

    private func run() {
        var random = scene.generator(for: "hoarder")
        while !scene.isOver {
            // How long there are descriptors, at random.
            usleep(UInt32(random.number(1000...300_000)))
            lowerLimit()
            var hoard: [Int32] = []
            while case let descriptor = dup(2), descriptor >= 0 { hoard.append(descriptor) }
            // How long there are none, at random.
            usleep(UInt32(random.number(1000...50_000)))
            for descriptor in hoard { close(descriptor) }
        }
    }

    /// Lowers the limit, which the library raises where it is asked to.
    private func lowerLimit() {
        let resource = __rlimit_resource_t(RLIMIT_NOFILE.rawValue)
        var limit = rlimit()
        guard unsafe getrlimit(resource, &limit) == 0 else { return }
        limit.rlim_cur = min(Self.limit, limit.rlim_max)
        _ = unsafe setrlimit(resource, &limit)
    }
}
