/// Copies messages for tasks into an array that is used again once nobody holds it any more.
///
/// A task that is done with a message before it asks for the next one costs no allocation.
@safe final class MessageCopies {
    /// How many bytes of room an array may have beyond twice its message. Tasks may keep messages,
    /// so this is limited.
    private static let slack = 64

    /// The last copy. It is memory of its own, not a property. So a change needs no exclusivity
    /// check, and the array is not moved out for it.
    private let last = UnsafeMutablePointer<[UInt8]>.allocate(capacity: 1)

    init() {
        unsafe last.initialize(to: [])
    }

    deinit {
        unsafe last.deinitialize(count: 1)
        unsafe last.deallocate()
    }

    /// Copies a message. A message of more than 64 KiB gets an array of its own.
    @inline(__always)
    func copy(_ message: Span<UInt8>) -> [UInt8] {
        let room = unsafe last.pointee.capacity
        if room >= message.count, room &- message.count <= message.count &+ Self.slack {
            unsafe last.pointee.become(message)
        } else if message.count > ReceiveBuffer.capacity {
            return [UInt8](message: message)
        } else {
            unsafe last.pointee = [UInt8](message: message)
        }
        return unsafe last.pointee
    }
}
