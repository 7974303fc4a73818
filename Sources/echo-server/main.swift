import Console
import Glibc
import Logging
import UVSockets

openStandardDescriptors("echo-server")

let options = Options.parseOrExit("echo-server")

UVLoop.raiseDescriptorLimit()
let log = Output(2, excess: .drop(beyond: 1 << 20))
LoggingSystem.bootstrap { _ in
    LineLogHandler(program: "echo-server", level: options.logLevel, output: log)
}

do {
    let server = try EchoServer(options, log)
    try server.run()
    log.flush(within: .milliseconds(200))
} catch {
    log.flush(within: .milliseconds(200))
    fail("echo-server", "\(error)")
}
