import Glibc

/// Opens `/dev/null` as each of the descriptors 0, 1 and 2 that are closed at the start.
///
/// Daemons are often started with closed descriptors. Without this, a socket would get the free
/// number, and printed text would go to a client. Reading `/dev/null` gives the end of the input at
/// once. Writing fails, because it is open for reading only: so nobody is told that lost output was
/// written.
///
/// Call it before anything else opens a descriptor.
///
/// - Parameter program: The program's name, for the line that says why it cannot start.
public func openStandardDescriptors(_ program: String) {
    for descriptor: Int32 in 0...2 where fcntl(descriptor, F_GETFD) < 0 {
        // The system takes the lowest free number, which is this descriptor.
        guard unsafe open("/dev/null", O_RDONLY) == descriptor else {
            fail(program, "cannot open /dev/null: \(unsafe String(cString: strerror(errno)))")
        }
    }
}
