/// How the clients of a server are spread over its loops.
///
/// More cases may come: a `switch` over them needs an `@unknown default`.
#if hasAttribute(nonexhaustive)
    @nonexhaustive
#endif
public enum UVBalance: Sendable, CaseIterable {
    /// The first loop accepts all clients and hands each to the loop with the fewest clients.
    ///
    /// So when a client comes, no loop has more than one client more than another. This is the
    /// default. It is best where clients stay: with ``kernel`` a loop that got more clients by
    /// chance would stay the busiest.
    ///
    /// A handler that blocks the first loop delays all new clients of the server, also those of the
    /// other loops.
    case fewestClients
    /// All loops listen on the same port, and the kernel spreads clients at random (SO_REUSEPORT).
    ///
    /// This is best where thousands of clients come and go each second, because no client moves to
    /// another loop. It works only on Linux: on other systems one of the loops gets all clients.
    ///
    /// A blocked loop delays only its own new clients.
    case kernel
}
