/* See member_args.h. */
#include "redis/member_args.h"

#include <string.h>

#include "redis/redis_internal.h"

#define POSITIVE "ERR value is out of range, must be positive"
#define SCAN_COUNT 10
#define DRAWN_BYTES_MAX (UINT64_C(256) << 20) /* where the client has no limit of its own */

bool call_positive(struct redis_call *call, size_t arg, int64_t *out)
{
    return call_bounded(call, arg, 0, INT64_MAX, out, POSITIVE);
}

bool call_bounded(struct redis_call *call, size_t arg, int64_t min, int64_t max, int64_t *out,
                  const char *error)
{
    int64_t value;
    if (!text_integer(call->argv[arg], &value) || value < min || value > max) {
        call_error(call, error);
        return false;
    }
    *out = value;
    return true;
}

bool range_clamp(int64_t start, int64_t stop, uint64_t len, uint64_t *first, uint64_t *count)
{
    const int64_t size = (int64_t)len;
    if (start < 0) start = start < -size ? 0 : start + size;
    if (stop < 0) {
        if (stop < -size) return false;
        stop += size;
    }
    if (start > stop || start >= size) return false;
    if (stop >= size) stop = size - 1;
    *first = (uint64_t)start;
    *count = (uint64_t)(stop - start + 1);
    return true;
}

/* ---- numbered keys ---- */

bool call_numkeys(struct redis_call *call, size_t arg, size_t *count, const char *error)
{
    int64_t value;
    if (!call_bounded(call, arg, 1, INT64_MAX, &value, error)) return false;
    if ((uint64_t)value > call->argc - arg - 1) {
        call_syntax_error(call);
        return false;
    }
    *count = (size_t)value;
    return true;
}

static int numbered(const struct kith_str *argv, size_t argc, size_t arg, size_t *places,
                    size_t max, bool stored)
{
    int64_t value;
    if (arg >= argc || !text_integer(argv[arg], &value)) return -1;
    if (value < 1 || (uint64_t)value > argc - arg - 1) return -1;
    size_t count = 0;
    if (stored && count < max) places[count] = 1;
    if (stored) count++;
    for (size_t i = 0; i < (size_t)value; i++, count++) {
        if (count < max) places[count] = arg + 1 + i;
    }
    return (int)count;
}

int keys_numbered_1(const struct kith_str *argv, size_t argc, size_t *places, size_t max)
{
    return numbered(argv, argc, 1, places, max, false);
}

int keys_numbered_2(const struct kith_str *argv, size_t argc, size_t *places, size_t max)
{
    return numbered(argv, argc, 2, places, max, false);
}

int keys_stored_numbered(const struct kith_str *argv, size_t argc, size_t *places, size_t max)
{
    return numbered(argv, argc, 2, places, max, true);
}

/* ---- scans ---- */

/* Unsigned decimal, and nothing else. */
static bool read_cursor(struct kith_str text, uint64_t *out)
{
    uint64_t value = 0;
    if (text.len == 0) return false;
    for (size_t i = 0; i < text.len; i++) {
        const unsigned digit = (unsigned char)text.data[i] - (unsigned)'0';
        if (digit > 9 || __builtin_mul_overflow(value, 10u, &value) ||
            __builtin_add_overflow(value, digit, &value)) {
            return false;
        }
    }
    *out = value;
    return true;
}

static bool read_scan_options(struct redis_call *call, bool allow_no_values,
                              struct scan_options *out)
{
    for (size_t i = 3; i < call->argc; i++) {
        const bool more = i + 1 < call->argc;
        if (more && call_is(call, i, "COUNT")) {
            int64_t count;
            if (!call_integer(call, ++i, &count)) return false;
            if (count < 1) {
                call_syntax_error(call);
                return false;
            }
            out->count = (uint64_t)count;
        } else if (more && call_is(call, i, "MATCH")) {
            out->match = call->argv[++i];
            if (out->match.len == 1 && out->match.data[0] == '*') out->match.data = NULL;
        } else if (allow_no_values && call_is(call, i, "NOVALUES")) {
            out->no_values = true;
        } else {
            call_syntax_error(call);
            return false;
        }
    }
    return true;
}

static void scan_nothing(struct redis_call *call)
{
    resp_array(call->reply, 2);
    resp_cstr(call->reply, "0");
    resp_array(call->reply, 0);
}

struct entry *call_scan_begin(struct redis_call *call, enum value_type type, bool allow_no_values,
                              struct scan_options *out)
{
    *out = (struct scan_options){ .count = SCAN_COUNT };
    if (!read_cursor(call->argv[2], &out->cursor)) {
        call_error(call, "ERR invalid cursor");
        return NULL;
    }
    struct entry *entry = call_read(call, call->argv[1], type);
    if (call->failed) return NULL;
    if (!entry) {
        scan_nothing(call);
        return NULL;
    }
    if (!read_scan_options(call, allow_no_values, out)) return NULL;
    if (!out->match.data || glob_init(&out->glob, out->match, false) == 0) return entry;
    scan_release(out);
    call_no_memory(call);
    return NULL;
}

bool scan_takes(struct scan_options *options, struct kith_str name)
{
    return !options->match.data || glob_matches(&options->glob, name);
}

void scan_release(struct scan_options *options) { glob_release(&options->glob); }

uint64_t scan_steps(const struct scan_options *options)
{
    return options->count > UINT64_MAX / 10 ? UINT64_MAX : options->count * 10;
}

/* The cursor stands in front of the elements and is known after them, so the head is written behind
 * them and then changes places with them. */
size_t scan_begin(struct redis_call *call) { return call->reply->out->len; }

void scan_end(struct redis_call *call, size_t place, uint64_t cursor, size_t written)
{
    struct buffer *out = call->reply->out;
    const size_t body = out->len - place;
    resp_array(call->reply, 2);
    resp_printf(call->reply, "%llu", (unsigned long long)cursor);
    resp_array(call->reply, written);
    const size_t head = out->len - place - body;
    uint8_t text[96]; /* three short headers and 20 digits */
    if (buffer_failed(out) || head > sizeof text) return;
    memcpy(text, out->data + place + body, head);
    memmove(out->data + place + head, out->data + place, body);
    memcpy(out->data + place, text, head);
}

/* ---- the rest ---- */

static void drop_target(struct redis_call *call, struct kith_str key)
{
    struct entry *entry = cache_write(call->cache, call->db, key);
    if (!entry) return;
    call_changed(call, key, EVENT_GENERIC, "del");
    cache_remove(call->cache, call->db, entry, REMOVED_DELETED);
}

void call_store(struct redis_call *call, struct kith_str key, enum value_type type, void *value,
                uint64_t count, const char *event)
{
    static const enum event_class classes[VALUE_TYPES] = {
        [VALUE_LIST] = EVENT_LIST, [VALUE_SET] = EVENT_SET, [VALUE_ZSET] = EVENT_ZSET,
    };
    if (count == 0) {
        if (value) value_of_type(type)->free(value);
        drop_target(call, key);
    } else if (cache_add(call->cache, call->db, key, type, value, CACHE_NO_DEADLINE, NULL) != 0) {
        call_no_memory(call);
        return;
    } else {
        call_changed(call, key, classes[type], event);
    }
    resp_integer(call->reply, (int64_t)count);
}

void call_partial(struct redis_call *call, size_t done)
{
    if (call->changes > 0) call_log(call, call->argv, done);
    call_no_memory(call);
}

bool call_draw_fits(struct redis_call *call, size_t before)
{
    struct buffer *out = call->reply->out;
    const uint64_t limit = call->redis->settings.output[0].hard;
    const uint64_t most = limit > 0 && limit < DRAWN_BYTES_MAX ? limit : DRAWN_BYTES_MAX;
    if (!buffer_failed(out) && out->len - before <= most) return true;
    if (out->len > before) out->len = before;
    call_error(call, "ERR value is out of range");
    return false;
}

bool sample_takes(struct rng *rng, uint64_t left, uint64_t want)
{
    return want > 0 && rng_below(rng, left) < want;
}

bool call_mpop(struct redis_call *call, size_t arg, const char *first, const char *second,
               struct mpop *out)
{
    *out = (struct mpop){ .first_key = arg + 1, .count = 1 };
    if (!call_numkeys(call, arg, &out->key_count, "ERR numkeys should be greater than 0")) {
        return false;
    }
    size_t at = arg + 1 + out->key_count;
    bool counted = false;
    out->second = call_is(call, at, second);
    if (!out->second && !call_is(call, at, first)) {
        call_syntax_error(call);
        return false;
    }
    for (at++; at < call->argc; at += 2) {
        if (counted || !call_is(call, at, "COUNT") || at + 1 == call->argc) {
            call_syntax_error(call);
            return false;
        }
        counted = true;
        if (!call_bounded(call, at + 1, 1, INT64_MAX, &out->count,
                          "ERR count should be greater than 0")) {
            return false;
        }
    }
    return true;
}

struct entry *call_first(struct redis_call *call, enum value_type type, size_t first_key,
                         size_t count, size_t *found)
{
    for (size_t i = first_key; i < first_key + count; i++) {
        struct entry *entry = call_write(call, call->argv[i], type);
        *found = i;
        if (entry || call->failed) return entry;
    }
    return NULL;
}

struct entry *call_first_or_wait(struct redis_call *call, enum value_type type, size_t *found)
{
    int64_t deadline_us;
    const size_t keys = call->argc - 2;
    if (!call_timeout(call, call->argc - 1, &deadline_us)) return NULL;
    struct entry *entry = call_first(call, type, 1, keys, found);
    if (!entry && !call->failed && !call_block(call, call->argv + 1, keys, deadline_us)) {
        resp_null_array(call->reply);
    }
    return entry;
}
