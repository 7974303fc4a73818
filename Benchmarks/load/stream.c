#include "stream.h"

#include "failure.h"

#include <stdlib.h>

enum { RAW_PERIOD = 262147, LINES_PER_PERIOD = 4099, SPREAD = 2477 };

static char *pattern;
static uint64_t period, unit;

/* xorshift64*: the same bytes in every run. */
static uint8_t next_random(void) {
    static uint64_t state = 0x9e3779b97f4a7c15;
    state ^= state >> 12;
    state ^= state << 25;
    state ^= state >> 27;
    return (state * 0x2545f4914f6cdd1d) >> 56;
}

void stream_prepare(size_t line_length) {
    unit = line_length > 0 ? line_length : 1;
    period = line_length > 0 ? line_length * LINES_PER_PERIOD : RAW_PERIOD;
    pattern = malloc(period + STREAM_WINDOW);
    if (!pattern) fail("malloc: out of memory");
    for (uint64_t i = 0; i < period; i++) {
        uint8_t byte = next_random();
        if (line_length > 0) byte = i % line_length == line_length - 1 ? '\n' : ' ' + 1 + byte % 94;
        pattern[i] = byte;
    }
    for (uint64_t i = 0; i < STREAM_WINDOW; i++) pattern[period + i] = pattern[i % period];
}

uint32_t stream_start(uint64_t number) {
    return number * SPREAD % (period / unit) * unit;
}

const char *stream_at(uint32_t start, uint64_t position) {
    return pattern + (start + position) % period;
}
