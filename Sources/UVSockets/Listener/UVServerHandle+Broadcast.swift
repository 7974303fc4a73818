extension UVServerHandle {
    /// Sends one message to all clients, framed and copied once, and waits until each loop has given
    /// it to its own.
    ///
    /// - Parameters:
    ///   - message: The message.
    ///   - exception: Who does not get it, if any.
    ///   - slow: What is done about those who are slow. With ``UVSlowReceiver/wait`` all loops are
    ///     asked first, and one that becomes slow meanwhile gets the message, too.
    /// - Returns: What became of it. Nobody gets what the framing refuses, or what has no bytes.
    @discardableResult
    public func broadcast(
        _ message: [UInt8], except exception: UVConnection.ID? = nil,
        whenSlow slow: UVSlowReceiver = .disconnect
    ) async -> UVBroadcastReceipt {
        guard let shared = share(message.span, slow) else { return UVBroadcastReceipt() }
        if slow == .wait {
            let waitsFor = await ask { $1($0.slowClients(of: $0.audience(except: exception))) }
                .reduce(0, +)
            if waitsFor > 0 { return UVBroadcastReceipt(waitsFor: waitsFor) }
        }
        return await ask { $1($0.broadcast(shared, except: exception)) }
            .reduce(into: UVBroadcastReceipt()) { $0.add($1) }
    }

    /// Sends one text to all clients, as ``broadcast(_:except:whenSlow:)-([UInt8],_,_)`` does.
    ///
    /// - Parameters:
    ///   - text: The text, or a part of one, sent as UTF-8.
    ///   - exception: Who does not get it, if any.
    ///   - slow: What is done about those who are slow.
    /// - Returns: What became of it.
    @discardableResult
    public func broadcast(
        _ text: some StringProtocol, except exception: UVConnection.ID? = nil,
        whenSlow slow: UVSlowReceiver = .disconnect
    ) async -> UVBroadcastReceipt {
        await broadcast(Array(text.utf8), except: exception, whenSlow: slow)
    }

    /// Sends bytes, such as a part of an array, to all clients, as
    /// ``broadcast(_:except:whenSlow:)-([UInt8],_,_)`` does.
    ///
    /// - Parameters:
    ///   - message: The message.
    ///   - exception: Who does not get it, if any.
    ///   - slow: What is done about those who are slow.
    /// - Returns: What became of it.
    @discardableResult
    public func broadcast(
        _ message: some Collection<UInt8>, except exception: UVConnection.ID? = nil,
        whenSlow slow: UVSlowReceiver = .disconnect
    ) async -> UVBroadcastReceipt {
        await broadcast(Array(message), except: exception, whenSlow: slow)
    }

    /// Sends one message to all clients, framed and copied once, without waiting to hear what became
    /// of it: for callbacks, which cannot wait.
    ///
    /// - Parameters:
    ///   - message: The message; it is not needed after the call.
    ///   - exception: Who does not get it, if any.
    ///   - slow: What is done about those who are slow. ``UVSlowReceiver/wait`` is a programmer's
    ///     error here, for nobody would hear that the message has to be sent again.
    /// - Returns: False where it is not sent to the clients of every loop: because the framing
    ///   refuses it, and then nobody gets it, or a loop is closed, or its `submissionLimit` reached.
    @discardableResult
    public func post(
        _ message: Span<UInt8>, except exception: UVConnection.ID? = nil,
        whenSlow slow: UVSlowReceiver = .disconnect
    ) -> Bool {
        precondition(slow != .wait, "UVServerHandle.post cannot wait for slow receivers")
        guard let shared = share(message, slow) else { return false }
        return forEachListener { $0.broadcast(shared, except: exception) }
    }

    /// Sends one message to all clients, as ``post(_:except:whenSlow:)-(Span<UInt8>,_,_)`` does.
    ///
    /// - Parameters:
    ///   - message: The message.
    ///   - exception: Who does not get it, if any.
    ///   - slow: What is done about those who are slow.
    /// - Returns: False where it is not sent to the clients of every loop.
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
    ///   - exception: Who does not get it, if any.
    ///   - slow: What is done about those who are slow.
    /// - Returns: False where it is not sent to the clients of every loop.
    @inlinable
    @discardableResult
    public func post(
        _ text: some StringProtocol, except exception: UVConnection.ID? = nil,
        whenSlow slow: UVSlowReceiver = .disconnect
    ) -> Bool {
        text.utf8.withSpan { post($0, except: exception, whenSlow: slow) }
    }

    /// Sends bytes, such as a part of an array, a `Data` or an unsafe buffer, to all clients, as
    /// ``post(_:except:whenSlow:)-(Span<UInt8>,_,_)`` does.
    ///
    /// - Parameters:
    ///   - message: The message; it is not needed after the call.
    ///   - exception: Who does not get it, if any.
    ///   - slow: What is done about those who are slow.
    /// - Returns: False where it is not sent to the clients of every loop.
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

extension UVListener {
    /// All of its clients but one, which may be one of another loop.
    func audience(except exception: UVConnection.ID?) -> UVAudience {
        exception.flatMap { clientTable[$0] }.map { .all(except: $0) } ?? .all
    }

    @discardableResult
    func broadcast(
        _ message: SharedMessage, except exception: UVConnection.ID?
    ) -> UVBroadcastReceipt {
        message.withPayload {
            send(message.buffer, $0, to: audience(except: exception), message.slow)
        }
    }
}
