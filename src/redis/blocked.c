/*
 * Commands that wait for a key.
 *
 * A key that somebody waits for has a queue, in the order of coming. A change of the key makes its
 * queue ready; after the command or the transaction that changed it, the waiting commands run
 * again, first come first served, each as a unit of its own, until one finds nothing to take. A
 * change only counts while the key is of the type that the command wants.
 *
 * A blocked session owns its words and a place in each queue; it keeps the places until it is
 * served, its time is over, somebody unblocks it, or it goes away.
 */
#include "redis/blocked.h"

#include <string.h>

#include "base/alloc.h"
#include "net/stream.h"
#include "redis/acl.h"

#define SERVED_MAX 100000u /* a bound against two that feed each other for ever */

struct waiter {
    struct waiter *prev, *next;
    struct session *session;
    struct wait_queue *queue;
};

struct wait_queue {
    struct waiter *first, *last;
    struct wait_queue *next_ready;
    bool ready;
    unsigned db;
    size_t key_len;
    char key[];
};

struct blocked {
    struct words *words; /* owns */
    struct command_entry *entry;
    unsigned db;
    int64_t deadline_us;
    bool waits_on; /* call_block was called again */
    size_t count;
    struct waiter waiters[];
};

/* ---- queues ---- */

static struct wait_queue *find_queue(struct redis *redis, unsigned db, struct kith_str key)
{
    uintptr_t value;
    const struct kith_str place = redis_place(redis, db, key);
    if (!map_get(&redis->waiting, place.data, place.len, &value)) return NULL;
    return (struct wait_queue *)value;
}

static struct wait_queue *queue_for(struct redis *redis, unsigned db, struct kith_str key)
{
    struct wait_queue *queue = find_queue(redis, db, key);
    if (queue) return queue;
    queue = mem_zalloc(sizeof *queue + key.len);
    if (!queue) return NULL;
    queue->db = db;
    queue->key_len = key.len;
    if (key.len) memcpy(queue->key, key.data, key.len);
    const struct kith_str place = redis_place(redis, db, key);
    if (map_put(&redis->waiting, place.data, place.len, (uintptr_t)queue)) {
        mem_free(queue);
        return NULL;
    }
    redis->interests |= INTEREST_BLOCKED;
    return queue;
}

static void drop_if_empty(struct redis *redis, struct wait_queue *queue)
{
    if (queue->first || queue->ready) return;
    const struct kith_str place =
        redis_place(redis, queue->db, (struct kith_str){queue->key, queue->key_len});
    (void)map_remove(&redis->waiting, place.data, place.len);
    mem_free(queue);
    if (!redis->waiting.count) redis->interests &= ~(unsigned)INTEREST_BLOCKED;
}

static void join(struct waiter *waiter, struct session *session, struct wait_queue *queue)
{
    *waiter = (struct waiter){.prev = queue->last, .session = session, .queue = queue};
    if (queue->last) queue->last->next = waiter;
    else queue->first = waiter;
    queue->last = waiter;
}

static void leave(struct redis *redis, struct waiter *waiter)
{
    struct wait_queue *queue = waiter->queue;
    if (waiter->prev) waiter->prev->next = waiter->next;
    else queue->first = waiter->next;
    if (waiter->next) waiter->next->prev = waiter->prev;
    else queue->last = waiter->prev;
    drop_if_empty(redis, queue);
}

/* ---- blocking ---- */

static bool block(struct redis_call *call, const struct kith_str *keys, size_t count,
                  int64_t deadline_us)
{
    struct session *session = call->session;
    size_t bytes;
    if (!size_mul(count, sizeof(struct waiter), &bytes)) return false;
    struct blocked *blocked = mem_zalloc(sizeof *blocked + bytes);
    if (!blocked) return false;
    blocked->words = words_copy(call->argv, call->argc);
    blocked->entry = call->redis->running;
    blocked->db = call->db;
    blocked->deadline_us = deadline_us;
    bool ok = blocked->words != NULL;
    for (size_t i = 0; ok && i < count; i++) {
        struct wait_queue *queue = queue_for(call->redis, call->db, keys[i]);
        ok = queue != NULL;
        if (ok) join(&blocked->waiters[blocked->count++], session, queue);
    }
    session->blocked = blocked;
    session->state = SESSION_BLOCKED;
    call->redis->blocked_count++;
    if (!ok) blocked_leave(session);
    return ok;
}

bool call_block(struct redis_call *call, const struct kith_str *keys, size_t count,
                int64_t deadline_us)
{
    if (call->in_multi || !call->session) return false;
    if (call->again && call->session->blocked) {
        call->session->blocked->waits_on = true;
        return true;
    }
    if (!block(call, keys, count, deadline_us)) call_no_memory(call);
    return true;
}

void blocked_leave(struct session *session)
{
    struct blocked *blocked = session->blocked;
    if (!blocked) return;
    for (size_t i = 0; i < blocked->count; i++) leave(session->redis, &blocked->waiters[i]);
    words_free(blocked->words);
    mem_free(blocked);
    session->blocked = NULL;
    session->redis->blocked_count--;
    session_go_on(session);
}

int64_t blocked_deadline(const struct session *session)
{
    return session->blocked ? session->blocked->deadline_us : OS_FOREVER;
}

static struct redis_call call_again(struct session *session)
{
    const struct blocked *blocked = session->blocked;
    return (struct redis_call){.redis = session->redis,
                               .cache = session->redis->cache,
                               .session = session,
                               .command = blocked->entry->command,
                               .db = blocked->db,
                               .argv = blocked->words->argv,
                               .argc = blocked->words->argc,
                               .reply = &session->reply,
                               .again = true};
}

void blocked_time_out(struct session *session)
{
    struct redis_call call = call_again(session);
    if (call.command->timed_out) call.command->timed_out(&call);
    else resp_null_array(&session->reply);
    blocked_leave(session);
}

bool blocked_release(struct session *session, bool with_error)
{
    if (session->state != SESSION_BLOCKED || !session->blocked) return false;
    if (!with_error) {
        blocked_time_out(session);
        return true;
    }
    resp_error(&session->reply, "UNBLOCKED client unblocked via CLIENT UNBLOCK");
    blocked_leave(session);
    return true;
}

/* ---- serving ---- */

void blocked_key_changed(struct redis *redis, unsigned db, struct kith_str key)
{
    struct wait_queue *queue = find_queue(redis, db, key);
    if (!queue || queue->ready) return;
    queue->ready = true;
    if (redis->ready_last) redis->ready_last->next_ready = queue;
    else redis->ready_first = queue;
    redis->ready_last = queue;
}

void blocked_databases_changed(struct redis *redis, unsigned a, unsigned b)
{
    size_t it = 0, len;
    const void *place;
    uintptr_t value;
    while (map_next(&redis->waiting, &it, &place, &len, &value)) {
        struct wait_queue *queue = (struct wait_queue *)value;
        if (queue->ready || (queue->db != a && queue->db != b)) continue;
        queue->ready = true;
        if (redis->ready_last) redis->ready_last->next_ready = queue;
        else redis->ready_first = queue;
        redis->ready_last = queue;
    }
}

/* Is there a value that the waiting command may take? */
static bool has_fitting_value(struct redis *redis, const struct wait_queue *queue,
                              const struct blocked *blocked)
{
    const struct kith_str key = {queue->key, queue->key_len};
    const struct entry *entry =
        cache_read(redis->cache, queue->db, key, CACHE_NO_TOUCH | CACHE_NO_STATS);
    if (!entry) return false;
    const uint32_t categories = blocked->entry->categories;
    if (categories & CAT_LIST) return entry_type(entry) == VALUE_LIST;
    if (categories & CAT_SORTEDSET) return entry_type(entry) == VALUE_ZSET;
    return true;
}

/* His rights may have been taken away while he waited. */
static bool is_refused(struct session *session, const struct redis_call *call)
{
    const struct command_entry *entry = session->blocked->entry;
    char text[256];
    size_t place;
    if (!session->user || session->user->unlimited) return false;
    const enum acl_denial why =
        acl_check(session->redis, session->user, entry, call->argv, call->argc, &place);
    if (why == ACL_ALLOWED) return false;
    acl_refusal(session, entry, why, call->argv, place, text);
    redis_count_error(session->redis, text, strlen(text));
    resp_error(&session->reply, text);
    blocked_leave(session);
    return true;
}

static void serve(struct session *session)
{
    struct redis *redis = session->redis;
    struct blocked *blocked = session->blocked;
    struct redis_call call = call_again(session);
    if (is_refused(session, &call)) return;
    blocked->waits_on = false;
    redis_call_run(redis, session, blocked->entry, &call);
    if (!blocked->waits_on) blocked_leave(session);
    if (redis->effect_count) redis_flush_effects(redis);
}

static void serve_queue(struct redis *redis, struct wait_queue *queue)
{
    struct waiter *next;
    for (struct waiter *waiter = queue->first; waiter; waiter = next) {
        next = waiter->next;
        struct session *session = waiter->session;
        if (!has_fitting_value(redis, queue, session->blocked)) continue;
        /* A command may name a key twice: then the next place is its own too. */
        while (next && next->session == session) next = next->next;
        serve(session);
    }
}

void blocked_serve(struct redis *redis)
{
    for (size_t n = 0; redis->ready_first && n < SERVED_MAX; n++) {
        struct wait_queue *queue = redis->ready_first;
        redis->ready_first = queue->next_ready;
        if (!redis->ready_first) redis->ready_last = NULL;
        queue->next_ready = NULL;
        serve_queue(redis, queue); /* it stays ready meanwhile, and so stays */
        queue->ready = false;
        drop_if_empty(redis, queue);
    }
}
