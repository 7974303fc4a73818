/// One lookup of a name. The answer comes on the loop, which keeps running until then.
final class LookupRequest {
    typealias Completion = (Result<[SocketAddress], UVError>) -> Void

    private let loop: UVLoop
    private let endpoint: UVEndpoint
    private var completion: Completion?
    private var deadline: TimerHandle?
    private var key = 0
    private var ticket: (lookup: Int, reply: Int)?

    /// Starts a lookup of the addresses of a name.
    ///
    /// - Parameters:
    ///   - endpoint: The name, and the port that the addresses get.
    ///   - isPassive: Whether the addresses are to listen on. If false, they are to connect to.
    ///   - time: How long it may take; nil if the caller has its own deadline.
    ///   - loop: The loop.
    ///   - completion: Called once, later, unless the request is cancelled before.
    /// - Throws: ``UVError`` if the host cannot be a name, or the system has no threads left.
    init(
        _ endpoint: UVEndpoint, isPassive: Bool, within time: Duration? = nil, on loop: UVLoop,
        completion: @escaping Completion
    ) throws(UVError) {
        self.loop = loop
        self.endpoint = endpoint
        self.completion = completion
        try Self.check(endpoint.host)
        if let time {
            deadline = try TimerHandle(on: loop) { [self] in
                deliver(
                    .failure(error(.timedOut, reason: "no answer within \(time)")))
            }
            deadline?.start(after: time)
        }
        key = loop.register(self)
        do throws(UVError) {
            ticket = try loop.resolver.look(
                up: .init(host: endpoint.host, isPassive: isPassive)
            ) { [weak loop, key] answer in
                guard let loop else { return }
                loop.submitAlways { [unowned loop] in
                    (loop.addressees[key] as? LookupRequest)?.answered(answer)
                }
            }
        } catch {
            loop.unregister(key)
            deadline?.close()
            deadline = nil
            throw error
        }
        loop.openLookups += 1
    }

    private static func check(_ host: String) throws(UVError) {
        func refuse(_ reason: String) -> UVError {
            UVError(call: "look up", subject: host, code: .unknownHost, reason: reason)
        }
        guard host.utf8.count <= UVEndpoint.maximumHostLength, !host.utf8.contains(0), !host.isEmpty
        else {
            throw refuse(
                "a host name must have 1 to \(UVEndpoint.maximumHostLength) bytes without NUL")
        }
        // No name holds a colon, so this was meant as an IPv6 address.
        guard !host.utf8.contains(UInt8(ascii: ":")) else {
            throw refuse(
                "not a valid IPv6 address, or its zone is not an interface of this machine")
        }
    }

    /// Cancels the request. The answer is not wanted any more.
    func cancel() {
        guard let ticket = ticket.take() else { return }
        loop.resolver.cancel(ticket)
        completion = nil
        deadline?.close()
        // The request and its timer refer to each other.
        deadline = nil
        loop.unregister(key)
        loop.openLookups -= 1
    }

    private func answered(_ answer: Resolver.Answer) {
        switch answer {
        case .success(let addresses):
            deliver(.success(addresses.map { $0.withPort(endpoint.port) }))
        case .failure(let code):
            deliver(.failure(error(code)))
        }
    }

    private func error(_ code: UVError.Code, reason: String? = nil) -> UVError {
        UVError(call: "look up", subject: endpoint.host, code: code, reason: reason)
    }

    private func deliver(_ result: Result<[SocketAddress], UVError>) {
        guard let completion else { return }
        cancel()
        completion(result)
    }
}
