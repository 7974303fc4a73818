internal import CLibuv
internal import DequeModule

#if canImport(Glibc)
    internal import Glibc
#else
    internal import Darwin
#endif

/// Looks up names, each on its own thread. A name that is not answered delays no other name.
///
/// It does not use `uv_getaddrinfo`. Only two of libuv's threads look up names at a time, and a
/// lookup that has begun keeps its loop. Here a lookup is abandoned when nobody waits for it any
/// more.
///
/// There are at most ``threadLimit`` threads, including those of abandoned lookups. More names wait
/// until a thread is free. Requests for the same name at the same time share one lookup.
final class Resolver: Sendable {
    /// What is looked up.
    struct Question: Hashable {
        let host: String
        /// Whether the addresses are to listen on. If false, they are to connect to.
        let isPassive: Bool
    }

    typealias Answer = Result<[SocketAddress], UVError.Code>
    typealias Reply = @Sendable (Answer) -> Void

    /// How many names can be looked up at a time.
    static let threadLimit = 256
    /// Twice what the system's own resolver needs, in bytes.
    private static let stackSize = 512 * 1024

    /// The resolver of this process.
    static let shared = Resolver()

    private struct Lookup {
        let question: Question
        var replies: [Int: Reply]
    }

    private struct State {
        /// The lookups that somebody waits for, by their numbers.
        var lookups: [Int: Lookup] = [:]
        /// The numbers of the lookups that wait for a thread.
        var waiting: Deque<Int> = []
        var threads = 0
        var nextNumber = 0

        mutating func number() -> Int {
            defer { nextNumber += 1 }
            return nextNumber
        }
    }

    private let state = Locked(State())

    /// Looks up a name.
    ///
    /// - Parameters:
    ///   - question: The name.
    ///   - reply: Called once with the answer, on another thread, unless it is cancelled before.
    /// - Returns: The ticket for ``cancel(_:)``.
    /// - Throws: ``UVError`` if the system has no memory or threads left.
    func look(
        up question: Question, reply: @escaping Reply
    ) throws(UVError) -> (lookup: Int, reply: Int) {
        let (ticket, needsThread) = state.withLock { state in
            let number = state.number()
            if let same = state.lookups.first(where: { $0.value.question == question })?.key {
                state.lookups[same]?.replies[number] = reply
                return ((lookup: same, reply: number), false)
            }
            state.lookups[number] = Lookup(question: question, replies: [number: reply])
            state.waiting.append(number)
            guard state.threads < Self.threadLimit else { return ((number, number), false) }
            state.threads += 1
            return ((number, number), true)
        }
        guard needsThread else { return ticket }
        do throws(UVError) {
            try startThread(stackSize: Self.stackSize) { [self] in work() }
        } catch {
            state.withLock { $0.threads -= 1 }
            cancel(ticket)
            throw error
        }
        return ticket
    }

    /// Cancels a request. The answer is not wanted any more.
    func cancel(_ ticket: (lookup: Int, reply: Int)) {
        state.withLock { state in
            state.lookups[ticket.lookup]?.replies[ticket.reply] = nil
            guard state.lookups[ticket.lookup]?.replies.isEmpty == true else { return }
            state.lookups[ticket.lookup] = nil
            state.waiting.removeAll { $0 == ticket.lookup }
        }
    }

    /// The work of a thread: it looks up names until none waits.
    private func work() {
        while let (number, question) = next() {
            let answer = Self.ask(question)
            let lookup = state.withLock { $0.lookups.removeValue(forKey: number) }
            for reply in lookup?.replies.values ?? [:].values { reply(answer) }
        }
    }

    private func next() -> (Int, Question)? {
        state.withLock { state in
            while let number = state.waiting.popFirst() {
                if let lookup = state.lookups[number] { return (number, lookup.question) }
            }
            state.threads -= 1
            return nil
        }
    }

    private static func ask(_ question: Question) -> Answer {
        var hints = unsafe addrinfo()
        #if canImport(Glibc)
            unsafe hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
        #else
            unsafe hints.ai_socktype = SOCK_STREAM
        #endif
        unsafe hints.ai_flags = question.isPassive ? AI_PASSIVE : 0
        var list: UnsafeMutablePointer<addrinfo>?
        let status = unsafe getaddrinfo(asciiHostName(question.host), nil, &hints, &list)
        defer { if let list = unsafe list { unsafe freeaddrinfo(list) } }
        guard status == 0 else { return .failure(.init(lookup: status)) }
        var addresses: [SocketAddress] = []
        var entry = unsafe list
        while let info = unsafe entry {
            if let pointer = unsafe info.pointee.ai_addr,
                let address = unsafe SocketAddress(pointer), !addresses.contains(address)
            {
                addresses.append(address)
            }
            unsafe entry = info.pointee.ai_next
        }
        return addresses.isEmpty ? .failure(.unknownHost) : .success(addresses)
    }
}

extension UVError.Code {
    /// Translates an error of `getaddrinfo`. Its numbers differ between systems.
    fileprivate init(lookup status: Int32) {
        switch status {
        case EAI_AGAIN: self.init(UV_EAI_AGAIN)
        case EAI_BADFLAGS: self.init(UV_EAI_BADFLAGS)
        case EAI_FAIL: self.init(UV_EAI_FAIL)
        case EAI_FAMILY: self.init(UV_EAI_FAMILY)
        case EAI_MEMORY: self.init(UV_EAI_MEMORY)
        case EAI_SERVICE: self.init(UV_EAI_SERVICE)
        case EAI_SOCKTYPE: self.init(UV_EAI_SOCKTYPE)
        case EAI_SYSTEM: self.init(rawValue: uv_translate_sys_error(errno))
        default: self.init(UV_EAI_NONAME)
        }
    }
}
