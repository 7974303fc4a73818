#ifndef FAILURE_H
#define FAILURE_H

/* Ends the program with one line on standard error and status 2: nothing was measured. */
__attribute__((format(printf, 1, 2))) _Noreturn void fail(const char *format, ...);

#endif
