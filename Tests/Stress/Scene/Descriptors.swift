import Foundation

/// The descriptors that this process has open.
enum Descriptors {
    /// What each of them is, such as `socket:[81]`, by its number.
    static var open: [String: String] {
        let folder = "/proc/self/fd"
        let files = FileManager.default
        let names = (try? files.contentsOfDirectory(atPath: folder)) ?? []
        return names.reduce(into: [:]) { open, name in
            // The one of the listing itself is closed by now.
            open[name] = try? files.destinationOfSymbolicLink(atPath: "\(folder)/\(name)")
        }
    }

    /// Those that are open now and were not before. The runtime's own timer is not counted.
    static func left(since before: [String: String]) -> [String] {
        open.filter { before[$0.key] == nil && $0.value != "anon_inode:[timerfd]" }
            .map { "\($0.key) \($0.value)\(addresses(of: $0.value))" }.sorted()
    }

    /// The kernel's line of a TCP socket: its addresses, in hexadecimal, and its state.
    private static func addresses(of target: String) -> String {
        guard target.hasPrefix("socket:[") else { return "" }
        let inode = target.dropFirst("socket:[".count).dropLast()
        for table in ["/proc/net/tcp", "/proc/net/tcp6"] {
            let lines = (try? String(contentsOfFile: table, encoding: .utf8)) ?? ""
            for line in lines.split(separator: "\n") {
                let words = line.split(separator: " ")
                if words.count > 9, words[9] == inode {
                    return " " + words[1...3].joined(separator: " ")
                }
            }
        }
        return " of no address"
    }
}
