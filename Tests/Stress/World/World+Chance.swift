import UVSockets

/// What the stress gives to the library, at random: messages, codecs, options.
extension SplitMix64 {
    /// A short line without its end, which no framing refuses but the fixed-length one.
    mutating func line() -> [UInt8] {
        Array("noise \(number(0...999))".utf8)
    }

    /// A message of any size.
    mutating func message() -> [UInt8] {
        let sizes = [0, 1, 7, 100, 1000, 17_000, 70_000, 300_000]
        var bytes = [UInt8](repeating: 0x78, count: pick(sizes))
        if once(in: 2), !bytes.isEmpty { bytes[bytes.count - 1] = 0x0a }
        return bytes
    }

    mutating func framing() -> UVFraming {
        switch number(0...6) {
        case 0: .lines(maximumLength: pick([10, 1000, 100_000]))
        case 1: .lengthPrefix(.bytes2)
        case 2: .varint(maximumLength: 1000)
        case 3: .netstring(maximumLength: 100_000)
        case 4: .fixed(7)
        case 5: .delimiter([0x78, 0x0a], maximumLength: 1000)
        default: .raw
        }
    }

    private mutating func time(_ range: ClosedRange<Int> = 10...200) -> Duration? {
        once(in: 2) ? nil : milliseconds(range)
    }

    /// Options with which every way to end comes within a second.
    mutating func wild(_ base: UVConnectionOptions) -> UVConnectionOptions {
        var options = base
        options.noDelay = once(in: 2)
        options.keepAlive =
            once(in: 2) ? nil : UVKeepAlive(idle: .seconds(1), interval: .seconds(1), count: 1)
        options.highWatermark = pick([1, 500, 4096, 65_536])
        options.lowWatermark = pick([0, 1, options.highWatermark / 2, options.highWatermark])
        options.holdsAboveHighWatermark = once(in: 2)
        options.sendLimit = pick([0, 1000, 100_000, 1 << 20])
        options.writeStallTimeout = time()
        options.softSendLimit = pick([0, 1000, 50_000])
        options.softSendLimitTime = time()
        options.bytesPerSecond = once(in: 3) ? pick([1, 1000, 1_000_000]) : nil
        options.messagesPerSecond = once(in: 3) ? pick([1, 20, 1000]) : nil
        options.receiveBudget = pick([1, 65_536, 262_144])
        options.handlerTimeWarning = time(1...50)
        options.allowsHalfOpen = once(in: 2)
        setDeadlines(of: &options)
        return options
    }

    private mutating func setDeadlines(of options: inout UVConnectionOptions) {
        options.idleTimeout = time()
        options.idleCountsSent = once(in: 2)
        options.firstMessageTimeout = time()
        options.maximumLifetime = time(50...500)
        options.flushTimeout = milliseconds(10...200)
        options.lingerTimeout = milliseconds(10...200)
    }

    mutating func wildListener() -> UVListenerOptions {
        var options = UVListenerOptions(connection: wild(.listener))
        options.maxConnections = once(in: 3) ? number(1...8) : nil
        options.outboundBudget = pick([1, 200_000, 1 << 30])
        options.additionalEndpoints = once(in: 3) ? pick([["127.0.0.1:0"], ["localhost:0"]]) : []
        options.admission.perAddress = once(in: 4) ? number(1...8) : nil
        options.admission.acceptsPerSecond = once(in: 4) ? number(5...50) : nil
        options.admission.deny = once(in: 8) ? ["127.0.0.0/8"] : []
        options.admission.allow = once(in: 8) ? ["127.0.0.1", "::1"] : []
        if once(in: 3) { options.admission.whenFull = .refuse(goodbye: line()) }
        return options
    }

    mutating func slowReceiver(mayWait: Bool = true) -> UVSlowReceiver {
        switch number(0...3) {
        case 0: .disconnect
        case 1: .skip
        case 2: mayWait ? .wait : .skip
        default: .keepLatest(key: pick(["a", "b"]))
        }
    }

    /// Where to connect from: usually anywhere, and sometimes from where it cannot be.
    mutating func localAddress() -> UVEndpoint? {
        guard once(in: 4) else { return nil }
        return pick(["127.0.0.1:0", "[::1]:0", "192.0.2.1:0", "localhost:0"])
    }

    mutating func reconnect() -> UVReconnect? {
        guard once(in: 2) else { return nil }
        return UVReconnect(
            initialDelay: milliseconds(1...50), maximumDelay: .milliseconds(50),
            attempts: once(in: 2) ? number(0...5) : nil, stableAfter: milliseconds(0...100))
    }
}

extension UVListenerOptions {
    /// Options for those whom well-behaved clients depend on: small watermarks, no deadlines.
    static var steady: Self {
        var options = Self()
        options.connection.highWatermark = 200
        options.connection.lowWatermark = 20
        options.connection.receiveBudget = 1
        options.connection.bytesPerSecond = 1 << 19
        options.connection.messagesPerSecond = 4
        options.connection.lingerTimeout = .milliseconds(100)
        options.connection.allowsHalfOpen = true
        return options
    }
}

extension World {
    /// A message that may be sent to this connection.
    func message(for record: Record) -> [UInt8] {
        record.isSteady ? random.line() : random.message()
    }

    /// An address of a server, or of nobody.
    func target() -> UVEndpoint {
        let endpoint = scene.endpoints.withLock { $0.pick(&random) }
        guard !random.once(in: 12), let endpoint else {
            return random.pick(["127.0.0.1:1", "localhost:1", "127.0.0.1:0"])
        }
        return random.once(in: 10) ? UVEndpoint(host: "localhost", port: endpoint.port) : endpoint
    }
}
