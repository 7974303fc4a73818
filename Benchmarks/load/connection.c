#include "connection.h"

#include "failure.h"
#include "meter.h"
#include "options.h"
#include "stream.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

/*
 * Linux looks for a free port among the 28,232 of a source address ever longer as they fill up, and
 * keeps those of closed connections for a minute: a new source address, 127.x.y.1, long before.
 */
enum { CONNECTIONS_PER_ADDRESS = 8192, SOURCE_ADDRESSES = 1 << 16 };
enum { EVENTS_PER_TURN = 1024, TURN_MS = 50, PATIENCE_MS = 5000 };

static int epoll_descriptor(void) {
    static int epoll = -1;
    if (epoll < 0) epoll = epoll_create1(EPOLL_CLOEXEC);
    if (epoll < 0) fail("epoll_create1: %s", strerror(errno));
    return epoll;
}

/* Says what happened the first time, counts it every time. */
static enum progress drop(struct connection *connection, enum failure kind, const char *what) {
    static bool said;
    if (!said) {
        fprintf(stderr, "load: after %lu bytes that were right: %s\n", connection->received, what);
    }
    said = true;
    meter_count_failure(kind, 1);
    connection_close(connection);
    return PROGRESS_DROPPED;
}

static enum progress drop_broken(struct connection *connection) {
    bool connected = connection->sent > 0 || connection->received > 0;
    if (!connected) return drop(connection, FAILURE_CONNECT, "the connection was refused");
    return drop(connection, FAILURE_CLOSED_BY_PEER, strerror(errno));
}

static void use_source_address(int fd, uint32_t address) {
    struct sockaddr_in source = {.sin_family = AF_INET};
    source.sin_addr.s_addr = htonl(INADDR_LOOPBACK + (address << 8));
    setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &(int){1}, sizeof(int));
    if (bind(fd, (struct sockaddr *)&source, sizeof source) < 0) fail("bind: %s", strerror(errno));
}

/* Negative, with errno, when the connection cannot even be begun. */
static int connect_to_port(int fd) {
    struct sockaddr_in server = {.sin_family = AF_INET, .sin_port = htons(options.port)};
    server.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int result = connect(fd, (struct sockaddr *)&server, sizeof server);
    return result < 0 && errno == EINPROGRESS ? 0 : result;
}

static int new_socket(int family) {
    int fd = socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0) fail("socket: %s", strerror(errno));
    return fd;
}

static int new_tcp_socket(void) {
    int fd = new_socket(AF_INET);
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int));
    return fd;
}

static int open_tcp(void) {
    static uint32_t opened;
    uint32_t address = opened++ / CONNECTIONS_PER_ADDRESS % SOURCE_ADDRESSES;
    int fd = new_tcp_socket();
    if (address > 0) use_source_address(fd, address);
    while (connect_to_port(fd) < 0) {
        bool try_next = errno == EADDRNOTAVAIL && ++address < SOURCE_ADDRESSES;
        if (!try_next) fail("connect: %s", strerror(errno));
        meter_count_retry();
        close(fd);
        fd = new_tcp_socket();
        use_source_address(fd, address);
    }
    return fd;
}

/* Connected at once, or not at all: a Unix socket has no handshake to wait for. */
static int open_unix(void) {
    struct sockaddr_un server = {.sun_family = AF_UNIX};
    int fd = new_socket(AF_UNIX);
    strcpy(server.sun_path, options.path);
    if (connect(fd, (struct sockaddr *)&server, sizeof server) < 0) {
        fail("connect: %s", strerror(errno));
    }
    return fd;
}

void connection_open(struct connection *connection, uint64_t number) {
    int fd = options.path ? open_unix() : open_tcp();
    *connection = (struct connection){.fd = fd, .stream = stream_start(number)};
    struct epoll_event event = {
        .events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET, .data.ptr = connection};
    if (epoll_ctl(epoll_descriptor(), EPOLL_CTL_ADD, fd, &event) < 0) {
        fail("epoll_ctl: %s", strerror(errno));
    }
}

/* False when the connection is broken. */
static bool send_unsent(struct connection *connection) {
    while (connection->sent < connection->goal) {
        uint64_t length = connection->goal - connection->sent;
        if (length > STREAM_WINDOW) length = STREAM_WINDOW;
        const char *bytes = stream_at(connection->stream, connection->sent);
        ssize_t taken = send(connection->fd, bytes, length, MSG_NOSIGNAL);
        if (taken < 0) return errno == EAGAIN || errno == EINTR;
        connection->sent += taken;
    }
    return true;
}

void connection_send(struct connection *connection, uint64_t length) {
    connection->goal += length;
    send_unsent(connection); /* a broken connection has an event waiting, which drops it */
}

/*
 * An edge-triggered descriptor need not be read until EAGAIN: a read that did not fill the buffer
 * has emptied the socket, and when nothing more is due the next byte makes an edge of its own. Only
 * the peer's FIN may lie behind a short read, and then the event says so.
 */
static enum progress receive(struct connection *connection, uint32_t events) {
    static char buffer[STREAM_WINDOW];
    for (;;) {
        ssize_t count = recv(connection->fd, buffer, sizeof buffer, 0);
        if (count < 0) return errno == EAGAIN ? PROGRESS_OPEN : drop_broken(connection);
        if (count == 0) {
            if (!connection->half_closed) {
                return drop(connection, FAILURE_CLOSED_BY_PEER, "closed by the peer");
            }
            connection_close(connection);
            return PROGRESS_ENDED;
        }
        if (memcmp(buffer, stream_at(connection->stream, connection->received), count) != 0) {
            return drop(connection, FAILURE_WRONG_BYTES, "wrong bytes came back");
        }
        connection->received += count;
        bool emptied = (size_t)count < sizeof buffer || connection->received == connection->goal;
        if (emptied && !(events & EPOLLRDHUP)) return PROGRESS_OPEN;
    }
}

enum progress connection_progress(struct connection *connection, uint32_t events) {
    if (!send_unsent(connection)) return drop_broken(connection);
    if (events & ~(uint32_t)EPOLLOUT) return receive(connection, events);
    return PROGRESS_OPEN;
}

void connection_half_close(struct connection *connection) {
    connection->half_closed = true;
    shutdown(connection->fd, SHUT_WR);
}

void connection_close(struct connection *connection) {
    close(connection->fd);
    connection->fd = -1;
}

bool connections_turn(event_handler *handler) {
    static struct epoll_event events[EVENTS_PER_TURN];
    static int quiet_ms;
    int count = epoll_wait(epoll_descriptor(), events, EVENTS_PER_TURN, TURN_MS);
    if (count < 0 && errno != EINTR) fail("epoll_wait: %s", strerror(errno));
    for (int i = 0; i < count; i++) {
        handler(events[i].data.ptr, events[i].events);
    }
    meter_tick(now_in_ns());
    quiet_ms = count > 0 ? 0 : quiet_ms + TURN_MS;
    return quiet_ms < PATIENCE_MS;
}
