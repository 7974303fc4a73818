/// The head of an HTTP request. A pure value, read from the bytes before the empty line.
struct HTTPRequest: Equatable {
    /// Why a request is not answered as it asks, as the status of its answer.
    enum Problem: Error, Equatable {
        case badRequest
        case methodNotAllowed
        case versionNotSupported
    }

    /// The path, without the query.
    let path: String
    /// Whether only the head of the answer is sent.
    let isHead: Bool
    /// Whether the peer may send another request on the connection.
    let keepsAlive: Bool

    /// Reads a head.
    ///
    /// - Parameter head: The lines, divided by CR LF, without the empty line that ends them.
    /// - Throws: What is wrong with it.
    init(_ head: [UInt8]) throws(Problem) {
        guard let text = String(validating: head, as: UTF8.self),
            text.utf8.allSatisfy({ $0 >= 0x20 && $0 != 0x7F || [0x09, 0x0A, 0x0D].contains($0) })
        else { throw .badRequest }
        let lines = Self.lines(of: text)
        guard let first = lines.first,
            !lines.contains(where: { $0.utf8.contains { $0 == 0x0A || $0 == 0x0D } })
        else { throw .badRequest }
        let words = first.split(separator: " ", omittingEmptySubsequences: false)
        guard words.count == 3, !words[0].isEmpty, words[0].utf8.allSatisfy(Self.isTokenByte) else {
            throw .badRequest
        }
        let isOld = try Self.isOldVersion(words[2])
        let fields = try Self.fields(lines.dropFirst())
        // RFC 9112 §3.2
        let hosts = fields.count { $0.name == "host" }
        guard hosts == 1 || isOld && hosts == 0 else { throw .badRequest }
        path = try Self.path(words[1])
        guard words[0] == "GET" || words[0] == "HEAD" else { throw .methodNotAllowed }
        isHead = words[0] == "HEAD"
        // What follows the head of a request with a body is not read, so nothing can follow it.
        let hasBody = fields.contains {
            $0.name == "transfer-encoding" || $0.name == "content-length" && $0.value != "0"
        }
        let options = fields.filter { $0.name == "connection" }
            .flatMap { $0.value.split { $0 == "," || $0 == " " || $0 == "\t" } }
            .map { $0.lowercased() }
        keepsAlive =
            !hasBody && !options.contains("close") && (!isOld || options.contains("keep-alive"))
    }

    private static func lines(of text: String) -> [Substring] {
        // A CR LF is one Character.
        text.split(separator: "\r\n", omittingEmptySubsequences: false)
    }

    private static func isOldVersion(_ version: Substring) throws(Problem) -> Bool {
        let bytes = Array(version.utf8)
        guard bytes.count == 8, version.hasPrefix("HTTP/"), bytes[6] == UInt8(ascii: "."),
            [bytes[5], bytes[7]].allSatisfy({ UInt8(ascii: "0")...UInt8(ascii: "9") ~= $0 })
        else { throw .badRequest }
        guard bytes[5] == UInt8(ascii: "1") else { throw .versionNotSupported }
        return bytes[7] == UInt8(ascii: "0")
    }

    private static func fields(
        _ lines: ArraySlice<Substring>
    ) throws(Problem) -> [(name: String, value: String)] {
        var fields: [(name: String, value: String)] = []
        for line in lines {
            guard let colon = line.firstIndex(of: ":"), colon > line.startIndex,
                line[..<colon].utf8.allSatisfy(isTokenByte)
            else { throw .badRequest }
            let value = line[line.index(after: colon)...].drop { $0 == " " || $0 == "\t" }
            fields.append((line[..<colon].lowercased(), String(value.trimmingEnd)))
        }
        return fields
    }

    private static func path(_ target: Substring) throws(Problem) -> String {
        var target = target
        // A proxy sends `http://host/path` (RFC 9112 §3.2.2).
        if target.lowercased().hasPrefix("http://") {
            target = target.dropFirst("http://".count)
            target = target.firstIndex(of: "/").map { target[$0...] } ?? "/"
        }
        guard target.hasPrefix("/") || target == "*" else { throw .badRequest }
        return String(target.prefix { $0 != "?" })
    }

    /// Whether a byte may be in a method or in the name of a field (RFC 9110 §5.6.2).
    private static func isTokenByte(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"):
            true
        default: "!#$%&'*+-.^_`|~".utf8.contains(byte)
        }
    }
}

extension Substring {
    /// The text without the spaces and tabs at its end.
    fileprivate var trimmingEnd: Substring {
        var text = self
        while let last = text.last, last == " " || last == "\t" { text.removeLast() }
        return text
    }
}
