import Console
import UVSockets

/// Commands from an operator, a line each.
struct OperatorConsole: Sendable {
    private let server: UVRemoteListener
    private let output: Output
    private let waits: WaitCount
    private let quit: @Sendable () -> Void

    /// Whether the framing ends a broadcast line.
    private let isFramed: Bool

    init(
        _ server: UVRemoteListener, isFramed: Bool, _ output: Output, waits: WaitCount,
        quit: @escaping @Sendable () -> Void
    ) {
        self.server = server
        self.isFramed = isFramed
        self.output = output
        self.waits = waits
        self.quit = quit
    }

    /// Takes commands until there are no more. Where the input ends, the server goes on without one.
    func run() async {
        let (events, came) = AsyncStream.makeStream(of: Input.Event.self)
        let input = Input { came.yield($0) }
        var lines = LineBuffer()
        input.request()
        for await event in events {
            guard case .bytes(let bytes) = event else { return }
            for line in lines.append(bytes) { await take(line) }
            input.request()
        }
    }

    private func take(_ line: [UInt8]) async {
        do throws(Command.Unknown) {
            guard let command = try Command(String(decoding: line, as: UTF8.self)) else { return }
            await perform(command)
        } catch {
            output.write(line: "\(error)")
        }
    }

    private func perform(_ command: Command) async {
        switch command {
        case .list:
            let clients = await server.snapshot().clients.sorted { $0.id < $1.id }
            for client in clients { output.write(line: describe(client)) }
            if clients.isEmpty { output.write(line: "no clients") }
        case .kick(let id):
            let isKicked = await server.kick(id)
            output.write(line: isKicked ? "kicked \(id)" : "there is no client \(id)")
        case .broadcast(let text):
            let receipt = await server.broadcast(isFramed ? text : text + "\n")
            output.write(line: "sent to \(receipt.receivers) clients")
        case .stats:
            output.write(line: "\(Statistics(await server.stats(), waits: waits.value))")
        case .help:
            output.write(line: Command.usage)
        case .quit:
            quit()
        }
    }

    private func describe(_ client: UVClientSnapshot) -> String {
        """
        \(client.id) \(client.peer) \(client.stats.age.components.seconds) s, \
        \(client.stats.bytesReceived) bytes in, \(client.stats.bytesSent) bytes out, \
        \(client.stats.bytesQueued) bytes queued
        """
    }
}
