/*
 * From words to a command that runs: who may, what is refused, and what follows.
 *
 * Most commands of most sessions can be refused by nothing but their own arguments: session->plain
 * and redis->calm say so and are kept up to date by whoever changes what they depend on, so the
 * common path is a lookup, a test of the arity and two flags.
 *
 * Neighbours of one batch that are the same command are admitted by the first of them and run in a
 * loop of their own (run_alike): the way to the command is half of what a short one costs.
 *
 * Time: the end of a command is the beginning of the next in its batch. Neighbours of one batch
 * that are the same command, of constant cost (CMD_FAST, CMD_BRIEF) and with few bytes, are
 * measured together and get equal shares: reading the clock would be a tenth of their work. Slower
 * ones are measured one by one, and so is everything while SLOWLOG or LATENCY ask for less than a
 * millisecond.
 */
#include <stdio.h>
#include <string.h>

#include "redis/acl.h"
#include "redis/blocked.h"
#include "redis/multi.h"
#include "redis/pubsub.h"
#include "redis/scache_book.h"
#include "redis/slowlog.h"
#include "redis/tracking.h"
#include "redis/watch.h"

/* What most commands do not need has a frame of its own: its texts would make the common path's
 * large. */
#define APART __attribute__((noinline))
#define RARE __attribute__((noinline, cold))

#define UNKNOWN_TEXT 128u
#define WARM 16u /* commands whose keys are asked for together */
#define SHORT_BYTES 1024u /* of a reply, of a word */
#define SHORT_WORDS 8u
#define CALENDAR_NS 100000000 /* how long a reading of the calendar is good for */

void redis_refresh(struct redis *redis)
{
    redis->calm = !redis->loading && !redis->paused_until_ms && !redis->monitor_count &&
                  !redis->write_refusal;
}

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

/* EXEC that is refused ends its transaction. */
RARE static void refuse(struct session *session, struct command_entry *entry, const char *text)
{
    char abort[4 * UNKNOWN_TEXT];
    if (entry && !strcmp(entry->name, "exec")) {
        (void)snprintf(abort, sizeof abort, "EXECABORT Transaction discarded because of: %s",
                       strncmp(text, "ERR ", 4) == 0 ? text + 4 : text);
        text = abort;
        multi_clear(session);
        watch_clear(session);
    } else if (session->in_multi) {
        session->multi_failed = true;
    }
    if (entry) entry->stats.rejected++;
    redis_count_error(session->redis, text, strlen(text));
    if (session->reply_mode == REPLY_ON) resp_error(&session->reply, text);
    else if (session->reply_mode == REPLY_SKIP) session->reply_mode = REPLY_ON;
}

RARE static void refuse_unknown(struct session *session, const struct kith_str *argv, size_t argc)
{
    char text[4 * UNKNOWN_TEXT], args[2 * UNKNOWN_TEXT];
    size_t len = 0;
    const struct command_entry *container = registry_lookup(&session->redis->registry, argv[0]);
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

RARE static void refuse_arity(struct session *session, struct command_entry *entry)
{
    char text[UNKNOWN_TEXT];
    (void)snprintf(text, sizeof text, "ERR wrong number of arguments for '%s' command",
                   entry->name);
    refuse(session, entry, text);
}

/* ---- time ---- */

/* One clock tells both times; the calendar's is asked for again when a tenth of a second has gone,
 * so a clock that was set is followed. */
void redis_read_time(struct redis *redis)
{
    const int64_t since = os_now_ns(redis->os) - redis->calendar_ns;
    redis->now_ns = redis->calendar_ns + since;
    if (redis->calendar_ms && since >= 0 && since < CALENDAR_NS) {
        cache_set_now(redis->cache, redis->calendar_ms + since / 1000000);
        return;
    }
    cache_begin(redis->cache);
    redis->calendar_ns = redis->now_ns;
    redis->calendar_ms = cache_now_ms(redis->cache);
}

static int64_t count_calls(struct redis *redis, struct command_entry *entry, unsigned calls)
{
    const int64_t now = os_now_ns(redis->os);
    const int64_t took = now > redis->now_ns ? now - redis->now_ns : 0;
    redis->now_ns = now;
    redis->counters.commands += calls;
    entry->stats.calls += calls;
    entry->stats.ns += (uint64_t)took;
    stats_count(&entry->stats, took / calls, calls);
    return took;
}

/* Those that wait to be measured together. */
static void count_shared(struct redis *redis)
{
    if (redis->shared_calls) (void)count_calls(redis, redis->shared, redis->shared_calls);
    redis->shared_calls = 0;
}

void redis_share_begin(struct redis *redis) { redis->sharing = true; }

void redis_share_end(struct redis *redis)
{
    count_shared(redis);
    redis->sharing = false;
}

/* ---- running ---- */

/* Beforehand: nothing that it is takes long. */
static bool is_short_kind(const struct redis *redis, const struct command_entry *entry, size_t argc)
{
    return redis->sharing && entry->flags & (CMD_FAST | CMD_BRIEF) && redis->depth <= 1 &&
           redis->slow_ns >= SHARED_NS && argc <= SHORT_WORDS;
}

/* Afterwards: nothing that it did takes long. */
static bool may_share(const struct redis *redis, const struct command_entry *entry,
                      const struct redis_call *call, size_t start)
{
    if (!is_short_kind(redis, entry, call->argc) || call->reply->out->len - start > SHORT_BYTES)
        return false;
    for (size_t i = 1; i < call->argc; i++)
        if (call->argv[i].len > SHORT_BYTES) return false;
    return true;
}

RARE static void note_slow(struct redis *redis, struct session *session,
                           struct command_entry *entry, const struct redis_call *call, int64_t ns)
{
    const int64_t us = ns / 1000, slower_than = redis->settings.slowlog_slower_than;
    const int64_t threshold = redis->settings.latency_threshold;
    if (slower_than >= 0 && us >= slower_than && !(entry->flags & CMD_NO_SLOWLOG))
        slowlog_add(redis, session, entry, call->argv, call->argc, us);
    if (threshold && us / 1000 >= threshold)
        latency_add(redis, entry->flags & CMD_FAST ? "fast-command" : "command", us / 1000);
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

static void plain_run(struct redis_call *call, void *ctx)
{
    (void)ctx;
    call->command->run(call);
}

struct outer { /* whose call it is, around this one */
    struct session *session;
    struct command_entry *entry;
};

static inline struct outer enter(struct redis *redis, struct session *session,
                                 struct command_entry *entry)
{
    const struct outer outer = {redis->current, redis->running};
    redis->current = session;
    redis->running = entry;
    redis->depth++;
    if (redis->shared != entry) count_shared(redis);
    return outer;
}

static inline void leave(struct redis *redis, struct outer outer)
{
    redis->depth--;
    redis->running = outer.entry;
    redis->current = outer.session;
}

/* A command that has just run: its errors, its time, and the log. */
static inline void conclude(struct redis *redis, struct session *session,
                            struct command_entry *entry, const struct redis_call *call,
                            size_t start, bool share)
{
    const bool raw = entry->flags & CMD_RAW_REPLY;
    if ((!raw && is_error(redis, call->reply->out, start)) || call->failed) entry->stats.failed++;
    redis->shared_calls++;
    if (share) {
        redis->shared = entry;
    } else {
        const int64_t ns = count_calls(redis, entry, redis->shared_calls);
        redis->shared_calls = 0;
        if (ns >= redis->slow_ns) note_slow(redis, session, entry, call, ns);
    }
    if (call->changes) log_call(redis, call);
}

void redis_call_finish(struct redis *redis, struct session *session, struct command_entry *entry,
                       struct redis_call *call, void (*fn)(struct redis_call *call, void *ctx),
                       void *ctx)
{
    const size_t start = call->reply->out->len;
    const struct outer outer = enter(redis, session, entry);
    fn(call, ctx);
    conclude(redis, session, entry, call, start, may_share(redis, entry, call, start));
    leave(redis, outer);
}

void redis_call_run(struct redis *redis, struct session *session, struct command_entry *entry,
                    struct redis_call *call)
{
    redis_call_finish(redis, session, entry, call, plain_run, NULL);
    if (session && session->tracking.on && (entry->flags & CMD_READ) && !call->failed)
        tracking_remember(session, entry, call->argv, call->argc);
}

static inline bool is_unsettled(const struct redis *redis)
{
    return redis->flushed || redis->scache_gone.len || redis->effect_count || redis->ready_first;
}

void redis_settle(struct redis *redis)
{
    if (redis->flushed) {
        redis->flushed = false;
        tracking_flushed(redis);
    }
    if (redis->scache_gone.len) scache_settle(redis);
    if (redis->effect_count) redis_flush_effects(redis);
    if (redis->ready_first) blocked_serve(redis);
}

/* What CLIENT REPLY OFF and SKIP hold back is what the command wrote itself. */
RARE static void mute(struct session *session, size_t start)
{
    session->reply.out->len = start;
    if (session->reply_mode == REPLY_SKIP) session->reply_mode = REPLY_ON;
    if (session->reply_mode == REPLY_SKIP_NEXT) session->reply_mode = REPLY_SKIP;
}

RARE static void move_messages(struct session *session)
{
    if (session->reply.out == &session->out) return;
    buffer_put(session->reply.out, session->out.data, session->out.len);
    buffer_clear(&session->out);
}

static struct redis_call call_of(struct session *session, const struct command_entry *entry,
                                 const struct kith_str *argv, size_t argc)
{
    return (struct redis_call){.redis = session->redis,
                               .cache = session->redis->cache,
                               .session = session,
                               .command = entry->command,
                               .db = session->db,
                               .argv = argv,
                               .argc = argc,
                               .reply = &session->reply};
}

static void run(struct session *session, struct command_entry *entry, const struct kith_str *argv,
                size_t argc)
{
    struct redis *redis = session->redis;
    const size_t start = session->reply.out->len;
    struct redis_call call = call_of(session, entry, argv, argc);
    session->last = entry;
    session->commands++;
    redis_call_run(redis, session, entry, &call);
    if (session->reply_mode != REPLY_ON) mute(session, start);
    redis_settle(redis);
    if (session->out.len) move_messages(session);
    if (session->tracking.caching && !session->in_multi && !session->tracking_keep)
        session->tracking.caching = false;
    session->tracking_keep = false;
}

/* ---- admission ---- */

static bool is_put_off(struct session *session, const struct command_entry *entry)
{
    struct redis *redis = session->redis;
    if (!redis->paused_until_ms) return false;
    if (cache_now_ms(redis->cache) >= redis->paused_until_ms) {
        redis->paused_until_ms = 0;
        cache_set_paused(redis->cache, false);
        redis_refresh(redis);
        return false;
    }
    const bool writes = (entry->flags | (strcmp(entry->name, "exec") ? 0 : session->queue_flags)) &
                        CMD_WRITE;
    const bool publishes = entry->categories & CAT_PUBSUB && entry->command->arity == 3;
    if (!redis->paused_all && !writes && !publishes) return false;
    if (str_is(str_of(entry->name), "client|unpause")) return false;
    if (!session->stream) return false;
    session->state = SESSION_PUT_OFF;
    return true;
}

APART static bool is_allowed(struct session *session, struct command_entry *entry,
                             const struct kith_str *argv, size_t argc)
{
    char text[256];
    size_t place;
    if (session->user && session->user->unlimited) return true;
    const enum acl_denial why =
        acl_check(session->redis, session->user, entry, argv, argc, &place);
    if (why == ACL_ALLOWED) return true;
    acl_refusal(session, entry, why, argv, place, text);
    refuse(session, entry, text);
    return false;
}

static const char *state_refusal(struct session *session, const struct command_entry *entry)
{
    const struct redis *redis = session->redis;
    if (redis->write_refusal && (entry->flags & CMD_WRITE) && redis->settings.stop_on_save_error)
        return "MISCONF Redis is configured to save RDB snapshots, but it's currently unable to "
               "persist to disk. Commands that may modify the data set are disabled, because this "
               "instance is configured to report errors during writes if RDB snapshotting fails "
               "(stop-writes-on-bgsave-error option). Please check the Redis logs for details "
               "about the RDB error.";
    if (redis->loading && !(entry->flags & CMD_LOADING))
        return "LOADING Redis is loading the dataset in memory";
    return NULL;
}

static bool is_subscribed_in_vain(struct session *session, struct command_entry *entry)
{
    char text[2 * UNKNOWN_TEXT];
    if (session->reply.version == 3 || !session_is_subscribed(session)) return false;
    const char *name = entry->command->name;
    const bool fits = entry->flags & CMD_PUBSUB || !strcmp(name, "quit") || !strcmp(name, "reset");
    if (fits) return false;
    (void)snprintf(text, sizeof text,
                   "ERR Can't execute '%s': only (P|S)SUBSCRIBE / (P|S)UNSUBSCRIBE / PING / QUIT / "
                   "RESET are allowed in this context",
                   entry->name);
    refuse(session, entry, text);
    return true;
}

/* Everything that can say no but the arguments; false: it was refused, or put off. */
APART static bool admit(struct session *session, struct command_entry *entry,
                        const struct kith_str *argv, size_t argc)
{
    const uint32_t flags = entry->flags;
    if (!session->authenticated && !(flags & CMD_NO_AUTH)) {
        refuse(session, entry, "NOAUTH Authentication required.");
        return false;
    }
    if (session->in_multi && (flags & CMD_NO_MULTI)) {
        refuse(session, entry, "ERR Command not allowed inside a transaction");
        return false;
    }
    if (!is_allowed(session, entry, argv, argc)) return false;
    const char *refusal = state_refusal(session, entry);
    if (refusal) {
        refuse(session, entry, refusal);
        return false;
    }
    if (is_subscribed_in_vain(session, entry)) return false;
    if (is_put_off(session, entry)) return false;
    if (session->redis->monitor_count && !session->in_multi)
        monitor_feed(session->redis, session, entry, argv, argc);
    return true;
}

/* What runs at once inside MULTI. */
static bool runs_in_multi(const struct command_entry *entry)
{
    static const char *const names[] = {"exec", "discard", "multi", "watch", "quit", "reset"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (!strcmp(entry->name, names[i])) return true;
    return false;
}

APART static void queue(struct session *session, struct command_entry *entry,
                        const struct kith_str *argv, size_t argc)
{
    const bool ok = multi_queue(session, entry, argv, argc);
    if (session->reply_mode != REPLY_ON) return;
    if (ok) resp_status(&session->reply, "QUEUED");
    else resp_error(&session->reply, "OOM command not allowed when used memory > 'maxmemory'.");
}

APART static bool has_room(struct session *session, struct command_entry *entry)
{
    if (cache_make_room(session->redis->cache)) return true;
    refuse(session, entry, "OOM command not allowed when used memory > 'maxmemory'.");
    return false;
}

/* A container without its subcommand, or a name that nobody has. */
RARE static void refuse_words(struct session *session, const struct kith_str *argv, size_t argc)
{
    struct command_entry *container = registry_lookup(&session->redis->registry, argv[0]);
    if (container && argc < 2) refuse_arity(session, container);
    else refuse_unknown(session, argv, argc);
}

/* Returns what ran; NULL: it was refused, put off or queued. */
static struct command_entry *execute(struct session *session, const struct kith_str *argv,
                                     size_t argc)
{
    struct redis *redis = session->redis;
    struct command_entry *entry = registry_again(&redis->registry, argv, argc);
    if (!entry) {
        refuse_words(session, argv, argc);
        return NULL;
    }
    if (!command_arity_fits(entry->command, argc) || !entry->command->run) {
        refuse_arity(session, entry);
        return NULL;
    }
    uint32_t flags = entry->flags;
    if (!(session->plain && redis->calm)) {
        if (!admit(session, entry, argv, argc)) return NULL;
        if (session->in_multi && !strcmp(entry->name, "exec")) flags |= session->queue_flags;
    }
    if (flags & CMD_DENY_OOM && redis->settings.maxmemory && !has_room(session, entry)) return NULL;
    if (session->in_multi && !runs_in_multi(entry)) {
        queue(session, entry, argv, argc);
        return NULL;
    }
    run(session, entry, argv, argc);
    return entry;
}

void session_execute(struct session *session, const struct kith_str *argv, size_t argc)
{
    (void)execute(session, argv, argc);
}

/* A queue of commands touches as many keys, each some cache misses away: those of the next commands
 * are asked for before the first is executed, so that their ways from memory overlap. First the
 * buckets, then what stands in them. Their hashes are kept: the commands need them again. */
static void warm(const struct session *session, struct batch *batch)
{
    struct cache *cache = session->redis->cache;
    const size_t left = batch->count - batch->done, count = left < WARM ? left : WARM;
    struct batch_item *items = &batch->items[batch->done];
    const struct kith_str *argv = &batch->words[batch->done_words];
    for (size_t i = 0; i < count; argv += items[i++].words)
        if (items[i].words > 1) items[i].hash = cache_prefetch(cache, session->db, argv[1]);
    for (size_t i = 0; i < count && count > 1; i++)
        if (items[i].words > 1) cache_prefetch_entry(cache, session->db, items[i].hash);
}

/* A command that ran: whether one that is alike needs to be asked about by nothing. A subcommand is
 * another's neighbour by its second word, so containers are left out (registry_anew). */
static bool leads(const struct session *session, const struct command_entry *entry, size_t argc)
{
    const struct redis *redis = session->redis;
    return entry && entry == redis->registry.last.entry && is_short_kind(redis, entry, argc) &&
           session->reply_mode == REPLY_ON && !session->tracking.on &&
           !(entry->flags & CMD_DENY_OOM && redis->settings.maxmemory);
}

static bool goes_on(const struct session *session)
{
    return session->state == SESSION_RUNNING && !session->closing;
}

static const struct kith_str *next_words(const struct session *session, const struct batch *batch)
{
    const struct kith_str *argv = &batch->words[batch->done_words];
    const struct batch_item *item = &batch->items[batch->done];
    if (item->words > 1) cache_expect(session->redis->cache, argv[1], item->hash);
    return argv;
}

/* Those behind a command that led (leads), up to the next that must be warmed. Words and replies
 * are few enough to share the time if their bytes are. */
APART static void run_alike(struct session *session, struct command_entry *entry,
                            struct batch *batch)
{
    struct redis *redis = session->redis;
    const struct buffer *out = session->reply.out;
    const struct batch_item *item = &batch->items[batch->done];
    const size_t before = batch->done;
    struct redis_call call = call_of(session, entry, NULL, item[-1].words);
    struct outer outer = enter(redis, session, entry);
    for (; batch->done < batch->count && item->alike && batch->done % WARM; item++) {
        if (!goes_on(session) || !(session->plain && redis->calm)) break;
        const size_t start = out->len, bytes = item->end - item[-1].end;
        call.argv = next_words(session, batch);
        call.db = session->db;
        call.failed = call.log_replaced = false;
        call.changes = 0;
        entry->command->run(&call);
        conclude(redis, session, entry, &call, start,
                 bytes <= SHORT_BYTES && out->len - start <= SHORT_BYTES);
        if (is_unsettled(redis)) { /* whoever is served now runs calls of their own */
            leave(redis, outer);
            redis_settle(redis);
            outer = enter(redis, session, entry);
        }
        if (session->out.len) move_messages(session);
        batch->done++;
        batch->done_words += item->words;
    }
    leave(redis, outer);
    session->commands += batch->done - before;
}

void session_run_batch(struct session *session, struct batch *batch)
{
    redis_share_begin(session->redis);
    while (batch->done < batch->count && goes_on(session)) {
        if (batch->done % WARM == 0) warm(session, batch);
        const struct kith_str *argv = next_words(session, batch);
        const size_t argc = batch->items[batch->done].words;
        struct command_entry *ran = execute(session, argv, argc);
        if (session->state == SESSION_PUT_OFF) break; /* it comes again */
        batch->done++;
        batch->done_words += argc;
        const bool follows = batch->done < batch->count && batch->items[batch->done].alike;
        if (follows && leads(session, ran, argc)) run_alike(session, ran, batch);
    }
    redis_share_end(session->redis);
}
