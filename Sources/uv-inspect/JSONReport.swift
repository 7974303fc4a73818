import Foundation
import UVSockets

/// A black box for a program: one object a line.
struct JSONReport {
    private struct Head: Encodable {
        let type = "box"
        let program: String
        let process: UInt32
        let state: String
        let began: String
        let written: UInt64
        let kept: Int
        let agents: [Agent]
    }

    private struct Agent: Encodable {
        let agent: UInt32
        let kind: String
        let endpoint: String
    }

    private struct Event: Encodable {
        let type: String
        let time: String
        let agent: UInt32
        let client: UInt64
        let event: String
        let first: UInt64
        let second: UInt64
        let text: String
    }

    let lines: [String]

    /// - Parameters:
    ///   - box: The box.
    ///   - events: The events to show.
    ///   - keys: The clients that are asked for.
    /// - Throws: What the encoder throws.
    init(_ box: Box, _ events: [UVRecordedEvent], _ keys: Set<Box.Key>) throws {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        let content = box.content
        let head = Head(
            program: content.header.program, process: content.header.process,
            state: box.state,
            began: Self.time(content.header.wallBegan), written: content.written,
            kept: content.events.count,
            agents: content.agents.map {
                Agent(agent: $0.number, kind: "\($0.kind)", endpoint: $0.endpoint)
            })
        let open = box.openClients(keys).compactMap { box.last($0) }
        let rows =
            events.map { Self.event("event", $0, content) }
            + open.map { Self.event("open", $0, content) }
        lines =
            [String(decoding: try encoder.encode(head), as: UTF8.self)]
            + (try rows.map { String(decoding: try encoder.encode($0), as: UTF8.self) })
    }

    private static func event(
        _ type: String, _ event: UVRecordedEvent, _ content: BlackBox
    ) -> Event {
        let record = event.record
        return Event(
            type: type, time: time(content.wallTime(of: event)), agent: record.agent,
            client: record.connection, event: record.event.map { "\($0)" } ?? "unknown",
            first: record.first, second: record.second, text: event.event)
    }

    private static func time(_ milliseconds: UInt64) -> String {
        "\(Timestamp(milliseconds))".replacing(" ", with: "T", maxReplacements: 1) + "Z"
    }
}
