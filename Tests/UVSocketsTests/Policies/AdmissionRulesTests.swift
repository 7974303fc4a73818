import Testing

@testable import UVSockets

@Suite("AdmissionRules", .ownThreads)
struct AdmissionRulesTests {
    @Test("By default everybody is admitted, and nobody is remembered")
    func everybody() throws {
        var rules = AdmissionRules(UVAdmission(), limit: 1000)
        let address = try Self.address("192.0.2.1")
        for _ in 0..<1000 { #expect(rules.decide(address, now: 0) == .admit) }
        #expect(rules.addresses == 0)
        #expect(rules.wait(now: 0) == nil)
        for _ in 0..<1000 { rules.left(address) }
    }

    @Test(
        "Denying wins over allowing, and whoever is not allowed is denied",
        arguments: [
            ("10.1.2.3", true), ("10.9.9.9", false), ("10.9.9.8", true), ("11.0.0.1", false),
            ("::ffff:10.1.2.3", true), ("::ffff:10.9.9.9", false), ("2001:db8::1", true),
            ("2001:db8:1::1", false), ("2001:db9::1", false),
        ])
    func lists(text: String, isAdmitted: Bool) throws {
        var policy = UVAdmission()
        policy.allow = ["10.0.0.0/8", "2001:db8::/32"]
        policy.deny = ["10.9.9.9", "2001:db8:1::/48"]
        var rules = AdmissionRules(policy, limit: 1000)
        let decision = rules.decide(try Self.address(text), now: 0)
        #expect(decision == (isAdmitted ? .admit : .refuse(.denied)))
    }

    @Test("At the limit nobody comes in until one leaves", arguments: [true, false])
    func limit(waits: Bool) throws {
        var policy = UVAdmission()
        policy.whenFull = waits ? .hold : .refuse(goodbye: [])
        policy.deny = ["10.0.0.0/8"]
        var rules = AdmissionRules(policy, limit: 2)
        let address = try Self.address("192.0.2.1")
        for _ in 0..<2 {
            #expect(rules.free > 0)
            #expect(rules.decide(address, now: 0) == .admit)
        }
        #expect(rules.free == 0)
        #expect(rules.decide(address, now: 0) == .refuse(.full))
        #expect(rules.decide(try Self.address("10.0.0.1"), now: 0) == .refuse(.denied))
        rules.left(address)
        #expect(rules.free > 0)
        #expect(rules.peak == 2)
        #expect(rules.decide(address, now: 0) == .admit)
    }

    @Test("With nobody allowed by name, everybody is who is not denied")
    func denyOnly() throws {
        var policy = UVAdmission()
        policy.deny = ["10.0.0.0/8"]
        var rules = AdmissionRules(policy, limit: 1000)
        #expect(rules.decide(try Self.address("10.0.0.1"), now: 0) == .refuse(.denied))
        #expect(rules.decide(try Self.address("11.0.0.1"), now: 0) == .admit)
    }

    @Test(
        "Two addresses share the limit where the policy takes them for one",
        arguments: [
            ("192.0.2.1", "192.0.2.1", 32, 64, true),
            ("192.0.2.1", "::ffff:192.0.2.1", 32, 64, true),
            ("192.0.2.1", "192.0.2.2", 32, 64, false),
            ("192.0.2.1", "192.0.2.2", 24, 64, true),
            ("192.0.2.1", "198.51.100.1", 0, 64, true),
            ("192.0.2.1", "2001:db8::1", 0, 0, false),
            ("2001:db8::1", "2001:db8::2", 32, 64, true),
            ("2001:db8::1", "2001:db8:0:1::1", 32, 64, false),
            ("2001:db8::1", "2001:db8:0:1::1", 32, 56, true),
            ("2001:db8::1", "2001:db8::2", 32, 128, false),
            ("fe80::1%lo", "fe80::2%lo", 32, 64, false),
            ("fe80::1%lo", "fe80::1%lo", 32, 64, true),
            ("febf::1", "febf::2", 32, 64, false),
            ("fec0::1", "fec0::2", 32, 64, true),
        ])
    func networks(one: String, other: String, v4: Int, v6: Int, isShared: Bool) throws {
        var policy = UVAdmission()
        policy.perAddress = 1
        policy.ipv4PrefixLength = v4
        policy.ipv6PrefixLength = v6
        var rules = AdmissionRules(policy, limit: 1000)
        let (one, other) = (try Self.address(one), try Self.address(other, port: 2))
        #expect(rules.decide(one, now: 0) == .admit)
        #expect(rules.decide(other, now: 0) == (isShared ? .refuse(.perAddress) : .admit))
        #expect(rules.addresses == (isShared ? 1 : 2))
        rules.left(one)
        if !isShared { rules.left(other) }
        #expect(rules.addresses == 0)
        #expect(rules.decide(other, now: 0) == .admit)
    }

    @Test("Who is refused for another reason takes no part of the rate")
    func refusedTakesNothing() throws {
        var policy = UVAdmission()
        policy.perAddress = 1
        policy.acceptsPerSecond = 2
        policy.deny = ["10.0.0.0/8"]
        var rules = AdmissionRules(policy, limit: 1000)
        let (denied, busy) = (try Self.address("10.0.0.1"), try Self.address("192.0.2.1"))
        #expect(rules.decide(busy, now: 0) == .admit)
        for _ in 0..<10 {
            #expect(rules.decide(denied, now: 0) == .refuse(.denied))
            #expect(rules.decide(busy, now: 0) == .refuse(.perAddress))
        }
        #expect(rules.wait(now: 0) == nil)
        #expect(rules.decide(try Self.address("192.0.2.2"), now: 0) == .admit)
        #expect(rules.decide(try Self.address("192.0.2.3"), now: 0) == .refuse(.rate))
        #expect(rules.addresses == 2)
    }

    @Test("A burst of the rate's size comes in at once, the next when one is due, not before")
    func rate() throws {
        var policy = UVAdmission()
        policy.acceptsPerSecond = 3
        var rules = AdmissionRules(policy, limit: 1000)
        let address = try Self.address("192.0.2.1")
        for _ in 0..<3 { #expect(rules.decide(address, now: 5000) == .admit) }
        #expect(rules.wait(now: 5000) == 334)
        #expect(rules.decide(address, now: 5333) == .refuse(.rate))
        #expect(rules.wait(now: 5333) == 1)
        #expect(rules.decide(address, now: 5334) == .admit)
        #expect(rules.wait(now: 5334) == 333)
        #expect(rules.decide(address, now: 5666) == .refuse(.rate))
        #expect(rules.decide(address, now: 5667) == .admit)
        #expect(rules.decide(address, now: 5999) == .refuse(.rate))
        #expect(rules.decide(address, now: 6000) == .admit)
        for _ in 0..<3 { #expect(rules.decide(address, now: 60_000) == .admit) }
        #expect(rules.decide(address, now: 60_000) == .refuse(.rate))
    }

    @Test("Any crowd is treated as a plain count and a plain bucket would", arguments: 1...8)
    func model(seed: Int) throws {
        var random = SplitMix64(seed: UInt64(seed))
        var policy = UVAdmission()
        policy.perAddress = Int.random(in: 1...3, using: &random)
        policy.acceptsPerSecond = Int.random(in: 10...50, using: &random)
        policy.deny = ["10.0.0.0/31"]
        var rules = AdmissionRules(policy, limit: 1000)
        let addresses = try (0..<8).map { try Self.address("10.0.0.\($0)") }
        var model = Model(policy)
        var now: UInt64 = 0
        var present: [Int] = []
        var refusals = UVRefusals()
        for step in 0..<8000 {
            // A rush, then a quiet time, and again.
            let longest: UInt64 = step / 500 % 2 == 0 ? 5 : 100
            now += UInt64.random(in: 0...longest, using: &random)
            if let leaver = present.indices.randomElement(using: &random),
                Int.random(in: 0..<3, using: &random) == 0
            {
                let address = present.remove(at: leaver)
                rules.left(addresses[address])
                model.present[address] -= 1
            } else {
                let comer = Int.random(in: 0..<8, using: &random)
                let decision = rules.decide(addresses[comer], now: now)
                try #require(decision == model.decide(comer, isDenied: comer < 2, now: now))
                switch decision {
                case .admit: present.append(comer)
                case .refuse(let reason): refusals.count(reason)
                case .pass, .hold: Issue.record("one listener has no other")
                }
            }
            try #require(rules.addresses == Set(present).count)
        }
        for address in present { rules.left(addresses[address]) }
        #expect(rules.addresses == 0)
        #expect([refusals.denied, refusals.perAddress, refusals.rate] == model.refused)
        #expect(refusals.full == 0)
        #expect(model.refused.allSatisfy { $0 > 0 })
    }

    /// Tokens in thousandths.
    private struct Model {
        let perAddress: Int
        let rate: Int
        var present = [Int](repeating: 0, count: 8)
        var refused = [0, 0, 0]
        var tokens: Int
        var last: UInt64 = 0

        init(_ policy: UVAdmission) {
            perAddress = policy.perAddress ?? .max
            rate = policy.acceptsPerSecond ?? 0
            tokens = rate * 1000
        }

        mutating func decide(
            _ address: Int, isDenied: Bool, now: UInt64
        ) -> AdmissionDecision {
            tokens = min(rate * 1000, tokens + Int(now - last) * rate)
            last = now
            if isDenied {
                refused[0] += 1
                return .refuse(.denied)
            }
            if present[address] >= perAddress {
                refused[1] += 1
                return .refuse(.perAddress)
            }
            if tokens < 1000 {
                refused[2] += 1
                return .refuse(.rate)
            }
            tokens -= 1000
            present[address] += 1
            return .admit
        }
    }

    private static func address(_ host: String, port: UInt16 = 1) throws -> SocketAddress {
        try #require(SocketAddress(UVEndpoint(host: host, port: port)))
    }
}
