/// How many clients a listener has refused, by reason.
///
/// Clients that wait in the backlog are not refused.
public struct UVRefusals: Sendable, Hashable {
    /// Clients that ``UVAdmission/deny`` or ``UVAdmission/allow`` excludes.
    public internal(set) var denied = 0
    /// Clients over ``UVAdmission/perAddress``.
    public internal(set) var perAddress = 0
    /// Clients over ``UVAdmission/acceptsPerSecond``.
    public internal(set) var rate = 0
    /// Clients over the listener's `maxConnections`.
    public internal(set) var full = 0

    /// All of them.
    public var total: Int { denied + perAddress + rate + full }

    mutating func count(_ reason: AdmissionDecision.Reason) {
        switch reason {
        case .denied: denied += 1
        case .full: full += 1
        case .perAddress: perAddress += 1
        case .rate: rate += 1
        }
    }

    mutating func add(_ other: UVRefusals) {
        denied += other.denied
        perAddress += other.perAddress
        rate += other.rate
        full += other.full
    }
}
