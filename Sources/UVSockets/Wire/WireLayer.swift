/// What may stand between the wire and the framing of a connection, such as a header that comes first, or an
/// encryption. It gets the bytes of the wire and gives those of the framing, and the other way.
///
///     wire ──receive──▶ layer ──deliver──▶ framing ──▶ handler
///     wire ◀──write──── layer ◀──send───── framing ◀── handler
///
/// It has an opening phase: the connection is not told to its user before ``LayerPort/open()``. The
/// connection's deadlines hold meanwhile. All calls come on the loop's thread, never within one another's.
package protocol WireLayer: AnyObject {
    /// The stream is connected.
    func begin(_ port: LayerPort)
    /// Bytes have come from the wire. They are valid during the call.
    func receive(_ bytes: Span<UInt8>, _ port: LayerPort)
    /// The connection sends bytes, framed already. They are valid during the call.
    func send(_ bytes: Span<UInt8>, _ port: LayerPort)
    /// The connection sends no more. What this writes now goes before the end of the stream.
    func finish(_ port: LayerPort)
}

/// What a layer does with its connection.
package struct LayerPort {
    fileprivate let connection: UVConnection

    /// Gives bytes to the framing, which takes a copy.
    package func deliver(_ bytes: Span<UInt8>) {
        connection.extras?.assembler.keep(bytes)
    }

    /// Sends bytes on the wire.
    package func write(_ bytes: Span<UInt8>) {
        connection.leave(bytes)
    }

    /// The opening phase is over: the connection is told to its user.
    package func open() {
        connection.layerOpened()
    }

    /// The peer has broken the layer's rules: the connection ends.
    package func fail(_ error: UVError) {
        connection.close(.failed(error))
    }
}

extension UVConnection {
    /// Begins behind a layer.
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
    }

    /// Bytes have come to a connection that has a layer or a tap.
    func receiveOnWire(_ bytes: Span<UInt8>, _ extras: ConnectionExtras) {
        extras.tap?.received(bytes, by: self)
        guard let layer = extras.layer else { return deliver(bytes) }
        layer.receive(bytes, LayerPort(connection: self))
        guard extras.assembler.isMidFrame, state.delivers else { return }
        if isDemanding, !state.isOpening {
            let nothing: [UInt8] = []
            deliver(nothing.span)
        } else {
            extras.hasBacklog = true
        }
    }

    /// Sends a message on a connection that has a layer or a tap.
    @inline(never)
    func sendOnWire(_ message: Span<UInt8>, _ extras: ConnectionExtras) -> UVSendResult {
        do throws(FramingError) {
            let ends = try extras.coder?.codec.wrapper(of: message) ?? FrameWrapper()
            ends.prefix.withSpan { pass($0, extras) }
            pass(message, extras)
            ends.suffix.withSpan { pass($0, extras) }
            return sendResult
        } catch {
            return .refused(error)
        }
    }

    /// Sends a buffer, framed already, where the connection has a layer or a tap.
    ///
    /// - Returns: Whether it has one.
    @inline(never)
    func sendOnWire(_ buffer: SendBuffer) -> Bool {
        guard let extras, extras.isOnWire else { return false }
        buffer.withBytes(0..<buffer.count) { pass($0, extras) }
        return true
    }

    /// Sends bytes that are framed already.
    private func pass(_ bytes: Span<UInt8>, _ extras: ConnectionExtras) {
        guard bytes.count > 0 else { return }
        guard let layer = extras.layer else { return leave(bytes) }
        layer.send(bytes, LayerPort(connection: self))
    }

    /// Leaves bytes for the wire to the queue.
    fileprivate func leave(_ bytes: Span<UInt8>) {
        guard state.isWritable, bytes.count > 0 else { return }
        extras?.tap?.sent(bytes, by: self)
        enqueue { $0.append(copying: bytes) }
        writeLater()
    }

    /// Lets the layer send its last bytes, once.
    func finishLayer() {
        guard let extras, let layer = extras.layer, !extras.hasLayerFinished else { return }
        extras.hasLayerFinished = true
        layer.finish(LayerPort(connection: self))
    }
}
