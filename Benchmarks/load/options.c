#include "options.h"

#include "failure.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>

static const char usage[] =
    "usage: load --port N | --path P [option value]...\n"
    "\n"
    "Loads a server, at TCP port N of 127.0.0.1 or at the Unix socket P, from one thread, checks\n"
    "every byte that comes back, and prints one JSON object. Exits 0 when every byte was right, 1\n"
    "when one was not or did not come, 2 when nothing could be measured.\n"
    "\n"
    "  --mode M         echo       send messages, wait for their echo, repeat (default)\n"
    "                   lines      the same with lines: every message ends in its only LF\n"
    "                   connect    connect, send one message, wait for its echo, close, repeat\n"
    "                   idle       open connections, echo one message on each, print, and hold\n"
    "                              them for --seconds, until SIGTERM or standard input ends\n"
    "                   broadcast  one more connection publishes, all the others must receive\n"
    "  --size B         bytes of a message (64)\n"
    "  --connections C  how many at a time; for broadcast, how many subscribers (50)\n"
    "  --depth D        messages sent together before their answers are waited for (1)\n"
    "  --seconds S      how long to measure (1)\n"
    "  --warm-up S      how long to run before (0.2)\n"
    "  --messages M     stop after M messages, those of the warm-up included (no limit)\n"
    "  --server PID     measure the CPU time of this process too\n";

struct options options = {
    .mode = MODE_ECHO,
    .mode_name = "echo",
    .size = 64,
    .connections = 50,
    .depth = 1,
    .warm_up = 0.2,
    .seconds = 1,
};

static const char *const mode_names[] = {"echo", "lines", "connect", "idle", "broadcast"};

static double number(const char *option, const char *value, double least, double most) {
    char *end;
    double number = strtod(value, &end);
    if (end == value || *end != '\0' || !(number >= least && number <= most)) {
        fail("%s: %s is not a number from %.10g to %.10g", option, value, least, most);
    }
    return number;
}

static const char *socket_path(const char *option, const char *value) {
    size_t most = sizeof(((struct sockaddr_un *)NULL)->sun_path) - 1, length = strlen(value);
    if (length == 0 || length > most) fail("%s: %s is not 1 to %zu bytes", option, value, most);
    return value;
}

static bool equal(const char *one, const char *other) {
    return strcmp(one, other) == 0;
}

static void choose_mode(const char *name) {
    for (size_t i = 0; i < sizeof mode_names / sizeof *mode_names; i++) {
        if (!equal(name, mode_names[i])) continue;
        options.mode = (enum mode)i;
        options.mode_name = mode_names[i];
        return;
    }
    fail("--mode: %s is none of echo, lines, connect, idle, broadcast", name);
}

static void set(const char *option, const char *value) {
    if (equal(option, "--mode")) choose_mode(value);
    else if (equal(option, "--port")) options.port = number(option, value, 1, 65535);
    else if (equal(option, "--path")) options.path = socket_path(option, value);
    else if (equal(option, "--size")) options.size = number(option, value, 2, 16 << 20);
    else if (equal(option, "--connections")) options.connections = number(option, value, 1, 1 << 20);
    else if (equal(option, "--depth")) options.depth = number(option, value, 1, 1 << 16);
    else if (equal(option, "--seconds")) options.seconds = number(option, value, 0.01, 3600);
    else if (equal(option, "--warm-up")) options.warm_up = number(option, value, 0, 3600);
    else if (equal(option, "--messages")) options.messages = number(option, value, 1, 1e15);
    else if (equal(option, "--server")) options.server = number(option, value, 1, 1 << 30);
    else fail("%s: no such option (--help lists them)", option);
}

void options_parse(int argc, char **argv) {
    if (argc == 2 && equal(argv[1], "--help")) {
        fputs(usage, stdout);
        exit(0);
    }
    for (int i = 1; i < argc; i += 2) {
        if (i + 1 == argc) fail("%s: no such option, or no value (--help lists them)", argv[i]);
        set(argv[i], argv[i + 1]);
    }
    if ((options.port == 0) == (options.path == NULL)) {
        fail("--port or --path: one of them is needed (--help lists the options)");
    }
}
