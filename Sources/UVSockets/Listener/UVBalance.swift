/// How the clients of a server are spread over its loops.
public enum UVBalance: Sendable, CaseIterable {
    /// The first loop accepts them all, and hands each over to the loop that has the fewest, so that no
    /// loop has more than one more than another when they come. The default, and best where clients
    /// stay: a loop that the dice favoured would stay the busiest.
    case fewestClients
    /// Each loop listens on the same port, and the kernel throws the dice (SO_REUSEPORT). Best where
    /// clients come and go thousands of times a second: no client changes the loop. Not for a machine
    /// other than Linux, where only one of the loops would get clients.
    case kernel
}
