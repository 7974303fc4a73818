/// Copies messages for tasks, into an array that is used again once nobody has it any more: a task
/// that is done with a message before it asks for the next costs no allocation.
final class MessageCopies {
    /// How many bytes an array may have room for beyond twice its message: tasks may keep messages.
    private static let slack = 64

    private var last: [UInt8]?

    /// Copies a message. One of more than 64 KiB gets an array of its own.
    @inline(__always)
    func copy(_ message: Span<UInt8>) -> [UInt8] {
        guard message.count <= ReceiveBuffer.capacity else { return [UInt8](copying: message) }
        // Taken out of its place while it changes, so that the change needs no check of exclusivity.
        guard var copy = last.take(), copy.capacity >= message.count,
            copy.capacity <= 2 * message.count + Self.slack
        else {
            let copy = [UInt8](copying: message)
            last = copy
            return copy
        }
        copy.become(message)
        last = copy
        return copy
    }
}
