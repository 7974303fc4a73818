#if canImport(Glibc)
    internal import Glibc
#else
    internal import Darwin
#endif

/// The first line of a file of the system, at most 4 KiB of it; nil if it cannot be read.
func firstLine(of path: String) -> String? {
    #if canImport(Glibc)
        let descriptor = unsafe open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return nil }
        defer { close(descriptor) }
        let bytes = unsafe [UInt8](unsafeUninitializedCapacity: 4096) { buffer, count in
            count = max(0, unsafe read(descriptor, buffer.baseAddress, buffer.count))
        }
        return bytes.isEmpty
            ? nil : String(decoding: bytes.prefix { $0 != UInt8(ascii: "\n") }, as: UTF8.self)
    #else
        return nil
    #endif
}

/// What a symbolic link points to; nil if it cannot be read.
func linkTarget(of path: String) -> String? {
    #if canImport(Glibc)
        let bytes = unsafe [UInt8](unsafeUninitializedCapacity: 1024) { buffer, count in
            guard let start = buffer.baseAddress else { return }
            count = unsafe start.withMemoryRebound(to: CChar.self, capacity: buffer.count) {
                max(0, unsafe readlink(path, $0, buffer.count))
            }
        }
        return bytes.isEmpty ? nil : String(decoding: bytes, as: UTF8.self)
    #else
        return nil
    #endif
}

/// How many descriptors the process has open; nil if the system does not tell.
func openDescriptors() -> Int? {
    guard let directory = unsafe opendir("/proc/self/fd") else { return nil }
    defer { unsafe closedir(directory) }
    var count = 0
    while unsafe readdir(directory) != nil { count += 1 }
    // Two are the directory and its parent, and one is the descriptor of this look.
    return count - 3
}

/// How often a backlog of this network was full when a client came, since the machine started, for
/// all programs; nil if the system does not tell.
func backlogOverflows() -> UInt64? {
    guard let text = wholeText(of: "/proc/net/netstat") else { return nil }
    let lines = text.split(separator: "\n").filter { $0.hasPrefix("TcpExt:") }
        .map { $0.split(separator: " ") }
    guard lines.count == 2, let index = lines[0].firstIndex(of: "ListenOverflows"),
        index < lines[1].count
    else { return nil }
    return UInt64(lines[1][index])
}

/// The text of a file of the system, at most 64 KiB of it; nil if it cannot be read.
private func wholeText(of path: String) -> String? {
    let descriptor = unsafe open(path, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else { return nil }
    defer { close(descriptor) }
    let bytes = unsafe [UInt8](unsafeUninitializedCapacity: 65_536) { buffer, count in
        count = 0
        while count < buffer.count, let start = buffer.baseAddress {
            let got = unsafe read(descriptor, start + count, buffer.count - count)
            guard got > 0 else { return }
            count += got
        }
    }
    return String(decoding: bytes, as: UTF8.self)
}
