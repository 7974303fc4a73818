import Foundation

/// Runs the body on a thread with an `/etc/hosts` of its own, in a mount namespace of its own;
/// what the body starts has it, too. Takes root.
func withHosts(_ hosts: String, _ body: @escaping @Sendable () throws -> Void) throws {
    let file = FileManager.default.temporaryDirectory.appending(path: "hosts-\(getpid())")
    try hosts.write(to: file, atomically: true, encoding: .utf8)
    let path = file.path
    try onThread {
        guard let symbol = unsafe dlsym(nil, "unshare") else { throw SocketError("dlsym") }
        let unshare = unsafe unsafeBitCast(symbol, to: (@convention(c) (Int32) -> Int32).self)
        let newMounts: Int32 = 0x0002_0000
        guard unshare(newMounts) == 0 else { throw SocketError("unshare") }
        guard unsafe mount("none", "/", nil, UInt(MS_REC | MS_PRIVATE), nil) == 0,
            unsafe mount(path, "/etc/hosts", nil, UInt(MS_BIND), nil) == 0
        else { throw SocketError("mount") }
        try FileManager.default.removeItem(at: file)
        try body()
    }
}
