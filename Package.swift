// swift-tools-version: 6.2

import PackageDescription

/// What every target of ours is compiled with: data races, unsafe memory and warnings are errors.
let strict: [SwiftSetting] = [
    .swiftLanguageMode(.v6),
    .strictMemorySafety(),
    .treatAllWarnings(as: .error),
    .enableUpcomingFeature("InternalImportsByDefault"),
    .enableUpcomingFeature("MemberImportVisibility"),
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("NonisolatedNonsendingByDefault"),
]

let package = Package(
    name: "UVSockets",
    platforms: [.macOS(.v26)],
    products: [
        .library(name: "UVSockets", targets: ["UVSockets"]),
        .library(name: "UVSocketsJSON", targets: ["UVSocketsJSON"]),
        .library(name: "UVSocketsCapture", targets: ["UVSocketsCapture"]),
        .library(name: "UVSocketsTesting", targets: ["UVSocketsTesting"]),
        .library(name: "UVSocketsService", targets: ["UVSocketsService"]),
        .library(name: "UVSocketsAdmin", targets: ["UVSocketsAdmin"]),
        .library(name: "UVSocketsMetrics", targets: ["UVSocketsMetrics"]),
        .executable(name: "echo-server", targets: ["echo-server"]),
        .executable(name: "echo-client", targets: ["echo-client"]),
        .executable(name: "uv-inspect", targets: ["uv-inspect"]),
    ],
    traits: [
        .default(enabledTraits: ["Programs"]),
        .trait(
            name: "Programs",
            description:
                "echo-server, echo-client and uv-inspect, which need swift-argument-parser."),
        .trait(
            name: "ServiceLifecycle",
            description: "UVSocketsService, whose servers are services of swift-service-lifecycle."),
        .trait(
            name: "Metrics",
            description: "UVSocketsMetrics, which feeds a factory of swift-metrics, and is one."),
    ],
    dependencies: [
        .package(url: "https://github.com/apple/swift-collections", from: "1.6.0"),
        .package(url: "https://github.com/apple/swift-log", from: "1.16.0"),
        // Fetched only for those who enable the trait that uses it.
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.0"),
        .package(url: "https://github.com/swift-server/swift-service-lifecycle", from: "2.13.0"),
        .package(url: "https://github.com/apple/swift-metrics", from: "2.13.0"),
    ],
    targets: [
        .systemLibrary(
            name: "CLibuv",
            path: "Vendor-modulemaps/CLibuv",
            pkgConfig: "libuv",
            providers: [.apt(["libuv1-dev"]), .brew(["libuv"])]),
        .target(
            name: "UVSockets",
            dependencies: [
                "CLibuv",
                .product(name: "DequeModule", package: "swift-collections"),
                .product(name: "HeapModule", package: "swift-collections"),
                .product(name: "Logging", package: "swift-log"),
            ],
            swiftSettings: strict),
        .target(
            name: "UVSocketsJSON", dependencies: ["UVSockets"], swiftSettings: strict),
        .target(
            name: "UVSocketsCapture",
            dependencies: ["UVSockets", .product(name: "Logging", package: "swift-log")],
            swiftSettings: strict),
        .target(
            name: "UVSocketsTesting",
            dependencies: [
                "UVSockets", "UVSocketsCapture", .product(name: "Logging", package: "swift-log"),
            ],
            swiftSettings: strict),
        .target(
            name: "UVSocketsService",
            dependencies: [
                "UVSockets",
                .product(
                    name: "ServiceLifecycle", package: "swift-service-lifecycle",
                    condition: .when(traits: ["ServiceLifecycle"])),
            ],
            swiftSettings: strict),
        .target(
            name: "UVSocketsAdmin",
            dependencies: [
                "UVSockets", "UVSocketsCapture", .product(name: "Logging", package: "swift-log"),
            ],
            swiftSettings: strict),
        .target(
            name: "UVSocketsMetrics",
            dependencies: [
                "UVSockets", "UVSocketsAdmin",
                .product(name: "Logging", package: "swift-log"),
                .product(
                    name: "CoreMetrics", package: "swift-metrics",
                    condition: .when(traits: ["Metrics"])),
            ],
            swiftSettings: strict),
        .target(
            name: "Console",
            dependencies: [
                "UVSockets",
                .product(
                    name: "ArgumentParser", package: "swift-argument-parser",
                    condition: .when(traits: ["Programs"])),
                .product(name: "Logging", package: "swift-log"),
            ],
            swiftSettings: strict),
        .executableTarget(
            name: "echo-server",
            dependencies: [
                "Console", "UVSockets", "UVSocketsAdmin",
                .product(
                    name: "ArgumentParser", package: "swift-argument-parser",
                    condition: .when(traits: ["Programs"])),
                .product(name: "Logging", package: "swift-log"),
            ],
            swiftSettings: strict),
        .executableTarget(
            name: "echo-client",
            dependencies: [
                "Console", "UVSockets",
                .product(
                    name: "ArgumentParser", package: "swift-argument-parser",
                    condition: .when(traits: ["Programs"])),
            ],
            swiftSettings: strict),
        .executableTarget(
            name: "uv-inspect",
            dependencies: [
                "Console", "UVSockets", "UVSocketsCapture",
                .product(
                    name: "ArgumentParser", package: "swift-argument-parser",
                    condition: .when(traits: ["Programs"])),
            ],
            swiftSettings: strict),
        .testTarget(
            name: "UVSocketsTests",
            dependencies: [
                "UVSockets", "UVSocketsAdmin", "UVSocketsCapture", "UVSocketsJSON",
                "UVSocketsMetrics", "UVSocketsService", "UVSocketsTesting",
                .product(name: "Logging", package: "swift-log"),
                .product(
                    name: "CoreMetrics", package: "swift-metrics",
                    condition: .when(traits: ["Metrics"])),
                .product(
                    name: "MetricsTestKit", package: "swift-metrics",
                    condition: .when(traits: ["Metrics"])),
                .product(
                    name: "ServiceLifecycle", package: "swift-service-lifecycle",
                    condition: .when(traits: ["ServiceLifecycle"])),
            ],
            swiftSettings: strict),
        // Calls every public member at random; the tests start it as a program.
        .executableTarget(
            name: "stress",
            dependencies: [
                "UVSockets",
                .product(
                    name: "ArgumentParser", package: "swift-argument-parser",
                    condition: .when(traits: ["Programs"])),
                .product(name: "Logging", package: "swift-log"),
            ],
            path: "Tests/Stress",
            swiftSettings: strict),
        // Measured by the benchmarks.
        .executableTarget(
            name: "uvsockets-proxy",
            dependencies: ["UVSockets"],
            path: "Benchmarks/peers/uvsockets-proxy",
            swiftSettings: strict),
        .executableTarget(
            name: "uvsockets-posting",
            dependencies: ["UVSockets"],
            path: "Benchmarks/peers/uvsockets-posting",
            swiftSettings: strict),
        .testTarget(
            name: "ProgramTests",
            dependencies: [
                "Console", "UVSockets", "UVSocketsAdmin", "echo-server", "echo-client",
                "uv-inspect", "stress",
            ],
            swiftSettings: strict),
    ])
