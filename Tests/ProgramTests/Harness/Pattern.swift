import Foundation

/// Bytes of which no piece can be lost, doubled or moved without notice: random ones, repeated
/// after a number that is prime.
enum Pattern {
    private static let block: [UInt8] = {
        var state: UInt64 = 0x9E37_79B9_7F4A_7C15
        return (0..<1_000_003).map { _ in
            state ^= state << 13
            state ^= state >> 7
            state ^= state << 17
            return UInt8(truncatingIfNeeded: state >> 32)
        }
    }()

    /// The first bytes.
    static func bytes(_ count: Int) -> [UInt8] {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(count)
        while bytes.count < count { bytes += block.prefix(count - bytes.count) }
        return bytes
    }

    /// Whether the bytes are those of the pattern from the offset on.
    static func matches(_ bytes: [UInt8], at offset: Int) -> Bool {
        var position = 0
        while position < bytes.count {
            let start = (offset + position) % block.count
            let count = min(bytes.count - position, block.count - start)
            let isSame = unsafe bytes.withUnsafeBytes { bytes in
                unsafe block.withUnsafeBytes { block in
                    guard let ours = bytes.baseAddress, let theirs = block.baseAddress else {
                        return true
                    }
                    return unsafe memcmp(ours + position, theirs + start, count) == 0
                }
            }
            guard isSame else { return false }
            position += count
        }
        return true
    }

    /// Writes a file of the first bytes.
    static func write(_ count: Int, to path: String) throws {
        try Data().write(to: URL(filePath: path))
        let file = try FileHandle(forWritingTo: URL(filePath: path))
        let data = Data(block)
        var left = count
        while left > 0 {
            try file.write(contentsOf: data.prefix(left))
            left -= min(left, data.count)
        }
        try file.close()
    }
}
