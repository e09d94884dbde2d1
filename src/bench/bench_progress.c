/*
 * One line on a terminal: what, how far, how fast, how long still. Nothing when standard error is
 * a file or a pipe, so that logs stay readable.
 */
#include <stdio.h>
#include <unistd.h>

#include "bench/bench_internal.h"

#define DRAW_US 100000

void bench_progress_begin(struct bench_progress *progress, const struct os *os, const char *what)
{
    const int64_t now = os_now_us(os);
    *progress = (struct bench_progress){.os = os, .what = what, .start_us = now, .last_us = now,
                                        .shown = isatty(STDERR_FILENO) == 1};
}

static void draw(const struct bench_progress *progress, int64_t now, uint64_t done, uint64_t total)
{
    const double seconds = (double)(now - progress->start_us) * 1e-6;
    const double rate = seconds > 0 ? (double)done / seconds : 0.0;
    const double left = rate > 0 && total > done ? (double)(total - done) / rate : 0.0;
    const double share = total > 0 ? 100.0 * (double)done / (double)total : 0.0;
    fprintf(stderr, "\r%s %5.1f %%  %.0f/s  %.0f s left\033[K", progress->what, share, rate, left);
    fflush(stderr);
}

void bench_progress_at(struct bench_progress *progress, uint64_t done, uint64_t total)
{
    if (!progress->shown || done == 0) return;
    if (atomic_exchange_explicit(&progress->drawing, true, memory_order_acquire)) return;
    const int64_t now = os_now_us(progress->os);
    if (now - progress->last_us >= DRAW_US) {
        progress->last_us = now;
        draw(progress, now, done, total);
    }
    atomic_store_explicit(&progress->drawing, false, memory_order_release);
}

void bench_progress_end(struct bench_progress *progress)
{
    if (!progress->shown) return;
    fputs("\r\033[K", stderr);
    fflush(stderr);
}
