/// Copies messages for tasks, into an array that is used again once nobody has it any more: a task
/// that is done with a message before it asks for the next costs no allocation.
@safe final class MessageCopies {
    /// How many bytes an array may have room for beyond twice its message: tasks may keep messages.
    private static let slack = 64

    /// The last copy. Memory rather than a property: its changes need no check of exclusivity, and it is
    /// not taken out for them.
    private let last = UnsafeMutablePointer<[UInt8]>.allocate(capacity: 1)

    init() {
        unsafe last.initialize(to: [])
    }

    deinit {
        unsafe last.deinitialize(count: 1)
        unsafe last.deallocate()
    }

    /// Copies a message. One of more than 64 KiB gets an array of its own.
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
