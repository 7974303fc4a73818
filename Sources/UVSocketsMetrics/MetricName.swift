#if Metrics
    /// Turns the names of swift-metrics into those of Prometheus.
    enum MetricName {
        /// A metric's name: letters, digits, `_` and `:`, not a digit first.
        ///
        /// - Parameters:
        ///   - label: The name, such as `http.requests`.
        ///   - ending: What it must end with, such as `_total`.
        /// - Returns: The name.
        static func metric(_ label: String, ending: String = "") -> String {
            let name = cleaned(label, allowsColon: true)
            return name.hasSuffix(ending) ? name : name + ending
        }

        /// The labels of a value, sorted. Of those with the same name the first counts.
        static func labels(_ dimensions: [(String, String)]) -> [(name: String, value: String)] {
            var labels: [(name: String, value: String)] = []
            for (dimension, value) in dimensions {
                var name = cleaned(dimension, allowsColon: false)
                // Names of the format itself.
                if name == "le" || name == "quantile" || name.hasPrefix("__") { name = "x_" + name }
                if !labels.contains(where: { $0.name == name }) { labels.append((name, value)) }
            }
            return labels.sorted { $0.name < $1.name }
        }

        private static func cleaned(_ text: String, allowsColon: Bool) -> String {
            var name = ""
            for scalar in text.unicodeScalars {
                let isAllowed =
                    switch scalar {
                    case "a"..."z", "A"..."Z", "_", "0"..."9": true
                    case ":": allowsColon
                    default: false
                    }
                name.unicodeScalars.append(isAllowed ? scalar : "_")
            }
            guard let first = name.first, !first.isNumber else { return "_" + name }
            return name
        }
    }
#endif
