import Console
import UVSockets

openStandardDescriptors("echo-client")

let options = Options.parseOrExit("echo-client")

do {
    try EchoClient(options).run()
} catch {
    fail("echo-client", "\(error)")
}
