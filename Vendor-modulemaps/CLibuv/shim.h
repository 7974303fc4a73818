#include <uv.h>

#ifdef __linux__
/* A thread's identity, without a call. */
static inline uintptr_t uvsockets_thread(void) {
    return (uintptr_t)__builtin_thread_pointer();
}
#endif
