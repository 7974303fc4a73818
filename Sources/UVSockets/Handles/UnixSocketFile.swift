internal import CLibuv

#if canImport(Glibc)
    internal import Glibc
#else
    internal import Darwin
#endif

/// The file of a listening Unix-domain socket, from the bind to the end.
///
/// A lock file beside it, `PATH.lock`, shows that its server lives. So two servers that start at
/// the same time cannot both win. The kernel releases the lock of a server that is killed.
struct UnixSocketFile: Sendable {
    private let address: UnixAddress
    private let lock: Int32
    /// Identifies the file. By the end another file may have taken its place.
    private let device: UInt64
    private let inode: UInt64

    /// Binds a socket to its path. It replaces the file of a dead server.
    ///
    /// - Throws: ``UVError``. The code is ``UVError/Code/addressInUse`` if a server lives there,
    ///   or if the file is not a socket.
    static func bind(
        _ socket: SocketDescriptor, to address: UnixAddress
    ) throws(UVError) -> UnixSocketFile {
        let lock = try takeLock(of: address)
        do throws(UVError) {
            try removeStale(address)
            // Linux gives the file the mode of the socket minus the umask. So the file never allows
            // more than its mode says, not even before the `chmod`.
            _ = fchmod(socket.number, mode_t(address.mode))
            guard unsafe address.withSockaddr({ unsafe systemBind(socket.number, $0, $1) }) == 0
            else { throw failure("bind", address) }
            guard unsafe chmod(address.name, mode_t(address.mode)) == 0,
                let file = status(of: address.name)
            else { throw failure("bind", address) }
            return UnixSocketFile(
                address: address, lock: lock, device: UInt64(file.st_dev),
                inode: UInt64(file.st_ino))
        } catch {
            releaseLock(lock, of: address)
            throw error
        }
    }

    /// Removes the file, if it still belongs to this socket, and releases the lock.
    func remove() {
        if let file = Self.status(of: address.name), UInt64(file.st_dev) == device,
            UInt64(file.st_ino) == inode
        {
            _ = unsafe unlink(address.name)
        }
        Self.releaseLock(lock, of: address)
    }

    private static func lockName(of address: UnixAddress) -> String { address.name + ".lock" }

    private static func takeLock(of address: UnixAddress) throws(UVError) -> Int32 {
        let name = lockName(of: address)
        while true {
            let lock = unsafe open(name, O_CREAT | O_RDWR | O_CLOEXEC, 0o600)
            guard lock >= 0 else { throw failure("lock", address) }
            guard flock(lock, LOCK_EX | LOCK_NB) == 0 else {
                let isTaken = errno == EWOULDBLOCK
                close(lock)
                throw isTaken
                    ? UVError(call: "bind", subject: address.text, code: .addressInUse)
                    : failure("lock", address)
            }
            // A server that has ended meanwhile may have removed the file that was opened here.
            var opened = stat()
            if unsafe fstat(lock, &opened) == 0, let named = status(of: name),
                named.st_ino == opened.st_ino, named.st_dev == opened.st_dev
            {
                return lock
            }
            close(lock)
        }
    }

    /// Removes the lock file before it releases the lock. Otherwise a server that waits for the
    /// lock could get the lock of a file that has no name any more.
    private static func releaseLock(_ lock: Int32, of address: UnixAddress) {
        _ = unsafe unlink(lockName(of: address))
        close(lock)
    }

    /// Removes the file of a dead server. A server that does not use this library has no lock. To
    /// find it, this connects to it.
    private static func removeStale(_ address: UnixAddress) throws(UVError) {
        guard let file = status(of: address.name) else { return }
        func refuse(_ reason: String? = nil) -> UVError {
            UVError(call: "bind", subject: address.text, code: .addressInUse, reason: reason)
        }
        guard file.st_mode & S_IFMT == S_IFSOCK else {
            throw refuse("a file that is not a socket already exists there")
        }
        let probe = SocketDescriptor.make(AF_UNIX)
        guard probe.number >= 0 else { throw failure("make socket", address) }
        defer { probe.close() }
        let status = unsafe address.withSockaddr { unsafe connect(probe.number, $0, $1) }
        guard status != 0, errno == ECONNREFUSED else { throw refuse() }
        _ = unsafe unlink(address.name)
    }

    private static func status(of name: String) -> stat? {
        var file = stat()
        return unsafe lstat(name, &file) == 0 ? file : nil
    }

    private static func failure(_ call: String, _ address: UnixAddress) -> UVError {
        UVError(
            call: call, subject: address.text, code: .init(rawValue: uv_translate_sys_error(errno)))
    }
}

extension ListeningSocket {
    /// Makes a listening Unix-domain socket, and its file if it has a path.
    static func open(
        _ address: UnixAddress, backlog: Int32
    ) throws(UVError) -> (SocketDescriptor, UnixSocketFile?) {
        func failure(_ call: String) -> UVError {
            UVError(
                call: call, subject: address.text,
                code: .init(rawValue: uv_translate_sys_error(errno)))
        }
        try address.check("listen")
        let made = SocketDescriptor.make(AF_UNIX)
        guard made.number >= 0 else { throw failure("make socket") }
        var file: UnixSocketFile?
        do throws(UVError) {
            if address.isAbstract {
                let status = unsafe address.withSockaddr { unsafe bind(made.number, $0, $1) }
                guard status == 0 else { throw failure("bind") }
            } else {
                file = try UnixSocketFile.bind(made, to: address)
            }
            guard listen(made.number, backlog) == 0 else { throw failure("listen") }
        } catch {
            made.close()
            file?.remove()
            throw error
        }
        return (made, file)
    }
}

/// The system's `bind`, under another name than the method's.
private func systemBind(
    _ socket: Int32, _ address: UnsafePointer<sockaddr>, _ length: socklen_t
) -> Int32 {
    unsafe bind(socket, address, length)
}
