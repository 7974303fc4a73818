import Testing
import UVSocketsTesting

@testable import UVSockets

@Suite("Why a loop runs, and why a listener does not accept", .ownThreads)
struct WhyRunningTests {
    @Test("Everything that keeps a loop running is named, with where it was made")
    func everything() throws {
        let loop = try UVLoop()
        #expect(loop.whyRunning.isEmpty)
        let line = #line
        let listener = UVListener(on: loop, at: "127.0.0.1:0") { $0.send($1) }
        try listener.startAccept()
        let endpoint = try #require(listener.localEndpoint)
        #expect(
            loop.whyRunning == [
                "the listener made at WhyRunningTests.swift:\(line + 1): listening socket \(endpoint)"
            ])
        let connector = UVConnector(on: loop, to: endpoint) { _, _ in loop.stop() }
        connector.onConnected = { $0.send("a") }
        try connector.startConnect()
        loop.run()
        let timer = try loop.after(.seconds(100)) {}
        _ = try loop.after(.seconds(100), keepsRunning: false) {}
        let watch = try loop.on(.user2) {}
        let lines = loop.whyRunning
        #expect(lines.count == 4, "\(lines)")
        #expect(lines.contains("a timer made at WhyRunningTests.swift:\(line + 12)"), "\(lines)")
        #expect(
            lines.contains {
                $0.hasPrefix("client 1, 127.0.0.1:")
                    && $0.hasSuffix(", of the listener made at WhyRunningTests.swift:\(line + 1)")
            }, "\(lines)")
        #expect(
            lines.contains(
                "the connection to \(endpoint) of the connector made at WhyRunningTests.swift:\(line + 8)"
            ), "\(lines)")
        watch.cancel()
        timer.cancel()
        connector.cancel()
        listener.stop(drainFor: .zero)
        loop.submit { #expect(loop.whyRunning.contains { $0.hasPrefix("run(.untilStopped)") }) }
        loop.submit { loop.stop() }
        loop.run(.untilStopped)
    }

    @Test("A listener says why clients wait")
    func listener() throws {
        var options = UVListenerOptions(maxConnections: 1)
        options.admission.whenFull = .hold
        let loop = try UVLoop()
        let listener = UVListener(on: loop, at: "127.0.0.1:0", options: options) { $0.send($1) }
        #expect(
            listener.why == "It does not listen: startAccept was not called, or it has failed.")
        try listener.startAccept()
        let endpoint = try #require(listener.localEndpoint)
        let idle = "It accepts at \(endpoint). 0 clients are here. 0 wait in the backlog, which "
        #expect(listener.why.hasPrefix(idle), "\(listener.why)")
        let peers = try (0..<3).map { _ in try RawPeer(to: endpoint) }
        listener.onConnected = { _ in loop.stop() }
        loop.run()
        let full = """
            New clients wait until one leaves: there are as many as may (maxConnections 1). \
            2 wait in the backlog, which takes
            """
        #expect(listener.why.hasPrefix(full), "\(listener.why)")
        for peer in peers { peer.close() }
        listener.stop(drainFor: .zero)
        loop.run()
        #expect(listener.why == "It has stopped.")
    }

    @Test("A listener that waits for its rate says how long")
    func rate() throws {
        var options = UVListenerOptions()
        options.admission.acceptsPerSecond = 1
        let server = try MemoryServer(options: options)
        let peers = [try server.connect(), try server.network.connect(to: server.listener)]
        server.network.run(for: .milliseconds(10))
        #expect(
            server.listener.why.hasPrefix(
                "New clients wait for the rate (acceptsPerSecond): the next may come in 9"),
            "\(server.listener.why)")
        for peer in peers { peer.close() }
    }
}
