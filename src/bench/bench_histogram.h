/*
 * A histogram of times with three significant digits, from a nanosecond to hours, in constant
 * memory and time (the layout of G. Tene's HdrHistogram): 1,024 steps for each power of two.
 */
#ifndef KITH_BENCH_BENCH_HISTOGRAM_H
#define KITH_BENCH_BENCH_HISTOGRAM_H

#include <stddef.h>
#include <stdint.h>

#define HISTOGRAM_STEPS 1024u
#define HISTOGRAM_POWERS 34u /* up to 2^43 ns, two hours; longer times count as that */
#define HISTOGRAM_CELLS ((size_t)HISTOGRAM_STEPS * (HISTOGRAM_POWERS + 1))

struct bench_histogram {
    uint64_t count, max_ns;
    double sum_ns, sum_squares;
    uint64_t cells[HISTOGRAM_CELLS];
};

void bench_histogram_add(struct bench_histogram *histogram, uint64_t ns);
void bench_histogram_merge(struct bench_histogram *into, const struct bench_histogram *from);
/* The time that this share (0 to 1) of all stayed at or below: nearest rank. 0: there are none. */
double bench_histogram_at(const struct bench_histogram *histogram, double share);
double bench_histogram_mean(const struct bench_histogram *histogram);
double bench_histogram_deviation(const struct bench_histogram *histogram);

#endif
