/// What a check has found, in a sentence.
public struct UVTestFailure: Error, Equatable, CustomStringConvertible {
    /// The sentence.
    public let description: String
}
