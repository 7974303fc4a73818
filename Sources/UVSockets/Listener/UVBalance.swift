/// How the clients of a server are spread over its loops.
///
/// More cases may come: a `switch` over them needs an `@unknown default`.
#if hasAttribute(nonexhaustive)
    @nonexhaustive
#endif
public enum UVBalance: Sendable, CaseIterable {
    /// The first loop accepts all clients, and hands each over to the loop that has the fewest. So no
    /// loop has more than one more than another when they come. The default, and best where clients
    /// stay: with ``kernel`` a loop that got more by chance would stay the busiest.
    ///
    /// A handler that blocks the first loop holds up all new clients of the server, those of the other
    /// loops as well.
    case fewestClients
    /// Each loop listens on the same port, and the kernel spreads clients at random (SO_REUSEPORT). Best
    /// where clients come and go thousands of times a second: no client changes the loop. Only for
    /// Linux: on another system one of the loops gets all clients.
    ///
    /// A loop that is blocked holds up its own new clients alone.
    case kernel
}
