/*
 * What the functions of commands call: lookups with the type checked, arguments, answers. See
 * command.h.
 */
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "redis/redis_internal.h"

#define WRONG_TYPE "WRONGTYPE Operation against a key holding the wrong kind of value"

bool str_is(struct kith_str text, const char *word)
{
    size_t i = 0;
    for (; i < text.len && word[i]; i++) {
        char a = text.data[i], b = word[i];
        if (a >= 'A' && a <= 'Z') a = (char)(a + 32);
        if (b >= 'A' && b <= 'Z') b = (char)(b + 32);
        if (a != b) return false;
    }
    return i == text.len && !word[i];
}

/* ---- lookups ---- */

static struct entry *checked(struct redis_call *call, struct entry *entry, enum value_type type)
{
    if (!entry || entry_type(entry) == type) return entry;
    call_error(call, WRONG_TYPE);
    return NULL;
}

struct entry *call_read(struct redis_call *call, struct kith_str key, enum value_type type)
{
    const unsigned flags = call->session && call->session->no_touch ? CACHE_NO_TOUCH : 0;
    return checked(call, cache_read(call->cache, call->db, key, flags), type);
}

struct entry *call_write(struct redis_call *call, struct kith_str key, enum value_type type)
{
    return checked(call, cache_write(call->cache, call->db, key), type);
}

/* ---- arguments ---- */

bool call_integer(struct redis_call *call, size_t arg, int64_t *out)
{
    if (arg < call->argc && text_integer(call->argv[arg], out)) return true;
    call_error(call, "ERR value is not an integer or out of range");
    return false;
}

bool call_range(struct redis_call *call, size_t arg, int64_t min, int64_t max, int64_t *out,
                const char *error)
{
    int64_t value;
    if (!call_integer(call, arg, &value)) return false;
    if (value < min || value > max) {
        call_error(call, error ? error : "ERR value is out of range");
        return false;
    }
    *out = value;
    return true;
}

bool call_double(struct redis_call *call, size_t arg, double *out)
{
    if (arg < call->argc && text_double(call->argv[arg], out)) return true;
    call_error(call, "ERR value is not a valid float");
    return false;
}

bool call_timeout(struct redis_call *call, size_t arg, int64_t *deadline_us)
{
    double seconds;
    if (!text_double(call->argv[arg], &seconds) || isinf(seconds) ||
        seconds > (double)INT64_MAX / 2e6) {
        call_error(call, "ERR timeout is not a float or out of range");
        return false;
    }
    if (seconds < 0) {
        call_error(call, "ERR timeout is negative");
        return false;
    }
    const int64_t us = (int64_t)ceil(seconds * 1000) * 1000;
    *deadline_us = us ? os_now_us(call->redis->os) + us : OS_FOREVER;
    return true;
}

bool call_is(const struct redis_call *call, size_t arg, const char *word)
{
    return arg < call->argc && str_is(call->argv[arg], word);
}

/* ---- answers ---- */

void call_error(struct redis_call *call, const char *text)
{
    call->failed = true;
    resp_error(call->reply, text);
}

void call_errorf(struct redis_call *call, const char *fmt, ...)
{
    char text[1024];
    va_list args;
    va_start(args, fmt);
    (void)vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    call_error(call, text);
}

void call_syntax_error(struct redis_call *call) { call_error(call, "ERR syntax error"); }

void call_arity_error(struct redis_call *call)
{
    const struct command_entry *entry = call->redis->running;
    call_errorf(call, "ERR wrong number of arguments for '%s' command",
                entry ? entry->name : call->command->name);
}

void call_no_memory(struct redis_call *call)
{
    call_error(call, "OOM command not allowed when used memory > 'maxmemory'.");
}

/* ---- growth ---- */

bool call_may_grow(struct redis_call *call, size_t bytes)
{
    const size_t max = call->redis->settings.maxmemory > 0
                           ? (size_t)call->redis->settings.maxmemory
                           : 0;
    const size_t used = heap_used(cache_heap(call->cache));
    size_t then;
    if (!call->session) return true;
    if (max && (!size_add(used, bytes, &then) || then > max + max / 8)) {
        call_errorf(call,
                    "OOM command not allowed: it would add %zu bytes, above 'maxmemory' (%zu).",
                    bytes, max);
        return false;
    }
    if (bytes <= (size_t)call->redis->settings.bulk_bytes_max) return true;
    call_errorf(call, "ERR the command would add %zu bytes, more than proto-max-bulk-len", bytes);
    return false;
}
