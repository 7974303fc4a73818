/// Writes metrics in the text format that Prometheus reads, version 0.0.4.
package struct PrometheusText {
    /// The media type.
    package static let contentType = "text/plain; version=0.0.4; charset=utf-8"

    /// The text. It ends with a line end, or is empty.
    package private(set) var text = ""
    private var names: Set<String> = []

    package init() {}

    /// Adds a metric. If there is one with its name already, it is left out: the format allows a
    /// name once. So is a value whose labels another value has.
    package mutating func add(_ family: MetricFamily) {
        guard !family.samples.isEmpty, names.insert(family.name).inserted else { return }
        text += "# HELP \(family.name) \(Self.escaped(family.help, quotes: false))\n"
        text += "# TYPE \(family.name) \(family.kind.rawValue)\n"
        var written: Set<String> = []
        for sample in family.samples {
            let labels = sample.labels.map {
                "\($0.name)=\"\(Self.escaped($0.value, quotes: true))\""
            }
            .joined(separator: ",")
            guard written.insert(labels).inserted else { continue }
            write(sample.value, family.name, labels)
        }
    }

    private mutating func write(_ value: MetricFamily.Value, _ name: String, _ labels: String) {
        switch value {
        case .integer(let number): line(name, labels, "\(number)")
        case .number(let number): line(name, labels, Self.text(number))
        case .histogram(let histogram):
            let before = labels.isEmpty ? "" : labels + ","
            for (bound, count) in histogram.buckets {
                line(name + "_bucket", "\(before)le=\"\(Self.text(bound))\"", "\(count)")
            }
            line(name + "_bucket", "\(before)le=\"+Inf\"", "\(histogram.count)")
            line(name + "_sum", labels, Self.text(histogram.sum))
            line(name + "_count", labels, "\(histogram.count)")
        case .summary(let count, let sum):
            line(name + "_sum", labels, Self.text(sum))
            line(name + "_count", labels, "\(count)")
        }
    }

    private mutating func line(_ name: String, _ labels: String, _ value: String) {
        text += labels.isEmpty ? "\(name) \(value)\n" : "\(name){\(labels)} \(value)\n"
    }

    /// A number as the format has it.
    static func text(_ number: Double) -> String {
        if number.isNaN { return "NaN" }
        if number.isInfinite { return number > 0 ? "+Inf" : "-Inf" }
        let isWhole = number == number.rounded() && number.magnitude < 1e15
        return isWhole ? "\(Int(number))" : "\(number)"
    }

    static func escaped(_ text: String, quotes: Bool) -> String {
        var escaped = ""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\\": escaped += "\\\\"
            case "\n": escaped += "\\n"
            case "\"" where quotes: escaped += "\\\""
            default: escaped.unicodeScalars.append(scalar)
            }
        }
        return escaped
    }
}
