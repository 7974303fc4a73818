internal import CLibuv

/// One libuv handle and its memory.
///
/// The memory lives as long as this object, not as long as libuv's handle. So a call on a closed
/// handle finds memory that says that the handle is closed.
///
/// A handle retains itself from its init to its close callback, because libuv holds its address.
/// ``close()`` is the only way to end a handle. It may be called any number of times. If the init
/// call fails, libuv has not registered the handle, and it is not closed (libuv, `uv_tcp_init` and
/// similar functions).
///
/// The handle retains the loop while it is open, but not while it closes. Otherwise a loop that
/// nobody runs any more would wait for ever for the turn in which its last handle is closed.
@safe class Handle {
    /// The loop. It is retained until ``close()``. The loop's own handles do not retain it, because
    /// the loop could then never end.
    private let unretainedLoop: Unmanaged<UVLoop>
    private let isLoopsOwn: Bool
    private let memory: UnsafeMutableRawPointer
    private(set) var isClosing = false

    /// Makes a handle with libuv's init call for the type. It throws the error of that call.
    init(
        _ type: uv_handle_type, on loop: UVLoop, isLoopsOwn: Bool = false, call: String,
        start: (UnsafeMutableRawPointer) -> Int32
    ) throws(UVError) {
        let memory = UnsafeMutableRawPointer.allocate(
            byteCount: uv_handle_size(type), alignment: 16)
        let status = unsafe start(memory)
        guard status == 0 else {
            unsafe memory.deallocate()
            throw UVError(call: call, code: .init(rawValue: status))
        }
        unsafe unretainedLoop = Unmanaged.passUnretained(loop)
        self.isLoopsOwn = isLoopsOwn
        unsafe self.memory = memory
        if !isLoopsOwn { _ = unsafe unretainedLoop.retain() }
        unsafe base.pointee.data = Unmanaged.passRetained(self).toOpaque()
        loop.openHandles += 1
    }

    deinit {
        unsafe memory.deallocate()
    }

    /// The loop, for callbacks of libuv and while the handle is open. Code that keeps a handle
    /// longer must also keep the loop, and use that reference.
    @inline(__always)
    final var loop: UVLoop { unsafe unretainedLoop.takeUnretainedValue() }

    /// Calls a closure with the loop, without retaining it. For the callbacks of every message.
    @inline(__always)
    final func withLoop(_ body: (UVLoop) -> Void) {
        unsafe unretainedLoop._withUnsafeGuaranteedRef { body($0) }
    }

    /// The name of this handle, for the error text that lists the open handles of a loop.
    var name: String { "handle" }

    /// Whose handle it is, for people, such as `a timer made at main.swift:12`.
    var owner: String { name }

    /// Whether it keeps the loop's `run` from returning now.
    final var isNeeded: Bool {
        unsafe isClosing || (uv_has_ref(base) != 0 && uv_is_active(base) != 0)
    }

    /// The memory, as the base type that every handle begins with.
    final var base: UnsafeMutablePointer<uv_handle_t> { unsafe raw() }

    /// The memory, as the type it was made for.
    final func raw<Raw>(as type: Raw.Type = Raw.self) -> UnsafeMutablePointer<Raw> {
        unsafe memory.assumingMemoryBound(to: Raw.self)
    }

    /// Whether the handle keeps the loop's `run` from returning.
    final var keepsLoopRunning: Bool {
        get { unsafe uv_has_ref(base) != 0 }
        set { unsafe newValue ? uv_ref(base) : uv_unref(base) }
    }

    /// Closes the handle; ``didClose()`` follows in a later callback, never within this call.
    final func close() {
        guard !isClosing else { return }
        isClosing = true
        withLoop { $0.closingHandles += 1 }
        unsafe uv_close(base) { unsafe Handle.from($0).closeCompleted() }
        dropCallbacks()
        // This comes last: if nobody else holds the loop, the loop is closed now, and this handle
        // goes with it.
        if !isLoopsOwn { unsafe unretainedLoop.release() }
    }

    /// Drops the callbacks: the handle makes no more calls. What the callbacks refer to may go.
    func dropCallbacks() {}

    /// Closes the handle because its loop ends.
    func abort() {
        close()
    }

    private func closeCompleted() {
        withLoop { loop in
            loop.openHandles -= 1
            loop.closingHandles -= 1
            loop.callback { didClose() }
        }
        unsafe Unmanaged.passUnretained(self).release()
    }

    /// The handle is closed and libuv is done with it; called once, on the loop.
    func didClose() {}

    /// Calls a closure with the object behind a pointer that libuv passed to a callback.
    ///
    /// The handle retains itself while it is open, so this does not retain it. For the callbacks of
    /// every message.
    @inline(__always)
    static func with<Raw, Object: Handle>(
        _ pointer: UnsafeMutablePointer<Raw>?, as type: Object.Type, _ body: (Object) -> Void
    ) {
        guard let pointer = unsafe pointer,
            let data = unsafe UnsafeMutableRawPointer(pointer)
                .assumingMemoryBound(to: uv_handle_t.self).pointee.data
        else { return }
        unsafe Unmanaged<Object>.fromOpaque(data)._withUnsafeGuaranteedRef { body($0) }
    }

    /// The object behind a pointer that libuv passed to a callback.
    static func from<Raw>(_ pointer: UnsafeMutablePointer<Raw>?) -> Self {
        guard let pointer = unsafe pointer,
            let data = unsafe UnsafeMutableRawPointer(pointer)
                .assumingMemoryBound(to: uv_handle_t.self).pointee.data
        else { fatalError("libuv called back without a handle") }
        return unsafe Unmanaged<Self>.fromOpaque(data).takeUnretainedValue()
    }
}
