internal import CLibuv

extension UVError.Code {
    init(_ code: uv_errno_t) {
        self.init(rawValue: code.rawValue)
    }

    /// The address is used by another socket.
    public static let addressInUse = Self(UV_EADDRINUSE)
    /// The address is not one of this machine.
    public static let addressNotAvailable = Self(UV_EADDRNOTAVAIL)
    /// The machine has no support for the address's family, as for IPv6 where it is switched off.
    public static let addressFamilyNotSupported = Self(UV_EAFNOSUPPORT)
    /// The system refuses it to this user, as a port below 1024.
    public static let accessDenied = Self(UV_EACCES)
    /// Something that must be closed first is still open.
    public static let busy = Self(UV_EBUSY)
    /// The operation was cancelled.
    public static let canceled = Self(UV_ECANCELED)
    /// The peer gave the connection up before it was accepted.
    public static let connectionAborted = Self(UV_ECONNABORTED)
    /// Nobody listens there.
    public static let connectionRefused = Self(UV_ECONNREFUSED)
    /// The peer reset the connection.
    public static let connectionReset = Self(UV_ECONNRESET)
    /// The bytes ended: the peer finished sending.
    public static let endOfFile = Self(UV_EOF)
    /// An argument is not what the call takes.
    public static let invalidArgument = Self(UV_EINVAL)
    /// The process has no descriptor left.
    public static let tooManyOpenFiles = Self(UV_EMFILE)
    /// There is no way to the host any more.
    public static let hostUnreachable = Self(UV_EHOSTUNREACH)
    /// The system has no descriptor left.
    public static let fileTableOverflow = Self(UV_ENFILE)
    /// The name has no address.
    public static let unknownHost = Self(UV_EAI_NONAME)
    /// There is no memory for it.
    public static let notEnoughMemory = Self(UV_ENOMEM)
    /// The socket is not connected.
    public static let notConnected = Self(UV_ENOTCONN)
    /// The socket was shut down for writing by either side.
    public static let brokenPipe = Self(UV_EPIPE)
    /// The deadline passed.
    public static let timedOut = Self(UV_ETIMEDOUT)

    /// The kernel takes no byte at the moment.
    static let again = Self(UV_EAGAIN)

    /// Whether the code only says that the other side has gone away.
    public var isPeerGone: Bool {
        self == .connectionReset || self == .brokenPipe || self == .endOfFile
            || self == .notConnected || self == .connectionAborted
    }

    /// The code's symbolic name, such as `ECONNREFUSED`.
    public var name: String { unsafe text(uv_err_name_r) }
}

extension UVError.Code: CustomStringConvertible {
    /// libuv's words for the code, such as `connection refused`.
    public var description: String { unsafe text(uv_strerror_r) }

    /// The reentrant calls, because the others leak a string for each code they do not know.
    private func text(
        _ describe: (Int32, UnsafeMutablePointer<CChar>?, Int) -> UnsafeMutablePointer<CChar>?
    ) -> String {
        unsafe withUnsafeTemporaryAllocation(of: CChar.self, capacity: 128) { buffer in
            _ = unsafe describe(rawValue, buffer.baseAddress, buffer.count)
            return unsafe buffer.baseAddress.map { unsafe String(cString: $0) }
                ?? "error \(rawValue)"
        }
    }
}
