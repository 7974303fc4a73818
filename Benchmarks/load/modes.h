/* The ways to load a server; each returns when all messages have come back or failed. */
#ifndef MODES_H
#define MODES_H

/* Echo and lines: every connection sends `depth` messages together and waits for all of them. */
void run_exchange(void);

/* Connect, send one message, wait for its echo, close, wait for the server to close too. */
void run_connect(void);

/* Opens every connection, echoes one message on each, reports, and holds them. */
void run_idle(void);

/* One publisher, whose messages every subscriber must receive, all of them and in order. */
void run_broadcast(void);

#endif
