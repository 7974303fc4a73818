import Foundation

/// Runs the body on a thread with an `/etc/hosts` of its own; what the body starts has it, too. Takes
/// root.
func withHosts(_ hosts: String, _ body: @escaping @Sendable () throws -> Void) throws {
    try withFile("/etc/hosts", hosts, body)
}

/// Runs the body on a thread for which a file has other contents, in a mount namespace of its own; for
/// what the body starts, too. Takes root.
func withFile(
    _ target: String, _ contents: String, _ body: @escaping @Sendable () throws -> Void
) throws {
    let file = FileManager.default.temporaryDirectory.appending(path: "file-\(UUID())")
    try contents.write(to: file, atomically: true, encoding: .utf8)
    let path = file.path
    try onThread {
        // CLONE_NEWNS
        try unshare(0x0002_0000)
        guard unsafe mount("none", "/", nil, UInt(MS_REC | MS_PRIVATE), nil) == 0,
            unsafe mount(path, target, nil, UInt(MS_BIND), nil) == 0
        else { throw SocketError("mount") }
        try FileManager.default.removeItem(at: file)
        try body()
    }
}

/// Runs the body on a thread with a network of its own, in which there is the loopback alone, and
/// sockets get their ports from this range. Takes root.
func withNetwork(
    ports: ClosedRange<UInt16>, _ body: @escaping @Sendable () throws -> Void
) throws {
    try onThread {
        // CLONE_NEWNET
        try unshare(0x4000_0000)
        try RawSocket.raiseLoopback()
        try "\(ports.lowerBound) \(ports.upperBound)".write(
            toFile: "/proc/sys/net/ipv4/ip_local_port_range",
            atomically: false, encoding: .utf8)
        try body()
    }
}

private func unshare(_ flags: Int32) throws {
    guard let symbol = unsafe dlsym(nil, "unshare") else { throw SocketError("dlsym") }
    let unshare = unsafe unsafeBitCast(symbol, to: (@convention(c) (Int32) -> Int32).self)
    guard unshare(flags) == 0 else { throw SocketError("unshare") }
}
