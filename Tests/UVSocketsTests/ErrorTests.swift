import Testing
import UVSockets

@Suite("UVError", .ownThreads)
struct ErrorTests {
    @Test("It is one line: the call, its subject, the reason and the code's name")
    func description() {
        #expect(
            "\(UVError(call: "bind", subject: "0.0.0.0:8081", code: .addressInUse))"
                == "bind 0.0.0.0:8081: address already in use (EADDRINUSE)")
        #expect(
            "\(UVError(call: "make loop", code: .tooManyOpenFiles))"
                == "make loop: too many open files (EMFILE)")
        #expect(
            "\(UVError(call: "connect", subject: "a:1", code: .timedOut, reason: "no answer"))"
                == "connect a:1: no answer (ETIMEDOUT)")
    }

    @Test(
        "Only that the peer is gone is no fault",
        arguments: [
            (UVError.Code.connectionReset, true), (.brokenPipe, true), (.endOfFile, true),
            (.notConnected, true), (.connectionAborted, true), (.timedOut, false),
            (.addressInUse, false), (.tooManyOpenFiles, false), (.connectionRefused, false),
        ])
    func peerGone(code: UVError.Code, isPeerGone: Bool) {
        #expect(UVError(call: "send", code: code).isPeerGone == isPeerGone)
    }

    @Test("A code that libuv does not know has words, too", arguments: [Int32(-99_999), 0, 7])
    func unknown(number: Int32) {
        let code = UVError.Code(rawValue: number)
        #expect(!code.name.isEmpty)
        #expect(code.description.contains("\(number)") || !code.description.isEmpty)
    }

    @Test("Reasons say in a clause why a connection ended")
    func reasons() {
        let error = UVError(call: "send", subject: "a:1", code: .timedOut)
        let all: [UVEndReason] = [
            .peerClosed, .peerReset, .closed, .reset, .kicked, .slowReceiver, .listenerStopped,
            .failed(error),
        ]
        #expect(Set(all.map(\.description)).count == all.count)
        #expect("\(UVEndReason.failed(error))" == "failed: \(error)")
    }
}
