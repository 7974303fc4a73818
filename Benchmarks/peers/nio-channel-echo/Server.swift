import Glibc
import NIOCore
import NIOPosix

/// Writes back what it reads, and flushes once when a burst of reads ends.
private final class EchoHandler: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        context.write(data, promise: nil)
    }

    func channelReadComplete(context: ChannelHandlerContext) {
        context.flush()
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        context.close(promise: nil)
    }
}

/// SwiftNIO at its fastest: a channel handler on one event loop, behind SwiftNIO's own handler for
/// backpressure.
@main
struct Server {
    static func main() async throws {
        let arguments = CommandLine.arguments
        guard arguments.count == 3, arguments[1] == "--port", let port = Int(arguments[2]) else {
            fatalError("usage: nio-channel-echo --port N")
        }
        let oneThread = MultiThreadedEventLoopGroup(numberOfThreads: 1)
        let listener = try await ServerBootstrap(group: oneThread)
            .serverChannelOption(.backlog, value: 4096)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .childChannelOption(.tcpOption(.tcp_nodelay), value: 1)
            .childChannelOption(.maxMessagesPerRead, value: 16)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandlers(
                        BackPressureHandler(), EchoHandler())
                }
            }
            .bind(host: "127.0.0.1", port: port)
            .get()
        print("listening on 127.0.0.1:\(listener.localAddress?.port ?? port)")
        fflush(nil)
        try await listener.closeFuture.get()
    }
}
