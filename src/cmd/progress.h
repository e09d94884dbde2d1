/*
 * One line on a terminal that says how far a long job is, how fast it goes and how long it will
 * take. Draws nothing when standard error is not a terminal. One thread at a time.
 */
#ifndef KITH_CMD_PROGRESS_H
#define KITH_CMD_PROGRESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct progress {
    const char *unit; /* borrows: "rows" */
    bool on;
    int64_t start_us, drawn_us;
};

struct progress_state {
    uint64_t done;     /* in units, for the rate */
    double fraction;   /* 0..1; negative: unknown */
    double elapsed_s;
};

/* `wanted` false: stays silent (--json). */
void progress_begin(struct progress *progress, const char *unit, bool wanted);
/* Redraws at most ten times a second. */
void progress_update(struct progress *progress, uint64_t done, double fraction);
/* As progress_update without a fraction, with a word for what is waited for. */
void progress_note(struct progress *progress, const char *text);
void progress_end(struct progress *progress); /* wipes the line */

/* The line, without control characters: "[#####.....] 50%  1,000 rows  500 rows/s  2 s left". */
void progress_format(const struct progress_state *state, const char *unit, char *out, size_t size);

/* "4.2 s", "3 min 05 s", "2 h 10 min" */
void progress_time(double seconds, char *out, size_t size);
/* With commas: "1,234,567". */
void progress_count(uint64_t number, char *out, size_t size);
/* "512 B", "1.5 KiB", "2.0 GiB" */
void progress_bytes(uint64_t bytes, char *out, size_t size);

#endif
