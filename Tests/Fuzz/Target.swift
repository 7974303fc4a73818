// Compiled by `Tests/Fuzz/run` together with the framing sources, not by SwiftPM.

/// What libFuzzer calls with each input. See `Scenario` for what an input means.
@_cdecl("LLVMFuzzerTestOneInput")
public func testOneInput(_ start: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
    let input = unsafe Array(UnsafeBufferPointer(start: start, count: count))
    // -1 tells libFuzzer that the input is of no use.
    guard let scenario = Scenario(input) else { return -1 }
    scenario.check()
    return 0
}
