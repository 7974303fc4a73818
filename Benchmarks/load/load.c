/*
 * A load generator, over TCP or a Unix socket, that checks every byte. `load --help` says how to
 * use it.
 */
#include "failure.h"
#include "meter.h"
#include "modes.h"
#include "options.h"
#include "stream.h"

#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>

void fail(const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    fputs("load: ", stderr);
    vfprintf(stderr, format, arguments);
    fputc('\n', stderr);
    va_end(arguments);
    exit(2);
}

static void raise_descriptor_limit(void) {
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
}

int main(int argc, char **argv) {
    static void (*const run[])(void) = {
        [MODE_ECHO] = run_exchange,
        [MODE_LINES] = run_exchange,
        [MODE_CONNECT] = run_connect,
        [MODE_IDLE] = run_idle,
        [MODE_BROADCAST] = run_broadcast,
    };
    options_parse(argc, argv);
    raise_descriptor_limit();
    stream_prepare(options.mode == MODE_LINES ? options.size : 0);
    run[options.mode]();
    return meter_failures() == 0 ? 0 : 1;
}
