internal import CLibuv

#if canImport(Glibc)
    internal import Glibc
#else
    internal import Darwin
#endif

/// One name on its way to its addresses, on libuv's threads; the answer comes on the loop.
///
/// libuv looks up a few names at a time for the whole process, so a lookup can wait for others:
/// whoever starts one needs a deadline of its own.
@safe final class LookupRequest {
    typealias Completion = (Result<[SocketAddress], UVError>) -> Void

    private let memory = UnsafeMutablePointer<uv_getaddrinfo_t>.allocate(capacity: 1)
    private let loop: UVLoop
    private let endpoint: UVEndpoint
    private var completion: Completion?

    /// Starts a lookup, of addresses to listen on if it is passive, and to connect to if not.
    init(
        _ endpoint: UVEndpoint, isPassive: Bool, on loop: UVLoop,
        completion: @escaping Completion
    ) throws(UVError) {
        self.loop = loop
        self.endpoint = endpoint
        self.completion = completion
        guard endpoint.host.utf8.count <= UVEndpoint.maximumHostLength,
            !endpoint.host.utf8.contains(0), !endpoint.host.isEmpty
        else {
            throw UVError(
                call: "look up", subject: endpoint.host, code: .unknownHost,
                reason: "a host name is 1 to \(UVEndpoint.maximumHostLength) bytes without NUL")
        }
        var hints = unsafe addrinfo()
        unsafe hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
        unsafe hints.ai_flags = isPassive ? AI_PASSIVE : 0
        unsafe memory.pointee.data = Unmanaged.passRetained(self).toOpaque()
        let status = unsafe uv_getaddrinfo(
            loop.raw, memory, { unsafe LookupRequest.ended($0, $1, $2) },
            endpoint.host, String(endpoint.port), &hints)
        guard status == 0 else {
            unsafe Unmanaged.passUnretained(self).release()
            throw UVError(call: "look up", subject: endpoint.host, code: .init(rawValue: status))
        }
        loop.openLookups += 1
    }

    deinit {
        unsafe memory.deallocate()
    }

    /// The answer is not wanted any more. A lookup that has begun still runs to its end.
    func cancel() {
        completion = nil
        _ = unsafe UnsafeMutableRawPointer(memory).withMemoryRebound(to: uv_req_t.self, capacity: 1)
        {
            unsafe uv_cancel($0)
        }
    }

    private static func ended(
        _ request: UnsafeMutablePointer<uv_getaddrinfo_t>?, _ status: Int32,
        _ list: UnsafeMutablePointer<addrinfo>?
    ) {
        defer { unsafe uv_freeaddrinfo(list) }
        guard let data = unsafe request?.pointee.data else { return }
        let lookup = unsafe Unmanaged<LookupRequest>.fromOpaque(data).takeRetainedValue()
        var addresses: [SocketAddress] = []
        var entry = unsafe list
        while let info = unsafe entry {
            if let pointer = unsafe info.pointee.ai_addr,
                let address = unsafe SocketAddress(pointer),
                !addresses.contains(address)
            {
                addresses.append(address)
            }
            unsafe entry = info.pointee.ai_next
        }
        lookup.deliver(addresses, status)
    }

    private func deliver(_ addresses: [SocketAddress], _ status: Int32) {
        loop.openLookups -= 1
        guard let completion else { return }
        self.completion = nil
        let code = status < 0 ? UVError.Code(rawValue: status) : .unknownHost
        loop.callback {
            completion(
                addresses.isEmpty
                    ? .failure(UVError(call: "look up", subject: endpoint.host, code: code))
                    : .success(addresses))
        }
    }
}
