#include "libuv-server.h"

#include <stdbool.h>
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

/* Nothing delays the answers of a Unix socket. */
static void accept_from(uv_stream_t *listener, union stream *accepted) {
    bool is_tcp = listener->type == UV_TCP;
    if (is_tcp) check(uv_tcp_init(listener->loop, &accepted->tcp), "uv_tcp_init");
    else check(uv_pipe_init(listener->loop, &accepted->pipe, 0), "uv_pipe_init");
    check(uv_accept(listener, (uv_stream_t *)accepted), "uv_accept");
    if (is_tcp) uv_tcp_nodelay(&accepted->tcp, 1);
}

static void on_connection(uv_stream_t *listener, int status) {
    check(status, "accept");
    if (connection_count == connection_capacity) {
        connection_capacity = connection_capacity > 0 ? 2 * connection_capacity : 64;
        connections = allocate(connections, connection_capacity * sizeof *connections);
    }
    struct connection *connection = allocate(NULL, sizeof *connection);
    *connection = (struct connection){.place = connection_count};
    accept_from(listener, &connection->stream);
    connections[connection_count++] = connection;
    start_receiving(connection);
}

static void listen_for_connections(uv_stream_t *listener) {
    check(uv_listen(listener, PEER_BACKLOG, on_connection), "uv_listen");
}

static void listen_on_port(uv_tcp_t *listener, int port) {
    struct sockaddr_in address;
    int size = sizeof address;
    check(uv_ip4_addr("127.0.0.1", port, &address), "uv_ip4_addr");
    check(uv_tcp_init(uv_default_loop(), listener), "uv_tcp_init");
    check(uv_tcp_bind(listener, (struct sockaddr *)&address, 0), "uv_tcp_bind");
    listen_for_connections((uv_stream_t *)listener);
    check(uv_tcp_getsockname(listener, (struct sockaddr *)&address, &size), "uv_tcp_getsockname");
    peer_announce((struct place){.port = ntohs(address.sin_port)});
}

static void listen_on_path(uv_pipe_t *listener, const char *path) {
    check(uv_pipe_init(uv_default_loop(), listener, 0), "uv_pipe_init");
    check(uv_pipe_bind(listener, path), "uv_pipe_bind");
    listen_for_connections((uv_stream_t *)listener);
    peer_announce((struct place){.path = path});
}

void serve(struct place place) {
    static union stream listener;
    signal(SIGPIPE, SIG_IGN);
    if (place.path) listen_on_path(&listener.pipe, place.path);
    else listen_on_port(&listener.tcp, place.port);
    uv_run(uv_default_loop(), UV_RUN_DEFAULT);
}
