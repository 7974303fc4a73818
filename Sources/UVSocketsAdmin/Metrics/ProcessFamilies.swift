import UVSockets

/// The metrics of the whole process.
enum ProcessFamilies {
    static var all: [MetricFamily] {
        var families = [
            MetricFamily(
                "uvsockets_build_info", .gauge, "What the library was built with; always 1.",
                [
                    .init(
                        labels: [
                            ("libuv", ProcessFacts.libuvVersion), ("swift", ProcessFacts.swift),
                        ], value: .integer(1))
                ])
        ]
        if let free = ProcessFacts.freeDescriptors {
            families.append(
                MetricFamily(
                    "uvsockets_descriptors_free", .gauge,
                    "How many more descriptors the process may open.",
                    [.init(labels: [], value: .integer(UInt64(free)))]))
        }
        return families
    }
}
