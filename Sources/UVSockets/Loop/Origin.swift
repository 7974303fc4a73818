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

    /// The description of an origin that was passed by ``name``.
    static func description(ofName name: UInt, _ line: UInt32) -> String? {
        // The name is a constant of the program, so it is there for ever.
        guard let start = unsafe UnsafePointer<CChar>(bitPattern: name) else { return nil }
        return description(of: unsafe String(cString: start), line)
    }
}
