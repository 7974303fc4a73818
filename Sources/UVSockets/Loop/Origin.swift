/// The place in the user's code where something was made, such as a listener or a timer.
@safe struct Origin: Sendable, CustomStringConvertible {
    let file: StaticString
    let line: UInt32

    init(_ file: StaticString, _ line: UInt) {
        self.file = file
        self.line = UInt32(clamping: line)
    }

    /// The name of the file without its module, and the line, such as `main.swift:12`.
    var description: String { Self.description(of: "\(file)", line) }

    static func description(of file: String, _ line: UInt32) -> String {
        "\(file.split(separator: "/").last ?? "?"):\(line)"
    }

    /// The address of the file's name, for another thread.
    var name: UInt {
        file.hasPointerRepresentation ? unsafe UInt(bitPattern: file.utf8Start) : 0
    }

    /// The origin in one word, for a record: the address of the file's name in the low 48 bits, and
    /// the line in the high 16. It means something within this process only.
    var word: UInt64 {
        UInt64(name) & 0xFFFF_FFFF_FFFF | UInt64(UInt16(clamping: line)) << 48
    }

    /// The description of an origin that was passed as a ``word``; nil for 0.
    static func description(ofWord word: UInt64) -> String? {
        description(ofName: UInt(word & 0xFFFF_FFFF_FFFF), UInt32(word >> 48))
    }

    /// The description of an origin that was passed by ``name``.
    static func description(ofName name: UInt, _ line: UInt32) -> String? {
        // The name is a constant of the program, so it is there for ever.
        guard let start = unsafe UnsafePointer<CChar>(bitPattern: name) else { return nil }
        return description(of: unsafe String(cString: start), line)
    }
}
