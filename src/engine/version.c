/*
 * Versions and views: see engine.h. A read costs two references under a short mutex; that is far
 * below any query, so there are no epochs and no hazard pointers.
 */
#include "base/alloc.h"
#include "engine/engine.h"

struct version *version_new(const struct schema *schema, size_t count)
{
    size_t slots = (count + 1) * sizeof(struct segment *);
    struct version *version = mem_zalloc(sizeof *version + slots + (count + 1) * sizeof(uint64_t));
    if (!version) return NULL;
    version->last_ts = (uint64_t *)(void *)&version->segments[count + 1];
    atomic_init(&version->refs, 1);
    version->schema = schema;
    version->count = count;
    return version;
}

void version_unref(struct version *version)
{
    if (!version || atomic_fetch_sub_explicit(&version->refs, 1, memory_order_acq_rel) != 1) return;
    for (size_t i = 0; i < version->count; i++) segment_unref(version->segments[i]);
    mem_free(version);
}

/* A row lives for its seconds and less than one more: insertion is known by the second. */
uint64_t collection_oldest_s(const struct kith_collection *collection)
{
    const uint64_t ttl_s = atomic_load_explicit(&collection->ttl_s, memory_order_relaxed);
    if (ttl_s == 0) return 0;
    const uint64_t now_s = (uint64_t)os_wall_ms(collection->db->os) / 1000;
    return now_s > ttl_s ? now_s - ttl_s : 0;
}

void view_take(struct kith_collection *collection, struct view *out)
{
    os_mutex_lock(&collection->version_lock);
    out->version = collection->version;
    atomic_fetch_add_explicit(&out->version->refs, 1, memory_order_relaxed);
    out->ts = atomic_load_explicit(&collection->visible_ts, memory_order_acquire);
    os_mutex_unlock(&collection->version_lock);
    out->oldest_s = collection_oldest_s(collection);
}

void view_drop(struct view *view)
{
    version_unref(view->version);
    view->version = NULL;
}

struct version *version_current(struct kith_collection *collection) { return collection->version; }

void version_publish(struct kith_collection *collection, struct version *version)
{
    os_mutex_lock(&collection->version_lock);
    struct version *old = collection->version;
    collection->version = version;
    os_mutex_unlock(&collection->version_lock);
    atomic_store_explicit(&collection->warmed, false, memory_order_relaxed);
    version_unref(old);
}
