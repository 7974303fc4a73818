// The local address that a connector connects from, if one is set.
extension UVConnector {
    /// The local address from the settings. Nil lets the system choose.
    func localAddress() throws(UVError) -> SocketAddress? {
        guard let local = settings.local else { return nil }
        func refuse(_ reason: String) -> UVError {
            UVError(call: "bind", subject: "\(local)", code: .invalidArgument, reason: reason)
        }
        guard endpoint.unixAddress == nil else {
            throw refuse("a connection to a Unix-domain socket has no local address")
        }
        guard let address = SocketAddress(local) else {
            throw refuse(
                "the local address must be an IPv4 or IPv6 address of this machine, not a name")
        }
        return address
    }

    /// The server's addresses that the local address can connect to: those of its family.
    func reachable(
        _ addresses: [SocketAddress], from local: SocketAddress?
    ) throws(UVError) -> [SocketAddress] {
        guard let local else { return addresses }
        let reachable = addresses.filter { $0.isIPv6 == local.isIPv6 }
        guard reachable.isEmpty, !addresses.isEmpty else { return reachable }
        let family = local.isIPv6 ? "IPv6" : "IPv4"
        throw UVError(
            call: "connect", subject: "\(endpoint)", code: .addressFamilyNotSupported,
            reason: "the server has no \(family) address, and the local address is one")
    }

    /// Makes a socket for the next address, bound to the local one.
    ///
    /// - Returns: The socket. Nil if it cannot be bound: then the attempt keeps the error and goes
    ///   on.
    func makeSocket(_ attempt: ConnectAttempt) throws(UVError) -> TCPHandle? {
        guard let local = attempt.local else { return try TCPHandle(on: loop) }
        let socket: SocketDescriptor
        do throws(UVError) {
            socket = try SocketDescriptor.make(boundTo: local)
        } catch {
            attempt.error = error
            attempt.race.failed()
            return nil
        }
        do throws(UVError) {
            return try TCPHandle(on: loop, owning: socket)
        } catch {
            socket.close()
            throw error
        }
    }
}
