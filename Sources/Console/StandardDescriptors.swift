import Glibc

/// Opens `/dev/null` as each of the descriptors 0, 1 and 2 that the program was started without.
///
/// Daemons are started so. A socket would get the free number, and what is printed would go to a
/// client. Reading then finds the end of the input at once. Writing fails, because the descriptor is
/// open for reading only: nobody is told that lost output was written.
///
/// It must be called before anything else opens a descriptor.
///
/// - Parameter program: The program's name, for the line that says why it cannot start.
public func openStandardDescriptors(_ program: String) {
    for descriptor: Int32 in 0...2 where fcntl(descriptor, F_GETFD) < 0 {
        // The system takes the lowest free number, which is this one.
        guard unsafe open("/dev/null", O_RDONLY) == descriptor else {
            fail(program, "cannot open /dev/null: \(unsafe String(cString: strerror(errno)))")
        }
    }
}
