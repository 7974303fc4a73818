#include "connection.h"
#include "failure.h"
#include "meter.h"
#include "modes.h"
#include "options.h"

#include <stdlib.h>

static uint32_t under_way;

static void begin(struct connection *connection) {
    static uint64_t opened;
    uint64_t now = now_in_ns();
    connection_open(connection, opened++);
    connection->started = now;
    under_way++;
    connection_send(connection, options.size);
}

static void handle(struct connection *connection, uint32_t events) {
    switch (connection_progress(connection, events)) {
    case PROGRESS_OPEN:
        if (connection->received == options.size && !connection->half_closed) {
            connection_half_close(connection);
        }
        break;
    case PROGRESS_ENDED:
        under_way--;
        meter_count(1, connection->started, now_in_ns());
        if (meter_may_send(1)) begin(connection);
        break;
    case PROGRESS_DROPPED:
        under_way--;
        break;
    }
}

void run_connect(void) {
    struct connection *connections = calloc(options.connections, sizeof *connections);
    if (!connections) fail("calloc: out of memory");
    meter_start(options.warm_up);
    for (uint32_t i = 0; i < options.connections && meter_may_send(1); i++) {
        begin(&connections[i]);
    }
    while (under_way > 0) {
        if (connections_turn(handle)) continue;
        meter_count_failure(FAILURE_TIMED_OUT, under_way);
        break;
    }
    meter_report();
}
