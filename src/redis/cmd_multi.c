/*
 * Transactions: MULTI, EXEC, DISCARD, WATCH, UNWATCH.
 *
 * Commands are checked when they are queued (their arity, the user's rights, room); one that is
 * refused makes EXEC refuse all. At EXEC they run one after the other under the keyspace lock that
 * the batch holds anyway; what they changed is one unit of the log.
 */
#include "redis/multi.h"

#include <string.h>

#include "base/alloc.h"
#include "redis/acl.h"
#include "redis/client_memory.h"
#include "redis/watch.h"

#define EXEC_COMMANDS_MAX (1u << 20)

void multi_clear(struct session *session)
{
    for (size_t i = 0; i < session->queue_count; i++) words_free(session->queue[i].words);
    mem_free(session->queue);
    session->queue = NULL;
    session->queue_count = session->queue_cap = 0;
    client_memory_queue(session, 0);
    session->queue_flags = 0;
    session->in_multi = session->multi_failed = false;
    session_refresh(session);
}

static bool room_in_queue(struct session *session)
{
    if (session->queue_count < session->queue_cap) return true;
    const size_t cap = session->queue_cap ? session->queue_cap * 2 : 8;
    size_t bytes;
    if (cap > EXEC_COMMANDS_MAX || !size_mul(cap, sizeof *session->queue, &bytes)) return false;
    struct queued *fresh = mem_realloc(session->queue, bytes);
    if (!fresh) return false;
    session->queue = fresh;
    session->queue_cap = cap;
    return true;
}

bool multi_queue(struct session *session, struct command_entry *entry, const struct kith_str *argv,
                 size_t argc)
{
    struct words *words = room_in_queue(session) ? words_copy(argv, argc) : NULL;
    if (!words) {
        session->multi_failed = true;
        return false;
    }
    session->queue[session->queue_count++] = (struct queued){entry, words};
    session->queue_flags |= entry->flags;
    client_memory_queue(session, session->queue_bytes + words_bytes(words));
    if (session->queue_bytes > (size_t)session->redis->settings.query_bytes_max)
        session_kill(session, true);
    return true;
}

static void run_multi(struct redis_call *call)
{
    if (call->session->in_multi) {
        call_error(call, "ERR MULTI calls can not be nested");
        return;
    }
    call->session->in_multi = true;
    session_refresh(call->session);
    resp_ok(call->reply);
}

static void run_discard(struct redis_call *call)
{
    if (!call->session->in_multi) {
        call_error(call, "ERR DISCARD without MULTI");
        return;
    }
    multi_clear(call->session);
    watch_clear(call->session);
    resp_ok(call->reply);
}

static const char *denied(struct redis_call *call, const struct queued *queued, char text[256])
{
    struct session *session = call->session;
    size_t place;
    if (session->user && session->user->unlimited) return NULL;
    const enum acl_denial why = acl_check(call->redis, session->user, queued->entry,
                                          queued->words->argv, queued->words->argc, &place);
    if (why == ACL_ALLOWED) return NULL;
    acl_refusal(session, queued->entry, why, queued->words->argv, place, text);
    return text;
}

static void run_queued(struct redis_call *call, const struct queued *queued)
{
    struct session *session = call->session;
    char text[256];
    const char *refusal = denied(call, queued, text);
    if (refusal) {
        resp_error(call->reply, refusal);
        redis_count_error(call->redis, refusal, strlen(refusal));
        return;
    }
    call->reply->version = session->reply.version;
    struct redis_call inner = {.redis = call->redis,
                               .cache = call->cache,
                               .session = session,
                               .command = queued->entry->command,
                               .db = session->db,
                               .argv = queued->words->argv,
                               .argc = queued->words->argc,
                               .reply = call->reply,
                               .in_multi = true};
    redis_call_run(call->redis, session, queued->entry, &inner);
}

static void run_exec(struct redis_call *call)
{
    struct session *session = call->session;
    if (!session->in_multi) {
        call_error(call, "ERR EXEC without MULTI");
        return;
    }
    const bool failed = session->multi_failed, broken = watch_is_broken(session);
    struct queued *queue = session->queue;
    const size_t count = session->queue_count;
    session->queue = NULL;
    session->queue_count = 0;
    multi_clear(session);
    watch_clear(session);
    if (failed) {
        call_error(call, "EXECABORT Transaction discarded because of previous errors.");
    } else if (broken) {
        resp_null_array(call->reply);
    } else {
        resp_array(call->reply, count);
        for (size_t i = 0; i < count; i++) run_queued(call, &queue[i]);
    }
    for (size_t i = 0; i < count; i++) words_free(queue[i].words);
    mem_free(queue);
}

static void run_watch(struct redis_call *call)
{
    if (call->session->in_multi) {
        call_error(call, "ERR WATCH inside MULTI is not allowed");
        return;
    }
    for (size_t i = 1; i < call->argc; i++) {
        if (watch_add(call->session, call->db, call->argv[i])) {
            call_no_memory(call);
            return;
        }
    }
    resp_ok(call->reply);
}

static void run_unwatch(struct redis_call *call)
{
    watch_clear(call->session);
    resp_ok(call->reply);
}

#define MULTI_FLAGS (CMD_FAST | CMD_LOADING | CMD_NO_SCRIPT)

const struct command multi_commands[] = {
    {.name = "multi", .run = run_multi, .arity = 1, .flags = MULTI_FLAGS,
     .categories = CAT_TRANSACTION},
    {.name = "exec", .run = run_exec, .arity = 1,
     .flags = CMD_LOADING | CMD_NO_SCRIPT | CMD_NO_SLOWLOG, .categories = CAT_TRANSACTION},
    {.name = "discard", .run = run_discard, .arity = 1, .flags = MULTI_FLAGS,
     .categories = CAT_TRANSACTION},
    {.name = "watch", .run = run_watch, .arity = -2, .flags = MULTI_FLAGS,
     .categories = CAT_TRANSACTION, .first_key = 1, .last_key = -1, .key_step = 1},
    {.name = "unwatch", .run = run_unwatch, .arity = 1, .flags = MULTI_FLAGS,
     .categories = CAT_TRANSACTION},
    {.name = NULL},
};
