extension FrameWrapper.Bytes {
    /// Copies the bytes to where there is room for them.
    @inline(__always)
    func copy(to room: UnsafeMutableRawBufferPointer) {
        precondition(room.count >= count, "there is no room for a frame's end")
        for index in 0..<count { unsafe room[index] = self[index] }
    }

    /// Writes the bytes, and up to the end of the last word what follows them: memory must have room
    /// for ``sizeInWords`` bytes.
    @inline(__always)
    func writeWords(to memory: UnsafeMutableRawPointer) {
        guard count > 0 else { return }
        unsafe memory.storeBytes(of: words.0.littleEndian, as: UInt64.self)
        guard count > 8 else { return }
        unsafe memory.storeBytes(of: words.1.littleEndian, toByteOffset: 8, as: UInt64.self)
        unsafe memory.storeBytes(of: words.2.littleEndian, toByteOffset: 16, as: UInt64.self)
    }

    /// Whether the bytes stand in memory, of which ``sizeInWords`` bytes can be read.
    @inline(__always)
    func stand(in memory: UnsafeRawPointer) -> Bool {
        guard count > 0 else { return true }
        let first = unsafe UInt64(littleEndian: memory.loadUnaligned(as: UInt64.self))
        guard count > 8 else { return (first ^ words.0) &<< UInt64(64 - 8 * count) == 0 }
        // So long an end is rare.
        for index in 0..<count
        where unsafe memory.load(fromByteOffset: index, as: UInt8.self) != self[index] {
            return false
        }
        return true
    }
}
