/*
 * Times in nanoseconds, counted in buckets that each end at most 1/64 above their lower edge: every
 * percentile is exact to 1.6 %, in constant space and without an allocation.
 */
#ifndef HISTOGRAM_H
#define HISTOGRAM_H

#include <stdint.h>

enum { HISTOGRAM_BUCKETS = 64 * 60 };

struct histogram {
    uint64_t total, largest;
    uint64_t counts[HISTOGRAM_BUCKETS];
};

void histogram_add(struct histogram *histogram, uint64_t value, uint64_t times);

/* The value that the share (0 to 1) of all values does not exceed. */
uint64_t histogram_percentile(const struct histogram *histogram, double share);

#endif
