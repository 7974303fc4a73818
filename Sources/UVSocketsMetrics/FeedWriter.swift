#if Metrics
    import CoreMetrics
    import UVSocketsAdmin

    /// Brings the values of a page to the handlers of a factory. It belongs to one thread.
    final class FeedWriter {
        private let factory: any MetricsFactory
        private var counters: [String: (handler: any CounterHandler, last: UInt64)] = [:]
        private var sums: [String: (handler: any FloatingPointCounterHandler, last: Double)] = [:]
        private var meters: [String: any MeterHandler] = [:]
        private var isOver = false

        init(_ factory: any MetricsFactory) {
            self.factory = factory
        }

        func write(_ families: [MetricFamily]) {
            guard !isOver else { return }
            for family in families {
                for sample in family.samples {
                    let labels = sample.labels.map { ($0.name, $0.value) }
                    write(sample.value, of: family, labels)
                }
            }
        }

        private func write(
            _ value: MetricFamily.Value, of family: MetricFamily, _ labels: [(String, String)]
        ) {
            switch value {
            case .integer(let number) where family.kind == .counter:
                count(number, family.name, labels)
            case .integer(let number): set(Double(number), family.name, labels)
            case .number(let number) where family.kind == .counter:
                add(number, family.name, labels)
            case .number(let number): set(number, family.name, labels)
            // Which values there were is not known, only how many and their sum.
            case .histogram(let histogram):
                count(histogram.count, family.name + "_count", labels)
                add(histogram.sum, family.name + "_sum", labels)
            case .summary(let number, let sum):
                count(number, family.name + "_count", labels)
                add(sum, family.name + "_sum", labels)
            }
        }

        private func count(_ number: UInt64, _ name: String, _ labels: [(String, String)]) {
            let key = Self.key(name, labels)
            var counter =
                counters[key] ?? (factory.makeCounter(label: name, dimensions: labels), 0)
            // A listener that was made anew begins at 0.
            let more = number >= counter.last ? number - counter.last : number
            counter.last = number
            counters[key] = counter
            if more > 0 { counter.handler.increment(by: Int64(clamping: more)) }
        }

        private func add(_ number: Double, _ name: String, _ labels: [(String, String)]) {
            let key = Self.key(name, labels)
            var counter =
                sums[key] ?? (factory.makeFloatingPointCounter(label: name, dimensions: labels), 0)
            let more = number >= counter.last ? number - counter.last : number
            counter.last = number
            sums[key] = counter
            if more > 0 { counter.handler.increment(by: more) }
        }

        private func set(_ number: Double, _ name: String, _ labels: [(String, String)]) {
            // The age of numbers that have never come.
            guard number.isFinite else { return }
            let key = Self.key(name, labels)
            let meter = meters[key] ?? factory.makeMeter(label: name, dimensions: labels)
            meters[key] = meter
            meter.set(number)
        }

        private static func key(_ name: String, _ labels: [(String, String)]) -> String {
            name + labels.map { "\u{0}\($0.0)\u{0}\($0.1)" }.joined()
        }

        /// Gives the handlers back. Nothing is written any more.
        func end() {
            isOver = true
            for counter in counters.values { factory.destroyCounter(counter.handler) }
            for counter in sums.values { factory.destroyFloatingPointCounter(counter.handler) }
            for meter in meters.values { factory.destroyMeter(meter) }
            (counters, sums, meters) = ([:], [:], [:])
        }
    }
#endif
