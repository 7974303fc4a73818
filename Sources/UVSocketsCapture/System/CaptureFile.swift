internal import UVSockets

#if canImport(Glibc)
    internal import Glibc
#else
    internal import Darwin
#endif

/// A file that a tap writes, open for writing. Its user closes it.
struct CaptureFile: Sendable {
    private let descriptor: Int32
    let path: String

    /// Takes an open descriptor.
    init(descriptor: Int32, path: String) {
        self.descriptor = descriptor
        self.path = path
    }

    /// Opens a file that only this user may read (mode 0600).
    ///
    /// It makes a new file. An existing one is emptied only if it is a regular file of this user
    /// with one name. A symbolic link is not followed.
    ///
    /// - Parameter path: The file's path.
    /// - Throws: ``UVError`` if it cannot be opened, or is not such a file.
    init(creating path: String) throws(UVError) {
        guard !path.isEmpty, !path.utf8.contains(0) else {
            throw UVError(
                call: "open", subject: "'\(path)'", code: .invalidArgument,
                reason: "the path is empty or holds a NUL")
        }
        self.path = path
        let flags = O_WRONLY | O_CLOEXEC | O_NOFOLLOW
        let made = unsafe open(path, flags | O_CREAT | O_EXCL, 0o600)
        if made >= 0 {
            descriptor = made
            return
        }
        guard errno == EEXIST else { throw Self.error("open", path) }
        // A pipe without a reader would block here.
        descriptor = unsafe open(path, flags | O_NONBLOCK)
        guard descriptor >= 0 else { throw Self.error("open", path) }
        do throws(UVError) {
            try empty()
        } catch {
            close()
            throw error
        }
    }

    private func empty() throws(UVError) {
        var status = stat()
        guard unsafe fstat(descriptor, &status) == 0 else { throw Self.error("open", path) }
        guard status.st_mode & S_IFMT == S_IFREG, status.st_uid == geteuid(), status.st_nlink == 1
        else {
            throw UVError(
                call: "open", subject: path, code: .accessDenied,
                reason: "it exists and is not a file of this user alone")
        }
        guard fchmod(descriptor, 0o600) == 0, ftruncate(descriptor, 0) == 0 else {
            throw Self.error("open", path)
        }
    }

    /// Writes all of the bytes. If the system does not take them, for example on a full disk, a part
    /// that is not whole is cut off again.
    ///
    /// - Parameters:
    ///   - bytes: The bytes.
    ///   - whole: Tells how many of so many first bytes are whole blocks or lines.
    /// - Returns: How many bytes are in the file, and why not all.
    func write(
        _ bytes: [UInt8], whole: (Int) -> Int
    ) -> (count: Int, error: UVError?) {
        let start = lseek(descriptor, 0, SEEK_CUR)
        var written = 0
        while written < bytes.count {
            let count = unsafe bytes.withUnsafeBytes { source in
                unsafe systemWrite(
                    descriptor, source.baseAddress.map { unsafe $0 + written },
                    source.count - written)
            }
            if count < 0, errno == EINTR { continue }
            guard count > 0 else {
                let error = Self.error("write", path)
                let kept = whole(written)
                // A pipe cannot be cut.
                let isCut = start >= 0 && ftruncate(descriptor, start + off_t(kept)) == 0
                return (isCut ? kept : written, error)
            }
            written += count
        }
        return (written, nil)
    }

    func close() {
        _ = systemClose(descriptor)
    }

    private static func error(_ call: String, _ path: String) -> UVError {
        let code = UVError.Code(rawValue: -errno)
        guard -code.rawValue == ELOOP else { return UVError(call: call, subject: path, code: code) }
        return UVError(
            call: call, subject: path, code: code, reason: "it is a symbolic link")
    }

    /// Reads a whole file.
    ///
    /// - Parameters:
    ///   - path: The file's path.
    ///   - limit: The most bytes that it may have.
    /// - Returns: Its bytes.
    /// - Throws: ``UVError`` if it cannot be read, or is longer.
    static func read(_ path: String, limit: Int) throws(UVError) -> [UInt8] {
        guard !path.utf8.contains(0) else {
            throw UVError(call: "open", subject: "'\(path)'", code: .invalidArgument)
        }
        let descriptor = unsafe open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { throw error("open", path) }
        defer { _ = systemClose(descriptor) }
        var bytes: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 1 << 18)
        while true {
            let count = unsafe chunk.withUnsafeMutableBytes {
                unsafe systemRead(descriptor, $0.baseAddress, $0.count)
            }
            if count < 0, errno == EINTR { continue }
            guard count >= 0 else { throw error("read", path) }
            if count == 0 { return bytes }
            bytes += chunk[..<count]
            guard bytes.count <= limit else {
                throw UVError(
                    call: "read", subject: path, code: .noBufferSpace,
                    reason: "the file has more than \(limit) bytes")
            }
        }
    }
}

// The system's calls, whose names are also those of methods here.

private func systemWrite(_ file: Int32, _ bytes: UnsafeRawPointer?, _ count: Int) -> Int {
    #if canImport(Glibc)
        unsafe Glibc.write(file, bytes, count)
    #else
        unsafe Darwin.write(file, bytes, count)
    #endif
}

private func systemRead(_ file: Int32, _ bytes: UnsafeMutableRawPointer?, _ count: Int) -> Int {
    #if canImport(Glibc)
        unsafe Glibc.read(file, bytes, count)
    #else
        unsafe Darwin.read(file, bytes, count)
    #endif
}

private func systemClose(_ file: Int32) -> Int32 {
    #if canImport(Glibc)
        Glibc.close(file)
    #else
        Darwin.close(file)
    #endif
}
