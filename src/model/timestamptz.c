/*
 * RFC 3339 texts, ISO 8601 durations, and the calendar between them.
 *
 * Days are counted in eras of 400 years that begin on 1 March, so that the leap day is the last day
 * of a year (the method is described in Howard Hinnant, "chrono-compatible low-level date
 * algorithms"). All arithmetic with numbers from a text is checked.
 */
#include "model/timestamptz.h"

#include <stdio.h>
#include <string.h>

#define SECOND      INT64_C(1000000)
#define MINUTE      (60 * SECOND)
#define HOUR        (60 * MINUTE)
#define DAY         (24 * HOUR)
#define ERA_DAYS    146097
#define EPOCH_SHIFT 719468 /* days from 0000-03-01 to 1970-01-01 */
#define YEAR_MAX    999999 /* of a text; int64 microseconds end before */
#define NUMBER_MAX  INT64_C(1000000000000)

struct date {
    int64_t year;
    int month, day; /* from 1 */
};

static int64_t floor_div(int64_t a, int64_t b)
{
    return a / b - (a % b != 0 && (a < 0) != (b < 0));
}

/* What floor_div leaves: never negative. */
static int64_t floor_rest(int64_t a, int64_t b) { return a % b < 0 ? a % b + b : a % b; }

static int64_t days_of_date(struct date date)
{
    const int64_t year = date.year - (date.month <= 2), era = floor_div(year, 400);
    const int64_t of_era = year - era * 400;
    const int64_t day = (153 * (date.month + (date.month > 2 ? -3 : 9)) + 2) / 5 + date.day - 1;
    return era * ERA_DAYS + of_era * 365 + of_era / 4 - of_era / 100 + day - EPOCH_SHIFT;
}

static struct date date_of_days(int64_t days)
{
    days += EPOCH_SHIFT;
    const int64_t era = floor_div(days, ERA_DAYS), day = days - era * ERA_DAYS;
    const int64_t year = (day - day / 1460 + day / 36524 - day / 146096) / 365;
    const int64_t of_year = day - (365 * year + year / 4 - year / 100);
    const int64_t shifted = (5 * of_year + 2) / 153; /* 0 is March */
    const int month = (int)(shifted < 10 ? shifted + 3 : shifted - 9);
    return (struct date){year + era * 400 + (month <= 2), month,
                         (int)(of_year - (153 * shifted + 2) / 5 + 1)};
}

static int days_of_month(int64_t year, int month)
{
    static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    const bool leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    return days[month - 1] + (month == 2 && leap);
}

/* ---------------------------------------------------------------------- texts */

struct reader {
    const char *pos, *end; /* borrows */
};

static bool is_digit(char c) { return c >= '0' && c <= '9'; }

static char peek(const struct reader *r) { return r->pos < r->end ? *r->pos : '\0'; }

static bool skip(struct reader *r, char c)
{
    if (peek(r) != c) return false;
    r->pos++;
    return true;
}

static bool digits(struct reader *r, int count, int *value)
{
    *value = 0;
    for (int i = 0; i < count; i++, r->pos++) {
        if (!is_digit(peek(r))) return false;
        *value = *value * 10 + (*r->pos - '0');
    }
    return true;
}

static bool read_year(struct reader *r, int64_t *year)
{
    const bool negative = peek(r) == '-';
    int value = 0, count = 0;
    if (!negative && peek(r) != '+') {
        if (!digits(r, 4, &value)) return false;
        *year = value;
        return true;
    }
    for (r->pos++; is_digit(peek(r)) && value <= YEAR_MAX; r->pos++, count++)
        value = value * 10 + (*r->pos - '0');
    *year = negative ? -value : value;
    return count >= 4 && value <= YEAR_MAX;
}

static bool read_date(struct reader *r, struct date *date)
{
    return read_year(r, &date->year) && skip(r, '-') && digits(r, 2, &date->month) &&
           skip(r, '-') && digits(r, 2, &date->day) && date->month >= 1 && date->month <= 12 &&
           date->day >= 1 && date->day <= days_of_month(date->year, date->month);
}

static bool read_fraction(struct reader *r, int64_t *micros)
{
    int64_t unit = SECOND / 10;
    if (!is_digit(peek(r))) return false;
    for (; is_digit(peek(r)); r->pos++, unit /= 10) *micros += unit * (*r->pos - '0');
    return true;
}

static bool read_clock(struct reader *r, int64_t *micros)
{
    int hour, minute, second = 0;
    if (!digits(r, 2, &hour) || !skip(r, ':') || !digits(r, 2, &minute)) return false;
    if (skip(r, ':')) {
        if (!digits(r, 2, &second)) return false;
        if ((skip(r, '.') || skip(r, ',')) && !read_fraction(r, micros)) return false;
    }
    *micros += hour * HOUR + minute * MINUTE + second * SECOND;
    return hour < 24 && minute < 60 && second <= 60;
}

/* Minutes east of UTC. */
static bool read_offset(struct reader *r, int *offset)
{
    int hour, minute = 0;
    if (skip(r, 'Z') || skip(r, 'z')) {
        *offset = 0;
        return true;
    }
    const bool west = peek(r) == '-';
    if (!west && peek(r) != '+') return true;
    r->pos++;
    if (!digits(r, 2, &hour)) return false;
    if ((skip(r, ':') || is_digit(peek(r))) && !digits(r, 2, &minute)) return false;
    *offset = (west ? -1 : 1) * (hour * 60 + minute);
    return hour < 24 && minute < 60;
}

bool timestamptz_parse(struct kith_str text, int offset_minutes, int64_t *micros)
{
    struct reader r = {text.data, text.len > 0 ? text.data + text.len : text.data};
    struct date date;
    int64_t clock = 0, at;
    int offset = offset_minutes;
    if (!read_date(&r, &date)) return false;
    if (skip(&r, 'T') || skip(&r, 't') || skip(&r, ' ')) {
        if (!read_clock(&r, &clock) || !read_offset(&r, &offset)) return false;
    }
    if (r.pos != r.end || __builtin_mul_overflow(days_of_date(date), DAY, &at)) return false;
    return !__builtin_add_overflow(at, clock - offset * MINUTE, micros);
}

size_t timestamptz_format(int64_t micros, int offset_minutes, char out[TIMESTAMPTZ_TEXT_BYTES])
{
    /* In seconds, so that the offset cannot overflow. */
    const int64_t seconds = floor_div(micros, SECOND) + offset_minutes * INT64_C(60);
    const int64_t fraction = floor_rest(micros, SECOND);
    const int64_t days = floor_div(seconds, 86400), left = seconds - days * 86400;
    const struct date date = date_of_days(days);
    const size_t room = TIMESTAMPTZ_TEXT_BYTES;
    const bool plain = date.year >= 0 && date.year <= 9999;
    size_t n = (size_t)snprintf(out, room, plain ? "%04lld-%02d-%02dT%02d:%02d:%02d"
                                                 : "%+05lld-%02d-%02dT%02d:%02d:%02d",
                                (long long)date.year, date.month, date.day, (int)(left / 3600),
                                (int)(left / 60 % 60), (int)(left % 60));
    if (fraction > 0) {
        n += (size_t)snprintf(out + n, room - n, ".%06d", (int)fraction);
        while (out[n - 1] == '0') n--;
    }
    const int east = offset_minutes < 0 ? -offset_minutes : offset_minutes;
    if (east == 0) n += (size_t)snprintf(out + n, room - n, "Z");
    else
        n += (size_t)snprintf(out + n, room - n, "%c%02d:%02d", offset_minutes < 0 ? '-' : '+',
                              east / 60 % 24, east % 60);
    return n;
}

/* ---------------------------------------------------------------------- durations */

/* The parts in their order; which unit follows the number decides, and none may go back. */
static bool add_part(struct time_interval *interval, char unit, bool clock, int64_t number,
                     int *last)
{
    static const char units[] = "YMDhms";
    static const int64_t sizes[] = {12, 1, DAY, HOUR, MINUTE, SECOND};
    const char wanted = clock ? (char)(unit - 'A' + 'a') : unit;
    const char *const found = unit >= 'A' && unit <= 'Z' ? strchr(units, wanted) : NULL;
    if (!found || (int)(found - units) <= *last) return false;
    *last = (int)(found - units);
    int64_t *const to = *last < 2 ? &interval->months : &interval->micros, part;
    return !__builtin_mul_overflow(number, sizes[*last], &part) &&
           !__builtin_add_overflow(*to, part, to);
}

bool time_interval_parse(struct kith_str text, struct time_interval *out)
{
    struct reader r = {text.data, text.len > 0 ? text.data + text.len : text.data};
    struct time_interval interval = {0, 0};
    int last = -1;
    bool clock = false;
    if (!skip(&r, 'P')) return false;
    do {
        int64_t number = 0;
        if (!clock && skip(&r, 'T')) clock = true;
        if (!is_digit(peek(&r))) return false;
        for (; is_digit(peek(&r)) && number < NUMBER_MAX; r.pos++)
            number = number * 10 + (*r.pos - '0');
        if (!add_part(&interval, peek(&r), clock, number, &last)) return false;
        r.pos++;
    } while (r.pos < r.end);
    *out = interval;
    return true;
}

static bool add_months(int64_t micros, int64_t months, int64_t *out)
{
    struct date date = date_of_days(floor_div(micros, DAY));
    int64_t total;
    if (__builtin_add_overflow(date.year * 12 + date.month - 1, months, &total)) return false;
    date.year = floor_div(total, 12);
    if (date.year > YEAR_MAX || date.year < -YEAR_MAX) return false;
    date.month = (int)(total - date.year * 12) + 1;
    const int most = days_of_month(date.year, date.month);
    if (date.day > most) date.day = most;
    int64_t at;
    return !__builtin_mul_overflow(days_of_date(date), DAY, &at) &&
           !__builtin_add_overflow(at, floor_rest(micros, DAY), out);
}

bool timestamptz_add(int64_t micros, const struct time_interval *interval, int64_t *out)
{
    int64_t moved = micros;
    if (interval->months != 0 && !add_months(micros, interval->months, &moved)) return false;
    return !__builtin_add_overflow(moved, interval->micros, out);
}
