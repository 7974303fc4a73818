/// What a client throws when it cannot take a message.
extension ClientCore {
    static func noConnection(_ endpoint: UVEndpoint) -> UVError {
        UVError(
            call: "send to", subject: "\(endpoint)", code: .notConnected,
            reason: "the client is closed")
    }

    func noRoom(_ reason: String) -> UVError {
        UVError(call: "send to", subject: "\(endpoint)", code: .noBufferSpace, reason: reason)
    }

    var noKey: UVError {
        UVError(
            call: "ask", subject: "\(endpoint)", code: .invalidArgument,
            reason: "the question has no key, or the key of another open question")
    }
}
