/// A task, for the code that has to know it again or to cancel it. It keeps the task's memory.
@safe struct TaskReference {
    private let task: UnsafeCurrentTask

    /// The task that calls; nil outside of a task.
    static var current: TaskReference? {
        unsafe withUnsafeCurrentTask { task in
            guard let task = unsafe task else { return nil }
            return unsafe TaskReference(task: task)
        }
    }

    /// Whether it is the task that calls.
    var isCurrent: Bool {
        unsafe withUnsafeCurrentTask { task in unsafe task == self.task }
    }

    /// Cancels the task. Any thread may call it (`UnsafeCurrentTask.cancel`).
    func cancel() {
        unsafe task.cancel()
    }
}
