/*
 * The baseline for broadcast: what one connection sends is written to every other one. A receiver
 * that lags by more than the limit is cut off.
 */
#include "libuv-server.h"

enum { LARGEST_LAG = 1024 * 1024 };

void on_bytes(struct connection *sender, const char *start, size_t length) {
    /* Backwards: closing a connection moves the last one, already served, into its place. */
    for (size_t i = connection_count; i-- > 0;) {
        struct connection *receiver = connections[i];
        if (receiver == sender) continue;
        send_bytes(receiver, start, length);
        if (receiver->queued > LARGEST_LAG) close_connection(receiver);
    }
}

void on_drained(struct connection *connection) {
    (void)connection;
}

int main(int argc, char **argv) {
    serve(peer_place(argc, argv));
}
