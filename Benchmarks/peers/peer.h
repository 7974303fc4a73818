/* What every peer written in C shares: its one option, and the line that says where it listens. */
#ifndef PEER_H
#define PEER_H

#include <stddef.h>

enum { PEER_BACKLOG = 4096, PEER_BUFFER = 64 * 1024 };

/* Bytes that had to be kept: taken from the front, added at the end. All zero is empty. */
struct bytes {
    char *start;
    size_t length, capacity;
};

void bytes_append(struct bytes *bytes, const char *start, size_t length);
void bytes_remove_first(struct bytes *bytes, size_t length);
void bytes_free(struct bytes *bytes);

/* Where a peer listens: at a path, a Unix socket, or if there is none at a port of 127.0.0.1. */
struct place {
    const char *path;
    int port;
};

/* The value of `--port` or `--path`; ends the program with a sentence when neither was given. */
struct place peer_place(int argc, char **argv);

/* Prints the line that the benchmark waits for. */
void peer_announce(struct place place);

/* Ends the program with `call: the reason that errno gives`. */
_Noreturn void peer_fail(const char *call);

#endif
