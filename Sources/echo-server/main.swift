import Console
import Glibc
import Logging
import UVSockets
import UVSocketsAdmin

openStandardDescriptors("echo-server")

let options = Options.parseOrExit("echo-server")

UVLoop.raiseDescriptorLimit()
let log = Output(2, excess: .drop(beyond: 1 << 20))
let logLevel = UVLogLevel(options.logLevel)
LoggingSystem.bootstrap { _ in
    logLevel.handler(
        around: LineLogHandler(program: "echo-server", level: options.logLevel, output: log))
}

do {
    let server = try EchoServer(options, log, logLevel)
    try server.run()
    log.flush(within: .milliseconds(200))
} catch {
    log.flush(within: .milliseconds(200))
    fail("echo-server", "\(error)")
}
