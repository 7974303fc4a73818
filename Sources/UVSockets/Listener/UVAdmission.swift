/// Who may become a listener's client. By default everybody.
///
///     var admission = UVAdmission()
///     admission.perAddress = 20
///     admission.deny = ["192.0.2.0/24", "2001:db8::/32"]
///
/// A client that is refused is never heard, is none of the clients, and is counted with the reason.
public struct UVAdmission: Sendable {
    /// What becomes of clients while there are as many as there may be, or more come in a second than
    /// may.
    ///
    /// More cases may come: a `switch` over them needs an `@unknown default`.
    #if hasAttribute(nonexhaustive)
        @nonexhaustive
    #endif
    public enum WhenFull: Sendable, Hashable {
        /// They wait in the kernel's backlog, connected from their point of view, until one leaves.
        case hold
        /// They are accepted, sent the bytes, and closed. An empty goodbye says nothing. Clients that
        /// are refused for another reason are sent the bytes, too.
        case refuse(goodbye: [UInt8])
    }

    /// How many clients there may be at a time from one address, at least 1; nil for any number.
    ///
    /// The clients of one network are counted together: see ``ipv4PrefixLength`` and
    /// ``ipv6PrefixLength``.
    public var perAddress: Int?

    /// How many bits of an IPv4 address make it one of its own for ``perAddress``, 0 to 32. By
    /// default all.
    public var ipv4PrefixLength = 32

    /// How many bits of an IPv6 address make it one of its own for ``perAddress``, 0 to 128. By
    /// default 64, because whoever has one address of such a network usually has all of them
    /// (RFC 6177 §2). Of link-local addresses, where strangers share a network, all bits count.
    public var ipv6PrefixLength = 64

    /// How many clients may come in within a second, at least 1; nil for any number.
    ///
    /// So many may come at once after a quiet second; over a longer time never more than this
    /// number for each second, and so many more. ``whenFull`` says what becomes of the others.
    public var acceptsPerSecond: Int?

    /// Who may come in; nobody else may, unless this is empty.
    public var allow: [UVAddressRange] = []

    /// Who may not come in, even if ``allow`` names them.
    public var deny: [UVAddressRange] = []

    /// What becomes of clients while there are as many as there may be, or more come in a second than
    /// ``acceptsPerSecond``. By default they wait.
    public var whenFull = WhenFull.hold

    /// Admits everybody.
    public init() {}
}
