/*
 * Times in cells: see bench_histogram.h. Cell i < 2 * STEPS holds the time i; behind them each
 * power of two has STEPS cells.
 */
#include "bench/bench_histogram.h"

#include <math.h>

static size_t cell_of(uint64_t ns)
{
    if (ns < 2 * HISTOGRAM_STEPS) return (size_t)ns;
    const unsigned top = 63u - (unsigned)__builtin_clzll(ns); /* at least 11 */
    const unsigned shift = top - 10u;
    const size_t cell = (size_t)shift * HISTOGRAM_STEPS + (size_t)(ns >> shift);
    return cell < HISTOGRAM_CELLS ? cell : HISTOGRAM_CELLS - 1;
}

/* The middle of a cell. */
static double time_of(size_t cell)
{
    if (cell < 2 * (size_t)HISTOGRAM_STEPS) return (double)cell;
    const size_t shift = cell / HISTOGRAM_STEPS - 1;
    const double width = ldexp(1, (int)shift);
    return ((double)(cell - shift * HISTOGRAM_STEPS) + 0.5) * width;
}

void bench_histogram_add(struct bench_histogram *histogram, uint64_t ns)
{
    histogram->cells[cell_of(ns)]++;
    histogram->count++;
    histogram->sum_ns += (double)ns;
    histogram->sum_squares += (double)ns * (double)ns;
    if (ns > histogram->max_ns) histogram->max_ns = ns;
}

void bench_histogram_merge(struct bench_histogram *into, const struct bench_histogram *from)
{
    for (size_t i = 0; i < HISTOGRAM_CELLS; i++) into->cells[i] += from->cells[i];
    into->count += from->count;
    into->sum_ns += from->sum_ns;
    into->sum_squares += from->sum_squares;
    if (from->max_ns > into->max_ns) into->max_ns = from->max_ns;
}

double bench_histogram_at(const struct bench_histogram *histogram, double share)
{
    uint64_t seen = 0;
    const double rank = ceil(share * (double)histogram->count);
    for (size_t i = 0; i < HISTOGRAM_CELLS && histogram->count; i++) {
        seen += histogram->cells[i];
        if (!seen || (double)seen < rank) continue;
        const double at = time_of(i);
        return at < (double)histogram->max_ns ? at : (double)histogram->max_ns;
    }
    return (double)histogram->max_ns;
}

double bench_histogram_mean(const struct bench_histogram *histogram)
{
    return histogram->count ? histogram->sum_ns / (double)histogram->count : 0;
}

double bench_histogram_deviation(const struct bench_histogram *histogram)
{
    const double mean = bench_histogram_mean(histogram);
    if (histogram->count < 2) return 0;
    const double variance = histogram->sum_squares / (double)histogram->count - mean * mean;
    return variance > 0 ? sqrt(variance) : 0;
}
