/*
 * How many workers an elastic pool should have: a pure function of what ten samples of the last
 * interval saw. N workers are configured; never below max(1, N/4), never above 2N.
 *
 *   grow    by max(1, now/4)  at most samples the queue was longer than now/2, or nine in ten were
 *                             busy
 *   shrink  by max(1, now/8)  else, if the queue was always empty, a task took less than a
 *                             millisecond in the mean, and less than half were ever busy
 */
#ifndef KITH_LINE_LINE_SCALE_H
#define KITH_LINE_LINE_SCALE_H

#include <stddef.h>
#include <stdint.h>

#define LINE_SCALE_SAMPLES 10u

struct line_sample {
    unsigned busy, queued;
};

unsigned line_scale_floor(unsigned configured);
unsigned line_scale_ceiling(unsigned configured);
/* mean_us: of the tasks that ended in the interval; 0 when none did. */
unsigned line_scale(unsigned configured, unsigned now, const struct line_sample *samples,
                    size_t count, uint64_t mean_us);

#endif
