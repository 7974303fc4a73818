/*
 * The least a correct server can do on Linux: level-triggered epoll, one static buffer, an
 * answer written at once, and what the kernel does not take kept until it does. A connection with
 * bytes kept back is not read from, so that a peer who never reads holds up only itself.
 */
#ifndef EPOLL_SERVER_H
#define EPOLL_SERVER_H

#include "peer.h"

struct connection {
    int fd;
    struct bytes unsent;
    struct bytes unfinished; /* for a protocol: what came of a message that is not whole yet */
};

/* Called with what was read; the bytes are gone when it returns. Each program defines its own. */
void on_bytes(struct connection *connection, const char *start, size_t length);

void send_bytes(struct connection *connection, const char *start, size_t length);

_Noreturn void serve(struct place place);

#endif
