/*
 * From words to a command that runs: who may, what is refused, and what follows.
 *
 * Most commands of most sessions can be refused by nothing but their own arguments: session->plain
 * and redis->calm say so and are kept up to date by whoever changes what they depend on, so the
 * common path is a lookup, a test of the arity and two flags.
 *
 * Time: the clock is read once a command. The end of one is the beginning of the next in its batch.
 */
#include <stdio.h>
#include <string.h>

#include "redis/redis_internal.h"

#define UNKNOWN_TEXT 128u

void redis_refresh(struct redis *redis) { redis->calm = !redis->loading; }

/* ---- errors ---- */

void redis_count_error(struct redis *redis, const char *text, size_t len)
{
    uintptr_t count = 0;
    size_t code = 0;
    while (code < len && text[code] != ' ' && text[code] != '\r') code++;
    redis->counters.errors++;
    (void)map_get(&redis->errors, text, code, &count);
    if (count || redis->errors.count < 128) {
        const int rc = map_put(&redis->errors, text, code, count + 1);
        (void)rc; /* a statistic */
    }
}

/* The reply from start on is an error: counts it. */
static bool is_error(struct redis *redis, const struct buffer *out, size_t start)
{
    if (out->len <= start || out->data[start] != '-') return false;
    redis_count_error(redis, (const char *)out->data + start + 1, out->len - start - 1);
    return true;
}

static void refuse(struct session *session, struct command_entry *entry, const char *text)
{
    if (session->in_multi) session->multi_failed = true;
    if (entry) entry->stats.rejected++;
    redis_count_error(session->redis, text, strlen(text));
    if (session->reply_mode == REPLY_ON) resp_error(&session->reply, text);
    else if (session->reply_mode == REPLY_SKIP) session->reply_mode = REPLY_ON;
}

static void refuse_unknown(struct session *session, const struct kith_str *argv, size_t argc)
{
    char text[4 * UNKNOWN_TEXT], args[2 * UNKNOWN_TEXT];
    size_t len = 0;
    const struct command_entry *container = registry_find(&session->redis->registry, argv[0]);
    if (container && argc >= 2) {
        (void)snprintf(text, sizeof text, "ERR unknown subcommand '%.*s'. Try %.*s HELP.",
                       (int)(argv[1].len < UNKNOWN_TEXT ? argv[1].len : UNKNOWN_TEXT),
                       argv[1].data, (int)COMMAND_NAME_MAX, container->command->name);
        char *name = strstr(text, ". Try ");
        for (char *c = name ? name + 6 : text; name && *c && *c != ' '; c++)
            if (*c >= 'a' && *c <= 'z') *c = (char)(*c - 32);
        refuse(session, NULL, text);
        return;
    }
    args[0] = 0;
    for (size_t i = 1; i < argc && len < UNKNOWN_TEXT; i++) {
        const size_t room = UNKNOWN_TEXT - len;
        const int wrote = snprintf(args + len, sizeof args - len, "'%.*s' ",
                                   (int)(argv[i].len < room ? argv[i].len : room), argv[i].data);
        if (wrote > 0) len += (size_t)wrote;
    }
    (void)snprintf(text, sizeof text, "ERR unknown command '%.*s', with args beginning with: %s",
                   (int)(argv[0].len < UNKNOWN_TEXT ? argv[0].len : UNKNOWN_TEXT), argv[0].data,
                   args);
    refuse(session, NULL, text);
}

static void refuse_arity(struct session *session, struct command_entry *entry)
{
    char text[UNKNOWN_TEXT];
    (void)snprintf(text, sizeof text, "ERR wrong number of arguments for '%s' command",
                   entry->name);
    refuse(session, entry, text);
}

/* ---- running ---- */

static void count_call(struct redis *redis, struct command_entry *entry, bool failed)
{
    const int64_t now = os_now_ns(redis->os);
    const int64_t took = now - redis->now_ns;
    redis->now_ns = now;
    entry->stats.calls++;
    entry->stats.failed += failed;
    entry->stats.ns += took > 0 ? (uint64_t)took : 0;
}

static void log_call(struct redis *redis, const struct redis_call *call)
{
    if (!redis->sink.take || call->log_replaced || !call->session) return;
    if (redis->depth > 1 || redis->effect_count) {
        redis_effect(redis, call->db, call->argv, call->argc);
        return;
    }
    const struct effect effect = {call->db, call->argv, call->argc};
    redis->sink.take(redis->sink.ctx, &effect, 1);
}

void redis_call_run(struct redis *redis, struct session *session, struct command_entry *entry,
                    struct redis_call *call)
{
    struct session *outer = redis->current;
    struct command_entry *outer_entry = redis->running;
    const size_t start = call->reply->out->len;
    redis->current = session;
    redis->running = entry;
    redis->depth++;
    entry->command->run(call);
    const bool failed = is_error(redis, call->reply->out, start) || call->failed;
    count_call(redis, entry, failed);
    if (call->changes) log_call(redis, call);
    redis->depth--;
    redis->running = outer_entry;
    redis->current = outer;
}

void redis_settle(struct redis *redis)
{
    if (redis->effect_count) redis_flush_effects(redis);
}

/* What CLIENT REPLY OFF and SKIP hold back is what the command wrote itself. */
static void mute(struct session *session, size_t start)
{
    session->reply.out->len = start;
    if (session->reply_mode == REPLY_SKIP) session->reply_mode = REPLY_ON;
    if (session->reply_mode == REPLY_SKIP_NEXT) session->reply_mode = REPLY_SKIP;
}

static void move_messages(struct session *session)
{
    if (session->reply.out == &session->out) return;
    buffer_put(session->reply.out, session->out.data, session->out.len);
    buffer_clear(&session->out);
}

static void run(struct session *session, struct command_entry *entry, const struct kith_str *argv,
                size_t argc)
{
    struct redis *redis = session->redis;
    const size_t start = session->reply.out->len;
    struct redis_call call = {.redis = redis,
                              .cache = redis->cache,
                              .session = session,
                              .command = entry->command,
                              .db = session->db,
                              .argv = argv,
                              .argc = argc,
                              .reply = &session->reply};
    session->last = entry;
    session->commands++;
    redis_call_run(redis, session, entry, &call);
    if (session->reply_mode != REPLY_ON) mute(session, start);
    redis_settle(redis);
    if (session->out.len) move_messages(session);
}

/* ---- admission ---- */

static bool admit(struct session *session, struct command_entry *entry)
{
    const uint32_t flags = entry->flags;
    if (!session->authenticated && !(flags & CMD_NO_AUTH)) {
        refuse(session, entry, "NOAUTH Authentication required.");
        return false;
    }
    return true;
}

static bool has_room(struct session *session, struct command_entry *entry)
{
    struct redis *redis = session->redis;
    if (!redis->settings.maxmemory || cache_make_room(redis->cache)) return true;
    refuse(session, entry, "OOM command not allowed when used memory > 'maxmemory'.");
    return false;
}

void session_execute(struct session *session, const struct kith_str *argv, size_t argc)
{
    struct redis *redis = session->redis;
    struct command_entry *entry = registry_of(&redis->registry, argv, argc);
    if (!entry) {
        const struct command_entry *container = registry_find(&redis->registry, argv[0]);
        if (container && argc < 2) refuse_arity(session, registry_find(&redis->registry, argv[0]));
        else refuse_unknown(session, argv, argc);
        return;
    }
    if (!command_arity_fits(entry->command, argc) || !entry->command->run) {
        refuse_arity(session, entry);
        return;
    }
    if (!(session->plain && redis->calm) && !admit(session, entry)) return;
    if ((entry->flags & CMD_DENY_OOM) && !has_room(session, entry)) return;
    run(session, entry, argv, argc);
}

void session_run_batch(struct session *session)
{
    struct batch *batch = &session->batch;
    session->redis->now_ns = os_now_ns(session->redis->os);
    while (batch->done < batch->count && session->state == SESSION_RUNNING && !session->closing) {
        const struct kith_str *argv = &batch->words[batch->done_words];
        const size_t argc = batch->items[batch->done].words;
        session_execute(session, argv, argc);
        if (session->state == SESSION_PUT_OFF) return; /* it comes again */
        batch->done++;
        batch->done_words += argc;
    }
}
