public import ArgumentParser
import Glibc

extension ParsableArguments {
    /// Reads the command line; where it asks for help, or is wrong, the program ends here.
    ///
    /// - Parameter program: The program's name.
    /// - Returns: The options.
    public static func parseOrExit(_ program: String) -> Self {
        let (reason, code): (String, Int32)
        do {
            return try parse()
        } catch {
            let exitCode = exitCode(for: error)
            if exitCode.isSuccess { printAndExit(fullMessage(for: error), program) }
            (reason, code) = (message(for: error), exitCode.rawValue)
        }
        // The error is gone by now: as long as it lives Leak Sanitizer misses what it holds, which
        // enums hide among a pointer's unused bits.
        fail(program, reason, code: code)
    }
}

/// Ends the program with one line on standard error that says why.
///
/// - Parameters:
///   - program: The program's name, which the line begins with.
///   - reason: Why; only its first line is shown.
///   - code: The exit code.
public func fail(_ program: String, _ reason: String, code: Int32 = 1) -> Never {
    let line = reason.split(separator: "\n", maxSplits: 1).first ?? "failed"
    let text = "\(program): \(line)\n"
    // A reader that does not read, or is gone, must not change how the program ends.
    var request = pollfd(fd: 2, events: Int16(POLLOUT), revents: 0)
    if unsafe poll(&request, 1, 200) == 1, request.revents == Int16(POLLOUT) {
        _ = unsafe write(2, text, text.utf8.count)
    }
    exit(code)
}

/// Prints what the command line asks for, such as the help, and ends the program. It ends with 0 only
/// where all of it was written.
private func printAndExit(_ text: String, _ program: String) -> Never {
    let bytes = Array((text + "\n").utf8)
    if let failure = writeAll(bytes, to: 1) {
        fail(program, "cannot write the output: \(unsafe String(cString: strerror(failure)))")
    }
    exit(0)
}
