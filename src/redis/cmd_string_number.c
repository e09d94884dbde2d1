/*
 * Strings as numbers: INCR and its family. Integers are int64 and checked; floats are computed in
 * long double and printed with up to 17 decimals and never an exponent, as Redis does.
 */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "redis/cmd_string.h"
#include "redis/redis_internal.h"

#define FLOAT_TEXT_MAX 5200u /* 4933 digits, point, 17 decimals */

static const char overflows[] = "ERR increment or decrement would overflow";

/* ---- integers ---- */

/* The integer at a key, 0 when there is none. */
static bool read_integer(struct redis_call *call, struct entry **entry, int64_t *out)
{
    *entry = call_write(call, call->argv[1], VALUE_STRING);
    if (call->failed) return false;
    *out = 0;
    if (!*entry || entry_integer(*entry, out)) return true;
    call_error(call, "ERR value is not an integer or out of range");
    return false;
}

static void increment(struct redis_call *call, int64_t by)
{
    struct entry *entry;
    int64_t value;
    if (!read_integer(call, &entry, &value)) return;
    if (__builtin_add_overflow(value, by, &value)) {
        call_error(call, overflows);
        return;
    }
    int64_t deadline = entry ? CACHE_KEEP_DEADLINE : CACHE_NO_DEADLINE;
    if (cache_set_integer(call->cache, call->db, call->argv[1], value, deadline, NULL)) {
        call_no_memory(call);
        return;
    }
    call_changed(call, call->argv[1], EVENT_STRING, "incrby");
    resp_integer(call->reply, value);
}

void run_incr(struct redis_call *call) { increment(call, 1); }
void run_decr(struct redis_call *call) { increment(call, -1); }

void run_incrby(struct redis_call *call)
{
    int64_t by;
    if (call_integer(call, 2, &by)) increment(call, by);
}

void run_decrby(struct redis_call *call)
{
    int64_t by;
    if (!call_integer(call, 2, &by)) return;
    if (by == INT64_MIN) {
        call_error(call, "ERR decrement would overflow");
        return;
    }
    increment(call, -by);
}

/* ---- floats ---- */

static bool text_float(struct kith_str text, long double *out)
{
    char copy[FLOAT_TEXT_MAX];
    if (text.len == 0 || text.len >= sizeof copy) return false;
    if ((unsigned char)text.data[0] <= ' ') return false;
    memcpy(copy, text.data, text.len);
    copy[text.len] = 0;
    char *end;
    errno = 0;
    long double value = strtold(copy, &end);
    if ((size_t)(end - copy) != text.len || isnan(value)) return false;
    if (errno == ERANGE && (isinf(value) || value == 0)) return false;
    *out = value;
    return true;
}

static struct kith_str float_text(long double value, char out[FLOAT_TEXT_MAX])
{
    int len = snprintf(out, FLOAT_TEXT_MAX, "%.17Lf", value);
    while (out[len - 1] == '0') len--;
    if (out[len - 1] == '.') len--;
    if (len == 2 && out[0] == '-' && out[1] == '0') {
        out[0] = '0';
        len = 1;
    }
    return (struct kith_str){out, (size_t)len};
}

static bool read_float(struct redis_call *call, struct entry **entry, long double *out)
{
    *entry = call_write(call, call->argv[1], VALUE_STRING);
    if (call->failed) return false;
    *out = 0;
    char scratch[ENTRY_TEXT_MAX];
    if (!*entry || text_float(entry_text(*entry, scratch), out)) return true;
    call_error(call, "ERR value is not a valid float");
    return false;
}

static bool float_arg(struct redis_call *call, size_t arg, long double *out)
{
    if (text_float(call->argv[arg], out)) return true;
    call_error(call, "ERR value is not a valid float");
    return false;
}

void run_incrbyfloat(struct redis_call *call)
{
    struct entry *entry;
    long double value, by;
    if (!read_float(call, &entry, &value) || !float_arg(call, 2, &by)) return;
    value += by;
    if (isnan(value) || isinf(value)) {
        call_error(call, "ERR increment would produce NaN or Infinity");
        return;
    }
    char digits[FLOAT_TEXT_MAX];
    struct kith_str text = float_text(value, digits);
    int64_t deadline = entry ? CACHE_KEEP_DEADLINE : CACHE_NO_DEADLINE;
    if (cache_set_text(call->cache, call->db, call->argv[1], text, deadline, NULL)) {
        call_no_memory(call);
        return;
    }
    log_set(call, call->argv[1], text, CACHE_KEEP_DEADLINE);
    call_changed(call, call->argv[1], EVENT_STRING, "incrbyfloat");
    resp_str(call->reply, text);
}

/* ---- INCREX ---- */

struct increx {
    bool has_by, is_float, has_low, has_high, saturate, only_without;
    size_t by, low, high; /* arguments */
    struct expiry_option expiry;
};

static bool increx_number(const struct redis_call *call, size_t *at, struct increx *out)
{
    if (*at + 1 >= call->argc) return false;
    bool integer = call_is(call, *at, "BYINT");
    if (!out->has_by && (integer || call_is(call, *at, "BYFLOAT"))) {
        out->has_by = true;
        out->is_float = !integer;
        out->by = ++*at;
    } else if (!out->has_low && call_is(call, *at, "LBOUND")) {
        out->has_low = true;
        out->low = ++*at;
    } else if (!out->has_high && call_is(call, *at, "UBOUND")) {
        out->has_high = true;
        out->high = ++*at;
    } else {
        return false;
    }
    return true;
}

static bool increx_take(const struct redis_call *call, struct increx *out)
{
    for (size_t i = 2; i < call->argc; i++) {
        if (increx_number(call, &i, out)) continue;
        if (call_is(call, i, "SATURATE")) {
            out->saturate = true;
        } else if (call_is(call, i, "ENX")) {
            out->only_without = true;
        } else if (call_is(call, i, "KEEPTTL") || !expiry_option_take(call, &i, &out->expiry)) {
            return false;
        }
    }
    return !out->only_without || out->expiry.kind == EXPIRY_AT;
}

/* The deadline that the result has. */
static bool increx_deadline(struct redis_call *call, const struct increx *options,
                            const struct entry *entry, int64_t *deadline)
{
    if (!call_expiry(call, &options->expiry, deadline)) return false;
    bool has = entry && entry_deadline(entry) != CACHE_NO_DEADLINE;
    if (options->expiry.kind == EXPIRY_NONE || (options->only_without && has))
        *deadline = entry ? CACHE_KEEP_DEADLINE : CACHE_NO_DEADLINE;
    return true;
}

/* Stores the result; a deadline that is past removes the key. */
static bool increx_store(struct redis_call *call, struct kith_str text, int64_t deadline)
{
    struct kith_str key = call->argv[1];
    if (deadline != CACHE_KEEP_DEADLINE && deadline <= cache_now_ms(call->cache)) {
        struct entry *entry = cache_write(call->cache, call->db, key);
        call_logf(call, "DEL %S", &key);
        if (entry) call_drop(call, key, entry);
        return true;
    }
    if (!call_set(call, key, text, deadline)) return false;
    log_set(call, key, text, deadline);
    call_changed(call, key, EVENT_STRING, "increx");
    return true;
}

static void increx_integer(struct redis_call *call, const struct increx *options)
{
    int64_t by = 1, low = INT64_MIN, high = INT64_MAX, value, deadline;
    struct entry *entry;
    if (options->has_by && !call_integer(call, options->by, &by)) return;
    if (options->has_low && !call_integer(call, options->low, &low)) return;
    if (options->has_high && !call_integer(call, options->high, &high)) return;
    if (!read_integer(call, &entry, &value)) return;
    if (!increx_deadline(call, options, entry, &deadline)) return;
    int64_t result;
    bool over = __builtin_add_overflow(value, by, &result);
    if (over) result = by > 0 ? INT64_MAX : INT64_MIN;
    bool outside = over || result < low || result > high;
    if (outside && options->saturate) result = result < low ? low : result > high ? high : result;
    if (outside && !options->saturate && over && !options->has_low && !options->has_high) {
        call_error(call, overflows);
        return;
    }
    int64_t applied = 0;
    if (outside && !options->saturate) {
        result = value;
    } else {
        char digits[ENTRY_TEXT_MAX + 8];
        int len = snprintf(digits, sizeof digits, "%lld", (long long)result);
        if (!increx_store(call, (struct kith_str){digits, (size_t)len}, deadline)) return;
        if (__builtin_sub_overflow(result, value, &applied)) applied = by;
    }
    resp_array(call->reply, 2);
    resp_integer(call->reply, result);
    resp_integer(call->reply, applied);
}

static void increx_float(struct redis_call *call, const struct increx *options)
{
    long double by, low = -INFINITY, high = INFINITY, value;
    struct entry *entry;
    int64_t deadline;
    if (!float_arg(call, options->by, &by)) return;
    if (options->has_low && !float_arg(call, options->low, &low)) return;
    if (options->has_high && !float_arg(call, options->high, &high)) return;
    if (!read_float(call, &entry, &value)) return;
    if (!increx_deadline(call, options, entry, &deadline)) return;
    long double result = value + by;
    bool outside = result < low || result > high;
    if (outside && options->saturate) result = result < low ? low : high;
    if (outside && !options->saturate) result = value;
    if (isnan(result) || isinf(result)) {
        call_error(call, "ERR increment would produce NaN or Infinity");
        return;
    }
    char digits[FLOAT_TEXT_MAX];
    struct kith_str text = float_text(result, digits);
    if (!(outside && !options->saturate) && !increx_store(call, text, deadline)) return;
    resp_array(call->reply, 2);
    resp_str(call->reply, text);
    resp_str(call->reply, float_text(result - value, digits));
}

void run_increx(struct redis_call *call)
{
    struct increx options = {0};
    if (!increx_take(call, &options)) {
        call_syntax_error(call);
    } else if (options.is_float) {
        increx_float(call, &options);
    } else {
        increx_integer(call, &options);
    }
}
