// Echoes messages of 64 bytes, a batch at a time, by way of another loop or without it:
// `uvsockets-posting ENDPOINT BATCH by-client|by-server|here`.

import Glibc
import UVSockets

let arguments = CommandLine.arguments
guard arguments.count == 4, let batchSize = Int(arguments[2]) else {
    fatalError("usage: uvsockets-posting ENDPOINT BATCH by-client|by-server|here")
}
let way = arguments[3]
let others = try UVLoopGroup(loops: 1)
let other = others.loops[0]

@Sendable func answer(_ messages: [[UInt8]], _ client: UVAsyncConnection) {
    if way == "by-server", let server = client.server {
        for message in messages { server.post(message, to: client.id) }
    } else {
        for message in messages { client.post(message) }
    }
}

var server = UVServer(at: try UVEndpoint(arguments[1]), framing: .fixed(64)) { client in
    var batch: [[UInt8]] = []
    // The load generator sends one message first, to see that it was accepted.
    var wanted = 1
    try await client.forEachMessage { message in
        batch.append([UInt8](message: message))
        guard batch.count == wanted else { return }
        wanted = batchSize
        let messages = batch
        batch.removeAll(keepingCapacity: true)
        if way == "here" {
            answer(messages, client)
        } else {
            other.submit { answer(messages, client) }
        }
    }
}
server.onListening = { server in
    for endpoint in server.localEndpoints { print("listening on \(endpoint)") }
    fflush(nil)
}
let loop = try UVLoop()
try loop.run { [server] in
    try await server.run(on: loop, stoppingOn: [.terminate, .interrupt])
}
