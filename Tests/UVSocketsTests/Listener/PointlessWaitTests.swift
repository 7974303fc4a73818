import Foundation
import Testing

@testable import UVSockets

@Suite("Told of slow receivers", .ownThreads, .onEachTransport, .timeLimit(.minutes(2)))
struct PointlessWaitTests {
    private static let message = pattern(1 << 15)

    private static func makeSlow(_ server: Server, _ id: UVConnection.ID = 1) throws {
        for _ in 0..<2000 {
            let isSlow = try server.onLoop { listener in
                listener.client(id)?.send(message)
                return listener.client(id)?.isSlow == true
            }
            if isSlow { return }
        }
        throw TimedOut("the client never was slow")
    }

    /// How a slow client stops being one that others wait for.
    enum Way: CaseIterable {
        case kick, close, reset, finish, peerResets, leavesGroup
    }

    @Test("Who waits for a slow client hears of it when that need not be", arguments: Way.allCases)
    func leaves(way: Way) throws {
        let told = Journal<UVConnection.ID>()
        let within = Journal<Bool>()
        try withServer(
            configure: { listener in
                let room = UVRoom(of: listener)
                var isCalling = false
                listener.userToken = room
                listener.onConnected = { room.join($0) }
                listener.onDrained = { client in
                    within.append(isCalling)
                    isCalling = true
                    let receipt = client.listener?.broadcast(
                        "at last", to: .room(room), whenSlow: .wait)
                    isCalling = false
                    if receipt?.waitsFor == 0 { told.append(client.id) }
                }
            },
            body: { server in
                let slow = try server.connect(receiveBuffer: 4096)
                let other = try server.connect()
                try server.connected.wait(for: 2)
                try Self.makeSlow(server)
                let waitsFor = try server.onLoop { $0.broadcast("now?", whenSlow: .wait).waitsFor }
                #expect(waitsFor == 1)
                try server.onLoop { listener in
                    guard let client = listener.client(1) else { return }
                    switch way {
                    case .kick: listener.kick(client)
                    case .close: client.close()
                    case .reset: client.reset()
                    case .finish: client.finish()
                    case .peerResets: break
                    case .leavesGroup: (listener.userToken as? UVRoom)?.leave(client)
                    }
                    // Not within the call.
                    #expect(told.entries.isEmpty)
                }
                if way == .peerResets { try slow.reset() }
                #expect(try told.first() == 1)
                #expect(try other.receive(7) == Array("at last".utf8))
                #expect(within.entries.allSatisfy { !$0 })
            })
    }

    @Test(
        "onDrained never comes within a broadcast, and the latest value is the last",
        .timeLimit(.minutes(1)))
    func notWithin() throws {
        let big = pattern(1 << 20)
        let nested = Journal<Bool>()
        try withServer(
            framing: .lengthPrefix(.bytes4),
            configure: { listener in
                var isCalling = false
                let key = UVSlowReceiver.keepLatest(key: "k")
                listener.userToken = Caller { [unowned listener] value in
                    isCalling = true
                    listener.broadcast(value, whenSlow: key)
                    isCalling = false
                }
                listener.onDrained = { _ in nested.append(isCalling) }
            },
            body: { server in
                let slow = try server.connect(receiveBuffer: 4096)
                try server.connected.wait(for: 1)
                try Self.makeSlow(server)
                try server.onLoop { listener in
                    let caller = listener.userToken as? Caller
                    // The small one in the place of the large one lets the queue fall.
                    caller?.call(big)
                    caller?.call([1])
                    caller?.call([2])
                    #expect(nested.entries.isEmpty)
                }
                server.post { $0.kick(1) }
                let all = try slow.receiveToEnd()
                #expect(Array(all.suffix(5)) == [0, 0, 0, 1, 2])
                #expect(nested.entries.allSatisfy { !$0 })
            })
    }

    @Test("A client with a framing of its own gets only the latest of a key, too")
    func ownFraming() throws {
        try withServer(framing: .lines) { server in
            let slow = try server.connect(receiveBuffer: 4096)
            try server.connected.wait(for: 1)
            try server.onLoop { $0.client(1)?.framing = .netstring }
            try Self.makeSlow(server)
            let (queued, replaced) = try server.onLoop { listener in
                var (queued, replaced) = (0, 0)
                for number in 1...500 {
                    let receipt = listener.broadcast("\(number)", whenSlow: .keepLatest(key: "k"))
                    queued += receipt.queued
                    replaced += receipt.replaced
                }
                return (queued, replaced)
            }
            #expect(queued == 1)
            #expect(replaced == 499)
            server.post { $0.kick(1) }
            let all = try slow.receiveToEnd()
            #expect(Array(all.suffix(6)) == Array("3:500,".utf8))
        }
    }

    @Test("A room of another listener is refused with a sentence")
    func foreignRoom() async {
        let result = await #expect(
            processExitsWith: .failure, observing: [\.standardErrorContent]
        ) {
            let loop = try UVLoop()
            let one = UVListener(on: loop, at: "127.0.0.1:0") { _, _ in }
            let other = UVListener(on: loop, at: "127.0.0.1:0") { _, _ in }
            one.broadcast("x", to: .room(UVRoom(of: other)))
        }
        #expect(result.said("UVListener.broadcast needs a room of this listener"))
    }

    @Test("A room of a listener that is gone takes no client of another")
    func roomOfOneGone() async {
        let result = await #expect(
            processExitsWith: .failure, observing: [\.standardErrorContent]
        ) {
            let loop = try UVLoop()
            for _ in 0..<50 {
                var gone: UVListener? = UVListener(on: loop, at: "127.0.0.1:0") { _, _ in }
                let room = try #require(gone.map { UVRoom(of: $0) })
                gone = nil
                // The system may give it the place in memory of the one that is gone.
                let listener = UVListener(on: loop, at: "127.0.0.1:0") { _, _ in }
                listener.onConnected = { client in
                    room.join(client)
                    exit(0)
                }
                try listener.startAccept()
                let endpoint = try #require(listener.localEndpoint)
                let peer = try onThread { try RawPeer(to: endpoint) }
                loop.run(.untilStopped)
                peer.close()
            }
        }
        #expect(result.said("UVRoom.join needs a client of the room's listener"))
    }

    private final class Caller {
        let call: ([UInt8]) -> Void

        init(_ call: @escaping ([UInt8]) -> Void) {
            self.call = call
        }
    }
}
