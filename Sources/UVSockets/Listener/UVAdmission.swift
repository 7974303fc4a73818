/// The rules for who may become a listener's client. By default everybody may.
///
///     var admission = UVAdmission()
///     admission.perAddress = 20
///     admission.deny = ["192.0.2.0/24", "2001:db8::/32"]
///
/// A refused client never becomes one of the listener's clients, and its data is never read. It is
/// counted under the reason of the refusal.
public struct UVAdmission: Sendable {
    /// What happens to clients that are over the limit of clients or of clients a second.
    ///
    /// More cases may come: a `switch` over them needs an `@unknown default`.
    #if hasAttribute(nonexhaustive)
        @nonexhaustive
    #endif
    public enum WhenFull: Sendable, Hashable {
        /// They wait in the kernel's backlog until a client leaves. For them the connection looks
        /// open.
        case hold
        /// They are accepted, sent these bytes, and closed.
        ///
        /// With empty bytes nothing is sent. Clients that are refused for another reason are sent
        /// the bytes, too.
        case refuse(goodbye: [UInt8])
    }

    /// How many clients one address may have at a time, at least 1. Nil means any number.
    ///
    /// All clients of one network count together: see ``ipv4PrefixLength`` and
    /// ``ipv6PrefixLength``.
    public var perAddress: Int?

    /// How many leading bits of an IPv4 address count for ``perAddress``, 0 to 32. By default 32.
    ///
    /// Clients whose addresses have the same leading bits count as one address.
    public var ipv4PrefixLength = 32

    /// How many leading bits of an IPv6 address count for ``perAddress``, 0 to 128. By default 64.
    ///
    /// The default is 64 because the owner of one address usually has its whole /64 network (RFC
    /// 6177 §2). For link-local addresses all bits count, because strangers share that network.
    public var ipv6PrefixLength = 64

    /// How many clients may come in per second, at least 1. Nil means any number.
    ///
    /// After a quiet second this many clients may come in at once. Over a longer time, the bound is
    /// this number for each second, plus this number once. ``whenFull`` says what happens to the
    /// others.
    public var acceptsPerSecond: Int?

    /// The addresses that may come in. If this is not empty, all others are refused.
    public var allow: [UVAddressRange] = []

    /// The addresses that may not come in, even if ``allow`` contains them.
    public var deny: [UVAddressRange] = []

    /// What happens to clients that are over the limit of clients or over ``acceptsPerSecond``.
    ///
    /// By default they wait.
    public var whenFull = WhenFull.hold

    /// Admits everybody.
    public init() {}
}
