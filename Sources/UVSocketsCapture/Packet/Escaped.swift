/// Writes bytes so that a terminal and a log can show them: control bytes and bytes beyond ASCII as
/// `\n`, `\r`, `\t` or `\x1b`, a backslash as `\\`.
func escaped(_ bytes: some Sequence<UInt8>) -> String {
    var text = ""
    for byte in bytes {
        switch byte {
        case UInt8(ascii: "\n"): text += "\\n"
        case UInt8(ascii: "\r"): text += "\\r"
        case UInt8(ascii: "\t"): text += "\\t"
        case UInt8(ascii: "\\"): text += "\\\\"
        case 0x20..<0x7f: text.unicodeScalars.append(Unicode.Scalar(byte))
        default: text += "\\x" + hexadecimal(byte)
        }
    }
    return text
}

/// Makes a text fit to be a comment: control characters are escaped, and it has at most about so many
/// bytes.
func printable(_ text: String, limit: Int = 1000) -> String {
    var result = ""
    for scalar in text.unicodeScalars {
        if result.utf8.count >= limit { return result + "..." }
        let isPlain = scalar.value >= 0xa0 || (0x20..<0x7f).contains(scalar.value)
        if isPlain {
            result.unicodeScalars.append(scalar)
        } else {
            result += escaped(String(scalar).utf8)
        }
    }
    return result
}

func hexadecimal(_ byte: UInt8) -> String {
    let digits = String(byte, radix: 16)
    return byte < 16 ? "0" + digits : digits
}

/// Adds spaces or zeros in front of a number.
func padded(_ number: some BinaryInteger, to width: Int, radix: Int = 10, with fill: Character)
    -> String
{
    let digits = String(number, radix: radix)
    return String(repeating: fill, count: max(0, width - digits.utf8.count)) + digits
}

/// The time of the day in UTC, to microseconds.
func clock(_ nanoseconds: UInt64) -> String {
    let seconds = nanoseconds / 1_000_000_000
    let parts = [seconds / 3600 % 24, seconds / 60 % 60, seconds % 60]
    let time = parts.map { padded($0, to: 2, with: "0") }.joined(separator: ":")
    return "\(time).\(padded(nanoseconds / 1000 % 1_000_000, to: 6, with: "0"))"
}

/// A number of nanoseconds in words, such as `12.3 ms`.
func duration(_ nanoseconds: UInt64) -> String {
    if nanoseconds >= 10_000_000_000 { return "\(nanoseconds / 1_000_000_000) s" }
    let tenths = nanoseconds / 100_000
    return "\(tenths / 10).\(tenths % 10) ms"
}
