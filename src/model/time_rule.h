/*
 * The rule of a zone for all years to come: POSIX.1's TZ, with RFC 8536's longer times.
 * Thread-safe.
 *
 *   std offset [dst [offset] , start [/time] , end [/time]]
 *   offset  [+-]hh[:mm[:ss]], west of UTC is positive
 *   start   Mm.w.d (week 5: the last), Jn (1..365 without 29 February), n (0..365)
 */
#ifndef KITH_MODEL_TIME_RULE_H
#define KITH_MODEL_TIME_RULE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum time_rule_kind { TIME_RULE_MONTH, TIME_RULE_JULIAN, TIME_RULE_DAY };
struct time_rule_date {
    enum time_rule_kind kind;
    int month, week, day;
    int32_t time_s; /* of the local clock before the change */
};
struct time_rule {
    int32_t standard_s, summer_s; /* east of UTC */
    bool summer;                  /* there is one */
    struct time_rule_date start, end;
};

/* false: the text is none. */
bool time_rule_parse(const char *text, size_t len, struct time_rule *out);
int32_t time_rule_offset(const struct time_rule *rule, int64_t instant_s);
/* Offsets of clocks: less than 26 hours. */
bool time_rule_offset_fits(int32_t offset_s);

#endif
