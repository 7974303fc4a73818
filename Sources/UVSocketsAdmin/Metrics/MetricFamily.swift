/// A metric, with all of its values at one moment.
package struct MetricFamily: Sendable {
    package enum Kind: String, Sendable {
        case counter, gauge, histogram, summary
    }

    package enum Value: Sendable {
        case integer(UInt64)
        case number(Double)
        case histogram(Histogram)
        /// A count and a sum, without quantiles.
        case summary(count: UInt64, sum: Double)
    }

    /// How many values lie within bounds.
    package struct Histogram: Sendable {
        /// The upper bounds, rising, and how many values lie at or below each: all of those below
        /// the one before, too.
        package var buckets: [(bound: Double, count: UInt64)]
        /// How many values there are.
        package var count: UInt64
        package var sum: Double

        package init(buckets: [(bound: Double, count: UInt64)], count: UInt64, sum: Double) {
            self.buckets = buckets
            self.count = count
            self.sum = sum
        }
    }

    package struct Sample: Sendable {
        package let labels: [(name: String, value: String)]
        package let value: Value

        package init(labels: [(name: String, value: String)], value: Value) {
            self.labels = labels
            self.value = value
        }
    }

    package let name: String
    package let kind: Kind
    package let help: String
    package var samples: [Sample]

    package init(
        _ name: String, _ kind: Kind, _ help: String, _ samples: [Sample] = []
    ) {
        self.name = name
        self.kind = kind
        self.help = help
        self.samples = samples
    }
}
