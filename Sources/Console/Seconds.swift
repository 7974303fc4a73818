import ArgumentParser
import UVSockets

/// A time as an option, in seconds, such as `5` or `0.5`.
public struct Seconds: CustomStringConvertible, Sendable {
    /// The longest time allowed: a year.
    public static let greatest = Quantity.longestTime

    /// The time.
    public let duration: Duration

    /// Makes a time.
    ///
    /// - Parameter duration: The time.
    public init(_ duration: Duration) {
        self.duration = duration
    }

    /// Reads a time for an option. It may be 0.
    ///
    /// - Parameter argument: A decimal number of seconds.
    /// - Returns: The time.
    /// - Throws: `ValidationError` if it is not a number from 0 to ``greatest``.
    public static func parse(_ argument: String) throws -> Duration {
        guard let duration = Quantity.seconds(argument) else {
            throw ValidationError("the value must be seconds, 0 to \(greatest), such as 5 or 0.5")
        }
        return duration
    }

    /// The number of seconds, without a decimal point if it is whole.
    public var description: String { Quantity.text(seconds: duration) }
}

/// A time limit as an option, such as `5`, `0.5`, or `none` for no limit.
public struct TimeLimit: CustomStringConvertible, Sendable {
    /// The time. Nil means no limit.
    public let duration: Duration?

    /// Makes a limit.
    ///
    /// - Parameter duration: The time. Nil means no limit.
    public init(_ duration: Duration?) {
        self.duration = duration
    }

    /// Reads a limit for an option.
    ///
    /// - Parameter argument: A decimal number of seconds, or `none`.
    /// - Returns: The limit.
    /// - Throws: `ValidationError` if it is neither, or is not above 0.
    public static func parse(_ argument: String) throws -> TimeLimit {
        if argument == "none" { return TimeLimit(nil) }
        guard let duration = Quantity.seconds(argument), duration > .zero else {
            throw ValidationError(
                "the value must be seconds, above 0 and at most \(Seconds.greatest), such as 5 or 0.5, or none"
            )
        }
        return TimeLimit(duration)
    }

    /// The limit in the format of ``parse(_:)``.
    public var description: String { duration.map { "\(Seconds($0))" } ?? "none" }
}
