internal import CLibuv

#if canImport(Glibc)
    internal import Glibc
#else
    internal import Darwin
#endif

/// The file of a black box while its loop writes it: locked, and mapped into memory.
///
/// The kernel keeps what was written to the memory, however the process ends. The lock shows
/// whether the process still runs. The whole file is allocated first, so that a full disk is an
/// error here and no signal later.
///
/// A file of the same name whose process has ended is kept: it is renamed to `PATH.old`. If that
/// exists and tells of a crash, an orderly end does not replace it.
@safe struct BlackBoxFile {
    let path: String
    let memory: UnsafeMutableRawPointer
    private let size: Int
    private let descriptor: Int32

    /// How many files are tried for the loops of one path: PATH, PATH.1, … PATH.255.
    private static let nameLimit = 256
    /// How often one name is tried when others use it at the same moment.
    private static let attempts = 20

    /// What a file is that nobody uses.
    private enum Found {
        case empty, crashed, ended
    }

    /// Takes the first name that nobody uses.
    ///
    /// - Parameters:
    ///   - path: The path. `%p` in it is replaced by the process's id.
    ///   - header: What the header says.
    /// - Throws: ``UVError`` if there is none, or the file cannot be made.
    init(at path: String, _ header: BlackBoxHeader) throws(UVError) {
        let path = path.replacingProcessID()
        for number in 0..<Self.nameLimit {
            let name = number == 0 ? path : "\(path).\(number)"
            if let file = try Self.take(name, header) {
                self = file
                return
            }
        }
        throw Self.refusal(path, "\(Self.nameLimit) loops use it and the files after it")
    }

    private init(
        path: String, memory: UnsafeMutableRawPointer, size: Int, descriptor: Int32
    ) {
        (self.path, self.size, self.descriptor) = (path, size, descriptor)
        unsafe self.memory = memory
    }

    /// Writes an entry of the table of agents.
    func write(_ number: UInt32, _ kind: BlackBoxAgent.Kind, _ endpoint: String, at offset: Int) {
        let place = unsafe memory + offset
        let text = endpoint.utf8Prefix(BlackBoxLayout.agentSize - 9)
        unsafe place.storeBytes(of: number, as: UInt32.self)
        unsafe place.storeBytes(of: kind.rawValue, toByteOffset: 4, as: UInt32.self)
        let room = unsafe UnsafeMutableRawBufferPointer(
            start: place + 8, count: BlackBoxLayout.agentSize - 8)
        unsafe room.initializeMemory(as: UInt8.self, repeating: 0)
        unsafe room.copyBytes(from: text)
    }

    /// Ends the mapping, and releases the lock.
    func close() {
        unsafe munmap(memory, size)
        // A child process that is just being started may still have the descriptor.
        _ = flock(descriptor, LOCK_UN)
        _ = systemClose(descriptor)
    }

    // MARK: - The file

    /// Takes a name.
    ///
    /// - Returns: Nil if another loop uses the file, of this process or of another.
    private static func take(
        _ name: String, _ header: BlackBoxHeader
    ) throws(UVError) -> BlackBoxFile? {
        for _ in 0..<attempts {
            let descriptor = try openFile(name)
            do throws(UVError) {
                guard flock(descriptor, LOCK_EX | LOCK_NB) == 0 else {
                    guard errno == EWOULDBLOCK else { throw failure("lock", name) }
                    // A reader holds its lock for a moment only.
                    if isRead(descriptor) {
                        sleepForMillisecond()
                        _ = systemClose(descriptor)
                        continue
                    }
                    _ = systemClose(descriptor)
                    return nil
                }
                guard try isNamed(descriptor, name) else {
                    _ = systemClose(descriptor)
                    continue
                }
                switch try inspect(descriptor, name) {
                case .empty: return try make(descriptor, name, header)
                case let found:
                    try putAside(name, found)
                    _ = systemClose(descriptor)
                }
            } catch {
                _ = systemClose(descriptor)
                throw error
            }
        }
        throw refusal(name, "others take it all the time")
    }

    private static func openFile(_ name: String) throws(UVError) -> Int32 {
        // A pipe would make `open` wait.
        let flags = O_RDWR | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC
        let descriptor = unsafe open(name, flags, 0o600)
        guard descriptor < 0 else { return descriptor }
        guard errno == ELOOP else { throw failure("open", name) }
        throw refusal(name, "it is a symbolic link")
    }

    /// Whether those who use the file only read it.
    private static func isRead(_ descriptor: Int32) -> Bool {
        guard flock(descriptor, LOCK_SH | LOCK_NB) == 0 else { return false }
        _ = flock(descriptor, LOCK_UN)
        return true
    }

    /// Whether the file still has the name. Another process may have renamed it meanwhile.
    private static func isNamed(_ descriptor: Int32, _ name: String) throws(UVError) -> Bool {
        var (opened, named) = (stat(), stat())
        guard unsafe fstat(descriptor, &opened) == 0 else { throw failure("open", name) }
        guard unsafe lstat(name, &named) == 0 else { return false }
        return opened.st_ino == named.st_ino && opened.st_dev == named.st_dev
    }

    private static func inspect(
        _ descriptor: Int32, _ name: String
    ) throws(UVError) -> Found {
        var status = stat()
        guard unsafe fstat(descriptor, &status) == 0 else { throw failure("open", name) }
        guard status.st_mode & S_IFMT == S_IFREG else { throw refusal(name, "it is no file") }
        guard status.st_uid == geteuid() else { throw refusal(name, "it is another user's file") }
        if status.st_size == 0 { return .empty }
        let header = unsafe [UInt8](unsafeUninitializedCapacity: BlackBoxLayout.headerSize) {
            unsafe $1 = max(0, pread(descriptor, $0.baseAddress, $0.count, 0))
        }
        guard header.starts(with: BlackBoxLayout.magic) else {
            throw refusal(name, "it is another file, which stays")
        }
        let box = header.dropFirst(BlackBoxLayout.closedAt).prefix(8)
        return box.allSatisfy { $0 == 0 } ? .crashed : .ended
    }

    /// Renames the file of a process that has ended, so that a restart does not destroy it.
    private static func putAside(_ name: String, _ found: Found) throws(UVError) {
        let old = name + ".old"
        let descriptor = unsafe open(old, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC)
        if descriptor >= 0 {
            defer { _ = systemClose(descriptor) }
            let other = try inspect(descriptor, old)
            if other == .crashed, found == .ended {
                guard unsafe unlink(name) == 0 else { throw failure("remove", name) }
                return
            }
        } else if errno != ENOENT {
            throw failure("open", old)
        }
        guard unsafe rename(name, old) == 0 else { throw failure("rename", name) }
    }

    private static func make(
        _ descriptor: Int32, _ name: String, _ header: BlackBoxHeader
    ) throws(UVError) -> BlackBoxFile {
        let size = BlackBoxLayout.headerSize + header.capacity * BlackBoxLayout.recordSize
        do throws(UVError) {
            guard fchmod(descriptor, 0o600) == 0 else { throw failure("open", name) }
            // The magic bytes come first. Then a file that is not finished is still known as ours.
            let bytes = header.bytes
            let count = unsafe bytes.withUnsafeBytes {
                unsafe pwrite(descriptor, $0.baseAddress, $0.count, 0)
            }
            guard count == bytes.count else { throw failure("write", name) }
            try allocate(size, descriptor, name)
            let memory = unsafe mmap(
                nil, size, PROT_READ | PROT_WRITE, MAP_SHARED, descriptor, 0)
            guard let memory = unsafe memory, unsafe memory != mapFailed else {
                throw failure("map", name)
            }
            return unsafe BlackBoxFile(
                path: name, memory: memory, size: size, descriptor: descriptor)
        } catch {
            // Half a file would be in the way of the next one.
            _ = unsafe unlink(name)
            throw error
        }
    }

    private static func allocate(
        _ size: Int, _ descriptor: Int32, _ name: String
    ) throws(UVError) {
        #if canImport(Glibc)
            var status: Int32
            repeat { status = posix_fallocate(descriptor, 0, size) } while status == EINTR
            guard status == 0 else { throw failure("allocate", name, status) }
        #else
            guard ftruncate(descriptor, off_t(size)) == 0 else { throw failure("allocate", name) }
        #endif
    }

    private static func failure(
        _ call: String, _ name: String, _ code: Int32 = errno
    ) -> UVError {
        UVError(
            call: "\(call) black box", subject: name,
            code: .init(rawValue: uv_translate_sys_error(code)))
    }

    private static func refusal(_ name: String, _ reason: String) -> UVError {
        UVError(
            call: "open black box", subject: name, code: .init(rawValue: UV_EEXIST.rawValue),
            reason: reason)
    }
}

/// The system's `close`, under another name than the method's.
private func systemClose(_ descriptor: Int32) -> Int32 {
    close(descriptor)
}

/// MAP_FAILED, which Swift does not import.
private var mapFailed: UnsafeMutableRawPointer? { unsafe UnsafeMutableRawPointer(bitPattern: -1) }

extension BlackBoxHeader {
    /// What the header of a box says that this process begins now.
    static func ofThisProcess(_ capacity: Int, now: UInt64) -> BlackBoxHeader {
        #if canImport(Glibc)
            let sinceBoot = CLOCK_BOOTTIME
        #else
            let sinceBoot = CLOCK_MONOTONIC
        #endif
        return BlackBoxHeader(
            capacity: capacity, began: now, wallBegan: milliseconds(of: CLOCK_REALTIME),
            bootBegan: milliseconds(of: sinceBoot), process: UInt32(bitPattern: getpid()),
            program: programName())
    }

    private static func milliseconds(of clock: clockid_t) -> UInt64 {
        var time = timespec()
        _ = unsafe clock_gettime(clock, &time)
        return UInt64(clamping: time.tv_sec) * 1000 + UInt64(clamping: time.tv_nsec) / 1_000_000
    }

    /// The name of the program's file.
    private static func programName() -> String {
        let path = unsafe [UInt8](unsafeUninitializedCapacity: 4096) { buffer, count in
            var length = buffer.count
            count = unsafe uv_exepath(buffer.baseAddress, &length) == 0 ? length : 0
        }
        return String(decoding: path, as: UTF8.self).split(separator: "/").last.map(String.init)
            ?? ""
    }
}

extension String {
    fileprivate func replacingProcessID() -> String {
        split(separator: "%p", omittingEmptySubsequences: false).joined(separator: "\(getpid())")
    }
}
