#include "histogram.h"

/* Below 128 a bucket is one value; above, 64 buckets divide every power of two. */
static uint32_t bucket_of(uint64_t value) {
    if (value < 128) return value;
    uint32_t shift = 57 - __builtin_clzll(value);
    return 64 * shift + (value >> shift);
}

static uint64_t highest_of(uint32_t bucket) {
    if (bucket < 128) return bucket;
    uint32_t shift = bucket / 64 - 1;
    return ((uint64_t)(bucket % 64 + 65) << shift) - 1;
}

void histogram_add(struct histogram *histogram, uint64_t value, uint64_t times) {
    histogram->counts[bucket_of(value)] += times;
    histogram->total += times;
    if (value > histogram->largest) histogram->largest = value;
}

uint64_t histogram_percentile(const struct histogram *histogram, double share) {
    double passed = 0;
    for (uint32_t bucket = 0; bucket < HISTOGRAM_BUCKETS; bucket++) {
        passed += histogram->counts[bucket];
        if (passed > 0 && passed >= share * histogram->total) {
            uint64_t highest = highest_of(bucket);
            return highest < histogram->largest ? highest : histogram->largest;
        }
    }
    return histogram->largest;
}
