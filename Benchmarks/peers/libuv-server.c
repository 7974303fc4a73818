#include "libuv-server.h"

#include <stdio.h>
#include <stdlib.h>
#include <signal.h>
#include <string.h>

struct queued_write {
    uv_write_t request;
    struct connection *connection;
    size_t length;
    char bytes[];
};

struct connection **connections;
size_t connection_count;

static size_t connection_capacity;
static char buffer[PEER_BUFFER];

static void check(int result, const char *call) {
    if (result >= 0) return;
    fprintf(stderr, "%s: %s\n", call, uv_strerror(result));
    exit(1);
}

static void *allocate(void *old, size_t size) {
    void *memory = realloc(old, size);
    if (!memory) peer_fail("realloc");
    return memory;
}

static void on_closed(uv_handle_t *handle) {
    free(handle);
}

void close_connection(struct connection *connection) {
    if (uv_is_closing((uv_handle_t *)connection)) return;
    struct connection *last = connections[--connection_count];
    connections[connection->place] = last;
    last->place = connection->place;
    uv_close((uv_handle_t *)connection, on_closed);
}

static void on_written(uv_write_t *request, int status) {
    struct queued_write *write = (struct queued_write *)request;
    struct connection *connection = write->connection;
    connection->queued -= write->length;
    free(write);
    if (status < 0) return close_connection(connection);
    if (connection->queued == 0) on_drained(connection);
}

void send_bytes(struct connection *connection, const char *start, size_t length) {
    uv_stream_t *stream = (uv_stream_t *)connection;
    int taken = 0;
    if (connection->queued == 0) {
        uv_buf_t all = uv_buf_init((char *)start, length);
        taken = uv_try_write(stream, &all, 1);
        if (taken == UV_EAGAIN) taken = 0;
        if (taken < 0) return close_connection(connection);
        if ((size_t)taken == length) return;
    }
    size_t rest = length - taken;
    struct queued_write *write = allocate(NULL, sizeof *write + rest);
    *write = (struct queued_write){.connection = connection, .length = rest};
    memcpy(write->bytes, start + taken, rest);
    uv_buf_t kept = uv_buf_init(write->bytes, rest);
    connection->queued += rest;
    if (uv_write(&write->request, stream, &kept, 1, on_written) < 0) {
        free(write);
        close_connection(connection);
    }
}

static void lend_buffer(uv_handle_t *handle, size_t suggested, uv_buf_t *lent) {
    (void)handle, (void)suggested;
    *lent = uv_buf_init(buffer, sizeof buffer);
}

static void on_read(uv_stream_t *stream, ssize_t count, const uv_buf_t *lent) {
    struct connection *connection = (struct connection *)stream;
    if (count < 0) return close_connection(connection);
    if (count > 0) on_bytes(connection, lent->base, count);
}

void start_receiving(struct connection *connection) {
    if (uv_is_closing((uv_handle_t *)connection)) return;
    if (uv_read_start((uv_stream_t *)connection, lend_buffer, on_read) < 0) {
        close_connection(connection);
    }
}

static void on_connection(uv_stream_t *listener, int status) {
    check(status, "accept");
    if (connection_count == connection_capacity) {
        connection_capacity = connection_capacity > 0 ? 2 * connection_capacity : 64;
        connections = allocate(connections, connection_capacity * sizeof *connections);
    }
    struct connection *connection = allocate(NULL, sizeof *connection);
    *connection = (struct connection){.place = connection_count};
    check(uv_tcp_init(listener->loop, &connection->tcp), "uv_tcp_init");
    check(uv_accept(listener, (uv_stream_t *)connection), "uv_accept");
    uv_tcp_nodelay(&connection->tcp, 1);
    connections[connection_count++] = connection;
    start_receiving(connection);
}

void serve(int port) {
    struct sockaddr_in address;
    int size = sizeof address;
    uv_tcp_t listener;
    signal(SIGPIPE, SIG_IGN);
    check(uv_ip4_addr("127.0.0.1", port, &address), "uv_ip4_addr");
    check(uv_tcp_init(uv_default_loop(), &listener), "uv_tcp_init");
    check(uv_tcp_bind(&listener, (struct sockaddr *)&address, 0), "uv_tcp_bind");
    check(uv_listen((uv_stream_t *)&listener, PEER_BACKLOG, on_connection), "uv_listen");
    check(uv_tcp_getsockname(&listener, (struct sockaddr *)&address, &size), "uv_tcp_getsockname");
    peer_announce(ntohs(address.sin_port));
    uv_run(uv_default_loop(), UV_RUN_DEFAULT);
}
