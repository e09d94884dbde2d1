/*
 * The background turn: see cron.h.
 *
 * It sleeps until what is due next by the keyspace's word; when nothing is, it sleeps until it is
 * poked, and a write pokes it once. After a poke it stays awake for a tenth of a second at least,
 * so that a busy server without deadlines pays ten wake-ups a second and not one a write.
 *
 * Ten times a second at most it looks at the resident memory: above maxmemory the keyspace has less
 * (cache_note_resident), and holes of the allocator go back to the system.
 */
#include "redis/cron.h"

#include "base/alloc.h"
#include "redis/client_memory.h"
#include "redis/persist.h"
#include "redis/scache_book.h"
#include "redis/vector_upkeep.h"

#define TURN_US 1000     /* of work under the lock */
#define AWAKE_MS 100     /* after a poke */
#define CLIENTS_MS 1000  /* how often idle clients are looked for */
#define TIDY_US INT64_C(250000) /* between two returns of holes to the system, at least and most */
#define TIDY_MOST_US INT64_C(4000000)
#define TIDY_BYTES ((size_t)512 << 20) /* .6 ms were seen for 72 MiB of small values, once 1.6 */

struct cron {
    struct os_mutex lock;
    struct os_cond wake;
    struct os_thread *thread;
    bool poked, stop; /* guard: lock */
    int64_t looked_us; /* at the memory; this and the next are the thread's own */
    struct tidying {
        int64_t due_us;
        int64_t pause_us; /* before the next */
        size_t before;    /* what was resident when it was done; 0: nothing to learn from it */
    } tidying;
    bool asleep;      /* guard: keyspace lock: sleeps without an end */
};

static void close_idle(struct redis *redis)
{
    const int64_t limit_ms = redis->settings.timeout * 1000, now = cache_now_ms(redis->cache);
    if (!limit_ms) return;
    for (struct session *at = redis->sessions; at; at = at->next)
        if (at->stream && at->state == SESSION_RUNNING && !session_is_subscribed(at) &&
            !at->monitor && now - at->active_ms > limit_ms)
            session_kill(at, true);
}

static void end_pause(struct redis *redis)
{
    if (!redis->paused_until_ms || cache_now_ms(redis->cache) < redis->paused_until_ms) return;
    redis_end_pause(redis);
}

void redis_end_pause(struct redis *redis)
{
    redis->paused_until_ms = 0;
    cache_set_paused(redis->cache, false);
    for (struct session *at = redis->sessions; at; at = at->next)
        if (at->state == SESSION_PUT_OFF) session_go_on(at);
    redis_refresh(redis);
}

/* Now and then; it reads a file of the system, without the lock. */
static bool looks_at_memory(struct redis *redis, struct os_usage *out)
{
    const int64_t now_us = os_now_us(redis->os);
    if (now_us - redis->cron->looked_us < AWAKE_MS * 1000) return false;
    redis->cron->looked_us = now_us;
    os_usage(out);
    return true;
}

/* Whether the holes of the system's allocator are to be returned: resident memory is a twentieth
 * above the limit, and the small values are few enough for nobody to notice. Each time that gains
 * little doubles the pause before the next. */
static bool must_tidy(struct redis *redis, size_t bytes)
{
    struct tidying *last = &redis->cron->tidying;
    const size_t max = (size_t)redis->settings.maxmemory;
    if (last->before) {
        const bool gained = bytes + max / 256 < last->before;
        last->pause_us = gained || !last->pause_us ? TIDY_US : last->pause_us * 2;
        if (last->pause_us > TIDY_MOST_US) last->pause_us = TIDY_MOST_US;
        last->due_us = redis->cron->looked_us + last->pause_us;
        last->before = 0;
    }
    if (!max || bytes < max + max / 20 || redis->cron->looked_us < last->due_us) return false;
    if (cache_scattered_bytes(redis->cache) > TIDY_BYTES) return false;
    last->before = bytes;
    return true;
}

/* true: must tidy. */
static bool note_resident(struct redis *redis, size_t bytes)
{
    const size_t own = client_memory_process(redis);
    cache_note_resident(redis->cache, bytes > own ? bytes - own : 0);
    return must_tidy(redis, bytes);
}

/* Gives how long to sleep, in ms; INT64_MAX: until poked. */
static int64_t turn(struct redis *redis, bool poked)
{
    struct os_usage usage;
    const bool look = looks_at_memory(redis, &usage);
    cache_lock(redis->cache);
    const bool tidy = look && note_resident(redis, (size_t)usage.anonymous_bytes);
    cache_begin(redis->cache);
    redis->now_ns = os_now_ns(redis->os);
    int64_t next_ms = cache_turn(redis->cache, TURN_US);
    close_idle(redis);
    end_pause(redis);
    if (redis->paused_until_ms) {
        const int64_t left = redis->paused_until_ms - cache_now_ms(redis->cache) + 1;
        if (left < next_ms) next_ms = left;
    }
    if (redis->settings.timeout && redis->session_count && next_ms > CLIENTS_MS)
        next_ms = CLIENTS_MS;
    if (next_ms > persist_due_ms(redis)) next_ms = persist_due_ms(redis);
    scache_fold(redis, false);
    if (next_ms > scache_fold_due_ms(redis)) next_ms = scache_fold_due_ms(redis);
    const int64_t upkeep_ms = vector_upkeep_turn(redis);
    if (next_ms > upkeep_ms) next_ms = upkeep_ms;
    if (poked && next_ms > AWAKE_MS) next_ms = AWAKE_MS;
    redis_settle(redis);
    redis->cron->asleep = next_ms > AWAKE_MS;
    cache_unlock(redis->cache);
    if (tidy) mem_give_back();
    return next_ms;
}

static void cron_main(void *arg)
{
    struct redis *redis = arg;
    struct cron *cron = redis->cron;
    bool poked = false;
    os_mutex_lock(&cron->lock);
    while (!cron->stop) {
        os_mutex_unlock(&cron->lock);
        const int64_t ms = turn(redis, poked);
        persist_turn(redis);
        vector_upkeep_sweep(redis);
        os_mutex_lock(&cron->lock);
        const bool forever = ms > INT64_MAX / 2000;
        const int64_t due = forever ? OS_FOREVER : os_now_us(redis->os) + (ms < 1 ? 1 : ms) * 1000;
        while (!cron->stop && !cron->poked)
            if (os_cond_wait(&cron->wake, &cron->lock, due)) break;
        poked = cron->poked;
        cron->poked = false;
    }
    os_mutex_unlock(&cron->lock);
}

void cron_poke(struct redis *redis)
{
    struct cron *cron = redis->cron;
    if (!cron || !cron->asleep) return;
    cron->asleep = false;
    os_mutex_lock(&cron->lock);
    cron->poked = true;
    os_cond_signal(&cron->wake);
    os_mutex_unlock(&cron->lock);
}

int cron_start(struct redis *redis, struct kith_error *err)
{
    struct cron *cron = mem_zalloc(sizeof *cron);
    redis->cron = cron;
    if (!cron || os_mutex_init(redis->os, &cron->lock) || os_cond_init(redis->os, &cron->wake))
        return error_set(err, KITH_ENOMEM, "redis: no memory");
    return os_thread_start(redis->os, "keyspace", 0, cron_main, redis, &cron->thread, err);
}

void cron_stop(struct redis *redis)
{
    struct cron *cron = redis->cron;
    if (!cron) return;
    if (cron->thread) {
        os_mutex_lock(&cron->lock);
        cron->stop = true;
        os_cond_signal(&cron->wake);
        os_mutex_unlock(&cron->lock);
        os_thread_join(cron->thread);
    }
    os_cond_release(&cron->wake);
    os_mutex_release(&cron->lock);
    mem_free(cron);
    redis->cron = NULL;
}
