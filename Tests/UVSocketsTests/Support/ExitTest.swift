import Foundation
import Testing

extension ExitTest.Result? {
    /// Whether the process that ended said so on its standard error.
    func said(_ sentence: String) -> Bool {
        guard let self else { return false }
        return String(decoding: self.standardErrorContent, as: UTF8.self).contains(sentence)
    }
}

/// Sends the process a signal, which this thread takes: the threads that tests run on block
/// signals.
func raiseUnblocked(_ signal: Int32) {
    var all = sigset_t()
    unsafe sigfillset(&all)
    unsafe pthread_sigmask(SIG_UNBLOCK, &all, nil)
    raise(signal)
}
