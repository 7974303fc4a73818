#include <uv.h>

/*
 * Functions of Swift's runtime that compiled async code calls: the task that runs on this thread,
 * and its cancellation. `UnsafeCurrentTask` does the same at 30 times the cost, because its layout
 * is not known at compile time.
 */
void *swift_task_getCurrent(void);
void swift_task_cancel(void *task);
_Bool swift_task_isCancelled(void *task);

/* Brings memory near the processor, which goes on meanwhile. An address may be of no memory. */
static inline void uvsockets_prefetch(const void *memory, int lines) {
    for (int line = 0; line < lines; line++)
        __builtin_prefetch((const char *)memory + 64 * line, 1, 3);
}

/* Lets a loop add up the time for which it waits. uv_loop_configure takes any number of arguments,
 * which Swift cannot pass. */
static inline int uvsockets_measure_idle_time(uv_loop_t *loop) {
    return uv_loop_configure(loop, UV_METRICS_IDLE_TIME);
}

/* The first version with uv_available_parallelism. */
#if UV_VERSION_HEX < ((1 << 16) | (44 << 8))
#error "UVSockets needs libuv 1.44.0 or newer"
#endif

#ifdef __linux__
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

/* accept(2) that makes the socket non-blocking and close-on-exec in the same call: glibc declares
 * it only for those who ask for GNU extensions. */
extern int accept4(int socket, struct sockaddr *address, socklen_t *length, int flags);

/* A thread's number in /proc: glibc declares gettid(2) only for those who ask for GNU extensions. */
static inline int uvsockets_thread_number(void) {
    return (int)syscall(SYS_gettid);
}

/* Gives this thread a table of descriptors of its own, with 0 to 2 alone in it. glibc declares
 * unshare(2) only for those who ask for GNU extensions, and CLONE_FILES with it. */
static inline void uvsockets_leave_descriptors(void) {
    if (syscall(SYS_unshare, 0x400) != 0) return;
#ifdef SYS_close_range
    syscall(SYS_close_range, 3u, ~0u, 0u);
#endif
}

/* A thread's identity, without a call. */
static inline uintptr_t uvsockets_thread(void) {
    return (uintptr_t)__builtin_thread_pointer();
}
#endif
