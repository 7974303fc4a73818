import Foundation

/// A network of the process's own, in which there is the loopback alone.
///
/// Connectors of the stress come back to ports whose servers have ended. In the machine's network they
/// would reach whatever has such a port next, as a test's server.
enum OwnNetwork {
    /// Enters it, with the threads that are made from now on.
    ///
    /// - Returns: Whether the system allows that: it takes root, or Linux with namespaces for users.
    static func enter() -> Bool {
        // <linux/sched.h>: CLONE_NEWNET, and CLONE_NEWUSER.
        guard unshare(0x4000_0000) || unshare(0x4000_0000 | 0x1000_0000) else { return false }
        raiseLoopback()
        return true
    }

    private static func unshare(_ flags: Int32) -> Bool {
        guard let symbol = unsafe dlsym(nil, "unshare") else { return false }
        let unshare = unsafe unsafeBitCast(symbol, to: (@convention(c) (Int32) -> Int32).self)
        return unshare(flags) == 0
    }

    private static func raiseLoopback() {
        let descriptor = socket(AF_INET, Int32(SOCK_DGRAM.rawValue), 0)
        defer { _ = close(descriptor) }
        // `ifreq` (netdevice(7)): the name, and at 16 the flags, of which 1 is IFF_UP.
        var request = [UInt8](repeating: 0, count: 40)
        request.replaceSubrange(0..<2, with: "lo".utf8)
        request[16] = 1
        // SIOCSIFFLAGS
        guard unsafe ioctl(descriptor, 0x8914, &request) == 0 else {
            fatalError("the loopback of the network cannot be brought up")
        }
    }
}
