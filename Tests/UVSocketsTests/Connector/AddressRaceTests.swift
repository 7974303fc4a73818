import Testing

@testable import UVSockets

@Suite("AddressRace", .ownThreads)
struct AddressRaceTests {
    /// What the system gives, and the order in which it is tried; 4 and 6 stand for the families.
    static let orders: [([String], [String])] = [
        ([], []),
        (["4a"], ["4a"]),
        (["6a", "6b", "6c"], ["6a", "6b", "6c"]),
        (["6a", "6b", "4a", "4b"], ["6a", "4a", "6b", "4b"]),
        (["4a", "6a", "6b", "6c"], ["4a", "6a", "6b", "6c"]),
        (["6a", "6b", "6c", "4a"], ["6a", "4a", "6b", "6c"]),
        (["4a", "4b", "6a", "4c"], ["4a", "6a", "4b", "4c"]),
    ]

    @Test("The families take turns, and the first address stays the first", arguments: orders)
    func order(given: [String], tried: [String]) throws {
        var race = AddressRace(try given.map(Self.address))
        for name in tried {
            #expect(race.hasUntried)
            try Self.expect(&race, .connect(to: Self.address(name)))
        }
        #expect(!race.hasUntried)
        Self.expect(&race, tried.isEmpty ? .giveUp : .wait)
    }

    @Test("It is lost when every address was tried, and has failed")
    func lost() throws {
        var race = AddressRace(try ["4a", "4b", "4c"].map(Self.address))
        try Self.expect(&race, .connect(to: Self.address("4a")))
        race.failed()
        try Self.expect(&race, .connect(to: Self.address("4b")))
        // A delay has passed.
        try Self.expect(&race, .connect(to: Self.address("4c")))
        #expect(race.running == 2)
        race.failed()
        Self.expect(&race, .wait)
        race.failed()
        Self.expect(&race, .giveUp)
    }

    @Test("The delay between attempts is the one that RFC 8305 recommends")
    func delay() {
        #expect(AddressRace.attemptDelay == .milliseconds(250))
    }

    private static func expect(_ race: inout AddressRace, _ step: AddressRace.Step) {
        let next = race.next()
        #expect(next == step)
    }

    private static func address(_ name: String) throws -> SocketAddress {
        let host = name.hasPrefix("6") ? "2001:db8::\(name.dropFirst())" : "192.0.2.1"
        let port = try #require(name.utf8.last)
        return try #require(SocketAddress(UVEndpoint(host: host, port: UInt16(port))))
    }
}
