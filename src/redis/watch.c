/*
 * Watched keys: see watch.h.
 *
 * One list a key, of the sessions that watch it; a change marks them all. A key that expired is
 * seen when it is removed or, if nobody looked at it meanwhile, by EXEC itself. A key that had
 * expired before WATCH was not there, and its removal changes nothing.
 */
#include "redis/watch.h"

#include <string.h>

#include "base/alloc.h"

struct watch_list {
    struct watched *first;
    unsigned db;
    size_t key_len;
    char key[];
};

static struct kith_str key_of(const struct watch_list *list)
{
    return (struct kith_str){list->key, list->key_len};
}

static bool is_there(struct redis *redis, unsigned db, struct kith_str key)
{
    return cache_read(redis->cache, db, key, CACHE_NO_TOUCH | CACHE_NO_STATS) != NULL;
}

static struct watch_list *find_list(struct redis *redis, unsigned db, struct kith_str key)
{
    uintptr_t value;
    const struct kith_str place = redis_place(redis, db, key);
    if (!map_get(&redis->watched, place.data, place.len, &value)) return NULL;
    return (struct watch_list *)value;
}

static struct watch_list *list_for(struct redis *redis, unsigned db, struct kith_str key)
{
    struct watch_list *list = find_list(redis, db, key);
    if (list) return list;
    list = mem_zalloc(sizeof *list + key.len);
    if (!list) return NULL;
    list->db = db;
    list->key_len = key.len;
    if (key.len) memcpy(list->key, key.data, key.len);
    const struct kith_str place = redis_place(redis, db, key);
    if (map_put(&redis->watched, place.data, place.len, (uintptr_t)list)) {
        mem_free(list);
        return NULL;
    }
    redis->interests |= INTEREST_WATCH;
    return list;
}

int watch_add(struct session *session, unsigned db, struct kith_str key)
{
    struct redis *redis = session->redis;
    const struct watch_list *known = find_list(redis, db, key);
    for (const struct watched *at = known ? known->first : NULL; at; at = at->next_of_key)
        if (at->session == session) return 0;
    struct watched *watched = mem_zalloc(sizeof *watched);
    if (!watched) return KITH_ENOMEM;
    const bool existed = is_there(redis, db, key); /* removes it if it has expired */
    struct watch_list *list = list_for(redis, db, key);
    if (!list) {
        mem_free(watched);
        return KITH_ENOMEM;
    }
    *watched = (struct watched){session->watches, list->first, session, list, existed};
    session->watches = list->first = watched;
    return 0;
}

static void leave(struct redis *redis, struct watched *watched)
{
    struct watch_list *list = watched->list;
    struct watched **link = &list->first;
    while (*link != watched) link = &(*link)->next_of_key;
    *link = watched->next_of_key;
    mem_free(watched);
    if (list->first) return;
    const struct kith_str place = redis_place(redis, list->db, key_of(list));
    (void)map_remove(&redis->watched, place.data, place.len);
    mem_free(list);
    if (!redis->watched.count) redis->interests &= ~(unsigned)INTEREST_WATCH;
}

void watch_clear(struct session *session)
{
    while (session->watches) {
        struct watched *watched = session->watches;
        session->watches = watched->next;
        leave(session->redis, watched);
    }
    session->cas_failed = false;
}

static void mark(const struct watch_list *list)
{
    for (struct watched *at = list->first; at; at = at->next_of_key)
        at->session->cas_failed = true;
}

void watch_key_changed(struct redis *redis, unsigned db, struct kith_str key)
{
    const struct watch_list *list = find_list(redis, db, key);
    if (list) mark(list);
}

void watch_flushing(struct redis *redis, unsigned db)
{
    size_t it = 0, len;
    const void *place;
    uintptr_t value;
    while (map_next(&redis->watched, &it, &place, &len, &value)) {
        const struct watch_list *list = (const struct watch_list *)value;
        if (list->db == db && is_there(redis, db, key_of(list))) mark(list);
    }
}

/* A key counts as changed when it is there in either database. */
void watch_swapped(struct redis *redis, unsigned a, unsigned b)
{
    size_t it = 0, len;
    const void *place;
    uintptr_t value;
    while (map_next(&redis->watched, &it, &place, &len, &value)) {
        const struct watch_list *list = (const struct watch_list *)value;
        if (list->db != a && list->db != b) continue;
        if (is_there(redis, a, key_of(list)) || is_there(redis, b, key_of(list))) mark(list);
    }
}

bool watch_is_broken(const struct session *session)
{
    if (session->cas_failed) return true;
    for (const struct watched *at = session->watches; at; at = at->next)
        if (at->existed && !is_there(session->redis, at->list->db, key_of(at->list))) return true;
    return false;
}
