/// A layer between the wire and the framing of a connection.
///
/// Examples are a header that comes first, and encryption. The layer turns the bytes of the wire
/// into those of the framing, and the other way round.
///
///     wire ──receive──▶ layer ──deliver──▶ framing ──▶ handler
///     wire ◀──write──── layer ◀──send───── framing ◀── handler
///
/// It has an opening phase: the user is not told of the connection before ``LayerPort/open()``. The
/// deadlines of the connection apply during it. All calls come on the loop's thread, and never
/// within one another.
package protocol WireLayer: AnyObject {
    /// The stream is connected.
    func begin(_ port: LayerPort)
    /// Bytes have come from the wire. They are valid during the call.
    func receive(_ bytes: Span<UInt8>, _ port: LayerPort)
    /// The connection sends bytes, framed already. They are valid during the call.
    func send(_ bytes: Span<UInt8>, _ port: LayerPort)
    /// The connection sends no more. What the layer writes now goes before the end of the stream.
    func finish(_ port: LayerPort)
}

/// What a layer can do with its connection.
package struct LayerPort {
    fileprivate let connection: UVConnection

    /// Gives bytes to the framing, which takes a copy.
    package func deliver(_ bytes: Span<UInt8>) {
        connection.extras?.assembler.keep(bytes)
        connection.extras?.bytesDelivered += UInt64(bytes.count)
    }

    /// Sends bytes on the wire.
    package func write(_ bytes: Span<UInt8>) {
        connection.leave(bytes)
        connection.writeLater()
    }

    /// Ends the opening phase: the user is told of the connection.
    package func open() {
        connection.layerOpened()
    }

    /// Ends the connection, because the peer has broken the layer's rules.
    package func fail(_ error: UVError) {
        connection.close(.failed(error))
    }
}

extension UVConnection {
    /// Begins a connection that has a layer.
    func begin(behind layer: any WireLayer) {
        let extras = extras ?? ConnectionExtras(events.coder)
        extras.layer = layer
        self.extras = extras
        state.beginOpening()
        layer.begin(LayerPort(connection: self))
    }

    fileprivate func layerOpened() {
        guard state.isOpening, !state.isClosed else { return }
        state.opened()
        agent.connectionDidOpen(self)
        // What the layer has delivered meanwhile.
        if let extras, extras.assembler.isMidFrame {
            extras.hasBacklog = true
            updateReceiving()
        }
    }

    /// Handles bytes that have come to a connection with a layer or a tap.
    func receiveOnWire(_ bytes: Span<UInt8>, _ extras: ConnectionExtras) {
        for tap in extras.taps { tap.received(bytes, by: self) }
        deliverFromWire(bytes, extras)
        tell(.handled)
    }

    private func deliverFromWire(_ bytes: Span<UInt8>, _ extras: ConnectionExtras) {
        guard let layer = extras.layer else { return deliver(bytes) }
        layer.receive(bytes, LayerPort(connection: self))
        guard extras.assembler.isMidFrame, state.delivers, !state.isOpening else { return }
        if isDemanding {
            let nothing: [UInt8] = []
            deliver(nothing.span)
        } else {
            extras.hasBacklog = true
        }
    }

    /// Sends a message on a connection with a layer.
    @inline(never)
    func sendOnWire(_ message: Span<UInt8>, _ extras: ConnectionExtras) -> UVSendResult {
        do throws(FramingError) {
            let ends = try extras.coder?.framing.wrapper(of: message) ?? FrameWrapper()
            ends.prefix.withSpan { pass($0, extras) }
            pass(message, extras)
            ends.suffix.withSpan { pass($0, extras) }
            writeLater()
            return sendResult
        } catch {
            return .refused(error)
        }
    }

    /// Sends a buffer that is framed already, if the connection has a layer.
    ///
    /// - Returns: Whether it has one.
    @inline(never)
    func sendOnWire(_ buffer: SendBuffer) -> Bool {
        guard let extras, extras.layer != nil else { return false }
        buffer.withBytes(0..<buffer.count) { pass($0, extras) }
        writeLater()
        return true
    }

    /// Sends bytes that are framed already.
    private func pass(_ bytes: Span<UInt8>, _ extras: ConnectionExtras) {
        guard bytes.count > 0 else { return }
        guard let layer = extras.layer else { return leave(bytes) }
        layer.send(bytes, LayerPort(connection: self))
    }

    /// Adds bytes for the wire to the queue.
    fileprivate func leave(_ bytes: Span<UInt8>) {
        guard state.isWritable, bytes.count > 0 else { return }
        enqueue { $0.append(copying: bytes) }
    }

    /// Lets the layer send its last bytes, once.
    func finishLayer() {
        guard let extras, let layer = extras.layer, !extras.hasLayerFinished else { return }
        extras.hasLayerFinished = true
        layer.finish(LayerPort(connection: self))
    }
}
