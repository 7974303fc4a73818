internal import CLibuv

#if canImport(Glibc)
    internal import Glibc
#else
    internal import Darwin
#endif

/// Facts about the process that no loop knows.
package enum ProcessFacts {
    /// The user that the process acts as.
    package static var user: UInt32 { geteuid() }

    /// The version of libuv that runs, such as `1.44.2`.
    package static var libuvVersion: String {
        unsafe uv_version_string().map { unsafe String(cString: $0) } ?? ""
    }

    /// The oldest Swift that the compiler could be.
    package static var swift: String {
        #if compiler(>=6.4)
            "6.4"
        #elseif compiler(>=6.3)
            "6.3"
        #else
            "6.2"
        #endif
    }

    /// How many more descriptors the process may open; nil if the system does not tell.
    package static var freeDescriptors: Int? {
        #if canImport(Glibc)
            // Since Linux 6.2 the size of this folder is the number of descriptors.
            var status = stat()
            guard unsafe stat("/proc/self/fd", &status) == 0 else { return nil }
            let open: Int? = status.st_size > 0 ? Int(status.st_size) : countedDescriptors
            return open.map { max(0, DescriptorLimit.current - $0) }
        #else
            return nil
        #endif
    }

    #if canImport(Glibc)
        /// The entries of the folder, one by one: some milliseconds for 20,000.
        private static var countedDescriptors: Int? {
            guard let folder = unsafe opendir("/proc/self/fd") else { return nil }
            defer { unsafe closedir(folder) }
            var count = 0
            while unsafe readdir(folder) != nil { count += 1 }
            // Two are `.` and `..`, and one is of this folder.
            return count - 3
        }
    #endif
}
