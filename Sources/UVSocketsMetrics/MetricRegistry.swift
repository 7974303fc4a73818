#if Metrics
    import UVSockets
    import UVSocketsAdmin

    /// The handlers of a factory, by their names and labels.
    final class MetricRegistry: Sendable {
        private struct Key: Hashable {
            let name: String
            let labels: [String]
        }

        private struct Entry {
            let labels: [(name: String, value: String)]
            let handler: any PageHandler
            /// How many metrics of the user have it.
            var uses = 1
        }

        private struct State {
            var entries: [Key: Entry] = [:]
            /// The kind of all metrics with a name, and how many there are.
            var kinds: [String: (kind: MetricFamily.Kind, count: Int)] = [:]
            var dropped: UInt64 = 0
        }

        private let limit: Int
        private let state = Locked(State())

        init(limit: Int) {
            self.limit = max(1, limit)
        }

        /// The handler with a name and labels, which is made if there is none.
        ///
        /// - Returns: The handler. It is on no page if there are too many, or if the name has a
        ///   metric of another kind.
        func handler<Handler: PageHandler>(
            _ name: String, _ dimensions: [(String, String)], _ make: () -> Handler
        ) -> Handler {
            let labels = MetricName.labels(dimensions)
            let key = Key(name: name, labels: labels.flatMap { [$0.name, $0.value] })
            return state.withLock { state in
                if let present = state.entries[key]?.handler as? Handler {
                    state.entries[key]?.uses += 1
                    return present
                }
                let handler = make()
                let kind = state.kinds[name]?.kind ?? Handler.kind
                guard state.entries[key] == nil, kind == Handler.kind, state.entries.count < limit
                else {
                    state.dropped += 1
                    return handler
                }
                state.entries[key] = Entry(labels: labels, handler: handler)
                state.kinds[name, default: (kind, 0)].count += 1
                return handler
            }
        }

        /// A metric of the user is gone.
        func remove(_ handler: AnyObject) {
            state.withLock { state in
                guard let key = state.entries.first(where: { $0.value.handler === handler })?.key
                else { return }
                state.entries[key]?.uses -= 1
                guard state.entries[key]?.uses == 0 else { return }
                state.entries[key] = nil
                state.kinds[key.name]?.count -= 1
                if state.kinds[key.name]?.count == 0 { state.kinds[key.name] = nil }
            }
        }

        /// All metrics, sorted by name.
        var families: [MetricFamily] {
            let (entries, kinds, dropped) = state.withLock { ($0.entries, $0.kinds, $0.dropped) }
            var samples: [String: [MetricFamily.Sample]] = [:]
            for (key, entry) in entries {
                samples[key.name, default: []].append(
                    .init(labels: entry.labels, value: entry.handler.value))
            }
            let families = samples.sorted { $0.key < $1.key }.map { name, samples in
                MetricFamily(
                    name, kinds[name]?.kind ?? .gauge, "A metric of the program.",
                    samples.sorted { Self.text($0) < Self.text($1) })
            }
            let lost = MetricFamily(
                "uvsockets_metrics_dropped_total", .counter,
                "Metrics of the program that are not shown: too many, or of two kinds.",
                [.init(labels: [], value: .integer(dropped))])
            return families + [lost]
        }

        private static func text(_ sample: MetricFamily.Sample) -> String {
            sample.labels.map { "\($0.name)=\($0.value)" }.joined(separator: ",")
        }
    }
#endif
