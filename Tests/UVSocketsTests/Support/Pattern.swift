import Foundation

/// Bytes that tell where in the stream they belong: a loss, a repetition or a swap shows.
func pattern(_ count: Int, seed: UInt64 = 1) -> [UInt8] {
    var state = seed &* 0x9E37_79B9_7F4A_7C15 | 1
    var words = [UInt64](repeating: 0, count: (count + 7) / 8)
    var index = 0
    while index < words.count {
        state ^= state << 13
        state ^= state >> 7
        state ^= state << 17
        words[index] = state
        index += 1
    }
    return unsafe words.withUnsafeBytes { unsafe Array($0.prefix(count)) }
}

/// The bytes over and over, so many of them.
func repeating(_ bytes: [UInt8], count: Int) -> [UInt8] {
    var all: [UInt8] = []
    while all.count < count { all += bytes.prefix(count - all.count) }
    return all
}

/// Checks that the bytes are the expected ones, without printing millions of them, or looking for
/// the difference of them, where they are not.
func expect(_ bytes: [UInt8], are expected: [UInt8]) throws {
    let count = min(bytes.count, expected.count)
    guard bytes.count == expected.count, unsafe memcmp(bytes, expected, count) == 0 else {
        let same = zip(bytes, expected).prefix { $0 == $1 }.count
        throw WrongBytes(
            description: "\(bytes.count) bytes, not \(expected.count); \(same) of them as expected")
    }
}

struct WrongBytes: Error, CustomStringConvertible {
    let description: String
}
