extension UVConnection {
    /// Its options, and what follows from them.
    @inline(__always)
    var settings: ConnectionSettings {
        guard let extras, let own = extras.settings else { return events.settings }
        return own
    }

    /// The sizes that messages are held against.
    @inline(__always)
    var sizes: SizeLimits {
        // The agent's settings are a constant, so that this retains nothing.
        guard let extras, let own = extras.settings else { return events.settings.sizes }
        return own.sizes
    }

    /// Takes other options from now on.
    func use(_ options: UVConnectionOptions) {
        var options = options
        if sink != nil { options.allowsHalfOpen = true }
        let settings = ConnectionSettings(options)
        let extras = extras ?? ConnectionExtras(events.coder)
        extras.settings = settings
        self.extras = extras
        guard !state.isClosed else { return }
        handle.setOptions(noDelay: settings.options.noDelay, keepAlive: settings.options.keepAlive)
        handle.setBuffering(of: settings.options)
        rates = settings.hasRates ? ReceiveRates(settings.options) : nil
        settingsChanged()
    }

    /// Its settings have changed, its own or those of its agent.
    func settingsChanged() {
        deadlines.countsSent = settings.limits.idleCountsSent
        release(.rate)
        limitTasks()
        if state.isWritable {
            // What the kernel takes now is not to be judged. Nothing would tell later that it is gone.
            flush()
            updateWatermark()
        }
        if !settings.sizes.holdsAboveHighWatermark { release(.sendQueue) }
        watch()
    }

    /// Notes when the message began that has not come whole.
    func notePart(_ extras: ConnectionExtras) {
        guard settings.messageLimit > 0, extras.partNumber != messagesIn + 1 else { return }
        extras.partNumber = messagesIn + 1
        extras.partSince = loop.now
        watch()
    }

    /// When the message that has not come whole is too late. Nil if there is none, or no limit.
    var messageDue: UInt64? {
        guard let extras, extras.partNumber == messagesIn + 1, extras.assembler.isMidFrame,
            settings.messageLimit > 0
        else { return nil }
        // The peer is not to blame while nothing is received from it.
        if !isDemanding { extras.partSince = loop.now }
        return extras.partSince + settings.messageLimit
    }
}
