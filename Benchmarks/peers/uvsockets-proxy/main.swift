// A proxy as a user writes it: `uvsockets-proxy ENDPOINT BACKEND`.

import Glibc
import UVSockets

let arguments = CommandLine.arguments
guard arguments.count == 3 else { fatalError("usage: uvsockets-proxy ENDPOINT BACKEND") }
let backend = try UVEndpoint(arguments[2])

var server = UVServer(
    at: try UVEndpoint(arguments[1]), options: UVListenerOptions(maxConnections: 7_000)
) { client in
    try await client.connect(to: backend) { server in
        try await client.relay(with: server)
    }
}
server.onListening = { server in
    for endpoint in server.localEndpoints { print("listening on \(endpoint)") }
    fflush(nil)
}
// The process has no other thread, and neither has haproxy's.
let loop = try UVLoop()
try loop.run { [server] in
    try await server.run(on: loop, stoppingOn: [.terminate, .interrupt])
}
