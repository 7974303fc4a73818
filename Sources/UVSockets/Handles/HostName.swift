/// A host name in the form of the Domain Name System.
///
/// Labels that are not ASCII are written in Punycode (RFC 3492) after `xn--` (RFC 5890 §2.3.2.1).
/// They are not normalized, as in libuv.
func asciiHostName(_ host: String) -> String {
    if host.utf8.allSatisfy({ $0 < 0x80 }) { return host }
    // The dot, and the characters that count as a dot (RFC 3490 §3.1).
    let dots: Set<Unicode.Scalar> = [".", "\u{3002}", "\u{FF0E}", "\u{FF61}"]
    return host.unicodeScalars.split(omittingEmptySubsequences: false) { dots.contains($0) }
        .map { label in
            label.allSatisfy(\.isASCII)
                ? String(String.UnicodeScalarView(label)) : "xn--" + punycode(label.map(\.value))
        }
        .joined(separator: ".")
}

/// Encodes a label (RFC 3492 §6.3). A host name is short, so its numbers do not overflow.
private func punycode(_ input: [UInt32]) -> String {
    let basic = input.filter { $0 < 0x80 }
    var output = basic.map { UInt8($0) }
    if !basic.isEmpty { output.append(UInt8(ascii: "-")) }
    var (code, delta, bias) = (0x80, 0, 72)
    var handled = basic.count
    while let next = input.lazy.map(Int.init).filter({ $0 >= code }).min() {
        delta += (next - code) * (handled + 1)
        code = next
        for value in input.lazy.map(Int.init) {
            if value < code { delta += 1 }
            guard value == code else { continue }
            appendVariableLength(delta, bias, to: &output)
            bias = adapted(delta, count: handled + 1, isFirst: handled == basic.count)
            delta = 0
            handled += 1
        }
        delta += 1
        code += 1
    }
    return String(decoding: output, as: UTF8.self)
}

private func appendVariableLength(_ number: Int, _ bias: Int, to output: inout [UInt8]) {
    var rest = number
    var position = 36
    while true {
        let threshold = min(max(position - bias, 1), 26)
        guard rest >= threshold else { break }
        output.append(digit(threshold + (rest - threshold) % (36 - threshold)))
        rest = (rest - threshold) / (36 - threshold)
        position += 36
    }
    output.append(digit(rest))
}

private func digit(_ value: Int) -> UInt8 {
    UInt8(value < 26 ? Int(UInt8(ascii: "a")) + value : Int(UInt8(ascii: "0")) + value - 26)
}

/// The bias for the next number (RFC 3492 §6.1).
private func adapted(_ delta: Int, count: Int, isFirst: Bool) -> Int {
    var rest = isFirst ? delta / 700 : delta / 2
    rest += rest / count
    var position = 0
    while rest > 455 {
        rest /= 35
        position += 36
    }
    return position + 36 * rest / (rest + 38)
}
