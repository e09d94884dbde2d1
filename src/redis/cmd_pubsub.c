/*
 * Commands of channels: (P|S)SUBSCRIBE, (P|S)UNSUBSCRIBE, PUBLISH, SPUBLISH, PUBSUB.
 */
#include <string.h>

#include "base/alloc.h"
#include "redis/acl.h"
#include "redis/glob.h"
#include "redis/pubsub.h"
#include "redis/server_commands.h"

static const char *const subscribe_words[PUBSUB_KINDS] = {"subscribe", "psubscribe", "ssubscribe"};
static const char *const unsubscribe_words[PUBSUB_KINDS] = {"unsubscribe", "punsubscribe",
                                                            "sunsubscribe"};

/* Sharded channels have a count of their own. */
static int64_t count_of(const struct session *session, enum pubsub_kind kind)
{
    return kind == PUBSUB_SHARD ? (int64_t)session->shards.count
                                : (int64_t)session_subscriptions(session);
}

static void confirm(struct redis_call *call, enum pubsub_kind kind, const char *word,
                    const struct kith_str *name)
{
    resp_push(call->reply, 3);
    resp_cstr(call->reply, word);
    if (name) resp_str(call->reply, *name);
    else resp_null(call->reply);
    resp_integer(call->reply, count_of(call->session, kind));
}

static void subscribe(struct redis_call *call, enum pubsub_kind kind)
{
    for (size_t i = 1; i < call->argc; i++) {
        bool fresh;
        if (pubsub_subscribe(call->session, kind, call->argv[i], &fresh)) {
            call_no_memory(call);
            return;
        }
        confirm(call, kind, subscribe_words[kind], &call->argv[i]);
    }
}

/* Removal moves what follows one place back at most, so the walk goes on one place before: each
 * place is looked at twice, where a walk from the start each time would be quadratic. */
static void unsubscribe_all(struct redis_call *call, enum pubsub_kind kind)
{
    struct map *own = pubsub_of(call->session, kind);
    size_t it = 0, len;
    const void *name;
    if (own->count == 0) confirm(call, kind, unsubscribe_words[kind], NULL);
    while (own->count) {
        struct buffer copy;
        if (!map_next(own, &it, &name, &len, NULL)) {
            it = 0; /* a run that goes round the end */
            continue;
        }
        it--;
        buffer_init(&copy);
        buffer_put(&copy, name, len);
        const struct kith_str channel = {(const char *)copy.data, copy.len};
        const bool whole = !buffer_failed(&copy);
        if (whole) (void)pubsub_unsubscribe(call->session, kind, channel);
        if (whole) confirm(call, kind, unsubscribe_words[kind], &channel);
        buffer_release(&copy);
        if (!whole) return;
    }
}

static void unsubscribe(struct redis_call *call, enum pubsub_kind kind)
{
    if (call->argc == 1) {
        unsubscribe_all(call, kind);
        return;
    }
    for (size_t i = 1; i < call->argc; i++) {
        (void)pubsub_unsubscribe(call->session, kind, call->argv[i]);
        confirm(call, kind, unsubscribe_words[kind], &call->argv[i]);
    }
}

static void run_subscribe(struct redis_call *call) { subscribe(call, PUBSUB_CHANNEL); }
static void run_psubscribe(struct redis_call *call) { subscribe(call, PUBSUB_PATTERN); }
static void run_ssubscribe(struct redis_call *call) { subscribe(call, PUBSUB_SHARD); }
static void run_unsubscribe(struct redis_call *call) { unsubscribe(call, PUBSUB_CHANNEL); }
static void run_punsubscribe(struct redis_call *call) { unsubscribe(call, PUBSUB_PATTERN); }
static void run_sunsubscribe(struct redis_call *call) { unsubscribe(call, PUBSUB_SHARD); }

static void run_publish(struct redis_call *call)
{
    resp_integer(call->reply,
                 (int64_t)pubsub_publish(call->redis, call->argv[1], call->argv[2]));
}

static void run_spublish(struct redis_call *call)
{
    resp_integer(call->reply,
                 (int64_t)pubsub_publish_shard(call->redis, call->argv[1], call->argv[2]));
}

/* ---- PUBSUB ---- */

static void list_channels(struct redis_call *call, enum pubsub_kind kind)
{
    const struct map *map = pubsub_map(call->redis, kind);
    size_t it = 0, len, count = 0;
    const void *name;
    struct glob glob = {0};
    if (call->argc == 3 && glob_init(&glob, call->argv[2], false) != 0) {
        call_no_memory(call);
        glob_release(&glob);
        return;
    }
    const size_t place = resp_open(call->reply);
    while (map_next(map, &it, &name, &len, NULL)) {
        const struct kith_str channel = {name, len};
        if (call->argc == 3 && !glob_matches(&glob, channel)) continue;
        resp_str(call->reply, channel);
        count++;
    }
    resp_close(call->reply, place, '*', count);
    glob_release(&glob);
}

static void count_channels(struct redis_call *call, enum pubsub_kind kind)
{
    const struct map *map = pubsub_map(call->redis, kind);
    resp_array(call->reply, (call->argc - 2) * 2);
    for (size_t i = 2; i < call->argc; i++) {
        uintptr_t value = 0;
        const bool found = map_get(map, call->argv[i].data, call->argv[i].len, &value);
        resp_str(call->reply, call->argv[i]);
        resp_integer(call->reply, found ? (int64_t)((const struct channel *)value)->count : 0);
    }
}

static void run_channels(struct redis_call *call)
{
    if (call->argc > 3) call_arity_error(call);
    else list_channels(call, PUBSUB_CHANNEL);
}

static void run_shardchannels(struct redis_call *call)
{
    if (call->argc > 3) call_arity_error(call);
    else list_channels(call, PUBSUB_SHARD);
}

static void run_numsub(struct redis_call *call) { count_channels(call, PUBSUB_CHANNEL); }
static void run_shardnumsub(struct redis_call *call) { count_channels(call, PUBSUB_SHARD); }

static void run_numpat(struct redis_call *call)
{
    resp_integer(call->reply, (int64_t)pubsub_map(call->redis, PUBSUB_PATTERN)->count);
}

#define SUBSCRIBE_FLAGS (CMD_PUBSUB | CMD_LOADING | CMD_NO_SCRIPT)
#define PUBSUB_FLAGS (CMD_LOADING)

static const struct command pubsub_subcommands[] = {
    {.name = "channels", .run = run_channels, .arity = -2, .flags = PUBSUB_FLAGS,
     .categories = CAT_PUBSUB},
    {.name = "numsub", .run = run_numsub, .arity = -2, .flags = PUBSUB_FLAGS,
     .categories = CAT_PUBSUB},
    {.name = "numpat", .run = run_numpat, .arity = 2, .flags = PUBSUB_FLAGS,
     .categories = CAT_PUBSUB},
    {.name = "shardchannels", .run = run_shardchannels, .arity = -2, .flags = PUBSUB_FLAGS,
     .categories = CAT_PUBSUB},
    {.name = "shardnumsub", .run = run_shardnumsub, .arity = -2, .flags = PUBSUB_FLAGS,
     .categories = CAT_PUBSUB},
    HELP_SUBCOMMAND(0),
    {.name = NULL},
};

const struct command pubsub_commands[] = {
    {.name = "subscribe", .run = run_subscribe, .arity = -2, .flags = SUBSCRIBE_FLAGS,
     .categories = CAT_PUBSUB},
    {.name = "psubscribe", .run = run_psubscribe, .arity = -2, .flags = SUBSCRIBE_FLAGS,
     .categories = CAT_PUBSUB},
    {.name = "ssubscribe", .run = run_ssubscribe, .arity = -2, .flags = SUBSCRIBE_FLAGS,
     .categories = CAT_PUBSUB},
    {.name = "unsubscribe", .run = run_unsubscribe, .arity = -1, .flags = SUBSCRIBE_FLAGS,
     .categories = CAT_PUBSUB},
    {.name = "punsubscribe", .run = run_punsubscribe, .arity = -1, .flags = SUBSCRIBE_FLAGS,
     .categories = CAT_PUBSUB},
    {.name = "sunsubscribe", .run = run_sunsubscribe, .arity = -1, .flags = SUBSCRIBE_FLAGS,
     .categories = CAT_PUBSUB},
    {.name = "publish", .run = run_publish, .arity = 3, .flags = CMD_FAST | CMD_LOADING,
     .categories = CAT_PUBSUB},
    {.name = "spublish", .run = run_spublish, .arity = 3, .flags = CMD_FAST | CMD_LOADING,
     .categories = CAT_PUBSUB},
    {.name = "pubsub", .arity = -2, .subcommands = pubsub_subcommands, .categories = CAT_PUBSUB},
    {.name = NULL},
};
