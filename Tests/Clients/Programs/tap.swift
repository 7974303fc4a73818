import UVSockets
import UVSocketsCapture

// An echo of lines at `[::]:PORT` and at a Unix-domain socket. The line `tap` begins a tap of all
// clients. The program writes its report when it is terminated: the tap ends with the server.
//
//     tap PORT SOCKET FILE

let arguments = CommandLine.arguments
guard arguments.count == 4, let port = UInt16(arguments[1]) else {
    fatalError("usage: tap PORT SOCKET FILE")
}
let path = arguments[3]
let (taps, found) = AsyncStream<UVTap>.makeStream()

var server = UVServer(at: UVEndpoint(host: "::", port: port), framing: .lines) { client in
    for try await line in client.messages {
        if line == Array("tap".utf8), let handle = client.server {
            found.yield(try await UVTap.start(handle, to: path))
        }
        try await client.send(line)
    }
}
server.options.additionalEndpoints = [.unix(arguments[2])]
server.loops = 2
try await server.run(stoppingOn: [.terminate])
found.finish()
for await tap in taps {
    let report = await tap.ended()
    print("\(report.packets) packets, \(report.packetsDropped) dropped, \(report.end)")
}
