/// Watches all connections of a listener or a connector.
package protocol ConnectionWatcher: AnyObject {
    /// A connection has begun. Nothing has been received yet.
    func began(_ connection: UVConnection)
    /// The listener has stopped, and its last client is gone.
    func agentEnded()
}

extension ConnectionEvents {
    /// How many watchers a listener or a connector may have at a time: 8.
    static var watcherLimit: Int { 8 }

    fileprivate func add(_ watcher: any ConnectionWatcher) -> Bool {
        guard watchers.count < Self.watcherLimit else { return false }
        watchers.append(watcher)
        return true
    }

    /// No connection begins any more.
    func endWatchers() {
        let ended = watchers
        watchers = []
        for watcher in ended { watcher.agentEnded() }
    }

    func tellWatchers(of connection: UVConnection) {
        for watcher in watchers { watcher.began(connection) }
    }
}

extension UVListener {
    /// Lets a watcher see each client that connects from now on.
    ///
    /// - Returns: False if the listener has stopped, or has 8 watchers already.
    package func watch(by watcher: any ConnectionWatcher) -> Bool {
        loop.confine("UVListener.watch")
        if case .stopped = state, clientTable.all.isEmpty { return false }
        return events.add(watcher)
    }

    /// Ends that.
    package func endWatch(by watcher: any ConnectionWatcher) {
        loop.confine("UVListener.endWatch")
        events.watchers.removeAll { $0 === watcher }
    }
}

extension UVConnector {
    /// Lets a watcher see each connection from now on.
    ///
    /// - Returns: False if the connector has 8 watchers already.
    package func watch(by watcher: any ConnectionWatcher) -> Bool {
        loop.confine("UVConnector.watch")
        return events.add(watcher)
    }

    /// Ends that.
    package func endWatch(by watcher: any ConnectionWatcher) {
        loop.confine("UVConnector.endWatch")
        events.watchers.removeAll { $0 === watcher }
    }
}
