import Glibc
import NIOCore
import NIOPosix

/// SwiftNIO with Swift concurrency: a task for each connection, over a `NIOAsyncChannel` on one event loop.
@main
struct Server {
    static func main() async throws {
        let arguments = CommandLine.arguments
        guard arguments.count == 3, arguments[1] == "--port", let port = Int(arguments[2]) else {
            fatalError("usage: nio-async-echo --port N")
        }
        let oneThread = MultiThreadedEventLoopGroup(numberOfThreads: 1)
        let listener = try await ServerBootstrap(group: oneThread)
            .serverChannelOption(.backlog, value: 4096)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .childChannelOption(.tcpOption(.tcp_nodelay), value: 1)
            .bind(host: "127.0.0.1", port: port) { channel in
                channel.eventLoop.makeCompletedFuture {
                    try NIOAsyncChannel<ByteBuffer, ByteBuffer>(
                        wrappingChannelSynchronously: channel)
                }
            }
        print("listening on 127.0.0.1:\(listener.channel.localAddress?.port ?? port)")
        fflush(nil)
        try await withThrowingDiscardingTaskGroup { group in
            try await listener.executeThenClose { connections in
                for try await connection in connections {
                    group.addTask { await echo(connection) }
                }
            }
        }
    }

    /// A connection that breaks ends itself and nothing else.
    private static func echo(_ connection: NIOAsyncChannel<ByteBuffer, ByteBuffer>) async {
        try? await connection.executeThenClose { inbound, outbound in
            for try await bytes in inbound {
                try await outbound.write(bytes)
            }
        }
    }
}
