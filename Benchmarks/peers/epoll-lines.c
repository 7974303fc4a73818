/*
 * The baseline for line framing: raw epoll, which splits what it reads into lines (LF or CRLF),
 * answers each with itself, and writes all the answers to one read at once.
 */
#include "epoll-server.h"

#include <string.h>
#include <sys/socket.h>

enum { LONGEST_LINE = PEER_BUFFER };

/* Answers to what was read: no longer than the unfinished line and the buffer that it came from. */
static char answers[LONGEST_LINE + PEER_BUFFER];
static size_t answered;

static void on_line(const char *start, size_t length) {
    if (length > 0 && start[length - 1] == '\r') length--;
    memcpy(answers + answered, start, length);
    answers[answered + length] = '\n';
    answered += length + 1;
}

void on_bytes(struct connection *connection, const char *start, size_t length) {
    const char *end = start + length, *newline;
    struct bytes *unfinished = &connection->unfinished;
    answered = 0;
    if (unfinished->length > 0 && (newline = memchr(start, '\n', length))) {
        bytes_append(unfinished, start, newline - start);
        on_line(unfinished->start, unfinished->length);
        bytes_free(unfinished);
        start = newline + 1;
    }
    while (unfinished->length == 0 && (newline = memchr(start, '\n', end - start))) {
        on_line(start, newline - start);
        start = newline + 1;
    }
    if (unfinished->length + (end - start) >= LONGEST_LINE) {
        shutdown(connection->fd, SHUT_RDWR); /* its next read closes it */
        return;
    }
    if (start < end) bytes_append(unfinished, start, end - start);
    if (answered > 0) send_bytes(connection, answers, answered);
}

int main(int argc, char **argv) {
    serve(peer_place(argc, argv));
}
