#if canImport(Glibc)
    internal import Glibc
#endif

/// What a thread of this process is doing, as the kernel sees it. The thread is not disturbed.
enum ThreadState: Equatable {
    /// It computes, or waits for a processor.
    case computing
    /// It waits in a system call. The descriptor is what the call works on, if it works on one.
    case waiting(call: Call, descriptor: String?)
    /// The system does not tell.
    case unknown

    /// A system call in which threads wait.
    enum Call: String {
        case read, write, send, receive, accept, connect, poll, epoll, sleep, lock, open, sync, wait
        case another
    }

    /// The state of a thread, by its number.
    static func of(thread number: Int32) -> ThreadState {
        // The file has the number of the call and its arguments, or `running` (proc(5)).
        guard number > 0, let text = firstLine(of: "/proc/self/task/\(number)/syscall") else {
            return .unknown
        }
        let words = text.split(separator: " ")
        guard let first = words.first else { return .unknown }
        guard let call = Int(first) else { return .computing }
        // A thread between two calls, such as one that waits for a processor.
        guard call >= 0 else { return .computing }
        let known = calls[call] ?? .another
        guard known.worksOnDescriptor, words.count > 1 else {
            return .waiting(call: known, descriptor: nil)
        }
        return .waiting(call: known, descriptor: descriptor(String(words[1])))
    }

    /// What a descriptor is of, such as a path or `socket:[…]`.
    private static func descriptor(_ argument: String) -> String? {
        guard let number = Int32(argument.dropFirst(2), radix: 16) else { return nil }
        return linkTarget(of: "/proc/self/fd/\(number)")
    }

    #if arch(x86_64)
        private static let calls: [Int: Call] = [
            0: .read, 17: .read, 19: .read, 1: .write, 18: .write, 20: .write, 44: .send,
            46: .send, 45: .receive, 47: .receive, 43: .accept, 288: .accept, 42: .connect,
            7: .poll, 271: .poll, 23: .poll, 270: .poll, 232: .epoll, 281: .epoll, 35: .sleep,
            230: .sleep, 202: .lock, 2: .open, 257: .open, 74: .sync, 75: .sync, 61: .wait,
            247: .wait, 73: .lock,
        ]
    #elseif arch(arm64)
        private static let calls: [Int: Call] = [
            63: .read, 67: .read, 65: .read, 64: .write, 68: .write, 66: .write, 206: .send,
            211: .send, 207: .receive, 212: .receive, 202: .accept, 242: .accept, 203: .connect,
            73: .poll, 72: .poll, 22: .epoll, 101: .sleep, 115: .sleep, 98: .lock, 56: .open,
            82: .sync, 83: .sync, 260: .wait, 95: .wait, 32: .lock,
        ]
    #else
        private static let calls: [Int: Call] = [:]
    #endif
}

extension ThreadState.Call {
    fileprivate var worksOnDescriptor: Bool {
        switch self {
        case .read, .write, .send, .receive, .accept, .connect, .sync: true
        case .poll, .epoll, .sleep, .lock, .open, .wait, .another: false
        }
    }

    /// What the thread waits for, in words.
    var words: String {
        switch self {
        case .read, .receive: "reading"
        case .write, .send: "writing"
        case .accept: "accepting"
        case .connect: "connecting"
        case .poll, .epoll: "waiting for descriptors"
        case .sleep: "sleeping"
        case .lock: "waiting for a lock or another thread"
        case .open: "opening a file"
        case .sync: "waiting for the disk"
        case .wait: "waiting for another process"
        case .another: "in a system call"
        }
    }
}

extension ThreadState: CustomStringConvertible {
    var description: String {
        switch self {
        case .computing: "computing"
        case .waiting(let call, let descriptor?): "\(call.words), \(descriptor)"
        case .waiting(let call, nil): call.words
        case .unknown: "doing something that the system does not tell"
        }
    }
}
