/* Functions of expressions about times, which are seconds since 1970, in UTC. See search_expr.h. */
#include "redis/search_expr.h"

#include <math.h>
#include <string.h>
#include <time.h>

#define FORMAT_MAX 128u
#define FORMATTED_MAX 1024u
#define SECONDS_MAX 253402300799.0 /* the end of the year 9999 */

/* False: there is no such time; the result is nothing then. */
static int read_time(struct expr_run *run, const struct expr_value *arg, struct tm *out, bool *ok)
{
    double seconds = 0;
    *ok = arg->kind != EXPR_NOTHING;
    const int rc = *ok ? expr_number(run, arg, &seconds) : 0;
    if (rc) return rc;
    const time_t time = fabs(seconds) <= SECONDS_MAX ? (time_t)floor(seconds) : 0;
    *ok = *ok && fabs(seconds) <= SECONDS_MAX && gmtime_r(&time, out) != NULL;
    return 0;
}

static int read_format(struct expr_run *run, const struct expr_value *args, size_t count,
                       char format[FORMAT_MAX + 1])
{
    struct kith_str text = str_of("%Y-%m-%dT%H:%M:%SZ");
    const int rc = count > 1 ? expr_text(run, &args[1], &text) : 0;
    if (rc) return rc;
    if (text.len > FORMAT_MAX) return expr_fail(run, "The format of a time is too long");
    memcpy(format, text.data, text.len);
    format[text.len] = 0;
    return 0;
}

static int run_timefmt(struct expr_run *run, const struct expr_value *args, size_t count,
                       struct expr_value *out)
{
    char format[FORMAT_MAX + 1], *room;
    struct tm time;
    bool ok;
    int rc = read_time(run, &args[0], &time, &ok);
    if (rc == 0) rc = read_format(run, args, count, format);
    if (rc || !ok) return rc;
    if ((rc = expr_room(run, FORMATTED_MAX, &room)) != 0) return rc;
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral" /* of what this writes the length is bounded */
    const size_t len = strftime(room, FORMATTED_MAX, format, &time);
#pragma GCC diagnostic pop
    *out = expr_of_text((struct kith_str){room, len});
    return 0;
}

static int run_parsetime(struct expr_run *run, const struct expr_value *args, size_t count,
                         struct expr_value *out)
{
    char format[FORMAT_MAX + 1], text[FORMATTED_MAX];
    struct tm time = {.tm_mday = 1, .tm_year = 70};
    struct kith_str value;
    if (args[0].kind == EXPR_NOTHING) return 0;
    int rc = read_format(run, args, count, format);
    if (rc == 0) rc = expr_text(run, &args[0], &value);
    if (rc || value.len >= sizeof text) return rc;
    memcpy(text, value.data, value.len);
    text[value.len] = 0;
    const char *end = strptime(text, format, &time);
    if (end) *out = expr_of_number((double)timegm(&time));
    return 0;
}

static int part(struct expr_run *run, const struct expr_value *arg, int which,
                struct expr_value *out)
{
    struct tm time;
    bool ok;
    const int rc = read_time(run, arg, &time, &ok);
    if (rc || !ok) return rc;
    const int parts[] = {time.tm_wday, time.tm_mday, time.tm_yday, time.tm_mon,
                         time.tm_year + 1900};
    *out = expr_of_number(parts[which]);
    return 0;
}

/* The start of the minute, hour, day or month. */
static int start(struct expr_run *run, const struct expr_value *arg, int which,
                 struct expr_value *out)
{
    struct tm time;
    bool ok;
    const int rc = read_time(run, arg, &time, &ok);
    if (rc || !ok) return rc;
    time.tm_sec = 0;
    if (which > 0) time.tm_min = 0;
    if (which > 1) time.tm_hour = 0;
    if (which > 2) time.tm_mday = 1;
    *out = expr_of_number((double)timegm(&time));
    return 0;
}

#define TIME_CALL(name, fn, which)                                                                 \
    static int name(struct expr_run *run, const struct expr_value *args, size_t count,             \
                    struct expr_value *out)                                                        \
    {                                                                                              \
        (void)count;                                                                               \
        return fn(run, args, which, out);                                                          \
    }
TIME_CALL(run_dayofweek, part, 0)
TIME_CALL(run_dayofmonth, part, 1)
TIME_CALL(run_dayofyear, part, 2)
TIME_CALL(run_monthofyear, part, 3)
TIME_CALL(run_year, part, 4)
TIME_CALL(run_minute, start, 0)
TIME_CALL(run_hour, start, 1)
TIME_CALL(run_day, start, 2)
TIME_CALL(run_month, start, 3)

const struct expr_function expr_time_functions[] = {
    {"timefmt", 1, 2, run_timefmt},
    {"parsetime", 1, 2, run_parsetime},
    {"dayofweek", 1, 1, run_dayofweek},
    {"dayofmonth", 1, 1, run_dayofmonth},
    {"dayofyear", 1, 1, run_dayofyear},
    {"monthofyear", 1, 1, run_monthofyear},
    {"year", 1, 1, run_year},
    {"minute", 1, 1, run_minute},
    {"hour", 1, 1, run_hour},
    {"day", 1, 1, run_day},
    {"month", 1, 1, run_month},
    {NULL, 0, 0, NULL},
};
