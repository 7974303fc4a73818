import ArgumentParser

/// A time as an option, in seconds: `5`, `0.5`.
public struct Seconds: CustomStringConvertible, Sendable {
    /// The most that can be said: a year.
    public static let greatest = 31_536_000

    /// The time.
    public let duration: Duration

    /// Wraps a time.
    ///
    /// - Parameter duration: The time.
    public init(_ duration: Duration) {
        self.duration = duration
    }

    /// Reads a time for an option, which may be none at all.
    ///
    /// - Parameter argument: A decimal number of seconds.
    /// - Returns: The time.
    /// - Throws: `ValidationError` where it is no number from 0 to ``greatest``.
    public static func parse(_ argument: String) throws -> Duration {
        guard let duration = read(argument) else {
            throw ValidationError("it takes seconds, 0 to \(greatest), such as 5 or 0.5")
        }
        return duration
    }

    fileprivate static func read(_ argument: String) -> Duration? {
        // No sign, exponent, infinity or other base.
        guard
            argument.utf8.allSatisfy({ UInt8(ascii: "0")...UInt8(ascii: "9") ~= $0 || $0 == 0x2E }),
            let seconds = Double(argument), seconds <= Double(greatest)
        else { return nil }
        return .seconds(seconds)
    }

    /// The number of seconds, without a point where it is a whole one.
    public var description: String {
        let seconds = duration / .seconds(1)
        return seconds == seconds.rounded() ? "\(Int(seconds))" : "\(seconds)"
    }
}

/// How long something may take, as an option: `5`, `0.5`, or `none` for as long as it likes.
public struct TimeLimit: CustomStringConvertible, Sendable {
    /// The time; nil for as long as it likes.
    public let duration: Duration?

    /// Wraps a limit.
    ///
    /// - Parameter duration: The time; nil for as long as it likes.
    public init(_ duration: Duration?) {
        self.duration = duration
    }

    /// Reads a limit for an option.
    ///
    /// - Parameter argument: A decimal number of seconds, or `none`.
    /// - Returns: The limit.
    /// - Throws: `ValidationError` where it is neither, or not above 0.
    public static func parse(_ argument: String) throws -> TimeLimit {
        if argument == "none" { return TimeLimit(nil) }
        guard let duration = Seconds.read(argument), duration > .zero else {
            throw ValidationError(
                "it takes seconds, above 0 and at most \(Seconds.greatest), such as 5 or 0.5, or none"
            )
        }
        return TimeLimit(duration)
    }

    /// The limit as ``parse(_:)`` reads it.
    public var description: String { duration.map { "\(Seconds($0))" } ?? "none" }
}
