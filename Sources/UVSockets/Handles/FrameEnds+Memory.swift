extension FrameEnds.Bytes {
    // Byte by byte: an end is mostly one or a few.

    /// Copies the bytes to where there is room for them.
    @inline(__always)
    func copy(to room: UnsafeMutableRawBufferPointer) {
        precondition(room.count >= count, "there is no room for a frame's end")
        for index in 0..<count { unsafe room[index] = self[index] }
    }

    /// Whether memory of at least as many bytes begins with these.
    @inline(__always)
    func isBeginning(of memory: UnsafeRawBufferPointer) -> Bool {
        precondition(memory.count >= count, "there is no room for a frame's end")
        for index in 0..<count where unsafe memory[index] != self[index] { return false }
        return true
    }
}
