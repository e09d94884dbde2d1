/*
 * The upkeep of a vector set's runs: which of them become one, copying their live rows, building
 * the graph, taking the result.
 *
 * When: the rows at the end that are only scanned pass a limit (4,096 at first, then an eighth of
 * the set, at most 4 MiB of codes), or a quarter of a run with a graph is dead. The last graph
 * takes up what is new (index_extend): that costs the insertion of the new rows and of a sixteenth
 * of the old, so a graph that is many times larger is left alone and another one begun; when there
 * are more than three, the last are merged the same way. A set of a few hundred thousand rows has
 * one graph. What is dead is left out on the way. While rows come faster than a build, the next
 * build takes all that came meanwhile.
 *
 * A job copies rows, not names: the numbers of rows stay, so no element has to be told. What died
 * while the job ran is found by comparing the dead of its sources with what they were, and marked
 * in the result. The job holds references to its sources and to the set; the set owns the job,
 * and `done` is the release that publishes its result.
 *
 * Small runs are merged in place, in the caller's thread, when more of their rows are dead than
 * alive: what is replaced again and again does not grow.
 */
#include <string.h>

#include "base/alloc.h"
#include "cache/vectors_internal.h"

#define GRAPH_LEAST 4096u
#define TAIL_BYTES ((size_t)4 << 20)
#define TAIL_SHARE 8u
#define REST_LEAST 1024u /* of a set that is left alone; fewer are scanned in microseconds */
#define REST_SHARE 64u
#define LAST_TIMES 64u  /* a graph that is so many times larger than what is new takes it up */
#define MERGE_TIMES 4u
#define GRAPHS_WANTED 3u
#define DEAD_SHARE 4u  /* one in so many rows of a graph */
#define COMPACT_DEAD 64u /* fewer are not worth moving the others for */
#define BUILD_M_MAX 256u
#define BUILD_EF_MAX 1000u
#define BUILD_EF 200u
#define SMALL_ROWS 20000u

struct source {
    struct vset_run *run; /* owns a reference */
    uint64_t *dead;       /* owns: as they were */
};

struct vset_job {
    struct vector_set *set; /* borrows once it is done, before that owns a reference */
    bool graph;
    uint32_t m, ef;
    const atomic_bool *stop; /* borrows; nullable */
    atomic_bool done;
    struct vset_run *result; /* owns; NULL: it failed, or no row was alive */
    int rc;
    uint32_t rows; /* alive */
    uint32_t *map; /* owns: rows of the largest graph of the sources -> rows of the result */
    const struct vset_run *mapped; /* borrows: of which run */
    uint32_t count;
    struct source sources[];
};

/* ---- jobs ---- */

void vset_job_free(struct vset_job *job)
{
    if (!job) return;
    for (uint32_t i = 0; i < job->count; i++) {
        vset_run_unref(job->sources[i].run);
        mem_free(job->sources[i].dead);
    }
    vset_run_unref(job->result);
    mem_free(job->map);
    mem_free(job);
}

static uint32_t words_of(const struct vset_run *run) { return (run->count + 63) / 64; }

static int take_source(struct vset_job *job, struct vset_run *run)
{
    struct source *source = &job->sources[job->count];
    source->dead = mem_alloc_array(words_of(run) + 1, sizeof *source->dead);
    if (!source->dead) return KITH_ENOMEM;
    for (uint32_t w = 0; w < words_of(run); w++) {
        source->dead[w] = atomic_load_explicit(&run->dead[w], memory_order_relaxed);
    }
    vset_run_ref(run);
    source->run = run;
    job->rows += run->count - vset_run_dead(run);
    job->count++;
    return 0;
}

/* Nothing is added to a run that a job reads. */
static void seal_last(struct vector_set *set)
{
    struct vset_run *last = set->runs[set->run_count - 1];
    last->cap = last->count;
}

/* Searches of a build are half wider than it is told, so this is what EF says; two thirds of it for
 * small sets, whose insertions become a third cheaper and whose recall falls by .002 at most (8,000
 * and 15,000 words, at EF 80; nothing below 40 and above 320). Half of it for bits, which tell
 * fewer rows apart. */
static uint32_t build_width(const struct vector_set *set, uint32_t rows)
{
    const uint32_t ef = set->ef == 0 ? BUILD_EF : set->ef < BUILD_EF_MAX ? set->ef : BUILD_EF_MAX;
    if (rows >= SMALL_ROWS) return (ef * 2 + 2) / 3;
    return set->params.quant == VSET_BIN ? (ef + 2) / 3 : (ef * 4 + 8) / 9;
}

static struct vset_job *job_new(struct vector_set *set, uint32_t first, uint32_t end)
{
    struct vset_job *job = mem_zalloc(sizeof *job + (end - first) * sizeof(struct source));
    if (!job) return NULL;
    job->set = set;
    job->m = set->params.m < BUILD_M_MAX ? set->params.m : BUILD_M_MAX;
    for (uint32_t i = first; i < end; i++) {
        if (take_source(job, set->runs[i])) {
            vset_job_free(job);
            return NULL;
        }
    }
    job->graph = job->rows >= GRAPH_LEAST;
    job->ef = build_width(set, job->rows);
    if (end == set->run_count) seal_last(set);
    return job;
}

/* ---- copying ---- */

static void copy_row(struct vset_run *to, const struct vset_run *from, uint32_t row, uint64_t base)
{
    const uint32_t at = to->count++;
    memcpy(to->codes + at * to->vectors.stride_bytes, vset_run_code(from, row),
           to->vectors.stride_bytes);
    to->norms[at] = from->norms[row];
    if (to->ranges) to->ranges[at] = from->ranges[row];
    to->elements[at] = from->elements[row];
    to->offsets[at] = (uint32_t)(vset_run_number(from, row) - base);
}

/* Its graph is taken up by the new one. */
static int choose_base(struct vset_job *job)
{
    for (uint32_t s = 0; s < job->count && job->graph; s++) {
        const struct vset_run *run = job->sources[s].run;
        if (run->graph && (!job->mapped || run->count > job->mapped->count)) job->mapped = run;
    }
    if (!job->mapped) return 0;
    job->map = mem_alloc_array(job->mapped->count, sizeof *job->map);
    return job->map ? 0 : KITH_ENOMEM;
}

static void copy_source(struct vset_job *job, const struct source *source, uint64_t base)
{
    const struct vset_run *run = source->run;
    for (uint32_t row = 0; row < run->count; row++) {
        const bool dead = (source->dead[row / 64] >> (row % 64)) & 1;
        if (run == job->mapped) job->map[row] = dead ? INDEX_ROW_GONE : job->result->count;
        if (!dead) copy_row(job->result, run, row, base);
    }
}

static int copy_rows(struct vset_job *job)
{
    if (job->rows == 0) return 0;
    if (choose_base(job)) return KITH_ENOMEM;
    const uint64_t base = job->sources[0].run->base;
    job->result = vset_run_new(job->set->heap, &job->set->params, base, job->rows, true);
    if (!job->result) return KITH_ENOMEM;
    for (uint32_t s = 0; s < job->count; s++) copy_source(job, &job->sources[s], base);
    job->result->vectors.count = job->result->count;
    return 0;
}

/* ---- the graph ---- */

static int open_graph(struct vset_run *run, const struct os *os)
{
    struct index_view_section sections[INDEX_SECTIONS_MAX];
    for (size_t i = 0; i < run->image.count; i++) {
        const struct index_section *section = &run->image.sections[i];
        sections[i] = (struct index_view_section){section->id, {section->data, section->len, NULL}};
        run->image_bytes += section->len;
    }
    heap_count(run->heap, run->image_bytes);
    return index_ops_find("HNSW")->open(os, sections, run->image.count, &run->vectors, &run->graph,
                                        NULL);
}

static void look_at_stop(void *ctx, uint64_t done, uint64_t total)
{
    const struct vset_job *job = ctx;
    (void)done;
    (void)total;
    if (job->stop && atomic_load_explicit(job->stop, memory_order_relaxed)) {
        atomic_store_explicit(&job->set->cancel, true, memory_order_relaxed);
    }
}

static int build_graph(struct vset_job *job, const struct os *os)
{
    struct vset_run *run = job->result;
    const struct index_params params = {.m = job->m, .ef_construction = job->ef};
    const struct index_job work = {.os = os, .threads = 1, .cancel = &job->set->cancel,
                                   .progress = look_at_stop, .progress_ctx = job};
    const struct index_base base = {job->mapped ? job->mapped->graph : NULL, job->map};
    run->os = os;
    const int rc =
        job->mapped
            ? index_extend(&base, &run->vectors, &params, &work, &run->image, NULL)
            : index_ops_find("HNSW")->build(&run->vectors, &params, &work, &run->image, NULL);
    return rc ? rc : open_graph(run, os);
}

void vset_job_run(struct vset_job *job, const struct os *os, const atomic_bool *stop)
{
    struct vector_set *set = job->set;
    job->stop = stop;
    look_at_stop(job, 0, 0);
    job->rc = atomic_load_explicit(&set->cancel, memory_order_relaxed) ? KITH_ECANCELLED
                                                                       : copy_rows(job);
    if (!job->rc && job->graph) job->rc = build_graph(job, os);
    atomic_store_explicit(&job->done, true, memory_order_release);
    vset_unref(set); /* from here on the job may be gone */
}

/* ---- taking the result ---- */

/* Rows of a source that died since become dead in the result. */
static void kill_late(struct vset_run *result, const struct source *source)
{
    for (uint32_t w = 0; w < words_of(source->run); w++) {
        uint64_t late =
            atomic_load_explicit(&source->run->dead[w], memory_order_relaxed) & ~source->dead[w];
        for (; late; late &= late - 1) {
            const uint32_t row = 64 * w + (uint32_t)__builtin_ctzll(late);
            uint32_t at;
            if (vset_run_row(result, vset_run_number(source->run, row), &at)) {
                vset_run_kill(result, at);
            }
        }
    }
}

static uint32_t place_of(const struct vector_set *set, const struct vset_run *run)
{
    uint32_t at = 0;
    while (at < set->run_count && set->runs[at] != run) at++;
    return at;
}

/* The result, if a row of it is alive, stands where the sources stood. */
static void replace_sources(struct vector_set *set, struct vset_job *job)
{
    const uint32_t first = place_of(set, job->sources[0].run);
    if (first + job->count > set->run_count) return; /* cannot be */
    struct vset_run *result = job->result;
    for (uint32_t i = 0; i < job->count; i++) {
        if (result) kill_late(result, &job->sources[i]);
        vset_run_unref(set->runs[first + i]);
    }
    const bool stays = result && vset_run_dead(result) < result->count;
    if (stays) {
        set->runs[first] = result;
        job->result = NULL;
    }
    const uint32_t rest = first + job->count, to = first + stays;
    memmove(set->runs + to, set->runs + rest,
            (set->run_count - rest) * sizeof(struct vset_run *));
    set->run_count -= rest - to;
}

static void finish(struct vector_set *set, struct vset_job *job)
{
    if (job->rc) set->retry_at = set->next_row + GRAPH_LEAST;
    else replace_sources(set, job);
}

struct vset_job *vset_job_settle(struct vector_set *set)
{
    struct vset_job *job = set->job;
    if (!job || !atomic_load_explicit(&job->done, memory_order_acquire)) return NULL;
    set->job = NULL;
    finish(set, job);
    return job;
}

/* ---- what is due ---- */

static uint32_t graphs_of(const struct vector_set *set)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < set->run_count; i++) count += set->runs[i]->graph != NULL;
    return count;
}

static uint32_t alive_in(const struct vector_set *set, uint32_t first, uint32_t end)
{
    uint32_t rows = 0;
    for (uint32_t i = first; i < end; i++) {
        rows += set->runs[i]->count - vset_run_dead(set->runs[i]);
    }
    return rows;
}

/* The first of the runs at the end that have no graph. */
static uint32_t tail_of(const struct vector_set *set)
{
    uint32_t first = set->run_count;
    while (first > 0 && !set->runs[first - 1]->graph) first--;
    return first;
}

static uint32_t tail_max(const struct vector_set *set, bool rest)
{
    if (rest) {
        const size_t part = vset_count(set) / REST_SHARE;
        return part > REST_LEAST ? (uint32_t)part : REST_LEAST;
    }
    const size_t most = TAIL_BYTES / vset_code_stride(&set->params);
    const size_t share = vset_count(set) / TAIL_SHARE;
    const size_t rows = share < most ? share : most;
    return rows > GRAPH_LEAST ? (uint32_t)rows : GRAPH_LEAST;
}

/* Numbers within a run are 32 bits above its base. */
static bool fit_together(const struct vector_set *set, uint32_t first)
{
    return set->next_row - set->runs[first]->base < UINT32_MAX;
}

static bool tail_is_long(const struct vector_set *set, uint32_t tail, bool rest)
{
    const uint32_t rows = alive_in(set, tail, set->run_count);
    return rows >= tail_max(set, rest) && (rows >= GRAPH_LEAST || tail > 0) &&
           set->next_row >= set->retry_at;
}

static bool tail_is_due(const struct vector_set *set, bool rest, uint32_t *first)
{
    const uint32_t tail = tail_of(set);
    if (!tail_is_long(set, tail, rest)) return false;
    uint64_t rows = alive_in(set, tail, set->run_count), times = LAST_TIMES;
    *first = tail;
    for (uint32_t graphs = graphs_of(set); *first > 0; graphs--, times = MERGE_TIMES) {
        const uint32_t before = alive_in(set, *first - 1, *first);
        if (before > times * rows || !fit_together(set, *first - 1)) break;
        if (*first < tail && graphs < GRAPHS_WANTED) break;
        rows += before;
        --*first;
    }
    return fit_together(set, *first);
}

static bool dead_are_due(const struct vector_set *set, uint32_t *first)
{
    if (set->next_row < set->retry_at) return false;
    for (uint32_t i = 0; i < set->run_count; i++) {
        const struct vset_run *run = set->runs[i];
        if (run->graph && vset_run_dead(run) > run->count / DEAD_SHARE) {
            *first = i;
            return true;
        }
    }
    return false;
}

bool vset_rest_is_due(const struct vector_set *set)
{
    return tail_is_long(set, tail_of(set), true);
}

static struct vset_job *take_job(struct vector_set *set, bool rest)
{
    vset_job_free(vset_job_settle(set));
    if (set->job || vset_is_gone(set)) return NULL;
    uint32_t first = 0, end = set->run_count;
    if (!tail_is_due(set, rest, &first)) {
        if (!dead_are_due(set, &first)) return NULL;
        end = first + 1;
    }
    struct vset_job *job = job_new(set, first, end);
    if (!job) return NULL;
    vset_ref(set);
    set->job = job;
    return job;
}

struct vset_job *vset_job_take(struct vector_set *set) { return take_job(set, false); }
struct vset_job *vset_job_take_rest(struct vector_set *set) { return take_job(set, true); }
struct vector_set *vset_job_set(struct vset_job *job) { return job->set; }

bool vset_is_gone(const struct vector_set *set)
{
    return atomic_load_explicit(&set->cancel, memory_order_relaxed);
}

bool vset_watched(struct vector_set *set, bool now)
{
    const bool before = set->watched;
    set->watched = now;
    return before;
}

void vset_job_drop(struct vset_job *job)
{
    struct vector_set *set = job->set;
    set->job = NULL;
    set->retry_at = set->next_row + GRAPH_LEAST;
    vset_job_free(job);
    vset_unref(set);
}

/* ---- small runs ---- */

void vset_compact(struct vector_set *set)
{
    const uint32_t first = tail_of(set);
    uint32_t rows = 0, dead = 0;
    for (uint32_t i = first; i < set->run_count; i++) {
        rows += set->runs[i]->count;
        dead += vset_run_dead(set->runs[i]);
    }
    if (set->job || dead < COMPACT_DEAD || dead <= rows - dead) return;
    if (!fit_together(set, first)) return;
    struct vset_job *job = job_new(set, first, set->run_count);
    if (!job) return; /* no memory: later */
    job->graph = false;
    job->rc = copy_rows(job);
    finish(set, job);
    vset_job_free(job);
}
