extension UVLoopGroup {
    /// Waits until a signal has stopped the group, or somebody else has.
    ///
    ///     let group = try UVLoopGroup()
    ///     try await group.listen(at: "[::]:8081") { _ in { $0.send($1) } }
    ///     try await group.run(stoppingOn: [.terminate, .interrupt])
    ///
    /// The first signal stops the group, as ``stop(drainFor:goodbye:)`` does. A second one ends the
    /// drain at once.
    ///
    /// - Parameters:
    ///   - signals: The signals. Until the group has stopped they have no other effect.
    ///   - time: How long clients may take to receive what is queued for them.
    ///   - goodbye: The last message to every client. An empty one, the default, is not sent.
    /// - Throws: ``UVError`` if the signals cannot be watched. Then the group runs on.
    public func run(
        stoppingOn signals: [UVSignal], drainFor time: Duration = .seconds(5), goodbye: [UInt8] = []
    ) async throws(UVError) {
        let isStopping = Locked(false)
        for signal in signals {
            try await on(signal) {
                let isFirst = isStopping.withLock { isStopping in
                    defer { isStopping = true }
                    return !isStopping
                }
                Task { await self.stop(drainFor: isFirst ? time : .zero, goodbye: goodbye) }
            }
        }
        await run()
    }

    /// Calls a closure whenever the process gets the signal, until the group has stopped.
    ///
    /// The signal then has no other effect. The closure runs on one of the group's loops. There it
    /// may not await ``stop(drainFor:goodbye:)``, but it may start a task that does.
    ///
    /// - Parameters:
    ///   - signal: The signal.
    ///   - body: The closure.
    /// - Throws: ``UVError`` if the system has no descriptors or memory left for the watch, or with
    ///   the code ``UVError/Code/canceled`` if the group has stopped.
    public func on(
        _ signal: UVSignal, _ body: @escaping @Sendable () -> Void
    ) async throws(UVError) {
        let loop = loops[0]
        let result: Result<Void, UVError> = await withCheckedContinuation { continuation in
            let isPosted = loop.submitAlways {
                continuation.resume(returning: Self.watch(signal, on: loop, body))
            }
            guard !isPosted else { return }
            continuation.resume(
                returning: .failure(
                    UVError(
                        call: "watch signal", subject: "\(signal)", code: .canceled,
                        reason: "the group has stopped")))
        }
        try result.get()
    }

    private static func watch(
        _ signal: UVSignal, on loop: UVLoop, _ body: @escaping () -> Void
    ) -> Result<Void, UVError> {
        do throws(UVError) {
            _ = loop.register(GroupWatch(try loop.on(signal, body)))
            return .success(())
        } catch {
            return .failure(error)
        }
    }
}

/// A signal watch that ends with its loop.
private final class GroupWatch: LoopResident {
    private let watch: UVSignalWatch

    init(_ watch: UVSignalWatch) {
        self.watch = watch
    }

    func endWithLoop() {
        watch.cancel()
    }
}
