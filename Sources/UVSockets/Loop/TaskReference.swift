internal import CLibuv

/// A task, for the code that has to know it again, or to cancel it. It does not keep the task: its
/// user forgets it before the task ends.
@safe struct TaskReference {
    private let task: UnsafeMutableRawPointer

    /// The task that calls; nil outside of a task.
    static var current: TaskReference? {
        guard let task = unsafe swift_task_getCurrent() else { return nil }
        return unsafe TaskReference(task: task)
    }

    /// Whether it is the task that calls.
    var isCurrent: Bool { unsafe swift_task_getCurrent() == task }

    /// Throws if the task that calls is cancelled, as `Task.checkCancellation()` does at three times
    /// the cost.
    static func checkCancellation() throws(CancellationError) {
        guard let task = unsafe swift_task_getCurrent(), unsafe swift_task_isCancelled(task) else {
            return
        }
        throw CancellationError()
    }

    /// Cancels the task.
    func cancel() {
        unsafe swift_task_cancel(task)
    }
}
