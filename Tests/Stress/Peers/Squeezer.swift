import Foundation

/// Leaves every socket of the process little room for what it sends. On a loopback the kernel would take
/// more than 2 MiB at once, and nothing would ever have to be queued.
///
/// The library does not show its descriptors, so this sets the option on all there are: clients get it from
/// their listener.
final class Squeezer: Sendable {
    private let scene: Scene
    private let hasEnded = Guarded(false)

    init(_ scene: Scene) {
        self.scene = scene
        scene.begin("the squeezer", hasEnded) { [self] in
            while !scene.isOver {
                squeeze()
                // How often the sockets are squeezed.
                usleep(3000)
            }
        }
    }

    func end() {
        scene.wait(for: "the squeezer", hasEnded)
    }

    private func squeeze() {
        var room: Int32 = 4096
        for descriptor in Int32(3)..<400 {
            // What is no socket refuses.
            _ = unsafe setsockopt(
                descriptor, SOL_SOCKET, SO_SNDBUF, &room, socklen_t(MemoryLayout<Int32>.size))
        }
    }
}
