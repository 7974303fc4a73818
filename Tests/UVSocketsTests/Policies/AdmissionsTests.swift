import Testing

@testable import UVSockets

@Suite("Admissions", .ownThreads, .timeLimit(.minutes(1)))
struct AdmissionsTests {
    // MARK: - Who gets a client

    @Test("Clients are spread over the parts in turn, and fill the gaps")
    func fewest() throws {
        let admissions = Admissions(UVAdmission(), limit: 100, parts: 3, .fewestClients)
        let address = try Self.address(1)
        var chosen: [Int] = []
        for _ in 0..<6 { chosen.append(Self.part(Self.decide(admissions, address))) }
        #expect(chosen == [0, 1, 2, 0, 1, 2])
        for _ in 0..<2 { _ = admissions.left(address, part: 1) }
        #expect(Self.part(Self.decide(admissions, address, part: 0)) == 1)
        #expect(Self.part(Self.decide(admissions, address, part: 0)) == 1)
        #expect(Self.part(Self.decide(admissions, address, part: 0)) == 2)
        #expect(admissions.peak == 7)
    }

    @Test("A part that is closed gets nobody, whoever leaves it")
    func close() throws {
        let admissions = Admissions(UVAdmission(), limit: 100, parts: 3, .fewestClients)
        let address = try Self.address(1)
        for _ in 0..<6 { _ = Self.decide(admissions, address, part: 0) }
        for _ in 0..<2 { #expect(admissions.close(1) == nil) }
        for _ in 0..<2 { _ = admissions.left(address, part: 1) }
        for _ in 0..<20 { #expect(Self.part(Self.decide(admissions, address, part: 0)) != 1) }
    }

    @Test("Where the kernel spreads the clients, each part keeps its own")
    func kernel() throws {
        let admissions = Admissions(UVAdmission(), limit: 100, parts: 3, .kernel)
        let address = try Self.address(1)
        for part in [2, 2, 2, 0, 1, 2] {
            #expect(Self.decide(admissions, address, part: part) == .admit)
        }
    }

    @Test("One part alone keeps all", arguments: UVBalance.allCases)
    func one(balance: UVBalance) throws {
        let admissions = Admissions(UVAdmission(), limit: 3, parts: 1, balance)
        let address = try Self.address(1)
        for _ in 0..<3 { #expect(Self.decide(admissions, address) == .admit) }
        #expect(admissions.isHolding(0))
    }

    // MARK: - Who waits

    @Test("The parts that hold clients have their turns, each with one client")
    func holding() throws {
        let admissions = Admissions(UVAdmission(), limit: 2, parts: 3, .kernel)
        let address = try Self.address(1)
        for part in 0..<2 {
            #expect(!admissions.isHolding(part))
            #expect(Self.decide(admissions, address, part: part) == .admit)
        }
        // Each may accept one to hold.
        for part in [2, 0] {
            #expect(!admissions.isHolding(part))
            #expect(Self.decide(admissions, address, part: part) == .hold)
            #expect(admissions.isHolding(part))
        }
        #expect(admissions.left(address, part: 1) == 2)
        // It is not the turn of those behind, or of one that had nobody to hold.
        #expect(admissions.isHolding(0))
        #expect(!admissions.isHolding(1))
        #expect(Self.decide(admissions, address, part: 1) == .hold)
        #expect(!admissions.isHolding(2))
        // A place for the first two, and none for the third.
        #expect(admissions.left(address, part: 0) == 0)
        #expect(!admissions.isHolding(0))
        #expect(admissions.isHolding(1))
        let (decision, next) = admissions.decide(address, now: 0, part: 2)
        #expect(decision == .admit)
        #expect(next == 0)
        #expect(!admissions.isHolding(0))
        #expect(Self.decide(admissions, address, part: 0) == .admit)
        #expect(admissions.left(address, part: 2) == 1)
        #expect(admissions.peak == 2)
    }

    @Test("Whoever has its turn and no use for it gives it to the next")
    func unused() throws {
        var policy = UVAdmission()
        policy.perAddress = 1
        let admissions = Admissions(policy, limit: 2, parts: 4, .kernel)
        let addresses = try (0..<4).map(Self.address)
        for part in 0..<2 {
            #expect(Self.decide(admissions, addresses[part], part: part) == .admit)
        }
        for part in 1..<4 { #expect(Self.decide(admissions, addresses[0], part: part) == .hold) }
        #expect(admissions.left(addresses[1], part: 1) == 1)
        // Its client is refused for another reason.
        var (decision, next) = admissions.decide(addresses[0], now: 0, part: 1)
        #expect(decision == .refuse(.perAddress))
        #expect(next == 2)
        // It is stopped.
        #expect(admissions.close(2) == 3)
        (decision, next) = admissions.decide(addresses[3], now: 0, part: 3)
        #expect(decision == .admit)
        #expect(next == nil)
    }

    @Test(
        "Where the server is stopped nobody comes in, although there is room",
        arguments: [true, false])
    func closed(waits: Bool) throws {
        var policy = UVAdmission()
        policy.whenFull = waits ? .hold : .refuse(goodbye: [])
        let admissions = Admissions(policy, limit: 2, parts: 2, .kernel)
        let address = try Self.address(1)
        for part in 0..<2 { #expect(Self.decide(admissions, address, part: part) == .admit) }
        if waits { #expect(Self.decide(admissions, address, part: 1) == .hold) }
        admissions.close()
        #expect(admissions.left(address, part: 0) == nil)
        #expect(admissions.close(0) == nil)
        #expect(Self.decide(admissions, address, part: 1) == .hold)
        #expect(admissions.isHolding(1))
    }

    @Test("Where nobody waits those beyond the limit and the rate are refused")
    func refuses() throws {
        var policy = UVAdmission()
        policy.whenFull = .refuse(goodbye: [])
        policy.acceptsPerSecond = 3
        let admissions = Admissions(policy, limit: 2, parts: 2, .kernel)
        let address = try Self.address(1)
        for part in 0..<2 { #expect(Self.decide(admissions, address, part: part) == .admit) }
        #expect(!admissions.isHolding(0))
        #expect(Self.decide(admissions, address, part: 1) == .refuse(.full))
        _ = admissions.left(address, part: 0)
        #expect(Self.decide(admissions, address, part: 1) == .admit)
        _ = admissions.left(address, part: 1)
        #expect(Self.decide(admissions, address, part: 1) == .refuse(.rate))
        #expect(admissions.left(address, part: 1) == nil)
    }

    @Test("Loops whose clocks differ by some milliseconds share a rate")
    func clocks() throws {
        var policy = UVAdmission()
        policy.acceptsPerSecond = 10
        policy.whenFull = .refuse(goodbye: [])
        let admissions = Admissions(policy, limit: 1000, parts: 2, .kernel)
        let address = try Self.address(1)
        var random = SplitMix64(seed: 5)
        var (now, admitted): (UInt64, Int) = (1000, 0)
        for _ in 0..<5000 {
            now += random.next() % 5
            let late = min(now, random.next() % 20)
            if Self.decide(admissions, address, now: now - late, part: Int(random.next() % 2))
                == .admit
            {
                admitted += 1
            }
        }
        let most = 10 + Int(now - 1000) * 10 / 1000
        #expect(admitted <= most + 1)
        #expect(admitted >= most - 3)
    }

    // MARK: - A model

    @Test(
        "Whatever comes and goes, it decides as a plain model does",
        arguments: UVBalance.allCases, [true, false])
    func model(balance: UVBalance, waits: Bool) throws {
        for seed in 0..<60 as Range<UInt64> {
            var random = SplitMix64(seed: seed)
            var model = Model(
                limit: 1 + Int(random.next() % 9), parts: 1 + Int(random.next() % 4),
                perAddress: 1 + Int(random.next() % 4), waits: waits, balance: balance)
            var policy = UVAdmission()
            policy.perAddress = model.perAddress
            policy.whenFull = waits ? .hold : .refuse(goodbye: [])
            let admissions = Admissions(policy, limit: model.limit, parts: model.parts, balance)
            for _ in 0..<500 {
                try Self.step(&random, &model, admissions)
            }
        }
    }

    /// Does one thing to both, and compares.
    private static func step(
        _ random: inout SplitMix64, _ model: inout Model, _ admissions: Admissions
    ) throws {
        let part = Int(random.next() % UInt64(model.parts))
        switch random.next() % 4 {
        case 0, 1:
            let host = Int(random.next() % 5)
            let expected = model.decide(host, part: part)
            let (decision, next) = admissions.decide(try address(host), now: 0, part: part)
            try #require(decision == expected)
            // Where it has to wait, whoever has the turn has been told already.
            try #require(next == (decision == .hold ? nil : model.next))
        case 2:
            guard !model.present.isEmpty else { return }
            let index = Int(random.next() % UInt64(model.present.count))
            let (host, home) = model.present[index]
            model.present.remove(at: index)
            try #require(admissions.left(address(host), part: home) == model.next)
        default:
            try #require(admissions.isHolding(part) == model.isHolding(part))
        }
        try #require(admissions.peak == model.peak)
        try #require(model.present.count <= model.limit)
    }

    private struct Model {
        let limit: Int
        let parts: Int
        let perAddress: Int
        let waits: Bool
        let balance: UVBalance
        var present: [(host: Int, part: Int)] = []
        var peak = 0
        private var waiting: [Int] = []
        private var latest: Int

        init(limit: Int, parts: Int, perAddress: Int, waits: Bool, balance: UVBalance) {
            (self.limit, self.parts, self.perAddress) = (limit, parts, perAddress)
            (self.waits, self.balance) = (waits, balance)
            latest = parts - 1
        }

        private var free: Int { limit - present.count }

        /// The last of those for whom a place is kept.
        var next: Int? { free > 0 && free <= waiting.count ? waiting[free - 1] : nil }

        mutating func decide(_ host: Int, part: Int) -> AdmissionDecision {
            if waits, !isTurn(part) {
                wait(part)
                return .hold
            }
            waiting.removeAll { $0 == part }
            if present.count == limit { return .refuse(.full) }
            if present.count(where: { $0.host == host }) == perAddress {
                return .refuse(.perAddress)
            }
            let chosen = balance == .kernel ? part : nextInTurn
            latest = chosen
            present.append((host, chosen))
            peak = max(peak, present.count)
            return chosen == part ? .admit : .pass(toPart: chosen)
        }

        /// Behind the latest, the first of those that have the fewest.
        private var nextInTurn: Int {
            let turn = (1...parts).map { (latest + $0) % parts }
            let counts = turn.map { part in present.count { $0.part == part } }
            let fewest = counts.min() ?? 0
            return zip(turn, counts).first { $0.1 == fewest }?.0 ?? 0
        }

        mutating func isHolding(_ part: Int) -> Bool {
            let acceptsAlone = parts == 1 || balance == .fewestClients
            guard waits, !isTurn(part) else {
                if waits, acceptsAlone { waiting.removeAll { $0 == part } }
                return false
            }
            if acceptsAlone { wait(part) }
            return waiting.contains(part)
        }

        private func isTurn(_ part: Int) -> Bool {
            waiting.count < free || waiting.prefix(max(0, free)).contains(part)
        }

        private mutating func wait(_ part: Int) {
            if !waiting.contains(part) { waiting.append(part) }
        }
    }

    private static func decide(
        _ admissions: Admissions, _ address: SocketAddress, now: UInt64 = 0, part: Int = 0
    ) -> AdmissionDecision {
        admissions.decide(address, now: now, part: part).decision
    }

    private static func part(_ decision: AdmissionDecision) -> Int {
        switch decision {
        case .admit: 0
        case .pass(let part): part
        case .hold, .refuse: -1
        }
    }

    private static func address(_ host: Int) throws -> SocketAddress {
        try #require(SocketAddress(UVEndpoint(host: "192.0.2.\(host)", port: 1)))
    }
}

extension Admissions {
    /// Whether the part may accept nobody before it is told.
    fileprivate func isHolding(_ part: Int) -> Bool {
        entry(to: part, now: 0) == .whenTold
    }
}
