extension FrameEnds.Bytes {
    // Byte by byte: an end is mostly one or a few.

    /// Copies the bytes to where there is room for them.
    @inline(__always)
    func copy(to room: UnsafeMutableRawPointer) {
        for index in 0..<count {
            unsafe room.storeBytes(of: self[index], toByteOffset: index, as: UInt8.self)
        }
    }

    /// Whether memory of at least as many bytes begins with these.
    @inline(__always)
    func isBeginning(of memory: UnsafeRawBufferPointer) -> Bool {
        precondition(memory.count >= count, "there is no room for a frame's end")
        for index in 0..<count where unsafe memory[index] != self[index] { return false }
        return true
    }
}
