#include "connection.h"
#include "failure.h"
#include "meter.h"
#include "modes.h"
#include "options.h"

#include <poll.h>
#include <signal.h>
#include <stdlib.h>

/* As many connections are begun at a time as every server has room for in its backlog. */
enum { OPENED_TOGETHER = 100 };

static struct connection *connections;
static uint32_t waiting; /* connections that have sent and not yet received everything */

static void begin(struct connection *connection, uint32_t messages, uint64_t now) {
    connection->started = now;
    waiting++;
    connection_send(connection, (uint64_t)messages * options.size);
}

static void handle(struct connection *connection, uint32_t events) {
    bool was_waiting = connection->received < connection->goal;
    enum progress progress = connection_progress(connection, events);
    bool is_waiting = progress == PROGRESS_OPEN && connection->received < connection->goal;
    if (!was_waiting || is_waiting) return;
    waiting--;
    if (progress != PROGRESS_OPEN) return;
    uint64_t now = now_in_ns();
    meter_count(options.depth, connection->started, now);
    if (meter_may_send(options.depth)) begin(connection, options.depth, now);
}

/* Until no more than so many connections wait. */
static void wait_until_waiting(uint32_t most) {
    while (waiting > most) {
        if (connections_turn(handle)) continue;
        meter_count_failure(FAILURE_TIMED_OUT, waiting);
        waiting = 0;
    }
}

/* One message goes each way on every connection: only then has the server surely accepted it. */
static void open_all(void) {
    connections = calloc(options.connections, sizeof *connections);
    if (!connections) fail("calloc: out of memory");
    for (uint32_t i = 0; i < options.connections && meter_failures() == 0; i++) {
        connection_open(&connections[i], i);
        begin(&connections[i], 1, now_in_ns());
        wait_until_waiting(OPENED_TOGETHER - 1);
    }
    wait_until_waiting(0);
}

void run_exchange(void) {
    open_all();
    if (meter_failures() == 0) {
        meter_start(options.warm_up);
        for (uint32_t i = 0; i < options.connections && meter_may_send(options.depth); i++) {
            begin(&connections[i], options.depth, now_in_ns());
        }
        wait_until_waiting(0);
    }
    meter_report();
}

static volatile sig_atomic_t terminated;

static void on_sigterm(int signal) {
    (void)signal;
    terminated = 1;
}

static bool input_ended(void) {
    struct pollfd input = {.fd = 0, .events = POLLIN};
    return poll(&input, 1, 0) > 0;
}

void run_idle(void) {
    signal(SIGTERM, on_sigterm);
    open_all();
    meter_report();
    uint64_t until = now_in_ns() + options.seconds * 1e9;
    while (!terminated && !input_ended() && now_in_ns() < until) {
        connections_turn(handle);
    }
}
