/// How a ``UVClient`` finds the question that a message answers.
public struct UVMatching: Sendable {
    /// The key of a message. Nil if it is no question and no answer.
    typealias KeyOf = @Sendable (Span<UInt8>) -> AnyHashable?

    /// Nil means that answers come in the order of the questions.
    let key: KeyOf?

    /// The server answers each question with one message, in the order of the questions, as Redis,
    /// memcached and SMTP do.
    public static let inOrder = UVMatching(key: nil)

    /// Question and answer carry the same key, as the transaction of Modbus/TCP and the `id` of
    /// JSON-RPC do. Answers may come in any order.
    ///
    /// - Parameter key: Reads the key of a message that is sent or received. Nil means that the
    ///   message is no answer. A question must have a key that no open question has.
    /// - Returns: The matching.
    public static func by<Key: Hashable & Sendable>(
        _ key: @escaping @Sendable (Span<UInt8>) -> Key?
    ) -> UVMatching {
        UVMatching { key($0).map(AnyHashable.init) }
    }
}
