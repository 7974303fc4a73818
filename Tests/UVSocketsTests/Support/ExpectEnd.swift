import Foundation
import Testing

/// Checks that a peer gets the bytes and no more.
func expectEnd(of peer: RawPeer, after bytes: [UInt8] = []) throws {
    #expect(try peer.receive(bytes.count) == bytes)
    do {
        #expect(try peer.receiveToEnd() == [])
    } catch let error as SocketError {
        #expect(error.number == ECONNRESET)
    }
}
