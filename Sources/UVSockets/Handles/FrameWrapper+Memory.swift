extension FrameWrapper.Bytes {
    /// Copies the bytes to the start of a memory area that has room for them.
    @inline(__always)
    func copy(to room: UnsafeMutableRawBufferPointer) {
        precondition(room.count >= count, "there is no room for a frame's prefix or suffix")
        for index in 0..<count { unsafe room[index] = self[index] }
    }

    /// Writes the bytes in whole words. Up to the end of the last word it also overwrites what
    /// follows them. The memory must have room for ``sizeInWords`` bytes.
    @inline(__always)
    func writeWords(to memory: UnsafeMutableRawPointer) {
        guard count > 0 else { return }
        unsafe memory.storeBytes(of: words.0.littleEndian, as: UInt64.self)
        guard count > 8 else { return }
        unsafe memory.storeBytes(of: words.1.littleEndian, toByteOffset: 8, as: UInt64.self)
        unsafe memory.storeBytes(of: words.2.littleEndian, toByteOffset: 16, as: UInt64.self)
    }

    /// Whether the memory begins with these bytes. ``sizeInWords`` bytes of it must be readable.
    @inline(__always)
    func stand(in memory: UnsafeRawPointer) -> Bool {
        guard count > 0 else { return true }
        let first = unsafe UInt64(littleEndian: memory.loadUnaligned(as: UInt64.self))
        guard count > 8 else { return (first ^ words.0) &<< UInt64(64 - 8 * count) == 0 }
        // Such a long prefix or suffix is rare.
        for index in 0..<count
        where unsafe memory.load(fromByteOffset: index, as: UInt8.self) != self[index] {
            return false
        }
        return true
    }
}
