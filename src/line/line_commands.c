/*
 * The commands of the line protocol: see line_commands.h.
 *
 * Each runs as one private call (redis/private_call.h), so a write of several steps, as SETS on a
 * key that was something else, with a deadline, is one unit for readers, for the log and for
 * replay. What is logged is RESP's form of it: SET, or DEL + RPUSH or HSET + PEXPIREAT.
 *
 * A new value is made whole before anything is changed: without memory the old one stays.
 */
#include "line/line_commands.h"

#include <stdio.h>
#include <string.h>

#include "cache/hash.h"
#include "cache/list.h"
#include "line/line_format.h"

#define DIGITS_MAX 24u

static const struct command descriptions[] = {
    [LINE_GET] = { .name = "line|get", .flags = CMD_READ | CMD_FAST },
    [LINE_SET] = { .name = "line|set", .flags = CMD_WRITE | CMD_DENY_OOM | CMD_BRIEF },
    [LINE_SETS] = { .name = "line|sets", .flags = CMD_WRITE | CMD_DENY_OOM },
    [LINE_SETX] = { .name = "line|setx", .flags = CMD_WRITE | CMD_DENY_OOM },
    [LINE_DEL] = { .name = "line|del", .flags = CMD_WRITE },
    [LINE_KEYS] = { .name = "line|keys", .flags = CMD_READ },
    [LINE_FLUSHALL] = { .name = "line|flushall", .flags = CMD_WRITE },
    [LINE_TTL] = { .name = "line|ttl", .flags = CMD_READ | CMD_FAST },
    [LINE_EXPIRE] = { .name = "line|expire", .flags = CMD_WRITE | CMD_FAST },
    [LINE_PERSIST] = { .name = "line|persist", .flags = CMD_WRITE | CMD_FAST },
    [LINE_EXISTS] = { .name = "line|exists", .flags = CMD_READ | CMD_FAST },
    [LINE_INCR] = { .name = "line|incr", .flags = CMD_WRITE | CMD_DENY_OOM | CMD_FAST },
    [LINE_MGET] = { .name = "line|mget", .flags = CMD_READ },
    [LINE_UNLOCK] = { .name = "line|unlock", .flags = CMD_WRITE | CMD_FAST },
};

void line_commands_init(struct line_commands *commands, bool escape_newlines)
{
    commands->escape_newlines = escape_newlines;
    for (size_t i = 0; i < LINE_KEYSPACE_VERBS; i++)
        private_entry_init(&commands->entries[i], &descriptions[i]);
}

void line_commands_release(struct line_commands *commands)
{
    for (size_t i = 0; i < LINE_KEYSPACE_VERBS; i++) private_entry_release(&commands->entries[i]);
}

/* ---- replies ---- */

void line_say_no_memory(struct redis_call *call)
{
    call->failed = true;
    line_say(call, "ERROR out of memory\n");
}

/* ---- deadlines and the log ---- */

int64_t line_deadline(const struct redis_call *call, const struct line_request *request)
{
    if (request->ttl_s <= 0) return CACHE_NO_DEADLINE;
    return cache_now_ms(call->cache) + request->ttl_s * 1000;
}

void line_log_deadline(struct redis_call *call, struct kith_str key, int64_t deadline)
{
    char digits[DIGITS_MAX];
    const int len = snprintf(digits, sizeof digits, "%lld", (long long)deadline);
    const struct kith_str words[] = { { "PEXPIREAT", 9 }, key, { digits, (size_t)len } };
    call_log(call, words, 3);
}

/* As it was typed, if that says all. */
static void log_whole(struct redis_call *call, bool existed, int64_t deadline)
{
    if (!existed && deadline == CACHE_NO_DEADLINE) return;
    const struct kith_str gone[] = { { "DEL", 3 }, call->argv[1] };
    if (existed) call_log(call, gone, 2);
    call_log(call, call->argv, call->argc);
    if (deadline != CACHE_NO_DEADLINE) line_log_deadline(call, call->argv[1], deadline);
}

/* An expired key is removed by this look and is not there. */
static bool is_there(struct redis_call *call)
{
    return cache_read(call->cache, 0, call->argv[1], CACHE_NO_TOUCH | CACHE_NO_STATS) != NULL;
}

/* ---- writing ---- */

static void changed(struct redis_call *call, enum event_class class, const char *event,
                    int64_t deadline)
{
    call_changed(call, call->argv[1], class, event);
    if (deadline != CACHE_NO_DEADLINE)
        call_event(call, call->argv[1], EVENT_GENERIC, "expire");
    line_say(call, "OK\n");
}

static bool refuses(struct redis_call *call, const struct line_task *task)
{
    if (!task->request->only_new || !is_there(call)) return false;
    line_say(call, "NOT_SET\n");
    return true;
}

static void run_set(struct redis_call *call, void *ctx)
{
    const struct line_task *task = ctx;
    const int64_t deadline = line_deadline(call, task->request);
    if (refuses(call, task)) return;
    if (cache_set_string(call->cache, 0, call->argv[1], call->argv[2], deadline, false, NULL)) {
        line_say_no_memory(call);
        return;
    }
    if (deadline != CACHE_NO_DEADLINE) {
        call_log(call, call->argv, call->argc);
        line_log_deadline(call, call->argv[1], deadline);
    }
    changed(call, EVENT_STRING, "set", deadline);
}

/* Takes the value. */
static void replace(struct redis_call *call, const struct line_task *task, enum value_type type,
                    void *value)
{
    const bool existed = is_there(call);
    const int64_t deadline = line_deadline(call, task->request);
    if (cache_add(call->cache, 0, call->argv[1], type, value, deadline, NULL)) {
        line_say_no_memory(call);
        return;
    }
    log_whole(call, existed, deadline);
    if (type == VALUE_LIST) changed(call, EVENT_LIST, "rpush", deadline);
    else changed(call, EVENT_HASH, "hset", deadline);
}

static void run_sets(struct redis_call *call, void *ctx)
{
    const struct line_task *task = ctx;
    if (refuses(call, task)) return;
    struct list *list = list_new(cache_heap(call->cache));
    int rc = list ? 0 : KITH_ENOMEM;
    for (size_t i = 2; rc == 0 && i < call->argc; i++)
        rc = list_push(list, cache_settings(call->cache), true, call->argv[i]);
    if (rc == 0) {
        replace(call, task, VALUE_LIST, list);
        return;
    }
    list_free(list);
    line_say_no_memory(call);
}

static void run_setx(struct redis_call *call, void *ctx)
{
    const struct line_task *task = ctx;
    if (refuses(call, task)) return;
    struct hash *hash = hash_new(cache_heap(call->cache));
    int rc = hash ? 0 : KITH_ENOMEM;
    for (size_t i = 2; rc == 0 && i + 1 < call->argc; i += 2)
        rc = hash_set(hash, cache_settings(call->cache), call->argv[i], call->argv[i + 1],
                      CACHE_NO_DEADLINE, NULL);
    if (rc == 0) {
        replace(call, task, VALUE_HASH, hash);
        return;
    }
    if (hash) hash_free(hash);
    line_say_no_memory(call);
}

static void run_del(struct redis_call *call, void *ctx)
{
    (void)ctx;
    struct entry *entry = cache_write(call->cache, 0, call->argv[1]);
    if (!entry) {
        line_say(call, "NOT_FOUND\n");
        return;
    }
    call_changed(call, call->argv[1], EVENT_GENERIC, "del");
    cache_remove(call->cache, 0, entry, REMOVED_DELETED);
    line_say(call, "OK\n");
}

static void run_flushall(struct redis_call *call, void *ctx)
{
    (void)ctx;
    cache_flush(call->cache, 0, true);
    private_flushed(call);
    line_say(call, "OK\n");
}

/* ---- reading ---- */

static void put_line(struct buffer *out, struct kith_str text)
{
    uint8_t *room = buffer_extend(out, text.len + 1);
    if (!room) return;
    if (text.len) memcpy(room, text.data, text.len);
    room[text.len] = '\n';
}

/* Whatever is not just the bytes of a string; apart: it would make the frame of run_get large. */
static __attribute__((noinline)) void put_value(struct redis_call *call, const struct entry *entry,
                                                bool escapes)
{
    char scratch[ENTRY_TEXT_MAX];
    struct buffer *out = call->reply->out;
    const size_t before = out->len;
    const enum value_type type = entry_type(entry);
    if (type == VALUE_STRING) {
        line_put_text(out, entry_text(entry, scratch), escapes);
    } else if (type == VALUE_LIST) {
        line_put_list(out, entry_value(entry), escapes);
    } else if (type != VALUE_HASH) {
        line_say(call, "ERROR unsupported value type");
    } else if (line_put_hash(out, entry_value(entry))) {
        out->len = before;
        line_say_no_memory(call);
        return;
    }
    buffer_put(out, "\n", 1);
}

static void run_get(struct redis_call *call, void *ctx)
{
    char scratch[ENTRY_TEXT_MAX];
    const struct line_task *task = ctx;
    const struct entry *entry = cache_read(call->cache, 0, call->argv[1], 0);
    if (!entry) line_say(call, "NULL\n");
    else if (entry_type(entry) != VALUE_STRING || task->escape_newlines)
        put_value(call, entry, task->escape_newlines);
    else put_line(call->reply->out, entry_text(entry, scratch));
}

struct names {
    struct redis_call *call;
    struct kith_str pattern; /* data NULL: all */
    bool any, escapes;
};

static void put_name(void *ctx, struct entry *entry)
{
    struct names *names = ctx;
    const struct kith_str key = entry_key(entry);
    if (entry_deadline(entry) <= cache_now_ms(names->call->cache)) return;
    if (names->pattern.data && !text_matches(names->pattern, key, false)) return;
    if (names->any) line_say(names->call, " ");
    line_put_text(names->call->reply->out, key, names->escapes);
    names->any = true;
}

static void run_keys(struct redis_call *call, void *ctx)
{
    const struct line_task *task = ctx;
    struct names names = { .call = call, .escapes = task->escape_newlines };
    uint64_t cursor = 0;
    if (call->argc > 1) names.pattern = call->argv[1];
    if (names.pattern.len == 1 && *names.pattern.data == '*') names.pattern.data = NULL;
    do {
        cursor = cache_scan(call->cache, 0, cursor, put_name, &names);
    } while (cursor);
    line_say(call, names.any ? "\n" : "EMPTY\n");
}

/* ---- from requests ---- */

/* What runs a request, and RESP's form of it: the name, and no more words than these. */
struct form {
    void (*run)(struct redis_call *call, void *ctx);
    struct kith_str name;
    size_t words_max;
};
static const struct form forms[] = {
    [LINE_GET] = { run_get, { "GET", 3 }, 2 },
    [LINE_SET] = { run_set, { "SET", 3 }, 3 },
    [LINE_SETS] = { run_sets, { "RPUSH", 5 }, SIZE_MAX },
    [LINE_SETX] = { run_setx, { "HSET", 4 }, SIZE_MAX },
    [LINE_DEL] = { run_del, { "DEL", 3 }, 2 },
    [LINE_KEYS] = { run_keys, { "KEYS", 4 }, 2 },
    [LINE_FLUSHALL] = { run_flushall, { "FLUSHDB", 7 }, 1 },
    [LINE_TTL] = { line_run_ttl, { "TTL", 3 }, 2 },
    [LINE_EXPIRE] = { line_run_expire, { "PEXPIREAT", 9 }, SIZE_MAX },
    [LINE_PERSIST] = { line_run_persist, { "PERSIST", 7 }, 2 },
    [LINE_EXISTS] = { line_run_exists, { "EXISTS", 6 }, 2 },
    [LINE_INCR] = { line_run_incr, { "INCRBY", 6 }, SIZE_MAX },
    [LINE_MGET] = { line_run_mget, { "MGET", 4 }, SIZE_MAX },
    [LINE_UNLOCK] = { line_run_unlock, { "DEL", 3 }, SIZE_MAX },
};

/* In the request's own words; how many they are then. 0: no memory. */
static size_t arguments(const struct line_request *request, struct line_words *words,
                        struct kith_str *argv)
{
    const struct form *form = &forms[request->verb];
    for (size_t i = 0; i < request->times; i++) argv[i * request->count] = form->name;
    if (request->count <= form->words_max) return request->count;
    if (request->verb == LINE_SET) argv[2] = line_join(words, request->first + 2,
                                                       request->count - 2);
    return request->verb == LINE_SET && !argv[2].data ? 0 : form->words_max;
}

static void put_refusal(struct buffer *out, const char *why)
{
    buffer_printf(out, "ERROR %s\n", strchr(why, ' ') + 1);
}

void line_command_run(struct line_commands *commands, struct session *session,
                      const struct line_request *request, struct line_words *words,
                      const uint64_t *hashes, struct buffer *out)
{
    struct kith_str *argv = words->at + request->first;
    struct line_task task = { .request = request,
                              .escape_newlines = commands->escape_newlines };
    struct private_row row = { .argv = argv,
                               .argc = arguments(request, words, argv),
                               .stride = request->count,
                               .count = request->times,
                               .hashes = hashes,
                               .fn = forms[request->verb].run,
                               .ctx = &task };
    if (row.argc == 0) {
        buffer_printf(out, "ERROR out of memory\n");
        return;
    }
    for (const char *why; (why = private_run_row(session, &commands->entries[request->verb], &row));
         private_skip(&row))
        put_refusal(out, why);
}
