#ifndef OPTIONS_H
#define OPTIONS_H

#include <stdint.h>
#include <sys/types.h>

enum mode { MODE_ECHO, MODE_LINES, MODE_CONNECT, MODE_IDLE, MODE_BROADCAST };

struct options {
    enum mode mode;
    const char *mode_name;
    int port;             /* the server's on 127.0.0.1, unless there is a path */
    const char *path;     /* the server's Unix socket; NULL for TCP */
    uint32_t size;        /* of a message, in bytes */
    uint32_t connections; /* for broadcast, the subscribers */
    uint32_t depth;       /* messages sent before the first answer is waited for */
    double warm_up;       /* seconds, not measured */
    double seconds;       /* measured; for idle, held */
    uint64_t messages;    /* the most that are sent once all connections are open; 0 for no limit */
    pid_t server;         /* whose CPU time is read; 0 for none */
};

extern struct options options;

void options_parse(int argc, char **argv);

#endif
