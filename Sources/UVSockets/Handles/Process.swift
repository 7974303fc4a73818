internal import CLibuv

#if canImport(Glibc)
    internal import Glibc
#else
    internal import Darwin
#endif

/// The calling thread's identity, never 0.
@inline(__always)
func currentThread() -> UInt {
    #if os(Linux)
        UInt(uvsockets_thread())
    #else
        UInt(bitPattern: pthread_self())
    #endif
}

/// The value of an environment variable; nil if it is not set.
func environmentValue(_ name: String) -> String? {
    unsafe getenv(name).map { unsafe String(cString: $0) }
}

/// How many cores the process may use.
func availableCores() -> Int {
    max(1, Int(uv_available_parallelism()))
}

/// The time in milliseconds, exact to a tick of the kernel's clock, which is a few milliseconds. It
/// costs almost nothing.
func coarseMilliseconds() -> UInt64 {
    var time = timespec()
    #if canImport(Glibc)
        _ = unsafe clock_gettime(CLOCK_MONOTONIC_COARSE, &time)
    #else
        _ = unsafe clock_gettime(CLOCK_MONOTONIC, &time)
    #endif
    return UInt64(time.tv_sec) * 1000 + UInt64(time.tv_nsec) / 1_000_000
}

/// Sleeps, so that other threads can run.
func sleepForMillisecond() {
    usleep(1000)
}

/// Makes a write to a socket whose peer is gone fail with EPIPE instead of ending the process. If
/// the program has itself decided what SIGPIPE does, that stays.
///
/// It sets a handler that does nothing, not SIG_IGN. Programs that this program starts would
/// inherit SIG_IGN (POSIX, `execve`).
func ignoreSIGPIPE() {
    var action = sigaction()
    guard unsafe sigaction(SIGPIPE, nil, &action) == 0, action.isDefault else { return }
    _ = signal(SIGPIPE) { _ in }
}

extension sigaction {
    fileprivate var isDefault: Bool {
        #if canImport(Glibc)
            let handler = unsafe __sigaction_handler.sa_handler
        #else
            let handler = unsafe __sigaction_u.__sa_handler
        #endif
        // SIG_DFL is the null pointer.
        return unsafe unsafeBitCast(handler, to: UInt.self) == 0
    }
}

/// Opens `/dev/null` as each standard descriptor that is closed.
///
/// A service manager may start a program without standard descriptors. A socket would then become
/// one of them: printed text would go to a client, and libuv traps when it closes one.
func openStandardDescriptors() {
    for descriptor in 0...2 as ClosedRange<Int32> where fcntl(descriptor, F_GETFD) < 0 {
        let opened = unsafe open("/dev/null", O_RDWR)
        // `open` gives the lowest free number. It is above 2 only if another thread was faster.
        if opened > 2 { close(opened) }
    }
}

/// The number of this thread, as the system counts threads; 0 if the system does not tell.
func threadNumber() -> Int32 {
    #if canImport(Glibc)
        uvsockets_thread_number()
    #else
        0
    #endif
}

/// The time in nanoseconds, by a clock that goes on while the process is stopped.
func preciseNanoseconds() -> UInt64 { uv_hrtime() }

/// Takes this thread out of the process's table of descriptors. It keeps only the standard ones.
///
/// A process whose threads share a table pays more for each system call on a descriptor (Linux
/// `fdget`). If the system refuses, the thread stays in the table.
func leaveDescriptors() {
    #if canImport(Glibc)
        uvsockets_leave_descriptors()
    #endif
}

/// Makes this thread sleep.
func sleep(nanoseconds: UInt64) {
    uv_sleep(UInt32(clamping: (nanoseconds + 999_999) / 1_000_000))
}

/// How many descriptors the process may have open.
enum DescriptorLimit {
    #if canImport(Glibc)
        private static let resource = __rlimit_resource_t(RLIMIT_NOFILE.rawValue)
    #else
        private static let resource = RLIMIT_NOFILE
    #endif

    /// The current limit.
    static var current: Int {
        var limit = rlimit()
        guard unsafe getrlimit(resource, &limit) == 0 else { return 1024 }
        return Int(clamping: limit.rlim_cur)
    }

    /// The most descriptors for which the kernel's table is made in advance. It takes half a
    /// mebibyte.
    private static let tableSize = 65_536

    /// Whether this many descriptors can be opened now.
    static func allows(_ count: Int) -> Bool {
        let opened = (0..<count).map { _ in fcntl(0, F_DUPFD_CLOEXEC, 0) }
        for descriptor in opened where descriptor >= 0 { close(descriptor) }
        return !opened.contains { $0 < 0 }
    }

    /// Raises the current limit to the most that the system allows this process.
    static func raise() {
        var limit = rlimit()
        guard unsafe getrlimit(resource, &limit) == 0 else { return }
        if limit.rlim_cur < limit.rlim_max {
            limit.rlim_cur = limit.rlim_max
            _ = unsafe setrlimit(resource, &limit)
        }
        growTable()
    }

    /// Makes the kernel's table of this process's descriptors large at once.
    ///
    /// Otherwise Linux doubles the table in the middle of an accept. A process with threads waits
    /// 10 to 20 ms for that.
    private static func growTable() {
        let highest = fcntl(0, F_DUPFD_CLOEXEC, Int32(min(current, tableSize) - 1))
        if highest >= 0 { close(highest) }
    }
}

/// Makes this thread block the signals that the process's main thread blocks, and no others.
///
/// A thread inherits the blocked signals of the thread that starts it. A worker thread of a pool
/// blocks nearly all signals. A program that a handler starts would inherit that (POSIX,
/// `posix_spawn`), and SIGTERM would not end that program.
func takeMainThreadsSignalMask() {
    #if canImport(Glibc)
        // The C library and libuv sometimes block all signals for a moment.
        for _ in 0..<100 {
            guard let blocked = mainThreadsBlockedSignals() else { return }
            var mask = sigset_t()
            unsafe sigemptyset(&mask)
            for signal in 1...64 as ClosedRange<Int32> where blocked >> (signal - 1) & 1 == 1 {
                unsafe sigaddset(&mask, signal)
            }
            unsafe pthread_sigmask(SIG_SETMASK, &mask, nil)
            if blocked.nonzeroBitCount < 60 { return }
            sched_yield()
        }
    #endif
}

#if canImport(Glibc)
    /// A bit for each signal that the main thread blocks; nil if the system does not tell.
    private func mainThreadsBlockedSignals() -> UInt64? {
        let descriptor = unsafe open("/proc/self/status", O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return nil }
        defer { close(descriptor) }
        // The line is within the first 2 KiB.
        let text = unsafe [UInt8](unsafeUninitializedCapacity: 4096) { buffer, count in
            count = max(0, unsafe read(descriptor, buffer.baseAddress, buffer.count))
        }
        let line = String(decoding: text, as: UTF8.self).split(separator: "\n")
            .first { $0.hasPrefix("SigBlk:") }
        return line?.split(separator: "\t").last.flatMap { UInt64($0, radix: 16) }
    }
#endif
