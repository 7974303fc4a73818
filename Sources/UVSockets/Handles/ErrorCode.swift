internal import CLibuv

extension UVError.Code {
    init(_ code: uv_errno_t) {
        self.init(rawValue: code.rawValue)
    }

    /// Another socket uses the address.
    public static let addressInUse = Self(UV_EADDRINUSE)
    /// The address does not belong to this machine.
    public static let addressNotAvailable = Self(UV_EADDRNOTAVAIL)
    /// The machine does not support the address family, for example IPv6 if it is switched off.
    public static let addressFamilyNotSupported = Self(UV_EAFNOSUPPORT)
    /// The system does not allow it to this user, for example a port below 1024.
    public static let accessDenied = Self(UV_EACCES)
    /// Something that must be closed first is still open.
    public static let busy = Self(UV_EBUSY)
    /// The operation was cancelled.
    public static let canceled = Self(UV_ECANCELED)
    /// The peer ended the connection before it was accepted.
    public static let connectionAborted = Self(UV_ECONNABORTED)
    /// Nobody listens there.
    public static let connectionRefused = Self(UV_ECONNREFUSED)
    /// The peer reset the connection.
    public static let connectionReset = Self(UV_ECONNRESET)
    /// There are no more bytes: the peer has finished sending.
    public static let endOfFile = Self(UV_EOF)
    /// The call does not take such an argument.
    public static let invalidArgument = Self(UV_EINVAL)
    /// The process has no descriptor left.
    public static let tooManyOpenFiles = Self(UV_EMFILE)
    /// There is no route to the host any more.
    public static let hostUnreachable = Self(UV_EHOSTUNREACH)
    /// The system has no descriptor left.
    public static let fileTableOverflow = Self(UV_ENFILE)
    /// The name has no address.
    public static let unknownHost = Self(UV_EAI_NONAME)
    /// There is not enough memory for it.
    public static let notEnoughMemory = Self(UV_ENOMEM)
    /// There is no room for it.
    public static let noBufferSpace = Self(UV_ENOBUFS)
    /// The socket is not connected.
    public static let notConnected = Self(UV_ENOTCONN)
    /// The socket was shut down for writing by either side.
    public static let brokenPipe = Self(UV_EPIPE)
    /// The deadline passed.
    public static let timedOut = Self(UV_ETIMEDOUT)

    /// The kernel takes no bytes at the moment.
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
    /// The text of libuv for the code, such as `connection refused`.
    public var description: String { unsafe text(uv_strerror_r) }

    /// Uses the reentrant functions, because the others leak a string for each code they do not
    /// know.
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
