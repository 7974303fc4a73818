// swift-tools-version: 6.2

import PackageDescription

/// The Swift servers that UVSockets is measured beside.
///
/// A package of its own, so that nobody who uses the library resolves what only the benchmarks need.
let package = Package(
    name: "UVSocketsBenchmarks",
    dependencies: [
        .package(url: "https://github.com/apple/swift-nio", from: "2.101.0")
    ],
    targets: [
        .executableTarget(
            name: "nio-channel-echo",
            dependencies: [
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOPosix", package: "swift-nio"),
            ],
            path: "peers/nio-channel-echo"),
        .executableTarget(
            name: "nio-async-echo",
            dependencies: [
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOPosix", package: "swift-nio"),
            ],
            path: "peers/nio-async-echo"),
    ])
