/* The baseline of every comparison: raw epoll, echoing what it reads. */
#include "epoll-server.h"

void on_bytes(struct connection *connection, const char *start, size_t length) {
    send_bytes(connection, start, length);
}

int main(int argc, char **argv) {
    serve(peer_place(argc, argv));
}
