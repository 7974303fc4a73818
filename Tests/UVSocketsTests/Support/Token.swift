/// Writes down when nobody holds it any more.
final class Token: Sendable {
    private let freed: Journal<Void>

    init(_ freed: Journal<Void>) {
        self.freed = freed
    }

    deinit {
        freed.append(())
    }
}
