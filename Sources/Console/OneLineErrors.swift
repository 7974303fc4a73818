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
            if exitCode.isSuccess { exit(withError: error) }
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
    _ = unsafe write(2, text, text.utf8.count)
    exit(code)
}
