extension UVServerHandle {
    /// Sends one message to all clients and waits until each loop has sent it to its own clients.
    ///
    /// The message is framed and copied once.
    ///
    /// A client that is above its ``UVConnectionOptions/highWatermark`` after this is not read from
    /// until it has taken enough, unless ``UVConnectionOptions/holdsAboveHighWatermark`` is false.
    ///
    /// - Parameters:
    ///   - message: The message.
    ///   - exception: The client that does not get it, if any.
    ///   - slow: What to do with slow clients. With ``UVSlowReceiver/wait`` this call waits until
    ///     no client on any loop is slow. A client that becomes slow after that still gets the
    ///     message.
    /// - Returns: What became of the message. If the framing refuses it, or if it has no bytes,
    ///   nobody gets it. If the task is cancelled while it waits, nobody gets it, and
    ///   ``UVBroadcastReceipt/waitsFor`` tells for how many it waited.
    @discardableResult
    nonisolated(nonsending) public func broadcast(
        _ message: [UInt8], except exception: UVConnection.ID? = nil,
        whenSlow slow: UVSlowReceiver = .disconnect
    ) async -> UVBroadcastReceipt {
        await broadcast(message, to: ServerAudience(exception: exception), slow)
    }

    nonisolated(nonsending) func broadcast(
        _ message: [UInt8], to audience: ServerAudience, _ slow: UVSlowReceiver
    ) async -> UVBroadcastReceipt {
        guard let shared = share(message.span, slow) else { return UVBroadcastReceipt() }
        if slow == .wait {
            let waitsFor = await waitForRoom(audience)
            if waitsFor > 0 { return UVBroadcastReceipt(waitsFor: waitsFor) }
        }
        return await ask { $1($0.broadcast(shared, to: audience)) }
            .reduce(into: UVBroadcastReceipt()) { $0.add($1) }
    }

    /// Waits until no client of the audience is slow.
    ///
    /// - Returns: 0. If the task is cancelled first, how many are slow.
    nonisolated(nonsending) private func waitForRoom(_ audience: ServerAudience) async -> Int {
        while true {
            let waitsFor = await ask { $1($0.slowClients(of: audience)) }.reduce(0, +)
            if waitsFor == 0 || Task.isCancelled { return waitsFor }
            _ = await askCancellably { listener, cancellation, reply in
                listener.wait { [unowned listener] in
                    cancellation.isSet || listener.slowClients(of: audience) == 0
                } _: {
                    reply(())
                }
            }
        }
    }

    /// Sends one text to all clients, as ``broadcast(_:except:whenSlow:)-([UInt8],_,_)`` does.
    ///
    /// - Parameters:
    ///   - text: The text, or a part of one, sent as UTF-8.
    ///   - exception: The client that does not get it, if any.
    ///   - slow: What to do with slow clients.
    /// - Returns: What became of the message.
    @discardableResult
    public func broadcast(
        _ text: some StringProtocol, except exception: UVConnection.ID? = nil,
        whenSlow slow: UVSlowReceiver = .disconnect
    ) async -> UVBroadcastReceipt {
        await broadcast(Array(text.utf8), except: exception, whenSlow: slow)
    }

    /// Sends bytes to all clients, such as a part of an array.
    ///
    /// It works as ``broadcast(_:except:whenSlow:)-([UInt8],_,_)`` does.
    ///
    /// - Parameters:
    ///   - message: The message.
    ///   - exception: The client that does not get it, if any.
    ///   - slow: What to do with slow clients.
    /// - Returns: What became of the message.
    @discardableResult
    public func broadcast(
        _ message: some Collection<UInt8>, except exception: UVConnection.ID? = nil,
        whenSlow slow: UVSlowReceiver = .disconnect
    ) async -> UVBroadcastReceipt {
        await broadcast(Array(message), except: exception, whenSlow: slow)
    }

    /// Sends one message to all clients without waiting for the result.
    ///
    /// It is for callbacks, which cannot wait. The message is framed and copied once.
    ///
    /// A client that is above its ``UVConnectionOptions/highWatermark`` after this is not read from
    /// until it has taken enough, unless ``UVConnectionOptions/holdsAboveHighWatermark`` is false.
    ///
    /// - Parameters:
    ///   - message: The message. It is not needed after the call.
    ///   - exception: The client that does not get it, if any.
    ///   - slow: What to do with slow clients. ``UVSlowReceiver/wait`` is a programmer error here:
    ///     nobody would learn that the message must be sent again.
    /// - Returns: False if it is not sent to the clients of every loop. If the framing refuses it,
    ///   nobody gets it. It also is not sent on a loop that is closed or whose `submissionLimit` is
    ///   reached.
    @discardableResult
    public func post(
        _ message: Span<UInt8>, except exception: UVConnection.ID? = nil,
        whenSlow slow: UVSlowReceiver = .disconnect
    ) -> Bool {
        post(message, to: ServerAudience(exception: exception), slow)
    }

    func post(_ message: Span<UInt8>, to audience: ServerAudience, _ slow: UVSlowReceiver) -> Bool {
        precondition(slow != .wait, "UVServerHandle.post cannot wait for slow receivers")
        guard let shared = share(message, slow) else { return false }
        return forEachListener { $0.broadcast(shared, to: audience) }
    }

    /// Sends one message to all clients, as ``post(_:except:whenSlow:)-(Span<UInt8>,_,_)`` does.
    ///
    /// - Parameters:
    ///   - message: The message.
    ///   - exception: The client that does not get it, if any.
    ///   - slow: What to do with slow clients.
    /// - Returns: False if it is not sent to the clients of every loop.
    @discardableResult
    public func post(
        _ message: [UInt8], except exception: UVConnection.ID? = nil,
        whenSlow slow: UVSlowReceiver = .disconnect
    ) -> Bool {
        post(message.span, except: exception, whenSlow: slow)
    }

    /// Sends one text to all clients, as ``post(_:except:whenSlow:)-(Span<UInt8>,_,_)`` does.
    ///
    /// - Parameters:
    ///   - text: The text, or a part of one, sent as UTF-8.
    ///   - exception: The client that does not get it, if any.
    ///   - slow: What to do with slow clients.
    /// - Returns: False if it is not sent to the clients of every loop.
    @inlinable
    @discardableResult
    public func post(
        _ text: some StringProtocol, except exception: UVConnection.ID? = nil,
        whenSlow slow: UVSlowReceiver = .disconnect
    ) -> Bool {
        text.utf8.withSpan { post($0, except: exception, whenSlow: slow) }
    }

    /// Sends bytes to all clients, such as a part of an array, a `Data` or an unsafe buffer.
    ///
    /// It works as ``post(_:except:whenSlow:)-(Span<UInt8>,_,_)`` does.
    ///
    /// - Parameters:
    ///   - message: The message. It is not needed after the call.
    ///   - exception: The client that does not get it, if any.
    ///   - slow: What to do with slow clients.
    /// - Returns: False if it is not sent to the clients of every loop.
    @inlinable
    @discardableResult
    public func post(
        _ message: some Collection<UInt8>, except exception: UVConnection.ID? = nil,
        whenSlow slow: UVSlowReceiver = .disconnect
    ) -> Bool {
        message.withSpan { post($0, except: exception, whenSlow: slow) }
    }

    private func share(_ message: Span<UInt8>, _ slow: UVSlowReceiver) -> SharedMessage? {
        guard let ends = try? framing.wrapper(of: message),
            ends.count + message.count > 0
        else { return nil }
        return SharedMessage(message, between: ends, whenSlow: slow)
    }
}
