extension Int {
    /// Reads a number that is written with the digits 0 to 9 alone: no sign, no space.
    ///
    /// - Parameter text: The text. It is no number where it is empty, or too great for an `Int`.
    public init?(digits text: some StringProtocol) {
        guard text.utf8.allSatisfy({ UInt8(ascii: "0")...UInt8(ascii: "9") ~= $0 }) else {
            return nil
        }
        self.init(text)
    }
}
