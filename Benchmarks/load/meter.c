#include "meter.h"

#include "failure.h"
#include "histogram.h"
#include "options.h"

#include <stdio.h>
#include <string.h>
#include <time.h>


static enum { WAITING, WARMING_UP, MEASURING, OVER } phase;

static struct moment {
    uint64_t wall, load_cpu, server_cpu; /* ns */
} first, last;

static struct histogram histogram;
static uint64_t measuring_from, sent, retries, failures[FAILURE_KINDS];

static uint64_t read_clock(clockid_t clock) {
    struct timespec time;
    if (clock_gettime(clock, &time) != 0) {
        fail("--server %d: its CPU time cannot be read", options.server);
    }
    return time.tv_sec * 1000000000ull + time.tv_nsec;
}

uint64_t now_in_ns(void) {
    return read_clock(CLOCK_MONOTONIC);
}

static struct moment moment_at(uint64_t wall) {
    struct moment moment = {.wall = wall, .load_cpu = read_clock(CLOCK_PROCESS_CPUTIME_ID)};
    clockid_t clock;
    if (options.server > 0) {
        int error = clock_getcpuclockid(options.server, &clock);
        if (error != 0) fail("--server %d: %s", options.server, strerror(error));
        moment.server_cpu = read_clock(clock);
    }
    return moment;
}

void meter_start(double warm_up) {
    uint64_t now = now_in_ns();
    phase = WARMING_UP;
    measuring_from = now + warm_up * 1e9;
    meter_tick(now);
}

static void finish(uint64_t now) {
    last = moment_at(now);
    phase = OVER;
}

void meter_tick(uint64_t now) {
    if (phase == WARMING_UP && now >= measuring_from) {
        first = moment_at(now);
        phase = MEASURING;
    } else if (phase == MEASURING && now - first.wall >= options.seconds * 1e9) {
        finish(now);
    }
}

bool meter_may_send(uint64_t messages) {
    if (phase != WARMING_UP && phase != MEASURING) return false;
    if (options.messages > 0 && sent + messages > options.messages) return false;
    sent += messages;
    return true;
}

void meter_count(uint64_t messages, uint64_t started, uint64_t now) {
    if (phase == MEASURING) histogram_add(&histogram, now - started, messages);
}

void meter_count_failure(enum failure kind, uint64_t times) {
    failures[kind] += times;
}

uint64_t meter_failures(void) {
    uint64_t sum = 0;
    for (int kind = 0; kind < FAILURE_KINDS; kind++) sum += failures[kind];
    return sum;
}

void meter_count_retry(void) {
    retries++;
}

static double microseconds_at(double share) {
    return histogram_percentile(&histogram, share) / 1e3;
}

/* Whether the generator held the server back: it hardly slept, and the server slept more. */
static bool was_saturated(uint64_t wall, uint64_t load_cpu, uint64_t server_cpu) {
    return load_cpu > 0.95 * wall && load_cpu > server_cpu;
}

void meter_report(void) {
    if (phase == MEASURING) finish(now_in_ns());
    uint64_t wall = last.wall - first.wall, load_cpu = last.load_cpu - first.load_cpu;
    uint64_t server_cpu = last.server_cpu - first.server_cpu;
    double seconds = wall / 1e9;

    printf("{\"mode\": \"%s\", \"size\": %u, \"connections\": %u, \"depth\": %u, ",
           options.mode_name, options.size, options.connections, options.depth);
    printf("\"messages\": %lu, \"seconds\": %.6f, \"messages_per_second\": %.1f, ",
           histogram.total, seconds, seconds > 0 ? histogram.total / seconds : 0);
    printf("\"latency_us\": {\"p50\": %.1f, \"p99\": %.1f, \"p99.9\": %.1f, \"max\": %.1f}, ",
           microseconds_at(0.5), microseconds_at(0.99), microseconds_at(0.999),
           histogram.largest / 1e3);
    printf("\"errors\": %lu, \"wrong_bytes\": %lu, \"closed_by_peer\": %lu, "
           "\"connect_failed\": %lu, \"timed_out\": %lu, \"retries\": %lu, ",
           meter_failures(), failures[FAILURE_WRONG_BYTES], failures[FAILURE_CLOSED_BY_PEER],
           failures[FAILURE_CONNECT], failures[FAILURE_TIMED_OUT], retries);
    if (options.server > 0) {
        printf("\"server_cpu_seconds\": %.6f, ", server_cpu / 1e9);
    }
    printf("\"load_cpu_seconds\": %.6f, \"saturated\": %s}\n",
           load_cpu / 1e9, was_saturated(wall, load_cpu, server_cpu) ? "true" : "false");
    fflush(stdout);
}
