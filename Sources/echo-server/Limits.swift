import ArgumentParser
import Console
import UVSockets

/// The limits: what clients may do, and who may be one. Options that are not given keep the
/// library's defaults, which the help shows.
struct Limits: ParsableArguments {
    private static let library = UVListenerOptions()

    /// What happens to clients beyond the limits.
    enum WhenFull: String, ExpressibleByArgument, CaseIterable {
        case hold, refuse
    }

    // MARK: Who comes in

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp(
            "How many clients there may be at a time; by default what the descriptors allow.",
            valueName: "n"),
        transform: positive)
    var maxConnections: Int?

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp(
            """
            How many clients there may be at a time from one address, of IPv6 from one /64; the \
            others are refused. (default: \(shown(library.admission.perAddress)))
            """, valueName: "n"),
        transform: positive)
    var maxPerAddress: Int?

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp(
            """
            How many clients may come in within a second; the others as --when-full says. \
            (default: \(shown(library.admission.acceptsPerSecond)))
            """, valueName: "n"),
        transform: positive)
    var acceptsPerSecond: Int?

    @Option(
        parsing: .unconditionalSingleValue,
        help: ArgumentHelp(
            """
            A range of addresses, such as 10.0.0.0/8, from which clients may come, and from \
            nowhere else; give it again for more.
            """, valueName: "cidr"),
        transform: range)
    var allow: [UVAddressRange] = []

    @Option(
        parsing: .unconditionalSingleValue,
        help: ArgumentHelp(
            """
            A range of addresses from which no client may come, even if it is allowed; give it \
            again for more.
            """, valueName: "cidr"),
        transform: range)
    var deny: [UVAddressRange] = []

    @Option(
        help: """
            Whether clients beyond --max-connections or --accepts-per-second wait, connected, in \
            the kernel's backlog (hold), or are closed at once (refuse). \
            (default: \(library.admission.whenFull == .hold ? WhenFull.hold : .refuse))
            """)
    var whenFull: WhenFull?

    // MARK: How long

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp(
            """
            How long nothing may come from a client before it is closed. \
            (default: \(TimeLimit(library.connection.idleTimeout)))
            """, valueName: "seconds"),
        transform: TimeLimit.parse)
    var idleTimeout: TimeLimit?

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp(
            """
            How long a client's first message may take to come whole. \
            (default: \(TimeLimit(library.connection.firstMessageTimeout)))
            """, valueName: "seconds"),
        transform: TimeLimit.parse)
    var firstMessageTimeout: TimeLimit?

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp(
            """
            How long a client may stay. \
            (default: \(TimeLimit(library.connection.maximumLifetime)))
            """, valueName: "seconds"),
        transform: TimeLimit.parse)
    var maxLifetime: TimeLimit?

    // MARK: What waits for a client

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp(
            """
            How many bytes may wait for one client before it is reset, such as 65536, 64k or 1m. \
            (default: \(ByteSize(library.connection.sendLimit)))
            """, valueName: "bytes"),
        transform: ByteSize.parse)
    var sendLimit: Int?

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp(
            """
            How many bytes may wait for one client for longer than --soft-limit-time. \
            (default: \(ByteSize(library.connection.softSendLimit)))
            """, valueName: "bytes"),
        transform: ByteSize.parse)
    var softLimit: Int?

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp(
            """
            How long more than --soft-limit may wait for a client before it is reset. \
            (default: \(TimeLimit(library.connection.softSendLimitTime)))
            """, valueName: "seconds"),
        transform: TimeLimit.parse)
    var softLimitTime: TimeLimit?

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp(
            """
            How long a client may read nothing of what waits for it before it is reset. \
            (default: \(TimeLimit(library.connection.writeStallTimeout)))
            """, valueName: "seconds"),
        transform: TimeLimit.parse)
    var writeStallTimeout: TimeLimit?

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp(
            """
            How many bytes may wait for all clients together before those with the most are \
            reset. (default: \(ByteSize(library.outboundBudget)))
            """, valueName: "bytes"),
        transform: ByteSize.parse)
    var outboundBudget: Int?

    // MARK: What a client sends

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp(
            """
            How much a client may send a second; what is more waits. \
            (default: \(shown(library.connection.bytesPerSecond.map(ByteSize.init))))
            """, valueName: "bytes"),
        transform: ByteSize.parse)
    var bytesPerSecond: Int?

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp(
            """
            How many messages a client may send a second; more of them wait. \
            (default: \(shown(library.connection.messagesPerSecond)))
            """, valueName: "n"),
        transform: positive)
    var messagesPerSecond: Int?

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp(
            """
            How long a message may be; a client with a longer one is closed. It takes a --framing. \
            (default: \(ByteSize(LineCodec.defaultMaximumLength)))
            """, valueName: "bytes"),
        transform: ByteSize.parse)
    var maxFrame: Int?

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp(
            """
            How many milliseconds handling what was read at once may take before a warning is \
            logged. (default: \(shown(library.connection.handlerTimeWarning)))
            """, valueName: "ms"),
        transform: positive)
    var handlerWarning: Int?

    func validate() throws {
        if softLimit != nil, softLimitTime?.duration == nil {
            throw ValidationError("--soft-limit needs --soft-limit-time")
        }
    }

    /// The library's options, changed as the command line says.
    var listenerOptions: UVListenerOptions {
        var options = Self.library
        options.maxConnections = maxConnections
        options.admission = admission(options.admission)
        options.connection = connection(options.connection)
        options.outboundBudget = outboundBudget ?? options.outboundBudget
        return options
    }

    private func admission(_ library: UVAdmission) -> UVAdmission {
        var admission = library
        admission.perAddress = maxPerAddress ?? library.perAddress
        admission.acceptsPerSecond = acceptsPerSecond ?? library.acceptsPerSecond
        admission.allow = allow
        admission.deny = deny
        switch whenFull {
        case .hold: admission.whenFull = .hold
        case .refuse: admission.whenFull = .refuse(goodbye: [])
        case nil: break
        }
        return admission
    }

    private func connection(_ library: UVConnectionOptions) -> UVConnectionOptions {
        var options = library
        options.idleTimeout = idleTimeout.map(\.duration) ?? library.idleTimeout
        options.firstMessageTimeout =
            firstMessageTimeout.map(\.duration) ?? library.firstMessageTimeout
        options.maximumLifetime = maxLifetime.map(\.duration) ?? library.maximumLifetime
        options.writeStallTimeout = writeStallTimeout.map(\.duration) ?? library.writeStallTimeout
        options.softSendLimitTime = softLimitTime.map(\.duration) ?? library.softSendLimitTime
        options.softSendLimit = softLimit ?? library.softSendLimit
        options.sendLimit = sendLimit ?? library.sendLimit
        // A client must count as slow before it passes the limit, not after.
        options.highWatermark = min(library.highWatermark, options.sendLimit)
        options.lowWatermark = min(library.lowWatermark, options.highWatermark / 4)
        options.bytesPerSecond = bytesPerSecond ?? library.bytesPerSecond
        options.messagesPerSecond = messagesPerSecond ?? library.messagesPerSecond
        options.handlerTimeWarning =
            handlerWarning.map { .milliseconds($0) } ?? library.handlerTimeWarning
        return options
    }

    private static func shown(_ limit: (some CustomStringConvertible)?) -> String {
        limit.map { "\($0)" } ?? "none"
    }

    private static func range(_ text: String) throws -> UVAddressRange {
        do throws(UVError) {
            return try UVAddressRange(text)
        } catch {
            throw ValidationError(error.reason)
        }
    }
}

/// Reads a positive number for an option.
func positive(_ text: String) throws -> Int {
    guard let number = Int(digits: text), number > 0 else {
        throw ValidationError("the value must be a number of at least 1")
    }
    return number
}
