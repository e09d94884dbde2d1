/*
 * When the rows of a sealed segment were inserted, by the second: runs of rows that came in one, in
 * ascending order of both, so that rows older than some second are a prefix. Bulk loads take a run
 * a second, single inserts 8 bytes a row.
 *
 *   u32 first row · u32 second since 1970, for each run
 *
 * Files of before have none: their rows count as inserted when the newest of them was.
 */
#include "base/endian.h"
#include "storage/sealed_internal.h"

static size_t run_count(const struct sealed *s) { return s->times.len / TIMES_BYTES; }

static size_t run_row(const struct sealed *s, size_t run)
{
    const size_t row = le32_get(s->times.data + run * TIMES_BYTES);
    return row < s->rows ? row : s->rows;
}

static uint32_t run_second(const struct sealed *s, size_t run)
{
    return le32_get(s->times.data + run * TIMES_BYTES + 4);
}

size_t sealed_expired(const struct segment *segment, uint64_t oldest_s)
{
    const struct sealed *s = (const struct sealed *)segment;
    if (!s->times.data) return second_of_ts(s->max_ts) < oldest_s ? s->rows : 0;
    if (second_of_ts(s->min_ts) >= oldest_s) return 0;
    if (section_touch(&s->times, 0, s->times.len)) return 0; /* marked as damaged: left out */
    size_t low = 0;
    size_t high = run_count(s);
    while (low < high) {
        const size_t middle = low + (high - low) / 2;
        if (run_second(s, middle) < oldest_s) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low == run_count(s) ? s->rows : low == 0 ? 0 : run_row(s, low);
}

int sealed_second(const struct segment *segment, size_t row, uint32_t *second, size_t *end)
{
    const struct sealed *s = (const struct sealed *)segment;
    *second = (uint32_t)second_of_ts(s->max_ts);
    *end = s->rows;
    if (!s->times.data) return 0;
    if (section_touch(&s->times, 0, s->times.len)) return KITH_ECORRUPT;
    size_t low = 0;
    size_t high = run_count(s);
    while (low < high) { /* the first run behind the row */
        const size_t middle = low + (high - low) / 2;
        if (run_row(s, middle) <= row) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    if (low == 0) return KITH_ECORRUPT;
    *second = run_second(s, low - 1);
    if (low < run_count(s)) *end = run_row(s, low);
    return *end > row ? 0 : KITH_ECORRUPT;
}
