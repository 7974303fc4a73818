extension UVLoop {
    /// Raises the number of descriptors this process may open to the most the system allows.
    ///
    /// A server of many clients calls it when it starts, before it starts threads. The number of
    /// clients that a listener may hold is computed from this limit.
    ///
    /// On Linux it also makes the process's table of descriptors at once, for up to 65,536 of them.
    /// This takes half a mebibyte of the kernel's memory. Otherwise the table grows later, and each
    /// time the process stops for 10 to 20 ms.
    public static func raiseDescriptorLimit() {
        DescriptorLimit.raise()
    }
}
