import UVSockets

/// Answers `/metrics` and `/healthz` over HTTP/1.1. It belongs to its loop's thread.
struct HTTPServer {
    private static let mostClients = 32
    private static let longestHead = 8192

    let listener: UVListener

    init(
        _ page: UVMetricsPage, _ health: Health, _ alarm: Alarm, on loop: UVLoop,
        at endpoint: UVEndpoint
    ) {
        listener = UVListener(
            on: loop, at: endpoint,
            framing: .codec(HTTPHeadCodec(maximumLength: Self.longestHead))
                .sending(upTo: 64 << 20),
            options: Self.options
        ) { client, head in
            let head = [UInt8](message: head)
            // One at a time, as the options say.
            client.task {
                await Self.answer(head, on: client, page, health, alarm)
            }
        }
    }

    private static func answer(
        _ head: [UInt8], on client: UVConnection, _ page: UVMetricsPage, _ health: Health,
        _ alarm: Alarm
    ) async {
        let request: HTTPRequest
        do throws(HTTPRequest.Problem) {
            request = try HTTPRequest(head)
        } catch {
            client.send(HTTPResponse(error).bytes(isHead: false, keepsAlive: false))
            return client.close()
        }
        let response: HTTPResponse
        switch request.path {
        case "/metrics":
            response = HTTPResponse(
                .ok, type: PrometheusText.contentType, await page.text(alarm))
        case "/healthz":
            let problem = await health.problem(alarm)
            response =
                problem.map { HTTPResponse(.serviceUnavailable, $0 + "\n") }
                ?? HTTPResponse(.ok, "ok\n")
        default: response = HTTPResponse(.notFound, "there are /metrics and /healthz\n")
        }
        client.send(response.bytes(isHead: request.isHead, keepsAlive: request.keepsAlive))
        if !request.keepsAlive { client.close() }
    }

    private static var options: UVListenerOptions {
        var options = UVListenerOptions(maxConnections: mostClients)
        options.admission.whenFull = .refuse(
            goodbye: HTTPResponse(.serviceUnavailable, "too many clients\n")
                .bytes(isHead: false, keepsAlive: false))
        options.outboundBudget = 32 << 20
        options.connection.firstMessageTimeout = .seconds(5)
        options.connection.messageTimeout = .seconds(5)
        options.connection.idleTimeout = .seconds(300)
        options.connection.sendLimit = 4 << 20
        options.connection.writeStallTimeout = .seconds(10)
        options.connection.taskLimit = 1
        options.connection.framingErrorAnswer = { error in
            guard case .frameTooLong = error else { return [] }
            return HTTPResponse(
                .headTooLong, "the head of a request has at most \(longestHead) bytes\n"
            )
            .bytes(isHead: false, keepsAlive: false)
        }
        return options
    }
}
