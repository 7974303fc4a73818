import Foundation

/// Whether these tests, and the programs that were built with them, run under a sanitizer.
let isSanitized =
    unsafe dlsym(nil, "__asan_init") != nil || dlsym(nil, "__tsan_init") != nil
