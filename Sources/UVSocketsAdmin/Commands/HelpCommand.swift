extension AdminCommand {
    static let help = AdminCommand("help", help: "this") { call in
        try call.expectNoWords()
        let commands = call.engine.commands
        let width = commands.map(\.usage.count).max() ?? 0
        for command in commands {
            let gap = String(repeating: " ", count: width - command.usage.count + 2)
            let level = command.level > .user ? " (\(command.level))" : ""
            call.say("\(command.usage)\(gap)\(command.help)\(level)")
        }
    }
}
