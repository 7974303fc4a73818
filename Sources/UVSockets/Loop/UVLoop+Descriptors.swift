extension UVLoop {
    /// Raises the number of descriptors the process may open to the most the system allows it, as
    /// servers of many clients do when they start, before they start threads. What a listener may hold
    /// is counted from it. On Linux the process's table of descriptors is made at once for up to 65,536
    /// of them, in half a mebibyte of the kernel's memory, because to grow it stops the process for
    /// 10 to 20 ms each time.
    public static func raiseDescriptorLimit() {
        DescriptorLimit.raise()
    }
}
