import Console
import UVSockets

/// Commands from an operator, a line each.
final class OperatorConsole {
    private let listener: UVListener
    private let output: Output
    private let statistics: () -> Statistics
    private let quit: () -> Void
    private var input: Input?
    private var lines = LineBuffer()

    /// Whether the framing ends a broadcast line.
    private let isFramed: Bool

    init(
        _ listener: UVListener, isFramed: Bool, _ output: Output,
        statistics: @escaping () -> Statistics, quit: @escaping () -> Void
    ) {
        self.listener = listener
        self.isFramed = isFramed
        self.output = output
        self.statistics = statistics
        self.quit = quit
    }

    /// Takes commands from now on.
    func start(_ input: Input) {
        self.input = input
        input.request()
    }

    /// Something came from the operator. Where the input ends, the server goes on without one.
    func handle(_ event: Input.Event) {
        guard case .bytes(let bytes) = event else { return }
        for line in lines.append(bytes) {
            do {
                if let command = try Command(String(decoding: line, as: UTF8.self)) {
                    perform(command)
                }
            } catch {
                output.write(line: "\(error)")
            }
        }
        input?.request()
    }

    private func perform(_ command: Command) {
        switch command {
        case .list:
            let clients = listener.clients.sorted { $0.id < $1.id }
            for client in clients { output.write(line: describe(client)) }
            if clients.isEmpty { output.write(line: "no clients") }
        case .kick(let id):
            output.write(line: listener.kick(id) ? "kicked \(id)" : "there is no client \(id)")
        case .broadcast(let text):
            let receipt = listener.broadcast(isFramed ? text : text + "\n")
            output.write(line: "sent to \(receipt.receivers) clients")
        case .stats:
            output.write(line: "\(statistics())")
        case .help:
            output.write(line: Command.usage)
        case .quit:
            quit()
        }
    }

    private func describe(_ client: UVConnection) -> String {
        """
        \(client.id) \(client.peer) \(client.age.components.seconds) s, \
        \(client.bytesReceived) bytes in, \(client.bytesSent) bytes out, \
        \(client.bytesQueued) bytes queued
        """
    }
}
