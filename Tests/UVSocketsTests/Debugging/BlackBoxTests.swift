import Foundation
import Logging
import Testing

@testable import UVSockets

@Suite("The black box", .ownThreads, .timeLimit(.minutes(1)))
struct BlackBoxTests {
    @Test("The file has what the loop recorded, who wrote it, and when")
    func contents() throws {
        try withFolder { folder in
            let path = "\(folder)/box"
            let loop = try UVLoop(recordedEvents: 64, blackBox: path)
            let before = UInt64(Date().timeIntervalSince1970 * 1000)
            let (exchange, endpoint) = try loop.echo()
            for _ in 0..<3 { try exchange() }
            var box = try BlackBox(bytes(path))
            #expect(box.events.map(\.event) == loop.recordedEvents().map(\.event))
            #expect(box.events.map(\.time) == loop.recordedEvents().map(\.time))
            #expect(box.events.contains { $0.event == "received 7 bytes, behind 7 others" })
            #expect(box.written == UInt64(box.events.count))
            #expect(box.header.process == UInt32(getpid()))
            #expect(box.header.capacity == 64)
            #expect(box.header.program.isEmpty == false)
            #expect(abs(Int(box.header.wallBegan) - Int(before)) < 10_000)
            #expect(box.agents.map(\.kind) == [.listener, .connector])
            #expect(box.agents.map(\.endpoint) == ["\(endpoint)", "\(endpoint)"])
            #expect(box.ending == .none)
            let attributes = try FileManager.default.attributesOfItem(atPath: path)
            #expect(attributes[.posixPermissions] as? Int == 0o600)
            for _ in 0..<100 { try exchange() }
            box = try BlackBox(bytes(path))
            // The oldest may be one that is being written over.
            #expect(box.events.count == 63)
            #expect(box.events.map(\.event) == loop.recordedEvents().map(\.event))
            #expect(box.events.allSatisfy { box.wallTime(of: $0) >= box.header.wallBegan })
            loop.abandon()
            try loop.close()
            #expect(try BlackBox(bytes(path)).ending == .closed)
        }
    }

    @Test("Each loop has a file of its own, and a group's loops have, too")
    func fileNames() async throws {
        let folder = try makeFolder()
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let group = try UVLoopGroup(loops: 3, blackBox: "\(folder)/box-%p")
        let name = "box-\(getpid())"
        #expect(try names(in: folder) == [name, "\(name).1", "\(name).2"])
        // A path that a living loop uses is not overwritten.
        let loop = try UVLoop(blackBox: "\(folder)/\(name)")
        #expect(try names(in: folder).last == "\(name).3")
        #expect(loop.recorder?.path == "\(folder)/\(name).3")
        await group.stop()
        try loop.close()
        let server = UVServer.callbacks(at: "127.0.0.1:0") { _ in { $0.send($1) } }
        var other = server
        other.blackBox = "\(folder)/server"
        other.onListening = { handle in Task { await handle.stop() } }
        try await other.run()
        #expect(try names(in: folder).last == "server")
        #expect(try BlackBox(bytes("\(folder)/server")).agents.count == 1)
    }

    @Test("A box that is there already is kept once, and a crash outlives orderly ends")
    func old() throws {
        try withFolder { folder in
            let path = "\(folder)/box"
            func run(crash: Bool) throws -> [UInt8] {
                let loop = try UVLoop(recordedEvents: 8, blackBox: path)
                let (exchange, _) = try loop.echo()
                try exchange()
                let left = try bytes(path)
                loop.abandon()
                try loop.close()
                // As a process that was killed leaves it.
                if crash { try Data(left).write(to: URL(filePath: path)) }
                return try bytes(path)
            }
            let crashed = try run(crash: true)
            _ = try run(crash: false)
            #expect(try bytes(path + ".old") == crashed)
            for _ in 0..<3 { _ = try run(crash: false) }
            #expect(try bytes(path + ".old") == crashed)
            let again = try run(crash: true)
            _ = try run(crash: false)
            #expect(try bytes(path + ".old") == again)
            #expect(try names(in: folder) == ["box", "box.old"])
        }
    }

    @Test("Where no file can be made, one line says why, and the loop records in memory")
    func refused() throws {
        try withFolder { folder in
            let files = FileManager.default
            try files.createSymbolicLink(
                atPath: "\(folder)/link", withDestinationPath: "\(folder)/victim")
            try Data("precious".utf8).write(to: URL(filePath: "\(folder)/other"))
            try files.createDirectory(atPath: "\(folder)/x.old", withIntermediateDirectories: false)
            try Data(BlackBoxLayout.magic).write(to: URL(filePath: "\(folder)/x"))
            unsafe mkfifo("\(folder)/pipe", 0o600)
            for (name, word) in [
                ("link", "it is a symbolic link"), ("other", "another file, which stays"),
                ("", "EISDIR"), ("none/box", "ENOENT"), ("pipe", "it is no file"),
                ("x", "it is no file"), (String(repeating: "y", count: 300), "ENAMETOOLONG"),
            ] {
                let log = Journal<String>()
                let loop = try UVLoop(
                    logger: journal(log), recordedEvents: 8, blackBox: "\(folder)/\(name)")
                #expect(log.entries.count == 1)
                let line = log.entries.first ?? ""
                #expect(line.contains(word), "\(name): \(line)")
                let (exchange, _) = try loop.echo()
                try exchange()
                #expect(!loop.recordedEvents().isEmpty)
                loop.abandon()
                try loop.close()
            }
            #expect(try bytes("\(folder)/other") == Array("precious".utf8))
            #expect(!files.fileExists(atPath: "\(folder)/victim"))
            // Without events there is no file.
            try UVLoop(recordedEvents: 0, blackBox: "\(folder)/zero").close()
            #expect(!files.fileExists(atPath: "\(folder)/zero"))
        }
    }

    @Test("A full disk is one line, and leaves no file")
    func full() throws {
        try withFolder { folder in
            let log = Journal<String>()
            // 512 MiB do not fit below the limit for one file.
            var limit = rlimit()
            _ = unsafe getrlimit(__rlimit_resource_t(RLIMIT_FSIZE.rawValue), &limit)
            let before = limit.rlim_cur
            signal(SIGXFSZ, SIG_IGN)
            limit.rlim_cur = 256 << 20
            _ = unsafe setrlimit(__rlimit_resource_t(RLIMIT_FSIZE.rawValue), &limit)
            defer {
                limit.rlim_cur = before
                _ = unsafe setrlimit(__rlimit_resource_t(RLIMIT_FSIZE.rawValue), &limit)
            }
            let loop = try UVLoop(
                logger: journal(log), recordedEvents: .max, blackBox: "\(folder)/box")
            #expect(log.entries.first?.contains("allocate black box") == true)
            #expect(try names(in: folder) == [])
            try loop.close()
        }
    }

    @Test("A trap leaves the events")
    func trap() async throws {
        let folder = try makeFolder()
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let path = "\(folder)/box"
        await #expect(processExitsWith: .failure) { [path = path as String] in
            let loop = try UVLoop(blackBox: path)
            let (exchange, _) = try loop.echo()
            for _ in 0..<20 { try exchange() }
            let none: [Int] = []
            _ = none[loop.recordedEvents().count]
        }
        let box = try BlackBox(bytes(path))
        #expect(box.ending == .none)
        #expect(box.events.count == 2 + 4 * 20)
    }

    // MARK: - Reading

    @Test("Damaged, cut and foreign files are refused in a line, or read, and never trap")
    func damaged() throws {
        try withFolder { folder in
            let loop = try UVLoop(recordedEvents: 8, blackBox: "\(folder)/box")
            let (exchange, _) = try loop.echo()
            for _ in 0..<5 { try exchange() }
            let whole = try bytes("\(folder)/box")
            loop.abandon()
            try loop.close()
            for count in 0..<whole.count {
                #expect(throws: BlackBox.Unreadable.self) { try BlackBox(Array(whole[..<count])) }
            }
            #expect(throws: BlackBox.Unreadable(description: "no black box of UVSockets")) {
                try BlackBox([UInt8](repeating: 0x41, count: 20_000))
            }
            var random = SplitMix64(seed: 7)
            var readable = 0
            for _ in 0..<20_000 {
                var bytes = whole
                for _ in 0..<Int.random(in: 1...8, using: &random) {
                    // The places that mean something: the fields, the counts, the records.
                    let places: [Range<Int>] = [0..<256, 8120..<8152, 8192..<bytes.count]
                    guard let place = places.randomElement(using: &random),
                        let index = place.randomElement(using: &random)
                    else { continue }
                    bytes[index] =
                        [0, 1, 0x7F, 0x80, 0xFF, .random(in: 0...255, using: &random)]
                        .randomElement(using: &random) ?? 0
                }
                guard let box = try? BlackBox(bytes, writtenLater: random.next()) else { continue }
                readable += 1
                for event in try BlackBox(bytes).events {
                    _ = (event.description, event.time, box.wallTime(of: event))
                }
            }
            #expect(readable > 1000)
        }
    }

    @Test("A file of a machine with the other byte order can be read")
    func swapped() throws {
        var header = BlackBoxHeader(
            capacity: 2, began: 1, wallBegan: 2, bootBegan: 3, process: 4, program: "é"
        ).bytes
        for (offset, size) in [(8, 4), (12, 4), (16, 4), (20, 4), (56, 4)]
            + [24, 32, 40, 48].map({ ($0, 8) })
        {
            header[offset..<offset + size].reverse()
        }
        let box = try BlackBox(header + [UInt8](repeating: 0, count: 64))
        #expect(box.header.wallBegan == 2)
        #expect(box.header.process == 4)
        #expect(box.header.program == "é")
        #expect(box.events.isEmpty)
    }

    @Test("The times of a loop go on beyond 49 days")
    func longTimes() {
        let turn: UInt64 = 1 << 32
        for (time, latest) in [
            (0, 0), (5, 0), (turn - 1, turn + 10), (turn + 7, turn - 9), (3 * turn + 1, 3 * turn),
            (100, turn / 4),
        ] as [(UInt64, UInt64)] {
            let low = UInt32(truncatingIfNeeded: time)
            #expect(BlackBoxLayout.time(low, near: latest) == time)
        }
        let recorder = FlightRecorder(capacity: 4, now: 10)
        recorder.write(.began, of: 1, 1, 0, 0, at: 10 + 5 * turn)
        recorder.write(.received, of: 1, 1, 0, 0, at: 12 + 5 * turn)
        #expect(recorder.last(4).map(\.milliseconds) == [5 * turn, 5 * turn + 2])
    }

    @Test("The table of agents is bounded, and the first ones stay")
    func agents() throws {
        try withFolder { folder in
            let path = "\(folder)/box"
            let recorder = try FlightRecorder(at: path, capacity: 2, now: 0)
            let long = String(repeating: "é", count: 100)
            for number in 1...200 as ClosedRange<UInt32> {
                for _ in 0..<2 { recorder.note(number, .connector, long) }
            }
            let agents = try BlackBox(bytes(path)).agents
            #expect(agents.count == BlackBoxLayout.agentLimit)
            #expect(agents.prefix(32).map(\.number) == Array(1...32))
            #expect(Set(agents.dropFirst(32).map(\.number)) == Set(172...200))
            #expect(agents.allSatisfy { $0.endpoint == String(repeating: "é", count: 59) })
        }
    }
}

private func makeFolder() throws -> String {
    let url = FileManager.default.temporaryDirectory.appending(path: "box-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: url, withIntermediateDirectories: true)
    return url.path
}

private func withFolder(_ body: (String) throws -> Void) throws {
    let folder = try makeFolder()
    defer { try? FileManager.default.removeItem(atPath: folder) }
    try body(folder)
}

private func names(in folder: String) throws -> [String] {
    try FileManager.default.contentsOfDirectory(atPath: folder).sorted()
}

private func bytes(_ path: String) throws -> [UInt8] {
    Array(try Data(contentsOf: URL(filePath: path)))
}

extension UVLoop {
    /// Serves lines, and connects to itself.
    ///
    /// - Returns: Sends a line and waits until it has come back; and where it listens.
    fileprivate func echo() throws -> (exchange: () throws -> Void, endpoint: UVEndpoint) {
        let listener = UVListener(on: self, at: "127.0.0.1:0", framing: .lines) { $0.send($1) }
        try listener.startAccept()
        let endpoint = try #require(listener.localEndpoint)
        let connector = UVConnector(on: self, to: endpoint, framing: .lines) { connection, _ in
            connection.loop.stop()
        }
        try connector.startConnect()
        let exchange = {
            connector.send("a line")
            self.run(.untilStopped)
        }
        return (exchange, endpoint)
    }

    /// Ends what ``echo()`` has opened.
    fileprivate func abandon() {
        endInMemory()
    }
}
