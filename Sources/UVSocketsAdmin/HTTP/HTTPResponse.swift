/// An answer to an HTTP request.
struct HTTPResponse {
    enum Status: Int {
        case ok = 200
        case badRequest = 400
        case notFound = 404
        case methodNotAllowed = 405
        case headTooLong = 431
        case serviceUnavailable = 503
        case versionNotSupported = 505

        var phrase: String {
            switch self {
            case .ok: "OK"
            case .badRequest: "Bad Request"
            case .notFound: "Not Found"
            case .methodNotAllowed: "Method Not Allowed"
            case .headTooLong: "Request Header Fields Too Large"
            case .serviceUnavailable: "Service Unavailable"
            case .versionNotSupported: "HTTP Version Not Supported"
            }
        }
    }

    let status: Status
    var type = "text/plain; charset=utf-8"
    let body: String

    /// The answer to a request with a problem.
    init(_ problem: HTTPRequest.Problem) {
        switch problem {
        case .badRequest: self.init(.badRequest, "this is not a request of HTTP/1.1\n")
        case .methodNotAllowed: self.init(.methodNotAllowed, "only GET and HEAD are answered\n")
        case .versionNotSupported: self.init(.versionNotSupported, "only HTTP/1 is spoken\n")
        }
    }

    init(_ status: Status, type: String? = nil, _ body: String) {
        self.status = status
        self.body = body
        if let type { self.type = type }
    }

    /// The bytes on the wire.
    func bytes(isHead: Bool, keepsAlive: Bool) -> [UInt8] {
        var head = "HTTP/1.1 \(status.rawValue) \(status.phrase)\r\n"
        head += "Content-Type: \(type)\r\nContent-Length: \(body.utf8.count)\r\n"
        head += "Cache-Control: no-store\r\n"
        if status == .methodNotAllowed { head += "Allow: GET, HEAD\r\n" }
        head += "Connection: \(keepsAlive ? "keep-alive" : "close")\r\n\r\n"
        return Array(head.utf8) + (isHead ? [] : Array(body.utf8))
    }
}
