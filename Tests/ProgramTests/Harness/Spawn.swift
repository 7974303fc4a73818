import Foundation

/// What a program has as a standard stream.
enum Stream {
    /// A pipe whose other end is ours.
    case pipe
    /// A pseudo-terminal of its own, the same for all streams, whose other side is ours.
    case terminal
    /// A file, opened for this.
    case file(String)
    /// Nothing.
    static let null = Stream.file("/dev/null")
}

/// Starts a process that has nothing of ours but its three streams: no other descriptor, no
/// ignored signal, no blocked one.
///
/// The command's first word is looked for on the PATH where it is no path. Streams that are nil
/// are the terminal of that path.
func spawn(
    _ command: [String], environment: [String: String], terminal: String?, streams: [Int32?]
) throws -> pid_t {
    var actions = unsafe posix_spawn_file_actions_t()
    var attributes = posix_spawnattr_t()
    unsafe posix_spawn_file_actions_init(&actions)
    unsafe posix_spawnattr_init(&attributes)
    defer {
        unsafe posix_spawn_file_actions_destroy(&actions)
        unsafe posix_spawnattr_destroy(&attributes)
    }
    for (number, stream) in streams.enumerated() {
        if let stream {
            unsafe posix_spawn_file_actions_adddup2(&actions, stream, Int32(number))
        } else if let terminal {
            // The first terminal that the leader of a session opens is its controlling one.
            unsafe posix_spawn_file_actions_addopen(&actions, Int32(number), terminal, O_RDWR, 0)
        }
    }
    unsafe closeAllFrom3(&actions)

    var all = sigset_t()
    var none = sigset_t()
    unsafe sigfillset(&all)
    unsafe sigemptyset(&none)
    unsafe posix_spawnattr_setsigdefault(&attributes, &all)
    unsafe posix_spawnattr_setsigmask(&attributes, &none)
    let newSession: Int32 = 0x80  // POSIX_SPAWN_SETSID, which Glibc's module does not show.
    let flags = POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK | newSession
    unsafe posix_spawnattr_setflags(&attributes, Int16(flags))

    var pid: pid_t = 0
    let status = unsafe withCStrings(command) { arguments in
        unsafe withCStrings(environment.map { "\($0)=\($1)" }) { environment in
            unsafe posix_spawnp(&pid, command[0], &actions, &attributes, arguments, environment)
        }
    }
    guard status == 0 else { throw SystemFailure("start \(command)", status) }
    return pid
}

private func withCStrings<Result>(
    _ strings: [String], _ body: (UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>) -> Result
) -> Result {
    let pointers = UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>.allocate(
        capacity: strings.count + 1)
    for index in strings.indices { unsafe pointers[index] = strdup(strings[index]) }
    unsafe pointers[strings.count] = nil
    defer {
        for index in strings.indices { unsafe free(pointers[index]) }
        unsafe pointers.deallocate()
    }
    return unsafe body(pointers)
}

/// Tests run side by side: a descriptor that another's process inherited would keep a pipe open
/// for ever. Glibc's module does not show the function, which glibc has since 2.34.
private func closeAllFrom3(_ actions: inout posix_spawn_file_actions_t) {
    typealias AddCloseFrom =
        @convention(c) (UnsafeMutablePointer<posix_spawn_file_actions_t>, Int32) -> Int32
    guard let symbol = unsafe dlsym(nil, "posix_spawn_file_actions_addclosefrom_np") else {
        fatalError("glibc 2.34 or newer is needed")
    }
    let addCloseFrom = unsafe unsafeBitCast(symbol, to: AddCloseFrom.self)
    _ = unsafe addCloseFrom(&actions, 3)
}

/// A pipe.
func makePipe() throws -> (reading: Int32, writing: Int32) {
    var ends: [Int32] = [0, 0]
    guard unsafe pipe(&ends) == 0 else { throw SystemFailure("pipe") }
    return (ends[0], ends[1])
}

/// A pseudo-terminal: our side of it, and the path of the other.
func makeTerminal() throws -> (descriptor: Int32, path: String) {
    let getNumber: UInt = 0x8004_5430  // TIOCGPTN
    let lock: UInt = 0x4004_5431  // TIOCSPTLCK
    let descriptor = unsafe open("/dev/ptmx", O_RDWR | O_NOCTTY | O_CLOEXEC)
    guard descriptor >= 0 else { throw SystemFailure("open a pseudo-terminal") }
    var number: Int32 = 0
    var isLocked: Int32 = 0
    guard unsafe ioctl(descriptor, lock, &isLocked) == 0,
        unsafe ioctl(descriptor, getNumber, &number) == 0
    else { throw SystemFailure("unlock a pseudo-terminal") }
    return (descriptor, "/dev/pts/\(number)")
}
