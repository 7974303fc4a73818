import Foundation

/// A program that runs as a process of its own, and our ends of its streams.
final class Program {
    /// Its standard input, for a pipe or a terminal.
    let input: Channel?
    /// Its standard output, for a pipe or a terminal.
    let output: Channel?
    /// Its standard error, always a pipe.
    let errors: Channel
    private let name: String
    private let child: Child

    /// Starts it, in the environment that we have, changed as it says. A program is looked for
    /// among those that were built with these tests, then on the PATH.
    fileprivate init(
        _ command: [String], input: Stream, output: Stream, environment: [String: String]
    ) throws {
        name = command.joined(separator: " ")
        let streams = try Streams(input: input, output: output)
        defer { streams.closeTheirs() }
        let pid = try spawn(
            command.map(Built.path(of:)), environment: Self.environment(environment),
            terminal: streams.terminalPath, streams: streams.theirs)
        child = Child(pid: pid)
        self.input = streams.input
        self.output = streams.output
        errors = streams.errors
    }

    /// Ours, but for what a surrounding `make` says to its own children.
    private static func environment(_ changes: [String: String]) -> [String: String] {
        ProcessInfo.processInfo.environment
            .filter { !$0.key.hasPrefix("MAKE") && $0.key != "MFLAGS" }
            .merging(changes) { $1 }
    }

    fileprivate func end() {
        child.send(SIGKILL)
        _ = child.wait(patience)
    }

    var pid: pid_t { child.pid }
    var isRunning: Bool { child.isRunning }

    func send(_ signal: Int32) {
        child.send(signal)
    }

    /// Waits for its end, and says how it ended.
    func ending() throws -> Ending {
        if let ending = child.wait(patience) { return ending }
        throw Overdue("'\(name)' did not end; standard error: '\(try errorsSoFar())'")
    }

    /// What it said on standard error; once it has ended.
    func errorText() throws -> String {
        String(decoding: try errors.rest(), as: UTF8.self)
    }

    private func errorsSoFar() throws -> String {
        errors.isReadable ? String(decoding: try errors.some(atMost: 4096), as: UTF8.self) : ""
    }

    /// The most memory it has had so far, in bytes: VmHWM.
    func peakMemory() throws -> Int {
        let status = try statusText()
        let words = status.split(separator: "\n").first { $0.hasPrefix("VmHWM:") }?
            .split(whereSeparator: \.isWhitespace)
        guard let words, words.count == 3, let kibibytes = Int(words[1]) else {
            throw Overdue("'\(name)' tells no VmHWM: it has ended")
        }
        return kibibytes * 1024
    }

    /// Whether it has a handler of its own for the signal.
    func catches(_ signal: Int32) throws -> Bool {
        try signals("SigCgt:") & (1 << UInt64(signal - 1)) != 0
    }

    /// Whether it ignores the signal.
    func ignores(_ signal: Int32) throws -> Bool {
        try signals("SigIgn:") & (1 << UInt64(signal - 1)) != 0
    }

    /// Whether its first thread blocks the signal.
    func blocks(_ signal: Int32) throws -> Bool {
        try signals("SigBlk:") & (1 << UInt64(signal - 1)) != 0
    }

    /// Whether the signal was sent to it and has not reached it yet.
    func isPending(_ signal: Int32) throws -> Bool {
        try signals("ShdPnd:") & (1 << UInt64(signal - 1)) != 0
    }

    /// Whether it has a socket open.
    func hasSockets() throws -> Bool {
        let folder = "/proc/\(pid)/fd"
        return try FileManager.default.contentsOfDirectory(atPath: folder).contains {
            let target = try? FileManager.default.destinationOfSymbolicLink(
                atPath: "\(folder)/\($0)")
            return target?.hasPrefix("socket:") ?? false
        }
    }

    private func signals(_ set: String) throws -> UInt64 {
        let line = try statusText().split(separator: "\n").first { $0.hasPrefix(set) }
        return UInt64(line?.split(whereSeparator: \.isWhitespace).last ?? "", radix: 16) ?? 0
    }

    private func statusText() throws -> String {
        try String(contentsOfFile: "/proc/\(pid)/status", encoding: .utf8)
    }
}

/// Starts a program, and ends it when the closure returns or throws, whatever it is doing.
@discardableResult
func withProgram<Result>(
    _ command: [String], input: Stream = .pipe, output: Stream = .pipe,
    environment: [String: String] = [:], _ body: (Program) throws -> Result
) throws -> Result {
    let program = try Program(command, input: input, output: output, environment: environment)
    defer { program.end() }
    return try body(program)
}

/// What a program that runs to its end by itself leaves behind.
struct Outcome {
    let ending: Ending
    let output: String
    let errors: String
}

/// Runs a program to its end. What it says must fit into pipes.
func run(
    _ command: [String], input: Stream = .null, environment: [String: String] = [:]
) throws -> Outcome {
    try withProgram(command, input: input, environment: environment) { program in
        program.input?.close()
        let output = try program.output?.rest() ?? []
        return Outcome(
            ending: try program.ending(), output: String(decoding: output, as: UTF8.self),
            errors: try program.errorText())
    }
}

/// Where things are: found from the tests' own executable, so that any build folder will do.
enum Built {
    /// The folder of the build that these tests are of.
    static let folder: String = {
        let path = (try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe"))
        return (path ?? "").split(separator: "/").dropLast().map { "/\($0)" }.joined()
    }()

    /// The package's root.
    static let root: String = #filePath.split(separator: "/").dropLast(4).map { "/\($0)" }.joined()

    /// The path of a program that was built with the tests; any other name as it is.
    static func path(of name: String) -> String {
        ["echo-server", "echo-client", "uv-inspect", "stress"].contains(name)
            ? "\(folder)/\(name)" : name
    }
}

/// Descriptors for a program's streams, and our ends of them.
private struct Streams {
    private(set) var theirs: [Int32?] = []
    private(set) var input: Channel?
    private(set) var output: Channel?
    let errors: Channel
    let terminalPath: String?
    private var toClose: [Int32] = []

    init(input: Stream, output: Stream) throws {
        var terminal: Channel?
        if input.isTerminal || output.isTerminal {
            let (descriptor, path) = try makeTerminal()
            terminal = Channel(descriptor)
            terminalPath = path
        } else {
            terminalPath = nil
        }
        let pipe = try makePipe()
        errors = Channel(pipe.reading)
        let (theirInput, ourInput) = try Self.open(input, terminal, &toClose, isInput: true)
        let (theirOutput, ourOutput) = try Self.open(output, terminal, &toClose, isInput: false)
        theirs = [theirInput, theirOutput, pipe.writing]
        self.input = ourInput
        self.output = ourOutput
        toClose.append(pipe.writing)
    }

    private static func open(
        _ stream: Stream, _ terminal: Channel?, _ toClose: inout [Int32], isInput: Bool
    ) throws -> (theirs: Int32?, ours: Channel?) {
        switch stream {
        case .terminal: return (nil, terminal)
        case .file(let path):
            let mode = isInput ? O_RDONLY : O_WRONLY
            let descriptor = unsafe Glibc.open(path, mode | O_CLOEXEC)
            guard descriptor >= 0 else { throw SystemFailure("open \(path)") }
            toClose.append(descriptor)
            return (descriptor, nil)
        case .pipe:
            let pipe = try makePipe()
            toClose.append(isInput ? pipe.reading : pipe.writing)
            return isInput
                ? (pipe.reading, Channel(pipe.writing)) : (pipe.writing, Channel(pipe.reading))
        }
    }

    func closeTheirs() {
        for descriptor in toClose { _ = close(descriptor) }
    }
}

extension Stream {
    fileprivate var isTerminal: Bool {
        if case .terminal = self { true } else { false }
    }
}
