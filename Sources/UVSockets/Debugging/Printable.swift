/// Untrusted bytes as text that cannot disturb a terminal or imitate another line.
///
/// Control characters, line ends and invisible format characters (which can reverse text) are shown
/// as escapes. Bytes that are not UTF-8 are shown as U+FFFD.
package struct Printable: CustomStringConvertible {
    /// The text.
    package let description: String

    /// Makes bytes printable.
    ///
    /// - Parameters:
    ///   - bytes: The bytes. One line end after them is left out.
    ///   - limit: How many bytes to show. If there are more, the total number is shown.
    ///   - keepsBackslashes: Whether a backslash stays one, for a text that has escapes already.
    package init(_ bytes: [UInt8], limit: Int = 1024, keepsBackslashes: Bool = false) {
        var shown = bytes.prefix(limit)
        if shown.count == bytes.count, shown.last == UInt8(ascii: "\n") {
            shown.removeLast()
            if shown.last == UInt8(ascii: "\r") { shown.removeLast() }
        }
        var text = ""
        for scalar in String(decoding: shown, as: UTF8.self).unicodeScalars {
            if Self.isHarmless(scalar) || keepsBackslashes && scalar == "\\" {
                text.unicodeScalars.append(scalar)
            } else {
                text += Self.escape(scalar)
            }
        }
        if bytes.count > limit { text += "… (\(bytes.count) bytes)" }
        description = text
    }

    private static func isHarmless(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar.properties.generalCategory {
        case .control, .lineSeparator, .paragraphSeparator, .surrogate, .privateUse, .unassigned:
            return false
        case .format:
            // The joiners, which emoji and several scripts need.
            return scalar == "\u{200C}" || scalar == "\u{200D}"
        default:
            return scalar != "\\"
        }
    }

    private static func escape(_ scalar: Unicode.Scalar) -> String {
        switch scalar {
        case "\\": "\\\\"
        case "\n": "\\n"
        case "\r": "\\r"
        case "\t": "\\t"
        default: "\\u{\(String(scalar.value, radix: 16))}"
        }
    }
}
