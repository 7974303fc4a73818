#if canImport(Glibc)
    internal import Glibc
#else
    internal import Darwin
#endif

/// The time of the day, in nanoseconds since 1970.
func wallNanoseconds() -> UInt64 { nanoseconds(CLOCK_REALTIME) }

/// A time that only moves forward, in nanoseconds.
func steadyNanoseconds() -> UInt64 { nanoseconds(CLOCK_MONOTONIC) }

private func nanoseconds(_ clock: clockid_t) -> UInt64 {
    var time = timespec()
    _ = unsafe clock_gettime(clock, &time)
    return UInt64(max(0, time.tv_sec)) * 1_000_000_000 + UInt64(time.tv_nsec)
}
