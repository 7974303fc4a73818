import Foundation

@testable import UVSockets
@testable import UVSocketsTesting

/// Carries bytes between a socket and a peer in memory, on the network's thread.
final class Cable {
    private let socket: RawPeer
    private let stream: MemoryEnd
    private let peer: UVTestPeer
    /// What the peer has received, and the socket has not taken.
    private var unsent: ArraySlice<UInt8> = []
    private var socketHasFinished = false
    private var peerHasFinished = false

    /// Connects a socket's other end. It does not read before the first carrying, unlike a peer that
    /// the network connects.
    init?(_ socket: RawPeer, to endpoint: UVEndpoint, of network: UVTestNetwork) throws {
        guard let stream = try network.memory.connect(to: endpoint) else { return nil }
        self.socket = socket
        self.stream = stream
        peer = UVTestPeer(stream, of: network)
        peer.isReading = false
    }

    /// How many bytes the network takes from the socket now.
    private var room: Int { socketHasFinished ? 0 : min(stream.outgoing.room, 1 << 16) }

    /// Carries what there is, in both directions.
    ///
    /// - Returns: Whether there may be more later.
    func carry() -> Bool {
        let isOpen = carryToPeer() && carryToSocket()
        if isOpen, !(socketHasFinished && peerHasFinished) { return true }
        peer.close()
        socket.close()
        return false
    }

    private func carryToPeer() -> Bool {
        while room > 0 {
            do {
                let bytes = try socket.receiveSome(room, flags: Int32(MSG_DONTWAIT))
                peer.send(bytes)
                socketHasFinished = bytes.isEmpty
            } catch let error as SocketError where error.number == EAGAIN {
                return true
            } catch {
                peer.reset()
                return false
            }
        }
        guard socketHasFinished else { return true }
        // Without an event that was asked for, only a hangup shows: the test has closed its end.
        if socket.poll(0, seconds: 0) { return false }
        peer.finish()
        return true
    }

    private func carryToSocket() -> Bool {
        while true {
            if unsent.isEmpty {
                peer.read(1 << 16)
                unsent = peer.take()[...]
            }
            guard !unsent.isEmpty else { break }
            guard let count = socket.sendSome(unsent) else { return false }
            if count == 0 { return true }
            unsent.removeFirst(count)
        }
        if peer.end == .finished, !peerHasFinished {
            peerHasFinished = true
            try? socket.finish()
        }
        return peer.end != .reset
    }

    /// Waits for one of the sockets, for at most a millisecond.
    static func wait(for cables: [Cable]) {
        var requests = cables.map { cable in
            var events = cable.room > 0 ? POLLIN : 0
            if !cable.unsent.isEmpty { events |= POLLOUT }
            return pollfd(fd: cable.socket.descriptor, events: Int16(events), revents: 0)
        }
        _ = unsafe poll(&requests, nfds_t(requests.count), 1)
    }
}
