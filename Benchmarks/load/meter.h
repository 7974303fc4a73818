/*
 * What is measured, and when: after the warm-up, for the seconds given or until the last message
 * allowed. The CPU time of the load generator and of the server is read at the same two moments, so
 * that both belong to exactly the messages counted.
 */
#ifndef METER_H
#define METER_H

#include <stdbool.h>
#include <stdint.h>

enum failure {
    FAILURE_WRONG_BYTES,    /* changed, lost, doubled, out of order or another connection's */
    FAILURE_CLOSED_BY_PEER, /* before everything had come back */
    FAILURE_CONNECT,
    FAILURE_TIMED_OUT,
    FAILURE_KINDS
};

uint64_t now_in_ns(void);

void meter_start(double warm_up);

/* Starts and ends the measurement when its time has come. */
void meter_tick(uint64_t now);

/* Whether that many messages more may be sent; counts them against the limit when so. */
bool meter_may_send(uint64_t messages);

/* That many messages, sent at `started`, have come back whole. */
void meter_count(uint64_t messages, uint64_t started, uint64_t now);

void meter_count_failure(enum failure kind, uint64_t times);
void meter_count_retry(void);

uint64_t meter_failures(void);

/* Ends the measurement, if it goes on, and prints the JSON object. */
void meter_report(void);

#endif
