#include "peer.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void peer_fail(const char *call) {
    fprintf(stderr, "%s: %s\n", call, strerror(errno));
    exit(1);
}

int peer_port(int argc, char **argv) {
    char *end = "";
    long port = -1;
    if (argc == 3 && strcmp(argv[1], "--port") == 0) port = strtol(argv[2], &end, 10);
    if (port < 0 || port > 65535 || *end != '\0') {
        fprintf(stderr, "usage: %s --port N\n", argv[0]);
        exit(2);
    }
    return (int)port;
}

void peer_announce(int port) {
    printf("listening on 127.0.0.1:%d\n", port);
    fflush(stdout);
}

void bytes_append(struct bytes *bytes, const char *start, size_t length) {
    if (bytes->length + length > bytes->capacity) {
        bytes->capacity = (bytes->length + length) * 2;
        bytes->start = realloc(bytes->start, bytes->capacity);
        if (!bytes->start) peer_fail("realloc");
    }
    memcpy(bytes->start + bytes->length, start, length);
    bytes->length += length;
}

void bytes_remove_first(struct bytes *bytes, size_t length) {
    bytes->length -= length;
    if (bytes->length == 0) return bytes_free(bytes);
    memmove(bytes->start, bytes->start + length, bytes->length);
}

void bytes_free(struct bytes *bytes) {
    free(bytes->start);
    *bytes = (struct bytes){0};
}
