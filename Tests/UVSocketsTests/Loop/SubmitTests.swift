import Foundation
import Testing
import UVSockets

@Suite("Submissions", .ownThreads, .timeLimit(.minutes(1)))
struct SubmitTests {
    @Test("Closures of many threads run on the loop, each thread's in its order")
    func order() throws {
        let seen = Journal<(thread: Int, number: Int, isOnLoop: Bool)>()
        let thread = try LoopThread(.untilStopped) { _ in ((), {}) }
        let loop = thread.loop
        for sender in 0..<4 {
            Thread.detachNewThread {
                for number in 0..<1000 {
                    loop.submit { seen.append((sender, number, loop.isOnLoop)) }
                }
            }
        }
        let all = try seen.wait(for: 4000)
        for sender in 0..<4 {
            #expect(all.filter { $0.thread == sender }.map(\.number) == Array(0..<1000))
        }
        #expect(all.allSatisfy { $0.isOnLoop })
        try thread.finish()
    }

    @Test("Messages of one thread reach a mailbox's handler in their order")
    func mailbox() throws {
        let seen = Journal<[Int]>()
        let thread = try LoopThread(.untilStopped) { loop in
            var numbers: [Int] = []
            let mailbox = loop.mailbox { (number: Int) in
                numbers.append(number)
                if numbers.count == 4000 { seen.append(numbers) }
            }
            return (mailbox, {})
        }
        let mailbox = thread.ready
        for sender in 0..<4 {
            Thread.detachNewThread {
                for number in 0..<1000 { mailbox.post(sender * 1000 + number) }
            }
        }
        let all = try seen.first()
        for sender in 0..<4 {
            #expect(
                all.filter { $0 / 1000 == sender }
                    == Array(sender * 1000..<sender * 1000 + 1000))
        }
        try thread.finish()
        #expect(!mailbox.post(1))
    }

    @Test("At the limit more is refused, until the loop has caught up")
    func limit() throws {
        let ran = Journal<Int>()
        try onThread {
            let loop = try UVLoop(submissionLimit: 3)
            let mailbox = loop.mailbox { (number: Int) in ran.append(number) }
            #expect(loop.submit { ran.append(1) })
            #expect(mailbox.post(2))
            #expect(loop.submit { ran.append(3) })
            #expect(!loop.submit { ran.append(4) })
            #expect(!mailbox.post(5))
            loop.run()
            #expect(ran.entries == [1, 2, 3])
            #expect(loop.submit { ran.append(6) })
            loop.run()
            #expect(ran.entries == [1, 2, 3, 6])
            try loop.close()
        }
    }

    @Test("A closure that a closure submits runs, too, before an idle loop returns")
    func nested() throws {
        let ran = Journal<Int>()
        try onThread {
            let loop = try UVLoop()
            loop.submit {
                ran.append(1)
                loop.submit {
                    ran.append(3)
                    loop.submit { ran.append(4) }
                }
                ran.append(2)
            }
            loop.run()
            #expect(ran.entries == [1, 2, 3, 4])
            try loop.close()
        }
    }

    @Test("A closure that submits itself for ever does not keep the loop from its timers")
    func forever() throws {
        try onThread {
            let loop = try UVLoop()
            @Sendable func again() {
                loop.submit { again() }
            }
            again()
            try loop.after(.milliseconds(20)) { loop.stop() }
            loop.run(.untilStopped)
            try? loop.close()
        }
    }

    @Test("A closed loop takes nothing")
    func closed() throws {
        try onThread {
            let loop = try UVLoop()
            try loop.close()
            #expect(!loop.submit {})
        }
    }

    @Test("What a mailbox's handler holds is let go when the loop is closed")
    func mailboxIsFreed() throws {
        try onThread {
            final class Held {}
            weak var held: Held?
            let loop = try UVLoop()
            do {
                let strong = Held()
                held = strong
                _ = loop.mailbox { (_: Int) in withExtendedLifetime((strong, loop)) {} }
            }
            #expect(held != nil)
            try loop.close()
            #expect(held == nil)
        }
    }
}
