/// Quantities as people write them: `64k`, `0.5`.
package enum Quantity {
    /// The greatest size: 1 TiB.
    package static let greatestSize = 1 << 40
    /// The longest time in seconds: a year.
    package static let longestTime = 31_536_000

    private static let units: [(suffix: Character, bytes: Int)] = [
        ("g", 1 << 30), ("m", 1 << 20), ("k", 1 << 10),
    ]

    /// Reads a number that has only the digits 0 to 9: no sign, no space.
    ///
    /// - Returns: The number; nil if the text is empty or too great for an `Int`.
    package static func number(_ text: some StringProtocol) -> Int? {
        guard text.utf8.allSatisfy(isDigit) else { return nil }
        return Int(text)
    }

    /// Reads a number of bytes: digits, then `k`, `m`, `g` (in either case) or nothing.
    ///
    /// - Returns: The number; nil if it is not from 1 to 1 TiB.
    package static func bytes(_ text: some StringProtocol) -> Int? {
        let unit = units.first { text.lowercased().hasSuffix(String($0.suffix)) }
        let factor = unit?.bytes ?? 1
        guard let number = number(unit == nil ? String(text) : String(text.dropLast())),
            1...(greatestSize / factor) ~= number
        else { return nil }
        return number * factor
    }

    /// A number of bytes as ``bytes(_:)`` reads it, in the greatest unit that divides it.
    package static func text(bytes: Int) -> String {
        guard bytes > 0, let unit = units.first(where: { bytes % $0.bytes == 0 }) else {
            return "\(bytes)"
        }
        return "\(bytes / unit.bytes)\(unit.suffix)"
    }

    /// Reads a decimal number of seconds.
    ///
    /// - Returns: The time; nil if it is not from 0 to a year.
    package static func seconds(_ text: some StringProtocol) -> Duration? {
        // This excludes signs, exponents, infinity and other bases.
        guard text.utf8.allSatisfy({ isDigit($0) || $0 == UInt8(ascii: ".") }),
            let seconds = Double(text), seconds <= Double(longestTime)
        else { return nil }
        return .seconds(seconds)
    }

    /// A time as ``seconds(_:)`` reads it, without a decimal point if it is whole.
    package static func text(seconds duration: Duration) -> String {
        let seconds = duration / .seconds(1)
        return seconds == seconds.rounded() && seconds.magnitude < 1e15
            ? "\(Int(seconds))" : "\(seconds)"
    }

    private static func isDigit(_ byte: UInt8) -> Bool {
        UInt8(ascii: "0")...UInt8(ascii: "9") ~= byte
    }
}
