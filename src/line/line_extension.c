/*
 * Commands that Ant-Cache has not: they are there with `line.extensions` only, so that the door is
 * byte-exact without it.
 *
 *     TTL key             seconds; -1: it stays, -2: it is not there
 *     EXPIRE key T        OK, NOT_FOUND; T as behind -t, and 0 or less means no expiry here, too
 *     PERSIST key         OK, NOT_FOUND
 *     EXISTS key          1, 0
 *     INCR key [n]        the new integer; the deadline stays
 *     MGET key...         one JSON array: strings, null for what is not there, arrays, objects
 *     UNLOCK key owner    deletes a string that equals owner: OK, NOT_FOUND, NOT_OWNER
 *
 * PING and STATS touch no key: line_serve.c answers them.
 */
#include <stdio.h>
#include <string.h>

#include "line/line_commands.h"
#include "line/line_format.h"

static const char no_integer[] = "ERROR value is not an integer or out of range\n";
static const char wrong_type[] = "ERROR unsupported value type\n";

static void fail(struct redis_call *call, const char *text)
{
    call->failed = true;
    line_say(call, text);
}

/* ---- deadlines ---- */

void line_run_ttl(struct redis_call *call, void *ctx)
{
    const struct entry *entry = cache_read(call->cache, 0, call->argv[1], CACHE_NO_TOUCH);
    const int64_t deadline = entry ? entry_deadline(entry) : CACHE_NO_DEADLINE;
    long long seconds = entry ? -1 : -2;
    (void)ctx;
    if (deadline != CACHE_NO_DEADLINE)
        seconds = (deadline - cache_now_ms(call->cache) + 500) / 1000;
    buffer_printf(call->reply->out, "%lld\n", seconds);
}

static void set_deadline(struct redis_call *call, int64_t deadline)
{
    struct entry *entry = cache_write(call->cache, 0, call->argv[1]);
    const bool stays = deadline == CACHE_NO_DEADLINE;
    const struct kith_str persist[] = { { "PERSIST", 7 }, call->argv[1] };
    if (!entry) {
        line_say(call, "NOT_FOUND\n");
        return;
    }
    if (cache_set_deadline(call->cache, 0, &entry, deadline)) {
        line_say_no_memory(call);
        return;
    }
    call_changed(call, call->argv[1], EVENT_GENERIC, stays ? "persist" : "expire");
    if (stays) call_log(call, persist, 2);
    else line_log_deadline(call, call->argv[1], deadline);
    line_say(call, "OK\n");
}

void line_run_expire(struct redis_call *call, void *ctx)
{
    const struct line_task *task = ctx;
    set_deadline(call, line_deadline(call, task->request));
}

void line_run_persist(struct redis_call *call, void *ctx)
{
    (void)ctx;
    set_deadline(call, CACHE_NO_DEADLINE);
}

/* ---- values ---- */

void line_run_exists(struct redis_call *call, void *ctx)
{
    (void)ctx;
    line_say(call, cache_read(call->cache, 0, call->argv[1], 0) ? "1\n" : "0\n");
}

void line_run_incr(struct redis_call *call, void *ctx)
{
    int64_t by = 1, value = 0;
    char digits[ENTRY_TEXT_MAX];
    (void)ctx;
    const bool bad = call->argc > 2 && !text_integer(call->argv[2], &by);
    const struct entry *entry = bad ? NULL : cache_write(call->cache, 0, call->argv[1]);
    if (entry && entry_type(entry) != VALUE_STRING) {
        fail(call, wrong_type);
        return;
    }
    if (bad || (entry && !entry_integer(entry, &value)) ||
        __builtin_add_overflow(value, by, &value)) {
        fail(call, no_integer);
        return;
    }
    const int64_t deadline = entry ? CACHE_KEEP_DEADLINE : CACHE_NO_DEADLINE;
    if (cache_set_integer(call->cache, 0, call->argv[1], value, deadline, NULL)) {
        line_say_no_memory(call);
        return;
    }
    const int len = snprintf(digits, sizeof digits, "%lld", (long long)by);
    const struct kith_str logged[] = { { "INCRBY", 6 }, call->argv[1], { digits, (size_t)len } };
    call_log(call, logged, 3);
    call_changed(call, call->argv[1], EVENT_STRING, "incrby");
    buffer_printf(call->reply->out, "%lld\n", (long long)value);
}

/* What has no form in lines is null, as in Redis. */
static int put_value(struct buffer *out, const struct entry *entry)
{
    char scratch[ENTRY_TEXT_MAX];
    const enum value_type type = entry ? entry_type(entry) : VALUE_TYPES;
    if (type == VALUE_HASH) return line_put_hash(out, entry_value(entry));
    if (type == VALUE_STRING) line_put_json(out, entry_text(entry, scratch));
    else if (type == VALUE_LIST) line_put_json_list(out, entry_value(entry));
    else buffer_put(out, "null", 4);
    return 0;
}

void line_run_mget(struct redis_call *call, void *ctx)
{
    struct buffer *out = call->reply->out;
    const size_t before = out->len;
    int rc = 0;
    (void)ctx;
    buffer_put(out, "[", 1);
    for (size_t i = 1; rc == 0 && i < call->argc; i++) {
        if (i > 1) buffer_put(out, ",", 1);
        rc = put_value(out, cache_read(call->cache, 0, call->argv[i], 0));
    }
    if (rc == 0) {
        buffer_put(out, "]\n", 2);
        return;
    }
    out->len = before;
    line_say_no_memory(call);
}

void line_run_unlock(struct redis_call *call, void *ctx)
{
    char scratch[ENTRY_TEXT_MAX];
    struct entry *entry = cache_write(call->cache, 0, call->argv[1]);
    struct kith_str text = { NULL, 0 };
    const struct kith_str owner = call->argv[2];
    const struct kith_str logged[] = { { "DEL", 3 }, call->argv[1] };
    (void)ctx;
    if (!entry) {
        line_say(call, "NOT_FOUND\n");
        return;
    }
    if (entry_type(entry) == VALUE_STRING) text = entry_text(entry, scratch);
    if (text.len != owner.len || memcmp(text.data, owner.data, owner.len) != 0) {
        line_say(call, "NOT_OWNER\n");
        return;
    }
    call_log(call, logged, 2);
    call_changed(call, call->argv[1], EVENT_GENERIC, "del");
    cache_remove(call->cache, 0, entry, REMOVED_DELETED);
    line_say(call, "OK\n");
}
