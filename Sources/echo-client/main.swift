import Console
import UVSockets

let options = Options.parseOrExit("echo-client")

do {
    try EchoClient(options).run()
} catch {
    fail("echo-client", "\(error)")
}
