import UVSockets

extension AdminCommand {
    static let loops = AdminCommand(
        "loops", help: "what each loop does now, how many clients it has, what waits for it"
    ) { call in
        try call.expectNoWords()
        let server = call.engine.server
        let answers = await call.engine.ask("loops") { listener, reply in
            reply(listener.clients.count)
        }
        for (number, loop) in server.loops.enumerated() {
            guard let clients = answers.all.first(where: { $0.loop == number })?.answer else {
                call.say(
                    answers.closed.contains(number)
                        ? "loop \(number) is closed" : call.engine.silence(ofLoop: number))
                continue
            }
            call.say(
                """
                loop \(number): \(clients) clients, \(loop.submissionsWaiting) submissions wait, \
                \(loop.recordedEventCount) events recorded; \(loop.activity)
                """)
        }
    }
}
