/*
 * The table of keys that clients have read: see tracking.h.
 *
 * A key holds the numbers of its readers, not pointers: a session that has gone is found out when
 * the key changes. Telling them empties the key's list, as a client asks again before it caches
 * again. Clients in broadcast mode are not in the table; they are told of every key with one of
 * their prefixes.
 */
#include "redis/tracking.h"

#include <string.h>

#include "base/alloc.h"
#include "redis/pubsub.h"

#define KEYS_OF_COMMAND_MAX 1024u
#define INVALIDATE_CHANNEL "__redis__:invalidate"

struct tracked {
    uint64_t *readers; /* owns; numbers of sessions */
    size_t count, cap;
};

/* ---- telling ---- */

static bool is_broken(struct session *session)
{
    struct tracking *tracking = &session->tracking;
    if (!tracking->redirect || session_of_id(session->redis, tracking->redirect)) return false;
    if (tracking->broken) return true;
    tracking->broken = true;
    if (session->reply.version == 2) return true;
    struct resp out = session_push_begin(session);
    resp_push(&out, 2);
    resp_cstr(&out, "tracking-redir-broken");
    resp_integer(&out, (int64_t)tracking->redirect);
    session_push_end(session);
    return true;
}

/* key NULL: everything has gone. */
static void tell(struct session *session, const struct kith_str *key)
{
    struct session *target = session;
    if (is_broken(session)) return;
    if (session->tracking.redirect)
        target = session_of_id(session->redis, session->tracking.redirect);
    const bool plain = target->reply.version == 2;
    if (plain && !session->tracking.redirect) return;
    const struct kith_str channel = str_of(INVALIDATE_CHANNEL);
    if (plain && !map_get(&target->channels, channel.data, channel.len, NULL)) return;
    struct resp out = session_push_begin(target);
    resp_push(&out, plain ? 3 : 2);
    resp_cstr(&out, plain ? "message" : "invalidate");
    if (plain) resp_str(&out, channel);
    if (key) {
        resp_array(&out, 1);
        resp_str(&out, *key);
    } else {
        resp_null_array(&out);
    }
    session_push_end(target);
}

static bool is_own(const struct redis *redis, const struct session *session)
{
    return session->tracking.noloop && session == redis->current;
}

static bool wants(const struct tracking *tracking, struct kith_str key)
{
    for (size_t i = 0; i < tracking->prefix_count; i++) {
        const struct kith_str prefix = tracking->prefixes[i];
        if (key.len >= prefix.len && (!prefix.len || !memcmp(key.data, prefix.data, prefix.len)))
            return true;
    }
    return tracking->prefix_count == 0;
}

static void free_tracked(struct tracked *tracked)
{
    mem_free(tracked->readers);
    mem_free(tracked);
}

static void tell_readers(struct redis *redis, struct tracked *tracked, struct kith_str key)
{
    for (size_t i = 0; i < tracked->count; i++) {
        struct session *session = session_of_id(redis, tracked->readers[i]);
        if (!session || !session->tracking.on || session->tracking.bcast) continue;
        if (!is_own(redis, session)) tell(session, &key);
    }
}

void tracking_key_changed(struct redis *redis, struct kith_str key)
{
    uintptr_t value;
    for (struct session *at = redis->broadcasts; at; at = at->tracking.next)
        if (wants(&at->tracking, key) && !is_own(redis, at)) tell(at, &key);
    if (!map_get(&redis->tracked, key.data, key.len, &value)) return;
    struct tracked *tracked = (struct tracked *)value;
    (void)map_remove(&redis->tracked, key.data, key.len);
    tell_readers(redis, tracked, key);
    free_tracked(tracked);
}

static void forget_all(struct redis *redis)
{
    size_t it = 0, len;
    const void *key;
    uintptr_t value;
    while (map_next(&redis->tracked, &it, &key, &len, &value))
        free_tracked((struct tracked *)value);
    map_release(&redis->tracked);
}

void tracking_flushed(struct redis *redis)
{
    if (!redis->tracking_count) return;
    for (struct session *at = redis->sessions; at; at = at->next)
        if (at->tracking.on) tell(at, NULL);
    forget_all(redis);
}

void tracking_release(struct redis *redis) { forget_all(redis); }

void tracking_limit(struct redis *redis)
{
    const int64_t max = redis->settings.tracking_keys_max;
    while (max > 0 && (int64_t)redis->tracked.count > max) {
        size_t it = 0, len;
        const void *name;
        uintptr_t value;
        if (!map_next(&redis->tracked, &it, &name, &len, &value)) return;
        struct tracked *tracked = (struct tracked *)value;
        tell_readers(redis, tracked, (struct kith_str){name, len});
        free_tracked(tracked);
        (void)map_remove(&redis->tracked, name, len);
    }
}

/* ---- remembering ---- */

static int add_reader(struct tracked *tracked, uint64_t id)
{
    for (size_t i = 0; i < tracked->count; i++)
        if (tracked->readers[i] == id) return 0;
    if (tracked->count == tracked->cap) {
        const size_t cap = tracked->cap ? tracked->cap * 2 : 1;
        uint64_t *fresh = mem_realloc(tracked->readers, cap * sizeof *fresh);
        if (!fresh) return KITH_ENOMEM;
        tracked->readers = fresh;
        tracked->cap = cap;
    }
    tracked->readers[tracked->count++] = id;
    return 0;
}

static int remember(struct redis *redis, struct kith_str key, uint64_t id)
{
    uintptr_t value;
    if (map_get(&redis->tracked, key.data, key.len, &value))
        return add_reader((struct tracked *)value, id);
    struct tracked *tracked = mem_zalloc(sizeof *tracked);
    if (!tracked) return KITH_ENOMEM;
    int rc = add_reader(tracked, id);
    if (rc == 0) rc = map_put(&redis->tracked, key.data, key.len, (uintptr_t)tracked);
    if (rc) free_tracked(tracked);
    return rc;
}

/* A key that there is no memory to remember must not be cached: its reader is told at once. */
void tracking_remember(struct session *session, const struct command_entry *entry,
                       const struct kith_str *argv, size_t argc)
{
    const struct tracking *tracking = &session->tracking;
    size_t places[KEYS_OF_COMMAND_MAX];
    if (tracking->bcast || (tracking->optin && !tracking->caching) ||
        (tracking->optout && tracking->caching))
        return;
    const int count = command_keys(entry, argv, argc, places, KEYS_OF_COMMAND_MAX);
    for (int i = 0; i < count && i < (int)KEYS_OF_COMMAND_MAX; i++) {
        const struct kith_str key = argv[places[i]];
        if (remember(session->redis, key, session->id)) tell(session, &key);
    }
    tracking_limit(session->redis);
}

/* ---- on and off ---- */

void tracking_end(struct session *session)
{
    struct redis *redis = session->redis;
    struct tracking *tracking = &session->tracking;
    if (!tracking->on) return;
    if (tracking->bcast) {
        if (tracking->prev) tracking->prev->tracking.next = tracking->next;
        else redis->broadcasts = tracking->next;
        if (tracking->next) tracking->next->tracking.prev = tracking->prev;
    }
    words_free(tracking->words);
    memset(tracking, 0, sizeof *tracking);
    if (--redis->tracking_count == 0) {
        redis->interests &= ~(unsigned)INTEREST_TRACKING;
        forget_all(redis);
    }
    session_refresh(session);
}

void tracking_begin(struct session *session, const struct tracking *wish)
{
    struct redis *redis = session->redis;
    redis->tracking_count++; /* first: the last one to end forgets what clients have read */
    tracking_end(session);
    session->tracking = *wish;
    session->tracking.on = true;
    redis->interests |= INTEREST_TRACKING;
    if (wish->bcast) {
        session->tracking.prev = NULL;
        session->tracking.next = redis->broadcasts;
        if (redis->broadcasts) redis->broadcasts->tracking.prev = session;
        redis->broadcasts = session;
    }
    session_refresh(session);
}
