/// A reference to an object of a loop that other threads may use.
package struct LoopReference<Object: AnyObject>: Sendable {
    package let loop: UVLoop
    private let key: Int

    /// The object is retained from now on, until ``release()`` or until its loop is closed.
    package init(_ object: Object, on loop: UVLoop) {
        self.loop = loop
        key = loop.register(object)
    }

    /// Runs a closure with the object on its loop, and then gives the object up: the reference is not
    /// used any more. On the loop's thread it runs now.
    package func release(_ last: @escaping @Sendable (Object) -> Void = { _ in }) {
        if loop.isOnLoop { return Self.end(loop, key, last) }
        loop.submitAlways { [unowned loop, key] in Self.end(loop, key, last) }
    }

    private static func end(_ loop: UVLoop, _ key: Int, _ last: (Object) -> Void) {
        let object = loop.addressees[key] as? Object
        loop.unregister(key)
        if let object { last(object) }
    }

    /// Runs a closure with the object in one of the loop's next turns.
    ///
    /// - Returns: False if the loop is closed. Then it does not run. If the object is gone, it does
    ///   not run either.
    @discardableResult
    package func post(_ body: @escaping @Sendable (Object) -> Void) -> Bool {
        loop.submitAlways { [unowned loop, key] in
            (loop.addressees[key] as? Object).map(body)
        }
    }
}
