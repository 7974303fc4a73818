#include "epoll-server.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

enum { EVENTS_PER_TURN = 1024 };

static int epoll;
static bool is_tcp;
static char buffer[PEER_BUFFER];

static int listen_on(const void *address, socklen_t size) {
    const struct sockaddr *any = address;
    int fd = socket(any->sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0) peer_fail("socket");
    if (is_tcp) setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &(int){1}, sizeof(int));
    if (bind(fd, any, size) < 0) peer_fail("bind");
    if (listen(fd, PEER_BACKLOG) < 0) peer_fail("listen");
    return fd;
}

static int listen_on_port(int port) {
    struct sockaddr_in address = {
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof address;
    int fd = listen_on(&address, size);
    if (getsockname(fd, (struct sockaddr *)&address, &size) < 0) peer_fail("getsockname");
    peer_announce((struct place){.port = ntohs(address.sin_port)});
    return fd;
}

static int listen_on_path(const char *path) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    strcpy(address.sun_path, path);
    int fd = listen_on(&address, sizeof address);
    peer_announce((struct place){.path = path});
    return fd;
}

static void watch(int operation, int fd, uint32_t events, void *owner) {
    struct epoll_event event = {.events = events, .data.ptr = owner};
    if (epoll_ctl(epoll, operation, fd, &event) < 0) peer_fail("epoll_ctl");
}

static void accept_all(int listener) {
    int fd;
    while ((fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0) {
        struct connection *connection = calloc(1, sizeof *connection);
        if (!connection) peer_fail("calloc");
        connection->fd = fd;
        if (is_tcp) setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int));
        watch(EPOLL_CTL_ADD, fd, EPOLLIN, connection);
    }
    if (errno != EAGAIN && errno != ECONNABORTED && errno != EINTR) peer_fail("accept4");
}

static void close_connection(struct connection *connection) {
    close(connection->fd);
    bytes_free(&connection->unsent);
    bytes_free(&connection->unfinished);
    free(connection);
}

/* How many bytes the kernel took, or -1 when the connection is broken. */
static ssize_t write_some(int fd, const char *start, size_t length) {
    ssize_t taken = send(fd, start, length, MSG_NOSIGNAL);
    return taken < 0 && (errno == EAGAIN || errno == EINTR) ? 0 : taken;
}

void send_bytes(struct connection *connection, const char *start, size_t length) {
    ssize_t taken = 0;
    if (connection->unsent.length == 0) taken = write_some(connection->fd, start, length);
    /* A broken connection is closed by its next read. */
    if (taken < 0 || (size_t)taken == length) return;
    if (connection->unsent.length == 0) watch(EPOLL_CTL_MOD, connection->fd, EPOLLOUT, connection);
    bytes_append(&connection->unsent, start + taken, length - taken);
}

static bool flush(struct connection *connection) {
    ssize_t taken = write_some(connection->fd, connection->unsent.start, connection->unsent.length);
    if (taken < 0) return false;
    if (taken > 0) bytes_remove_first(&connection->unsent, taken);
    if (connection->unsent.length == 0) watch(EPOLL_CTL_MOD, connection->fd, EPOLLIN, connection);
    return true;
}

static bool receive(struct connection *connection) {
    ssize_t count = read(connection->fd, buffer, sizeof buffer);
    if (count > 0) on_bytes(connection, buffer, count);
    return count > 0 || (count < 0 && (errno == EAGAIN || errno == EINTR));
}

void serve(struct place place) {
    static struct epoll_event events[EVENTS_PER_TURN];
    epoll = epoll_create1(EPOLL_CLOEXEC);
    if (epoll < 0) peer_fail("epoll_create1");
    is_tcp = !place.path;
    int listener = is_tcp ? listen_on_port(place.port) : listen_on_path(place.path);
    watch(EPOLL_CTL_ADD, listener, EPOLLIN, NULL);
    for (;;) {
        int count = epoll_wait(epoll, events, EVENTS_PER_TURN, -1);
        if (count < 0 && errno != EINTR) peer_fail("epoll_wait");
        for (int i = 0; i < count; i++) {
            struct connection *connection = events[i].data.ptr;
            if (!connection) {
                accept_all(listener);
            } else if (!(connection->unsent.length > 0 ? flush(connection) : receive(connection))) {
                close_connection(connection);
            }
        }
    }
}
