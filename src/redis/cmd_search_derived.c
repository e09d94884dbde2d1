/*
 * FT.CREATE, FT.DROPINDEX and KNN queries of FT.SEARCH where an index is a collection: what the
 * engine does is done on a worker, without the keyspace lock (a query's turn: search_turn.h).
 *
 * A KNN query whose filter can be translated asks the collection for more than k rows (as many more
 * as there are newer changes) and looks at the newer documents itself; under the lock again every
 * candidate is tested and measured anew against the index as it is then. When too many fell away,
 * everything is scanned: there are k rows whenever k match.
 */
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "model/limits.h"
#include "redis/cmd_search.h"
#include "redis/search_derived.h"
#include "redis/search_lexicon.h"
#include "redis/search_translate.h"
#include "redis/search_turn.h"

/* ---- FT.CREATE ---- */

struct create_job {
    struct kith_db *db;
    struct redis *redis;
    struct search_index *index; /* owns */
    struct search_plan plan;
    struct kith_collection *handle; /* owns */
    bool replay;
    int rc;
    struct kith_error err;
};

static void make_collection(void *ctx)
{
    struct create_job *job = ctx;
    job->rc = search_plan_run(job->db, &job->plan, &job->handle, &job->err);
}

static void link_index(struct redis_call *call, struct search_index *index)
{
    index->rebuild = true;
    search_link(call->redis, index);
    call_log(call, call->argv, call->argc);
    call->redis->dirty++;
    resp_ok(call->reply);
}

/* The index stands without a collection when the engine cannot have one like it. */
static void finish_create(struct redis_call *call, void *ctx)
{
    struct create_job *job = ctx;
    struct search_index *index = job->index;
    (void)map_remove(&search_of(call->redis)->making, index->name, strlen(index->name));
    if (job->rc == 0) {
        index->derived = search_derived_new(index, job->handle);
        if (!index->derived) job->rc = KITH_ENOMEM;
    } else if (job->rc != KITH_ENOMEM) {
        redis_log(call->redis, 1, "search index '%s' is no collection: %s", index->name,
                  job->err.text);
    }
    if (!job->replay && job->rc == KITH_EEXISTS) {
        call_error(call, "Index already exists: a collection of that name was made through another "
                         "door");
        search_index_free(index);
    } else if (job->rc == KITH_ENOMEM) {
        call_no_memory(call);
        search_index_free(index);
    } else if (!job->replay && !call->session) {
        search_index_free(index); /* nobody waits any more; the next start drops the collection */
    } else {
        link_index(call, index);
    }
    search_plan_release(&job->plan);
    mem_free(job);
}

void search_create(struct redis_call *call, struct search_index *index)
{
    struct search *search = search_of(call->redis);
    if (!call->redis->db) {
        link_index(call, index);
        return;
    }
    const size_t len = strlen(index->name);
    if (map_get(&search->making, index->name, len, NULL)) {
        call_error(call, "Index already exists");
        search_index_free(index);
        return;
    }
    struct create_job *job = mem_zalloc(sizeof *job);
    int rc = job ? search_plan_make(index, &job->plan) : KITH_ENOMEM;
    if (rc == 0) rc = map_put(&search->making, index->name, len, 1);
    if (rc) {
        if (job) search_plan_release(&job->plan);
        mem_free(job);
        if (rc != KITH_ENOMEM) {
            link_index(call, index); /* a name that the engine cannot have */
            return;
        }
        call_no_memory(call);
        search_index_free(index);
        return;
    }
    job->db = call->redis->db;
    job->redis = call->redis;
    job->index = index;
    job->replay = !call->session;
    if (call_offload(call, make_collection, finish_create, job)) return;
    (void)map_remove(&search->making, index->name, len);
    search_plan_release(&job->plan);
    search_index_free(index);
    mem_free(job);
}

/* ---- FT.DROPINDEX ---- */

#define NAP_US 200

struct drop_job {
    const struct os *os;
    struct kith_db *db;
    struct search_derived *derived; /* owns a reference */
    char *name;                     /* owns */
};

static void drop_collection(void *ctx)
{
    struct drop_job *job = ctx;
    while (atomic_load(&job->derived->remaking)) os_sleep_us(job->os, NAP_US);
    search_derived_drop(job->db, job->name);
}

static void finish_drop(struct redis_call *call, void *ctx)
{
    struct drop_job *job = ctx;
    (void)map_remove(&search_of(call->redis)->making, job->name, strlen(job->name));
    search_derived_unref(job->derived);
    mem_free(job->name);
    mem_free(job);
    resp_ok(call->reply);
}

void search_drop(struct redis_call *call, struct search_index *index)
{
    struct search *search = search_of(call->redis);
    struct drop_job *job = index->derived ? mem_zalloc(sizeof *job) : NULL;
    if (job) job->name = mem_strdup(index->name);
    if (job && (!job->name || map_put(&search->making, job->name, strlen(job->name), 1) != 0)) {
        mem_free(job->name);
        mem_free(job);
        job = NULL; /* the collection goes with the next start */
    }
    if (job) {
        job->os = call->redis->os;
        job->derived = index->derived;
        job->derived->refs++;
    }
    search_unlink(call->redis, index);
    if (!job) {
        resp_ok(call->reply);
        return;
    }
    job->db = call->redis->db;
    if (call_offload(call, drop_collection, finish_drop, job)) return;
    (void)map_remove(&search->making, job->name, strlen(job->name));
    search_derived_unref(job->derived);
    mem_free(job->name);
    mem_free(job);
}

/* ---- FLUSHALL ---- */

struct search_flush {
    struct drop_job *jobs; /* owns */
    size_t count;
};

/* False: the collection goes with the next start. */
static bool note_drop(struct redis *redis, struct search_index *index, struct drop_job *job)
{
    struct map *making = &search_of(redis)->making;
    *job = (struct drop_job){.os = redis->os, .db = redis->db, .derived = index->derived,
                             .name = mem_strdup(index->name)};
    if (job->name && map_put(making, job->name, strlen(job->name), 1) == 0) {
        job->derived->refs++;
        return true;
    }
    mem_free(job->name);
    return false;
}

struct search_flush *search_flush(struct redis *redis)
{
    struct search *search = search_of(redis);
    struct search_flush *flush = NULL;
    size_t count = 0;
    for (const struct search_index *at = search ? search->indexes : NULL; at; at = at->next)
        count += at->derived != NULL;
    if (count) flush = mem_zalloc(sizeof *flush);
    if (flush) flush->jobs = mem_alloc_array(count, sizeof *flush->jobs);
    while (search && search->indexes) {
        struct search_index *index = search->indexes;
        if (index->derived && flush && flush->jobs)
            flush->count += note_drop(redis, index, &flush->jobs[flush->count]);
        search_unlink(redis, index);
    }
    if (search) search_lexicon_free(&search->dictionaries);
    return flush;
}

void search_flush_run(void *flush)
{
    const struct search_flush *all = flush;
    for (size_t i = 0; i < all->count; i++) drop_collection(&all->jobs[i]);
}

void search_flush_free(struct redis *redis, struct search_flush *flush)
{
    for (size_t i = 0; i < flush->count; i++) {
        struct drop_job *job = &flush->jobs[i];
        (void)map_remove(&search_of(redis)->making, job->name, strlen(job->name));
        search_derived_unref(job->derived);
        mem_free(job->name);
    }
    mem_free(flush->jobs);
    mem_free(flush);
}

/* ---- FT.SEARCH ---- */

struct walk_job {
    struct search_derived *derived; /* owns a reference */
    struct kith_collection *handle; /* of derived */
    struct search_filter filter;
    char *field;         /* owns */
    const float *vector; /* of the query */
    uint64_t k, asked, since, epoch;
    uint32_t ef;
    struct kith_result *result; /* owns */
};

static int walk(struct walk_job *job)
{
    struct kith_search_opts opts = KITH_SEARCH_OPTS_INIT;
    opts.field = job->field;
    opts.queries = job->vector;
    opts.query_count = 1;
    opts.query_type = KITH_FLOAT_VECTOR;
    opts.k = job->asked;
    opts.ef = job->ef;
    if (job->filter.text.len > 1) opts.filter = (const char *)job->filter.text.data;
    if (job->filter.params.len > 1) opts.filter_params = (const char *)job->filter.params.data;
    return kith_search(job->handle, &opts, NULL, &job->result, NULL);
}

static void release_walk(struct walk_job *job)
{
    kith_result_free(job->result);
    search_filter_release(&job->filter);
    search_derived_unref(job->derived);
    mem_free(job->field);
}

static size_t newer_changes(const struct search_derived *derived)
{
    size_t count = derived->gone.count;
    for (const struct search_doc *at = derived->newer; at; at = at->after) count++;
    return count;
}

/* False: it has to be scanned. */
static bool plan_walk(const struct search_index *index, const struct search_query *query,
                      struct walk_job *job)
{
    *job = (struct walk_job){.derived = index->derived};
    job->derived->refs++;
    job->handle = job->derived->handle;
    job->since = job->derived->synced;
    job->epoch = job->derived->epoch;
    job->k = (uint64_t)query->k;
    job->ef = search_query_ef(query, index->count);
    job->asked = job->k + newer_changes(job->derived);
    job->field = mem_strndup(query->knn->name.data, query->knn->name.len);
    job->vector = query->vector;
    return job->asked <= LIMIT_SEARCH_K && job->field &&
           search_translate(query, &job->filter) == 0 && !job->filter.nothing && !job->filter.range;
}

/* Under the lock again, with what the walk has found. */
static int take_found(struct redis *redis, struct search_query *query, const struct walk_job *job,
                      struct search_hits *out)
{
    struct search_index *home = search_home(query->index);
    if (!home || home->rebuild || search_catch_up(redis, home) != 0) return KITH_EBUSY;
    if (!job->result->complete || home->derived != job->derived ||
        job->epoch != job->derived->epoch)
        return KITH_EBUSY;
    const struct search_found found = {.keys = job->result->columns[0].data,
                                       .count = job->result->rows,
                                       .all = job->result->rows < job->asked,
                                       .since = job->since};
    return found.keys ? search_query_run_found(query, home, &found, out) : KITH_EBUSY;
}

int search_walk(struct redis *redis, struct search_query *query, struct search_hits *out)
{
    const struct search_index *index = query->index;
    struct walk_job job;
    if (!query->knn || query->k == 0 || index->count < SEARCH_WALK_FROM ||
        !search_derived_serves(index))
        return KITH_EBUSY;
    int rc = KITH_EBUSY;
    if (plan_walk(index, query, &job)) {
        search_let_go(index);
        const int walked = walk(&job);
        search_take_back(index);
        if (walked == 0) rc = take_found(redis, query, &job, out);
        search_of(redis)->walks += rc == 0;
    }
    release_walk(&job);
    return rc;
}
