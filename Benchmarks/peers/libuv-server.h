/*
 * The best that libuv allows a C program: one static buffer, `uv_try_write` first, and only what
 * the kernel does not take copied and queued with `uv_write`.
 */
#ifndef LIBUV_SERVER_H
#define LIBUV_SERVER_H

#include "peer.h"

#include <uv.h>

/* Either is a `uv_stream_t`, and its `type` says which it is. */
union stream {
    uv_tcp_t tcp;
    uv_pipe_t pipe;
};

struct connection {
    union stream stream; /* first, so that a pointer to it is one to the connection */
    size_t queued;
    size_t place; /* in the array of all connections */
};

/* Every connection that is open, in no order. */
extern struct connection **connections;
extern size_t connection_count;

/* Called with what was read; the bytes are gone when it returns. Each program defines its own. */
void on_bytes(struct connection *connection, const char *start, size_t length);

/* Called when everything that was queued for a connection has been taken by the kernel. */
void on_drained(struct connection *connection);

void send_bytes(struct connection *connection, const char *start, size_t length);
void start_receiving(struct connection *connection);
void close_connection(struct connection *connection);

void serve(struct place place);

#endif
