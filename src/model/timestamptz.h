/*
 * Instants as text and as microseconds since 1970-01-01T00:00:00Z, and durations of the calendar.
 *
 * The calendar is the proleptic Gregorian one, without leap seconds (":60" is the next minute's
 * ":00"). Nothing here reads a clock, a locale or a list of time zones. Thread-safe.
 */
#ifndef KITH_MODEL_TIMESTAMPTZ_H
#define KITH_MODEL_TIMESTAMPTZ_H

#include <kith/kith.h>

#include "base/error.h"

#define TIMESTAMPTZ_TEXT_BYTES 40 /* room for any formatted instant and its NUL */

struct time_interval { /* months first, then the rest; the sign may be negative */
    int64_t months;
    int64_t micros;
};

/* ISO 8601 as RFC 3339 has it: date, then 'T' or a blank, hh:mm[:ss[.fraction]], then 'Z', +hh:mm,
 * +hhmm or +hh. A date alone is its midnight; without an offset `offset_minutes` (east of UTC)
 * holds. Years of more than four digits have a sign. Digits below the microsecond are cut off.
 * false: the text is none, or beyond int64. */
KITH_NODISCARD bool timestamptz_parse(struct kith_str text, int offset_minutes, int64_t *micros);
/* "2025-01-31T08:00:00.5+08:00", with 'Z' for offset 0 and only the fraction digits that are
 * needed; returns the length. Reads back as the same instant. */
size_t timestamptz_format(int64_t micros, int offset_minutes, char out[TIMESTAMPTZ_TEXT_BYTES]);

/* ISO 8601 duration of whole Y M D T H M S, "P1Y2M3DT4H5M6S": at least one part. A day has 24
 * hours. */
KITH_NODISCARD bool time_interval_parse(struct kith_str text, struct time_interval *out);
/* Months keep the day of the month, cut to the last one of the new month: 31 January and one month
 * is 28 or 29 February. false: beyond int64. */
KITH_NODISCARD bool timestamptz_add(int64_t micros, const struct time_interval *interval,
                                    int64_t *out);

#endif
