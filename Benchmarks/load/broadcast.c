#include "connection.h"
#include "failure.h"
#include "meter.h"
#include "modes.h"
#include "options.h"

#include <stdlib.h>

/* As many subscribers are begun at a time as every server has room for in its backlog. */
enum { JOINED_TOGETHER = 100 };

static struct connection *connections, *publisher;
static uint32_t joined;    /* open connections */
static uint32_t behind;    /* those of them that have not received everything published */
static uint64_t published; /* position in the one stream that all of them share */
static uint64_t started;   /* when the last messages were published */

static void publish(uint32_t messages) {
    publisher->sent = publisher->goal = published;
    published += (uint64_t)messages * options.size;
    publisher->received = published; /* its own messages must not come back */
    behind = joined - 1;
    started = now_in_ns();
    connection_send(publisher, published - publisher->goal);
}

static void publish_if_allowed(void) {
    if (meter_may_send((uint64_t)(joined - 1) * options.depth)) publish(options.depth);
}

static void handle(struct connection *connection, uint32_t events) {
    bool was_behind = connection->received < published;
    enum progress progress = connection_progress(connection, events);
    bool is_behind = progress == PROGRESS_OPEN && connection->received < published;
    if (progress != PROGRESS_OPEN) joined--;
    if (!was_behind || is_behind) return;
    behind--;
    if (progress == PROGRESS_OPEN) meter_count(options.depth, started, now_in_ns());
    if (behind == 0 && meter_failures() == 0) publish_if_allowed();
}

static void wait_for_all(void) {
    while (behind > 0) {
        if (connections_turn(handle)) continue;
        meter_count_failure(FAILURE_TIMED_OUT, behind);
        behind = 0;
    }
}

/*
 * Without an answer of its own a subscriber cannot tell that the server has accepted it. But
 * servers accept in order: once the last of a group has published, and the others have received
 * it, all of the group are in. The last to join goes on as the publisher.
 */
static void join_all(uint32_t count) {
    for (uint32_t i = 0; i < count && meter_failures() == 0; i++) {
        connection_open(&connections[i], 0);
        connections[i].received = published;
        joined++;
        if (joined % JOINED_TOGETHER != 0 && i != count - 1) continue;
        publisher = &connections[i];
        publish(1);
        wait_for_all();
    }
}

void run_broadcast(void) {
    uint32_t count = options.connections + 1;
    connections = calloc(count, sizeof *connections);
    if (!connections) fail("calloc: out of memory");
    join_all(count);
    if (meter_failures() == 0) {
        meter_start(options.warm_up);
        publish_if_allowed();
        wait_for_all();
    }
    meter_report();
}
