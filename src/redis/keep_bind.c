/*
 * What binds the door to its files: effects into the log, commands out of it, tickets for sessions.
 */
#include "redis/keep_bind.h"

#include "redis/persist.h"
#include "redis/redis_internal.h"

/* ---- out of the log ---- */

static int replay(void *ctx, unsigned db, const struct kith_str *argv, size_t argc)
{
    struct redis *redis = ctx;
    struct command_entry *entry = registry_of(&redis->registry, argv, argc);
    struct buffer out;
    if (!entry || !entry->command->run || !command_arity_fits(entry->command, argc)) {
        redis_log(redis, 0, "the log holds a command that is not known: %.*s", (int)argv[0].len,
                  argv[0].data);
        return KITH_ECORRUPT;
    }
    buffer_init(&out);
    struct resp reply = { &out, 2 };
    struct redis_call call = { .redis = redis,
                               .cache = redis->cache,
                               .command = entry->command,
                               .db = db,
                               .argv = argv,
                               .argc = argc,
                               .reply = &reply };
    redis_call_run(redis, NULL, entry, &call);
    const bool failed = buffer_failed(&out);
    if (out.len && out.data[0] == '-')
        redis_log(redis, 1, "replayed, it fails: %.*s: %.*s", (int)argv[0].len, argv[0].data,
                  (int)out.len - 3, (const char *)out.data + 1);
    buffer_release(&out);
    return failed ? KITH_ENOMEM : 0;
}

/* ---- into it ---- */

static void take_many(struct redis *redis, const struct effect *effects, size_t count)
{
    struct keep_command few[16], *commands = few;
    if (count > 16) commands = arena_alloc_array(&redis->effect_words, count, sizeof *commands);
    for (size_t i = 0; commands && i < count; i++)
        commands[i] = (struct keep_command){ effects[i].db, effects[i].argv, effects[i].argc };
    if (commands) keep_append(redis->keep, commands, count);
    else redis_log(redis, 0, "no memory to log %zu changes", count);
}

static void take(void *ctx, const struct effect *effects, size_t count)
{
    struct redis *redis = ctx;
    const struct keep_command one = { effects->db, effects->argv, effects->argc };
    if (count == 1) keep_append(redis->keep, &one, 1);
    else take_many(redis, effects, count);
}

static void settled(void *ctx)
{
    struct redis *redis = ctx;
    os_mutex_lock(&redis->settled_lock);
    if (redis->on_settled) redis->on_settled(redis->on_settled_ctx);
    os_mutex_unlock(&redis->settled_lock);
}

/* Changes are refused from now on, not from the next turn of cron on. */
static void lost(void *ctx)
{
    struct redis *redis = ctx;
    cache_lock(redis->cache);
    persist_check(redis);
    cache_unlock(redis->cache);
}

/* Returns when no call of the one before is under way any more. */
void redis_set_settled(struct redis *redis, void (*fn)(void *ctx), void *ctx)
{
    os_mutex_lock(&redis->settled_lock);
    redis->on_settled = fn;
    redis->on_settled_ctx = ctx;
    os_mutex_unlock(&redis->settled_lock);
}

static struct keep_opts opts_of(struct redis *redis, const char *dir)
{
    return (struct keep_opts){
        .os = redis->os,
        .dir = dir,
        .cache = redis->cache,
        .replay = replay,
        .define = redis->define,
        .settled = settled,
        .lost = lost,
        .log = redis->log,
        .ctx = redis,
        .log_ctx = redis->log_ctx,
    };
}

int redis_keep_open(struct redis *redis, const char *dir, bool logging, bool recover,
                    struct kith_error *err)
{
    struct keep_opts opts = opts_of(redis, dir);
    struct keep *keep = NULL;
    opts.recover = recover;
    redis->loading = true;
    int rc = keep_open(&opts, &keep, err);
    redis->loading = false;
    redis->keep = keep;
    if (rc == 0 && logging)
        rc = keep_log(redis->keep, (enum fsync_policy)redis->settings.appendfsync, false, err);
    if (rc == 0) redis->sink = (struct effect_sink){ take, redis };
    return rc;
}

int redis_keep_begin(struct redis *redis, const char *dir, struct kith_error *err)
{
    struct keep_opts opts = opts_of(redis, dir);
    struct keep *keep;
    opts.fresh = true;
    const int rc = keep_open(&opts, &keep, err);
    if (rc) return rc;
    cache_lock(redis->cache);
    redis->keep = keep;
    redis->sink = (struct effect_sink){ take, redis };
    cache_unlock(redis->cache);
    return 0;
}

void redis_keep_close(struct redis *redis)
{
    keep_close(redis->keep);
    redis->keep = NULL;
    redis->sink = (struct effect_sink){ 0 };
}

/* ---- tickets ---- */

uint64_t redis_ticket(const struct redis *redis)
{
    return redis->keep ? keep_ticket(redis->keep) : 0;
}

uint64_t redis_settle_log(struct redis *redis)
{
    return redis->keep ? keep_settle(redis->keep) : UINT64_MAX;
}
