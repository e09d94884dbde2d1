/*
 * Rules of summer time: see time_rule.h.
 */
#include "model/time_rule.h"

#define DAY_S 86400

/* ---- the text ---- */

struct reading {
    const char *at, *end;
};

static char peek(const struct reading *in) { return in->at < in->end ? *in->at : '\0'; }

static bool skip(struct reading *in, char c)
{
    if (peek(in) != c) return false;
    in->at++;
    return true;
}

static bool is_letter(char c) { return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z'); }

/* "CET" or "<+03>": only its end matters. */
static bool read_name(struct reading *in)
{
    const char *from = in->at;
    if (skip(in, '<')) {
        while (in->at < in->end && *in->at != '>') in->at++;
        return skip(in, '>');
    }
    while (is_letter(peek(in))) in->at++;
    return in->at > from;
}

static bool read_number(struct reading *in, int max, int *out)
{
    const char *from = in->at;
    int value = 0;
    while (peek(in) >= '0' && peek(in) <= '9') {
        value = value * 10 + (*in->at++ - '0');
        if (value > max) return false;
    }
    *out = value;
    return in->at > from;
}

/* [+-]hh[:mm[:ss]] in seconds */
static bool read_time(struct reading *in, int32_t *out)
{
    int hours, minutes = 0, seconds = 0;
    const bool negative = skip(in, '-');
    if (!negative) (void)skip(in, '+');
    if (!read_number(in, 167, &hours)) return false;
    if (skip(in, ':') && !read_number(in, 59, &minutes)) return false;
    if (skip(in, ':') && !read_number(in, 59, &seconds)) return false;
    *out = (negative ? -1 : 1) * (hours * 3600 + minutes * 60 + seconds);
    return true;
}

static bool read_date(struct reading *in, struct time_rule_date *out)
{
    bool good;
    *out = (struct time_rule_date){ .kind = TIME_RULE_DAY, .time_s = 2 * 3600 };
    if (skip(in, 'M')) {
        out->kind = TIME_RULE_MONTH;
        good = read_number(in, 12, &out->month) && skip(in, '.') &&
               read_number(in, 5, &out->week) && skip(in, '.') && read_number(in, 6, &out->day) &&
               out->month > 0 && out->week > 0;
    } else {
        if (skip(in, 'J')) out->kind = TIME_RULE_JULIAN;
        good = read_number(in, 365, &out->day) && (out->kind == TIME_RULE_DAY || out->day > 0);
    }
    return good && (!skip(in, '/') || read_time(in, &out->time_s));
}

bool time_rule_offset_fits(int32_t offset_s)
{
    return offset_s > -26 * 3600 && offset_s < 26 * 3600;
}

bool time_rule_parse(const char *text, size_t len, struct time_rule *out)
{
    struct reading in = { text, text + len };
    int32_t west;
    *out = (struct time_rule){ 0 };
    if (!read_name(&in) || !read_time(&in, &west)) return false;
    out->standard_s = out->summer_s = -west;
    if (in.at == in.end) return time_rule_offset_fits(out->standard_s);
    out->summer = true;
    out->summer_s += 3600;
    if (!read_name(&in)) return false;
    if (peek(&in) != ',') {
        if (!read_time(&in, &west)) return false;
        out->summer_s = -west;
    }
    return skip(&in, ',') && read_date(&in, &out->start) && skip(&in, ',') &&
           read_date(&in, &out->end) && in.at == in.end &&
           time_rule_offset_fits(out->standard_s) && time_rule_offset_fits(out->summer_s);
}

/* ---- days ---- */

static bool is_leap(int64_t year)
{
    return (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
}

/* Days from 1970 to 1 January. */
static int64_t year_start(int64_t year)
{
    const int64_t before = year - 1;
    const int64_t floor4 = before >= 0 ? before / 4 : -((3 - before) / 4);
    const int64_t floor100 = before >= 0 ? before / 100 : -((99 - before) / 100);
    const int64_t floor400 = before >= 0 ? before / 400 : -((399 - before) / 400);
    return year * 365 + floor4 - floor100 + floor400 - 719527;
}

static int64_t year_of(int64_t days)
{
    int64_t year = 1970 + days / 366; /* at most a few off, by centuries of 365.2425 days */
    year += (days - year_start(year)) / 366;
    while (year_start(year + 1) <= days) year++;
    while (year_start(year) > days) year--;
    return year;
}

static int64_t month_day(const struct time_rule_date *date, int64_t year)
{
    static const int starts[] = { 0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334, 365 };
    const int leap = is_leap(year);
    const int first = starts[date->month - 1] + (date->month > 2 ? leap : 0);
    const int next = starts[date->month] + (date->month > 1 ? leap : 0);
    const int64_t from = year_start(year) + first;
    const int weekday = (int)(((from + 4) % 7 + 7) % 7); /* 1970 began on a Thursday */
    int day = (date->day - weekday + 7) % 7 + 7 * (date->week - 1);
    while (day >= next - first) day -= 7;
    return from + day;
}

/* The instant of a change, in seconds of the local clock before it. */
static int64_t change_s(const struct time_rule_date *date, int64_t year)
{
    int64_t day;
    if (date->kind == TIME_RULE_MONTH) day = month_day(date, year);
    else if (date->kind == TIME_RULE_DAY) day = year_start(year) + date->day;
    else day = year_start(year) + date->day - 1 + (is_leap(year) && date->day > 59);
    return day * DAY_S + date->time_s;
}

int32_t time_rule_offset(const struct time_rule *rule, int64_t instant_s)
{
    if (!rule->summer) return rule->standard_s;
    const int64_t local_s = instant_s + rule->standard_s;
    const int64_t days = local_s / DAY_S - (local_s % DAY_S < 0);
    const int64_t year = year_of(days);
    const int64_t start = change_s(&rule->start, year) - rule->standard_s;
    const int64_t end = change_s(&rule->end, year) - rule->summer_s;
    const bool summer = start < end ? instant_s >= start && instant_s < end
                                    : instant_s >= start || instant_s < end;
    return summer ? rule->summer_s : rule->standard_s;
}
