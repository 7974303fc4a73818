/*
 * The best that libuv allows a C program: one static buffer, `uv_try_write` first, and only what
 * the kernel does not take copied and queued with `uv_write`.
 */
#ifndef LIBUV_SERVER_H
#define LIBUV_SERVER_H

#include "peer.h"

#include <uv.h>

struct connection {
    uv_tcp_t tcp;
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

void serve(int port);

#endif
