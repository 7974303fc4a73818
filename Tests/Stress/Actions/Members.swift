/// Which public members the stress calls, as `--members` tells: each is named as the symbol graph has it,
/// and where several have one name with the type of the first parameter behind it.
enum Members {
    /// Those that are called at random.
    static let atRandom = Set(Action.all.map(\.member) + TaskAction.all.map(\.member))

    /// Those that the frame of the stress calls, because they must not be called in a callback, and where.
    static let byFrame = [
        "UVLoop.init(submissionLimit:logger:recordedEvents:blackBox:)": "each loop is made once",
        "UVLoop.run(_:)": "traps in a callback, by contract; again and again after stop()",
        "UVLoop.run(task:)": "traps in a callback, by contract; again and again after stop()",
        "UVLoop.close()": "traps in a callback, by contract; between two runs, and at the end",
        "UVLoopGroup.init(loops:submissionLimit:logger:recordedEvents:blackBox:)":
            "starts threads",
        "UVLoopGroup.loops": "their worlds begin",
        "UVLoopGroup.cores": "how many loops a group has",
        "UVLoopGroup.listen(at:backlog:framing:options:balance:file:line:makeHandler:)":
            "again and again",
        "UVLoopGroup.run()": "beside stop",
        "UVLoopGroup.run(stoppingOn:drainFor:goodbye:)": "beside stop, without a signal",
        "UVLoopGroup.on(_:_:)": "before its servers",
        "UVLoopGroup.stop(drainFor:goodbye:)": "traps on its own loops, by contract; at the end",
        "UVListener.serve(at:backlog:framing:options:on:loops:balance:drainFor:file:line:onListening:setUp:handler:)":
            "lasts as long as its server; again and again",
        "UVListener.serve(at:backlog:framing:options:on:loops:balance:drainFor:file:line:onListening:setUp:state:handler:)":
            "lasts as long as its server; now and then",
    ]

    /// One line for each.
    static var list: String {
        (atRandom.map { "\($0)\tat random" } + byFrame.map { "\($0.key)\t\($0.value)" })
            .sorted().joined(separator: "\n")
    }
}
