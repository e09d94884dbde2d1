/*
 * The thread that writes changes of the keyspace into the collections of search indexes, and those
 * who wait for it. See search_derived.h.
 *
 * One batch at a time (search->stepping). The order of a batch: rows that go, then rows that come,
 * oldest change first; a key that went and came back is only written. So the collection is, after
 * each batch, the index as it was at one change.
 *
 * Lock order: the keyspace lock, then sync->lock (a leaf).
 */
#include "base/alloc.h"
#include "redis/search_rows_in.h"

#define SYNC_DELAY_US 20000  /* changes that come meanwhile share a batch */
#define RETRY_DELAY_US 200000
#define SETTLE_US 2000000
#define SETTLE_NAP_US 300

struct search_sync {
    struct os_mutex lock;
    struct os_cond wake;
    struct os_thread *thread;
    bool poked, stop; /* guard: lock */
};

/* ---- one step ---- */

static bool has_work(const struct search_index *index)
{
    const struct search_derived *derived = index->derived;
    return derived && !derived->failed &&
           (derived->empty_first || derived->newer || derived->gone.count ||
            derived->fields != index->field_count);
}

static struct search_index *find_work(struct redis *redis)
{
    for (struct search_index *at = search_of(redis)->indexes; at; at = at->next)
        if (has_work(at)) return at;
    return NULL;
}

static void give_up(struct redis *redis, struct search_derived *derived, const char *why)
{
    derived->failed = true;
    redis_log(redis, 1, "the collection of search index '%s' does not follow any more: %s",
              derived->name, why);
}

/* FT.ALTER gave the index more fields: a new collection, all documents anew. Who searches the old
 * one holds what stands for it. */
static void exchange(struct redis *redis, struct search_index *index,
                     struct kith_collection *handle, size_t fields)
{
    struct search_derived *old = index->derived;
    struct search_derived *fresh = search_derived_new(index, handle);
    if (!fresh) {
        give_up(redis, old, "no memory");
        return;
    }
    fresh->fields = fields; /* there may be even more by now */
    fresh->target = UINT64_MAX; /* who waits, waits for all of it */
    index->derived = fresh;
    index->rebuild = true;
    index->scanning = false;
    old->dropped = true;
    search_derived_unref(old);
}

static void remake(struct redis *redis, struct search_index *index)
{
    struct search *search = search_of(redis);
    struct search_derived *derived = index->derived;
    struct search_plan plan;
    struct kith_collection *handle = NULL;
    struct kith_error err = {0};
    const size_t fields = index->field_count;
    int rc = search_plan_make(index, &plan);
    derived->refs++;
    search->stepping = true;
    atomic_store(&derived->remaking, true);
    cache_unlock(redis->cache);
    if (rc == 0) rc = search_plan_run(redis->db, &plan, &handle, &err);
    atomic_store(&derived->remaking, false);
    search_plan_release(&plan);
    cache_lock(redis->cache);
    cache_begin(redis->cache);
    search->stepping = false;
    /* Dropped meanwhile: who drops has waited for the new one, and drops that. */
    if (rc) give_up(redis, derived, err.text);
    else if (derived->dropped) kith_collection_release(handle);
    else exchange(redis, index, handle, fields); /* not dropped: the index is there */
    search_derived_unref(derived);
}

static void finish(struct redis *redis, struct rows_in *batch, int rc,
                   const struct kith_error *err)
{
    struct search_derived *derived = batch->derived;
    if (rc == KITH_EBUSY || rc == KITH_ETIMEDOUT || rc == KITH_ENOMEM) return;
    if (rc) {
        if (!derived->dropped) give_up(redis, derived, err->text);
        return;
    }
    if (derived->dropped || derived->epoch != batch->epoch) return; /* all went meanwhile */
    derived->empty_first = false;
    derived->synced = batch->last;
    while (derived->newer && derived->newer->seq <= derived->synced)
        derived->newer = derived->newer->after;
    for (size_t i = 0; i < batch->gone_count; i++)
        (void)map_remove(&derived->gone, batch->gone[i].data, batch->gone[i].len);
}

/* Under the keyspace lock, which it lets go and takes again. */
static int write_batch(struct redis *redis, struct search_index *index)
{
    struct search *search = search_of(redis);
    struct rows_in batch;
    struct kith_error err = {0};
    int rc = rows_in_take(redis, index, &batch);
    if (rc == 0) {
        batch.derived->refs++;
        search->stepping = true;
        cache_unlock(redis->cache);
        rc = rows_in_write(&batch, &err);
        cache_lock(redis->cache);
        cache_begin(redis->cache);
        search->stepping = false;
        finish(redis, &batch, rc, &err);
        search_derived_unref(batch.derived);
    }
    rows_in_release(&batch);
    return rc;
}

enum step { STEP_NOTHING, STEP_MORE, STEP_LATER };

/* A piece of work. `thread`: it is the thread, which sleeps when there is none. */
static enum step step(struct redis *redis, bool thread)
{
    struct search *search = search_of(redis);
    enum step result = STEP_MORE;
    cache_lock(redis->cache);
    cache_begin(redis->cache);
    if (search->stepping) {
        result = STEP_LATER;
    } else if (!search_catch_up_some(redis)) {
        struct search_index *index = find_work(redis);
        if (!index) result = STEP_NOTHING;
        else if (index->derived->fields != index->field_count) remake(redis, index);
        else if (write_batch(redis, index) != 0) result = STEP_LATER;
    }
    if (thread) search->asleep = result == STEP_NOTHING;
    redis_settle(redis); /* keys whose time was over */
    cache_unlock(redis->cache);
    return result;
}

/* ---- the thread ---- */

static bool wait_for_work(struct search_sync *sync, const struct os *os, int64_t nap_us)
{
    os_mutex_lock(&sync->lock);
    const int64_t due = nap_us ? os_now_us(os) + nap_us : OS_FOREVER;
    while (!sync->stop && (nap_us || !sync->poked))
        if (os_cond_wait(&sync->wake, &sync->lock, due)) break;
    if (!nap_us) sync->poked = false;
    const bool stop = sync->stop;
    os_mutex_unlock(&sync->lock);
    return !stop;
}

static bool is_stopped(struct search_sync *sync)
{
    os_mutex_lock(&sync->lock);
    const bool stop = sync->stop;
    os_mutex_unlock(&sync->lock);
    return stop;
}

static void follow(void *arg)
{
    struct redis *redis = arg;
    struct search_sync *sync = search_of(redis)->sync;
    for (;;) {
        const enum step result = step(redis, true);
        if (is_stopped(sync)) return;
        if (result == STEP_LATER && !wait_for_work(sync, redis->os, RETRY_DELAY_US)) return;
        if (result != STEP_NOTHING) continue;
        if (!wait_for_work(sync, redis->os, 0)) return;
        if (!wait_for_work(sync, redis->os, SYNC_DELAY_US)) return;
    }
}

void search_sync_poke(struct redis *redis)
{
    struct search *search = search_of(redis);
    if (!search->sync) return;
    search->asleep = false;
    os_mutex_lock(&search->sync->lock);
    search->sync->poked = true;
    os_cond_signal(&search->sync->wake);
    os_mutex_unlock(&search->sync->lock);
}

int search_sync_start(struct redis *redis, struct kith_error *err)
{
    if (!redis->db) return 0;
    struct search_sync *sync = mem_zalloc(sizeof *sync);
    if (!sync || os_mutex_init(redis->os, &sync->lock) || os_cond_init(redis->os, &sync->wake)) {
        mem_free(sync);
        return error_set(err, KITH_ENOMEM, "redis: no memory");
    }
    search_of(redis)->sync = sync;
    search_derived_sweep(redis); /* nobody can make an index yet */
    redis_collections_changed(redis);
    return os_thread_start(redis->os, "indexes", 5, follow, redis, &sync->thread, err);
}

void search_sync_stop(struct redis *redis)
{
    struct search *search = search_of(redis);
    struct search_sync *sync = search ? search->sync : NULL;
    if (!sync) return;
    os_mutex_lock(&sync->lock);
    sync->stop = true;
    os_cond_signal(&sync->wake);
    os_mutex_unlock(&sync->lock);
    if (sync->thread) os_thread_join(sync->thread);
    os_cond_release(&sync->wake);
    os_mutex_release(&sync->lock);
    mem_free(sync);
    search->sync = NULL;
}

/* ---- waiting ---- */

static void aim(struct redis *redis)
{
    cache_lock(redis->cache);
    cache_begin(redis->cache);
    for (struct search_index *at = search_of(redis)->indexes; at; at = at->next) {
        if (!at->derived || search_catch_up(redis, at) != 0) continue;
        at->derived->target = at->derived->seq;
    }
    redis_settle(redis);
    cache_unlock(redis->cache);
}

static bool reached(const struct search_derived *derived)
{
    const void *data;
    size_t it = 0, len;
    uintptr_t value;
    if (derived->failed) return true;
    if (derived->empty_first || (derived->newer && derived->newer->seq <= derived->target))
        return false;
    while (map_next(&derived->gone, &it, &data, &len, &value))
        if ((uint64_t)value <= derived->target) return false;
    return true;
}

static bool all_reached(struct redis *redis)
{
    bool all = true;
    cache_lock(redis->cache);
    for (const struct search_index *at = search_of(redis)->indexes; at; at = at->next)
        all = all && (!at->derived || (!at->rebuild && reached(at->derived)));
    cache_unlock(redis->cache);
    return all;
}

void redis_settle_indexes(struct redis *redis)
{
    const int64_t end_us = os_now_us(redis->os) + SETTLE_US;
    if (!search_of(redis)->sync) return;
    aim(redis);
    while (!all_reached(redis) && os_now_us(redis->os) < end_us)
        if (step(redis, false) == STEP_LATER) os_sleep_us(redis->os, SETTLE_NAP_US);
}
