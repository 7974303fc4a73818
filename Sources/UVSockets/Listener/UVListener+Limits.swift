// Limits that may be changed while the listener serves.
extension UVListener {
    /// How its connections behave, except those whose user has set other options.
    package var connectionOptions: UVConnectionOptions {
        loop.confine("UVListener.connectionOptions")
        return events.options
    }

    /// Changes the limits of all present and future connections, except those whose user has set
    /// other options. Rates start anew if they are changed.
    ///
    /// The options of sockets, and the `handlerTimeWarning`, stay as they are.
    package func changeLimits(_ change: (inout UVConnectionOptions) -> Void) {
        loop.confine("UVListener.changeLimits")
        let old = events.options
        var options = old
        change(&options)
        let settings = events.settings
        settings.change(to: options)
        let hasOtherRates =
            old.bytesPerSecond != options.bytesPerSecond
            || old.messagesPerSecond != options.messagesPerSecond
        visitClients { client in
            guard client.extras?.settings == nil, !client.state.isClosed else { return }
            if hasOtherRates {
                client.rates = settings.hasRates ? ReceiveRates(settings.options) : nil
            }
            client.settingsChanged()
        } completion: {
        }
    }

    /// How many bytes may wait in the queues of all clients of the server together.
    package var serversOutboundBudget: Int {
        get {
            loop.confine("UVListener.serversOutboundBudget")
            return events.outboundBudget.multipliedReportingOverflow(by: part.admissions.parts)
                .partialValue
        }
        set {
            loop.confine("UVListener.serversOutboundBudget")
            events.outboundBudget = max(0, newValue / part.admissions.parts)
            if events.queuedBytes > events.outboundBudget { outboundBudgetPassed() }
        }
    }

    /// Changes how many clients the server may have. Those that are there stay, even if they are
    /// more. All loops of the server have one limit: call it on each, so that each accepts again.
    ///
    /// - Parameter limit: The limit, at least 1. It is lowered to what the descriptors allow.
    /// - Returns: The limit that holds now.
    @discardableResult
    package func changeMaxConnections(to limit: Int) -> Int {
        loop.confine("UVListener.changeMaxConnections")
        let possible = Self.connectionLimit(limit, loops: part.admissions.parts, loop.logger)
        part.admissions.changeLimit(to: possible)
        accept()
        return possible
    }
}
