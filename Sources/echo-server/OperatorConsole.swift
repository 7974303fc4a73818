import Console
import Glibc
import UVSockets

/// Reads an operator's commands, one per line.
struct OperatorConsole: Sendable {
    /// The most bytes that a line may have.
    private static let longestLine = 4096

    private let server: UVServerHandle
    private let output: Output
    private let waits: WaitCount
    private let quit: @Sendable () -> Void

    /// How a broadcast text becomes a message. Without a framing it is sent as a line.
    private let framing: UVFraming

    init(
        _ server: UVServerHandle, framing: UVFraming, _ output: Output, waits: WaitCount,
        quit: @escaping @Sendable () -> Void
    ) {
        self.server = server
        self.framing = framing
        self.output = output
        self.waits = waits
        self.quit = quit
    }

    /// Takes commands until the input ends. After that the server runs without commands.
    func run() async {
        let (events, came) = AsyncStream.makeStream(of: Input.Event.self)
        let input = Input { came.yield($0) }
        var lines = LineBuffer(maximumLength: Self.longestLine)
        input.request()
        for await event in events {
            switch event {
            case .bytes(let bytes):
                for line in lines.append(bytes) { await take(line) }
                input.request()
            case .end:
                if let line = lines.finish() { await take(line) }
                return
            case .failed(let code):
                let reason = unsafe String(cString: strerror(code))
                return output.write(line: "no more commands: cannot read the input: \(reason)")
            }
        }
    }

    private func take(_ line: LineBuffer.Line) async {
        guard case .whole(let bytes) = line else {
            return output.write(
                line: "line too long: a command has at most \(Self.longestLine) bytes")
        }
        do throws(Command.Unknown) {
            guard let command = try Command(bytes) else { return }
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
        case .ended(let ends):
            let clients = await self.clients(ended: ends)
            for client in clients { output.write(line: "\(client)") }
            if clients.isEmpty { output.write(line: "no such client has ended") }
        case .recorder(let id):
            let events = await server.history(of: id)
            for event in events { output.write(line: "\(event)") }
            if events.isEmpty { output.write(line: "nothing is recorded of client \(id)") }
        case .broadcast(let text):
            await broadcast(text)
        case .stats:
            output.write(line: "\(Statistics(await server.stats(), waits: waits.value))")
        case .help:
            output.write(line: Command.usage)
        case .quit:
            quit()
        }
    }

    private func clients(ended ends: Command.Ends) async -> [UVEndedClient] {
        switch ends {
        case .all: await server.endedClients()
        case .bad: await server.endedClients(badOnly: true)
        case .reason(let kind):
            await server.endedClients(badOnly: kind.isBad).filter { $0.reason.kind == kind }
        }
    }

    private func broadcast(_ text: String) async {
        do throws(FramingError) {
            _ = try framing.wrapper(of: Array(text.utf8).span)
        } catch {
            return output.write(line: "the text \(error)")
        }
        let receipt = await server.broadcast(framing.codec == nil ? text + "\n" : text)
        output.write(line: "sent to \(receipt.receivers) clients")
    }

    private func describe(_ client: UVClientSnapshot) -> String {
        """
        \(client.id) \(client.peer) \(client.stats.age.components.seconds) s, \
        \(client.stats.bytesReceived) bytes in, \(client.stats.bytesSent) bytes out, \
        \(client.stats.bytesQueued) bytes queued
        """
    }
}
