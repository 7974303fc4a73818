/*
 * The load's end of the connections: opened on 127.0.0.1 or a Unix socket, watched by one
 * edge-triggered epoll, sending from and checked against their streams.
 */
#ifndef CONNECTION_H
#define CONNECTION_H

#include <stdbool.h>
#include <stdint.h>

struct connection {
    int fd;               /* -1 when closed */
    uint32_t stream;      /* where in the pattern its stream starts */
    bool half_closed;     /* nothing more will be sent, and the peer is expected to close */
    uint64_t sent;        /* position in the stream: the kernel has taken it up to here */
    uint64_t goal;        /* position in the stream: to be sent up to here */
    uint64_t received;    /* position in the stream: came back, and was right, up to here */
    uint64_t started;     /* when the messages under way were sent */
};

enum progress {
    PROGRESS_OPEN,   /* the connection lives; `received` may have moved */
    PROGRESS_ENDED,  /* half closed before, now closed by the peer as expected, and here too */
    PROGRESS_DROPPED /* it failed; the failure is counted, the connection is closed */
};

/* All zero is a connection that was never opened. `number` selects its stream. */
void connection_open(struct connection *connection, uint64_t number);

/* Extends the goal and sends what the kernel takes; the rest goes with the next event. */
void connection_send(struct connection *connection, uint64_t length);

/* Sends and receives what the events allow. */
enum progress connection_progress(struct connection *connection, uint32_t events);

void connection_half_close(struct connection *connection);
void connection_close(struct connection *connection);

typedef void event_handler(struct connection *connection, uint32_t events);

/* Waits for events, handles each, ticks the meter; false when nothing came for 5 seconds. */
bool connections_turn(event_handler *handler);

#endif
