public import ArgumentParser
import Glibc

extension ParsableArguments {
    /// Reads the command line.
    ///
    /// If it asks for help or is wrong, the program ends here.
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
        // The error is released by now. While it lives, Leak Sanitizer does not find what it holds,
        // because enums use unused bits of the pointer.
        fail(program, reason, code: code)
    }
}

extension ParsableCommand {
    /// Reads the command line, and runs the command that it names.
    ///
    /// If it asks for help or is wrong, or if the command fails, the program ends here, with one
    /// line.
    ///
    /// - Parameter program: The program's name.
    public static func runOrExit(_ program: String) {
        let (reason, code): (String, Int32)
        do {
            var command = try parseAsRoot()
            try command.run()
            return
        } catch {
            let exitCode = exitCode(for: error)
            if exitCode.isSuccess { printAndExit(fullMessage(for: error), program) }
            (reason, code) = (message(for: error), exitCode.rawValue)
        }
        fail(program, reason, code: code)
    }
}

/// Ends the program with one line on standard error that gives the reason.
///
/// - Parameters:
///   - program: The program's name, with which the line begins.
///   - reason: The reason. Only its first line is shown.
///   - code: The exit code.
public func fail(_ program: String, _ reason: String, code: Int32 = 1) -> Never {
    let line = reason.split(separator: "\n", maxSplits: 1).first ?? "failed"
    let text = "\(program): \(line)\n"
    // If the reader does not read or is gone, the program must still end in the same way.
    var request = pollfd(fd: 2, events: Int16(POLLOUT), revents: 0)
    if unsafe poll(&request, 1, 200) == 1, request.revents == Int16(POLLOUT) {
        _ = unsafe write(2, text, text.utf8.count)
    }
    exit(code)
}

/// Prints what the command line asks for, such as the help, and ends the program. The exit code is
/// 0 only if everything was written.
private func printAndExit(_ text: String, _ program: String) -> Never {
    let bytes = Array((text + "\n").utf8)
    if let failure = writeAll(bytes, to: 1) {
        fail(program, "cannot write the output: \(unsafe String(cString: strerror(failure)))")
    }
    exit(0)
}
