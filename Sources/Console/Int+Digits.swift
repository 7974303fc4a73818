import UVSockets

extension Int {
    /// Reads a number that has only the digits 0 to 9: no sign, no space.
    ///
    /// - Parameter text: The text. The result is nil if it is empty or too great for an `Int`.
    public init?(digits text: some StringProtocol) {
        guard let number = Quantity.number(text) else { return nil }
        self = number
    }
}
