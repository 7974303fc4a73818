/* libuv used as well as C can use it, echoing what it reads. */
#include "libuv-server.h"

void on_bytes(struct connection *connection, const char *start, size_t length) {
    send_bytes(connection, start, length);
    if (connection->queued > 0) uv_read_stop((uv_stream_t *)connection);
}

void on_drained(struct connection *connection) {
    start_receiving(connection);
}

int main(int argc, char **argv) {
    serve(peer_place(argc, argv));
}
