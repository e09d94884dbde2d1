/*
 * Commands of hashes, continued: fields at random, scans, counters of floats.
 *
 * HINCRBYFLOAT computes in long double and prints without an exponent; the log has the result, so a
 * machine with another long double replays the same bytes.
 */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "redis/cmd_hash.h"
#include "redis/member_args.h"
#include "redis/member_draw.h"

#define FLOAT_TEXT_MAX 5200u /* 2^16383 has 4,933 digits */

static const struct hash *hash_seen(const struct entry *entry) { return entry_value(entry); }

/* ---- at random ---- */

struct hash_draw {
    struct redis_call *call;
    const struct hash *hash;
    bool values;
    struct hash_iter it;
    struct hash_field field;
};

static struct kith_str random_field(void *ctx)
{
    struct hash_draw *draw = ctx;
    hash_random(draw->hash, cache_rng(draw->call->cache), &draw->field);
    return draw->field.name;
}

static bool next_field(void *ctx)
{
    struct hash_draw *draw = ctx;
    return hash_next(draw->hash, &draw->it, &draw->field);
}

static void reply_field(void *ctx)
{
    const struct hash_draw *draw = ctx;
    struct resp *reply = draw->call->reply;
    if (draw->values && reply->version == 3) resp_array(reply, 2);
    resp_str(reply, draw->field.name);
    if (draw->values) resp_str(reply, draw->field.value);
}

void run_hrandfield(struct redis_call *call)
{
    struct draw_args args;
    if (!call_draw_args(call, "WITHVALUES", &args)) return;
    struct entry *entry = call_read(call, call->argv[1], VALUE_HASH);
    if (call->failed) return;
    if (!entry) {
        if (args.counted) resp_array(call->reply, 0);
        else resp_null(call->reply);
        return;
    }
    struct hash_draw draw = { .call = call, .hash = hash_seen(entry), .values = args.with };
    const struct draw_source source = { &draw, hash_count(draw.hash), random_field, next_field,
                                        reply_field };
    if (args.counted) call_draw(call, &source, &args);
    else resp_str(call->reply, random_field(&draw));
}

/* ---- scans ---- */

struct hscan {
    struct redis_call *call;
    struct scan_options *options;
    size_t seen, written;
};

static void scan_field(void *ctx, const struct hash_field *field)
{
    struct hscan *scan = ctx;
    scan->seen++;
    if (!scan_takes(scan->options, field->name)) return;
    resp_str(scan->call->reply, field->name);
    scan->written++;
    if (scan->options->no_values) return;
    resp_str(scan->call->reply, field->value);
    scan->written++;
}

void run_hscan(struct redis_call *call)
{
    struct scan_options options;
    struct entry *entry = call_scan_begin(call, VALUE_HASH, true, &options);
    if (!entry) return;
    struct hscan scan = { call, &options, 0, 0 };
    const size_t place = scan_begin(call);
    uint64_t cursor = options.cursor, steps = scan_steps(&options);
    do {
        cursor = hash_scan(hash_seen(entry), cursor, scan_field, &scan);
    } while (cursor != 0 && scan.seen < options.count && --steps > 0);
    scan_end(call, place, cursor, scan.written);
    scan_release(&options);
}

/* ---- HINCRBYFLOAT ---- */

static bool read_float(struct kith_str text, long double *out)
{
    char copy[FLOAT_TEXT_MAX], *end;
    if (text.len == 0 || text.len >= sizeof copy) return false;
    if ((unsigned char)text.data[0] <= ' ') return false;
    memcpy(copy, text.data, text.len);
    copy[text.len] = 0;
    errno = 0;
    const long double value = strtold(copy, &end);
    if ((size_t)(end - copy) != text.len || isnan(value)) return false;
    if (errno == ERANGE && (isinf(value) || value == 0)) return false;
    *out = value;
    return true;
}

/* %.17Lf without what is not needed at its end. */
static size_t print_float(long double value, char text[FLOAT_TEXT_MAX])
{
    size_t len = (size_t)snprintf(text, FLOAT_TEXT_MAX, "%.17Lf", value);
    while (text[len - 1] == '0') len--;
    if (text[len - 1] == '.') len--;
    if (len == 2 && text[0] == '-' && text[1] == '0') {
        text[0] = '0';
        len = 1;
    }
    return len;
}

static bool float_step(struct redis_call *call, long double *by)
{
    if (!read_float(call->argv[3], by)) {
        call_error(call, "ERR value is not a valid float");
        return false;
    }
    if (!isinf(*by)) return true;
    call_error(call, "ERR value is NaN or Infinity");
    return false;
}

static bool float_sum(struct redis_call *call, const struct hash_edit *edit, long double by,
                      bool *timed, long double *sum)
{
    struct hash_field old;
    *sum = 0;
    *timed = false;
    if (edit->entry && hash_get(edit->hash, call->argv[2], &old)) {
        *timed = old.deadline != CACHE_NO_DEADLINE;
        if (!read_float(old.value, sum)) {
            call_error(call, "ERR hash value is not a float");
            return false;
        }
    }
    *sum += by;
    if (!isnan(*sum) && !isinf(*sum)) return true;
    call_error(call, "ERR increment would produce NaN or Infinity");
    return false;
}

void run_hincrbyfloat(struct redis_call *call)
{
    struct hash_edit edit;
    long double by, sum;
    bool timed;
    char text[FLOAT_TEXT_MAX];
    if (!float_step(call, &by) || !hash_edit(call, call->argv[1], &edit)) return;
    if (!float_sum(call, &edit, by, &timed, &sum)) {
        hash_abandon(&edit);
        return;
    }
    const struct kith_str value = { text, print_float(sum, text) };
    if (!hash_put(call, &edit, call->argv[2], value, CACHE_KEEP_DEADLINE)) return;
    call_changed(call, call->argv[1], EVENT_HASH, "hincrbyfloat");
    if (timed) {
        call_logf(call, "HSETEX %S KEEPTTL FIELDS 1 %S %S", &call->argv[1], &call->argv[2], &value);
    } else {
        call_logf(call, "HSET %S %S %S", &call->argv[1], &call->argv[2], &value);
    }
    resp_str(call->reply, value);
}
