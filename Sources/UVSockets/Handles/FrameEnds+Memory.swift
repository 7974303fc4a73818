#if canImport(Glibc)
    internal import Glibc
#else
    internal import Darwin
#endif

extension FrameEnds.Bytes {
    /// Copies the bytes to where there is room for them.
    func copy(to room: UnsafeMutableRawBufferPointer) {
        withSpan { bytes in
            unsafe bytes.withUnsafeBytes { source in
                guard source.count > 0, let from = source.baseAddress, let to = room.baseAddress
                else { return }
                unsafe to.copyMemory(from: from, byteCount: source.count)
            }
        }
    }

    /// Whether memory of at least as many bytes begins with these.
    func isBeginning(of memory: UnsafeRawBufferPointer) -> Bool {
        withSpan { bytes in
            unsafe bytes.withUnsafeBytes { own in
                guard own.count > 0, let one = own.baseAddress, let other = memory.baseAddress
                else { return true }
                return unsafe memcmp(one, other, own.count) == 0
            }
        }
    }
}
