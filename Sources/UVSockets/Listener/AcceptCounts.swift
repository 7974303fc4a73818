/// How often a listener has not accepted at once, and what became of clients when it stopped.
struct AcceptCounts {
    /// How many different errors are counted apart.
    private static let errorLimit = 32

    /// As many clients were accepted in a turn as may be.
    var yields: UInt64 = 0
    /// Clients had to wait in the backlog until one left.
    var holds: UInt64 = 0
    /// The errors of accept, by their code. What is beyond the limit counts as code 0.
    private(set) var errors: [Int32: UInt64] = [:]
    /// Clients that got everything when the listener stopped, those that did not, and how many
    /// bytes they did not get.
    private(set) var drained: UInt64 = 0
    private(set) var cutOff: UInt64 = 0
    private(set) var bytesLost: UInt64 = 0

    mutating func count(_ error: UVError.Code) {
        let isKnown = errors[error.rawValue] != nil || errors.count < Self.errorLimit
        errors[isKnown ? error.rawValue : 0, default: 0] += 1
    }

    mutating func countDrained(_ client: UVConnection) {
        if client.bytesLost == 0 {
            drained += 1
        } else {
            cutOff += 1
            bytesLost += UInt64(client.bytesLost)
        }
    }
}
