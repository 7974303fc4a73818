import Glibc

/// Why the standard output takes no more.
public struct OutputFailure: Error, CustomStringConvertible {
    /// The reason.
    public let description: String
}

/// Writes lines to the standard output, and waits until they are written.
///
/// - Parameter lines: The lines, without their ends.
/// - Throws: ``OutputFailure`` if the output fails. If its reader is gone, as after `| head`, that
///   is no failure.
public func printLines(_ lines: [String]) throws(OutputFailure) {
    signal(SIGPIPE, SIG_IGN)
    var bytes: [UInt8] = []
    for (index, line) in lines.enumerated() {
        bytes += Array(line.utf8)
        bytes.append(UInt8(ascii: "\n"))
        guard bytes.count >= 1 << 16 || index == lines.count - 1 else { continue }
        if let failure = writeAll(bytes, to: 1) {
            if failure == EPIPE { return }
            throw OutputFailure(
                description: "cannot write the output: \(unsafe String(cString: strerror(failure)))"
            )
        }
        bytes.removeAll(keepingCapacity: true)
    }
}
