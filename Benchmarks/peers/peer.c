#include "peer.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>

void peer_fail(const char *call) {
    fprintf(stderr, "%s: %s\n", call, strerror(errno));
    exit(1);
}

static bool is_port(const char *value) {
    char *end;
    long port = strtol(value, &end, 10);
    return end != value && *end == '\0' && port >= 0 && port <= 65535;
}

static bool is_path(const char *value) {
    return *value != '\0' && strlen(value) < sizeof(((struct sockaddr_un *)NULL)->sun_path);
}

struct place peer_place(int argc, char **argv) {
    if (argc == 3 && strcmp(argv[1], "--port") == 0 && is_port(argv[2])) {
        return (struct place){.port = atoi(argv[2])};
    }
    if (argc == 3 && strcmp(argv[1], "--path") == 0 && is_path(argv[2])) {
        return (struct place){.path = argv[2]};
    }
    fprintf(stderr, "usage: %s --port N | --path P\n", argv[0]);
    exit(2);
}

void peer_announce(struct place place) {
    if (place.path) printf("listening on unix:%s\n", place.path);
    else printf("listening on 127.0.0.1:%d\n", place.port);
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
