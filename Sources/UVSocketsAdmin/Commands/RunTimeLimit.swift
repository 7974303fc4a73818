import UVSockets

/// A limit that can be changed while the server runs. The names are those of echo-server's options.
struct RunTimeLimit: Sendable {
    let name: String
    let help: String
    let value: Value

    /// What kind of value it has, and where it is.
    enum Value: Sendable {
        case seconds(
            get: @Sendable (UVConnectionOptions) -> Duration?,
            set: @Sendable (inout UVConnectionOptions, Duration?) -> Void)
        case bytes(
            get: @Sendable (UVConnectionOptions) -> Int,
            set: @Sendable (inout UVConnectionOptions, Int) -> Void)
        case bytesOrNone(
            get: @Sendable (UVConnectionOptions) -> Int?,
            set: @Sendable (inout UVConnectionOptions, Int?) -> Void)
        case countOrNone(
            get: @Sendable (UVConnectionOptions) -> Int?,
            set: @Sendable (inout UVConnectionOptions, Int?) -> Void)
        case maxConnections
        case outboundBudget

        /// What it takes, in words.
        var takes: String {
            switch self {
            case .seconds:
                "seconds, above 0 and at most \(Quantity.longestTime), such as 5 or 0.5, or none"
            case .bytes, .outboundBudget:
                "a size from 1 to \(Quantity.text(bytes: Quantity.greatestSize)), such as 64k or 1m"
            case .bytesOrNone:
                """
                a size from 1 to \(Quantity.text(bytes: Quantity.greatestSize)), such as 64k or \
                1m, or none
                """
            case .countOrNone: "a number from 1 to 2147483647, or none"
            case .maxConnections: "a number from 1 to 2147483647"
            }
        }

        private static let counts = 1...Int(Int32.max)

        /// Reads a value.
        ///
        /// - Returns: What changes a listener's limit; nil if it is not such a value.
        func change(to text: Substring) -> (@Sendable (UVListener) -> Void)? {
            let isNone = text == "none"
            switch self {
            case .seconds(_, let set):
                let time = Quantity.seconds(text)
                guard isNone || time.map({ $0 > .zero }) == true else { return nil }
                return { listener in listener.changeLimits { set(&$0, time) } }
            case .bytes(_, let set):
                guard let bytes = Quantity.bytes(text) else { return nil }
                return { listener in listener.changeLimits { set(&$0, bytes) } }
            case .bytesOrNone(_, let set):
                let bytes = Quantity.bytes(text)
                guard isNone || bytes != nil else { return nil }
                return { listener in listener.changeLimits { set(&$0, bytes) } }
            case .countOrNone(_, let set):
                let count = Quantity.number(text)
                guard isNone || count.map(Self.counts.contains) == true else { return nil }
                return { listener in listener.changeLimits { set(&$0, count) } }
            case .maxConnections:
                guard let count = Quantity.number(text), Self.counts ~= count else { return nil }
                return { $0.changeMaxConnections(to: count) }
            case .outboundBudget:
                guard let bytes = Quantity.bytes(text) else { return nil }
                return { $0.serversOutboundBudget = bytes }
            }
        }

        /// The present value, as ``change(to:)`` reads it.
        func text(_ listener: UVListener) -> String {
            let options = listener.connectionOptions
            switch self {
            case .seconds(let get, _): return get(options).map(Quantity.text(seconds:)) ?? "none"
            case .bytes(let get, _): return Quantity.text(bytes: get(options))
            case .bytesOrNone(let get, _):
                return get(options).map(Quantity.text(bytes:)) ?? "none"
            case .countOrNone(let get, _): return get(options).map { "\($0)" } ?? "none"
            case .maxConnections: return "\(listener.maxConnections)"
            case .outboundBudget: return Quantity.text(bytes: listener.serversOutboundBudget)
            }
        }
    }

    private static func time(
        _ name: String, _ help: String,
        _ path: any WritableKeyPath<UVConnectionOptions, Duration?> & Sendable
    ) -> RunTimeLimit {
        RunTimeLimit(
            name: name, help: help,
            value: .seconds(get: { $0[keyPath: path] }, set: { $0[keyPath: path] = $1 }))
    }

    private static func size(
        _ name: String, _ help: String,
        _ path: any WritableKeyPath<UVConnectionOptions, Int> & Sendable
    ) -> RunTimeLimit {
        RunTimeLimit(
            name: name, help: help,
            value: .bytes(get: { $0[keyPath: path] }, set: { $0[keyPath: path] = $1 }))
    }

    static let all: [RunTimeLimit] = [
        RunTimeLimit(
            name: "max-connections", help: "how many clients there may be; those present stay",
            value: .maxConnections),
        time("idle-timeout", "how long nothing may come from a client", \.idleTimeout),
        time(
            "first-message-timeout", "how long a client's first message may take",
            \.firstMessageTimeout),
        time("message-timeout", "how long a message may take to come whole", \.messageTimeout),
        time("max-lifetime", "how long a client may stay", \.maximumLifetime),
        time(
            "write-stall-timeout", "how long a client may read nothing of what waits for it",
            \.writeStallTimeout),
        size("send-limit", "how much may wait for one client", \.sendLimit),
        size(
            "soft-limit", "how much may wait for one client for longer than soft-limit-time",
            \.softSendLimit),
        time("soft-limit-time", "how long more than soft-limit may wait", \.softSendLimitTime),
        RunTimeLimit(
            name: "outbound-budget", help: "how much may wait for all clients together",
            value: .outboundBudget),
        RunTimeLimit(
            name: "bytes-per-second", help: "how much a client may send a second",
            value: .bytesOrNone(
                get: { $0.bytesPerSecond }, set: { $0.bytesPerSecond = $1 })),
        RunTimeLimit(
            name: "messages-per-second", help: "how many messages a client may send a second",
            value: .countOrNone(
                get: { $0.messagesPerSecond }, set: { $0.messagesPerSecond = $1 })),
    ]
}
