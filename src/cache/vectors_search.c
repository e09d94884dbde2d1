/*
 * Searching a vector set: a view of its runs, a walk through every graph, a scan of the rest,
 * exact distances of what came.
 *
 * A graph gives candidates by cosine; their distances are then computed by the formula of the
 * set, so a score does not depend on how a row was found. Dead rows and rows that a filter
 * refuses are candidates as well and are dropped afterwards. When too few are left, the share of
 * those that were kept says how many candidates it would take, and the graph is asked for so many
 * as long as that is cheaper than computing every distance of the run. A scan looks at the filter
 * only for rows near enough to be among the best so far: of a million rows that are a few hundred
 * when many match. So a filter never makes a search miss rows that match, and seldom makes it
 * look at all of them.
 *
 * A view reads runs, the directory, elements and attributes without a lock: rows below the count
 * it saw are not changed any more, and what is removed meanwhile stays until the view ends.
 */
#include <math.h>
#include <string.h>

#include "base/alloc.h"
#include "cache/vectors_internal.h"

#define EF_LEAST 100u
#define EF_WALK_MAX 16384u /* wider walks are slower than scans of all that fits a machine */
#define BLOCK 256u
#define MARGIN 8u          /* candidates beyond the count: cosine and the formula differ a little */
#define WALK_COST 40u      /* rows scanned in the time that one of ef takes in a walk */
#define DEPTH_TIMES 6u     /* half of 30,000 words: recall .976 at 3, a tenth: .995; .961 at 1 */
/* What a walk costs for each of its width, as bytes of a scan in the same time. Measured: a quarter
 * of a microsecond and 20 codes, from 128 to 1,536 dimensions; a scan reads 16 bytes a
 * nanosecond. */
#define WIDTH_BYTES 4096u
#define WIDTH_CODES 20u
#define RESULT_BYTES 1024u /* a result: to keep it in order and to say it */

struct view_run {
    struct vset_run *run; /* owns a reference */
    uint32_t rows;        /* there when it was pinned */
    uint32_t first;       /* place of row 0 */
};

struct vset_view {
    struct vector_set *set; /* owns a reference */
    unsigned bag;
    uint32_t count;
    size_t rows; /* that were alive */
    struct view_run runs[];
};

/* ---- views ---- */

struct vset_view *vset_pin(struct vector_set *set)
{
    struct vset_view *view =
        mem_alloc(sizeof *view + set->run_count * sizeof(struct view_run));
    if (!view) return NULL;
    *view = (struct vset_view){.set = set, .bag = set->current, .rows = vset_count(set)};
    uint64_t place = 0;
    for (uint32_t i = 0; i < set->run_count; i++) {
        struct vset_run *run = set->runs[i];
        if (place + run->count > UINT32_MAX) break; /* more rows than any machine here holds */
        vset_run_ref(run);
        view->runs[view->count++] = (struct view_run){run, run->count, (uint32_t)place};
        place += run->count;
    }
    set->bags[view->bag].views++;
    vset_ref(set);
    return view;
}

void vset_unpin(struct vset_view *view)
{
    if (!view) return;
    for (uint32_t i = 0; i < view->count; i++) vset_run_unref(view->runs[i].run);
    view->set->bags[view->bag].views--;
    vset_collect(view->set);
    vset_unref(view->set);
    mem_free(view);
}

static const struct view_run *run_at(const struct vset_view *view, uint32_t place)
{
    uint32_t low = 0, high = view->count;
    while (high - low > 1) {
        const uint32_t middle = low + (high - low) / 2;
        if (view->runs[middle].first <= place) low = middle;
        else high = middle;
    }
    return &view->runs[low];
}

struct vset_element *vset_hit_element(const struct vset_view *view, const struct vset_hit *hit)
{
    const struct view_run *at = run_at(view, hit->place);
    const uint32_t row = hit->place - at->first;
    struct vset_element *element =
        vset_directory_get(&view->set->directory, at->run->elements[row]);
    if (!element || element->first_row > vset_run_number(at->run, row)) return NULL;
    return element;
}

/* ---- one search ---- */

struct work {
    const struct vset_view *view;
    const struct vset_params *params;
    const struct vset_search *search;
    const struct kernel *kernel;
    struct vset_code query;      /* owns data */
    struct filter_value *scratch; /* owns; of the filter */
    struct topk top;
    struct hit *best;            /* owns: room of top */
    struct hit *candidates;      /* owns */
    size_t candidate_room;
    uint64_t looked;             /* candidates of graphs, under filter_ef */
};

static bool kept_by_filter(struct work *w, const struct vset_element *element)
{
    const struct vector_attribute *attribute =
        atomic_load_explicit(&element->attribute, memory_order_acquire);
    return vector_filter_matches(w->search->filter, w->scratch, attribute);
}

/* Alive, of the level, and the filter holds. */
static bool is_wanted(struct work *w, const struct vset_run *run, uint32_t row)
{
    if (vset_run_is_dead(run, row)) return false;
    if (!w->search->filter && w->search->level_min == 0) return true;
    const struct vset_element *element =
        vset_directory_get(&w->view->set->directory, run->elements[row]);
    if (!element || element->level < w->search->level_min) return false;
    return !w->search->filter || kept_by_filter(w, element);
}

static float distance_of(const struct work *w, const struct vset_run *run, uint32_t row, float raw)
{
    return vset_distance(w->params, raw, w->query.range, run->ranges ? run->ranges[row] : 0);
}

static void offer(struct work *w, const struct view_run *at, uint32_t row, float raw)
{
    const struct hit hit = {distance_of(w, at->run, row, raw), at->first + row};
    if (w->top.count == w->top.k && !hit_less(hit, w->top.hits[0])) return;
    if (is_wanted(w, at->run, row)) topk_push(&w->top, hit);
}

static void scan(struct work *w, const struct view_run *at)
{
    const struct vectors *vectors = &at->run->vectors;
    float raw[BLOCK];
    for (uint32_t first = 0; first < at->rows; first += BLOCK) {
        const uint32_t count = at->rows - first < BLOCK ? at->rows - first : BLOCK;
        w->kernel->many(w->query.data, vset_run_code(at->run, first), vectors->stride_bytes, count,
                        vectors->dim, raw);
        for (uint32_t i = 0; i < count; i++) offer(w, at, first + i, raw[i]);
    }
}

/* ---- walks ---- */

static int reserve_candidates(struct work *w, size_t count)
{
    if (count <= w->candidate_room) return 0;
    mem_free(w->candidates);
    w->candidate_room = 0;
    w->candidates = mem_alloc_array(count, sizeof *w->candidates);
    if (!w->candidates) return KITH_ENOMEM;
    w->candidate_room = count;
    return 0;
}

struct walk_result {
    size_t candidates, kept;
    size_t depth; /* candidates up to the last that is wanted */
};

/* Asks the graph for k candidates and takes those that are wanted into `hits`, with their
 * distances. */
static int walk_once(struct work *w, const struct view_run *at, size_t k, uint32_t ef, size_t want,
                     struct walk_result *result)
{
    if (reserve_candidates(w, k)) return KITH_ENOMEM;
    const struct index_search search = {
        .query = w->query.data, .k = k, .ef = ef, .bound = INFINITY};
    size_t found = 0, kept = 0, depth = 0;
    const int rc = at->run->graph->ops->search(at->run->graph, &search, w->candidates, &found,
                                               NULL);
    if (rc) return rc;
    for (size_t i = 0; i < found; i++) {
        const uint32_t row = w->candidates[i].id;
        if (row >= at->rows || !is_wanted(w, at->run, row)) continue;
        if (kept < want) depth = i + 1;
        w->candidates[kept++].id = row;
    }
    *result = (struct walk_result){found, kept, depth};
    return 0;
}

static void take_candidates(struct work *w, const struct view_run *at, size_t kept)
{
    for (size_t i = 0; i < kept; i++) {
        const uint32_t row = w->candidates[i].id;
        const float raw =
            w->kernel->pair(w->query.data, vset_run_code(at->run, row), w->params->dim);
        const struct hit hit = {distance_of(w, at->run, row, raw), at->first + row};
        topk_push(&w->top, hit);
    }
}

static uint32_t width(const struct vset_search *search)
{
    const size_t least = search->ef ? search->ef : EF_LEAST;
    const size_t ef = search->count > least ? search->count : least;
    return (uint32_t)(ef < EF_WALK_MAX ? ef : EF_WALK_MAX);
}

/* How many candidates give `want` of them when `kept` of `seen` were; 0: a scan is cheaper. */
static size_t more_candidates(const struct view_run *at, size_t want, struct walk_result last)
{
    if (last.candidates >= at->rows) return 0;
    const double share = ((double)last.kept + 0.5) / (double)(last.candidates + 1);
    const double next = 1.3 * (double)want / share + MARGIN, cost = next * DEPTH_TIMES * WALK_COST;
    if (next > (double)EF_WALK_MAX || cost > (double)at->rows) return 0;
    const size_t least = last.candidates + last.candidates / 2;
    return next < (double)least ? least : (size_t)next;
}

/* Candidates that may be looked at. */
static size_t effort_left(const struct work *w)
{
    if (w->search->filter_ef == 0) return SIZE_MAX;
    return w->search->filter_ef > w->looked ? w->search->filter_ef - w->looked : 0;
}

/* A walk is sure of its first candidates only: when those that a filter leaves lie deep, a wider
 * one is due. */
static bool is_deep(const struct work *w, struct walk_result result, uint32_t ef)
{
    return w->search->filter && ef < DEPTH_TIMES * result.depth && ef < EF_WALK_MAX &&
           effort_left(w) == SIZE_MAX;
}

static uint32_t wider(size_t depth)
{
    return (uint32_t)(depth < EF_WALK_MAX / DEPTH_TIMES ? depth * DEPTH_TIMES : EF_WALK_MAX);
}

/* As many as it takes when the dead lie anywhere, and some. */
static size_t first_candidates(const struct view_run *at, size_t want)
{
    const size_t dead = vset_run_dead(at->run), alive = at->run->count - dead;
    if (dead == 0 || alive == 0) return want + MARGIN;
    return want + 3 * want * dead / (2 * alive) + 2 * MARGIN;
}

/* Candidates in growing number until enough are wanted; a scan when that costs less and nobody
 * said how much effort it may take. */
static int walk(struct work *w, const struct view_run *at)
{
    const size_t left = effort_left(w), most = left < EF_WALK_MAX ? left : EF_WALK_MAX;
    struct walk_result result = {0};
    const size_t alive = at->run->count - vset_run_dead(at->run);
    const size_t want = w->search->count < alive ? w->search->count : alive;
    uint32_t ef = width(w->search);
    size_t k = first_candidates(at, want);
    if (w->search->filter && k < ef) k = ef;
    if (left < SIZE_MAX && k > most) k = most;
    for (unsigned round = 0; k > 0 && k <= EF_WALK_MAX && round < 4; round++) {
        const int rc = walk_once(w, at, k, ef, want, &result);
        if (rc == KITH_ENOMEM) return rc;
        if (rc) {
            scan(w, at);
            return 0;
        }
        if (result.candidates >= left) break;
        if (result.kept >= want) {
            if (!is_deep(w, result, ef)) break;
            if ((uint64_t)wider(result.depth) * WALK_COST > at->rows) {
                scan(w, at);
                return 0;
            }
            k = result.depth + result.depth / 2 + MARGIN;
            ef = wider(result.depth);
            continue;
        }
        k = more_candidates(at, want, result);
        if (left < SIZE_MAX && (k == 0 || k > most || round == 2)) k = most;
        if (k > ef) ef = w->search->filter ? wider(k) : (uint32_t)k;
    }
    w->looked += result.candidates;
    if (result.kept >= want || left < SIZE_MAX) take_candidates(w, at, result.kept);
    else scan(w, at);
    return 0;
}

/* ---- all of it ---- */

static int prepare(struct work *w, const struct vset_view *view, const struct vset_search *search)
{
    *w = (struct work){.view = view, .params = &view->set->params, .search = search};
    w->kernel = vset_kernel(w->params->quant);
    const size_t count = search->count < view->rows ? search->count : view->rows;
    float *normal = mem_alloc_array(w->params->dim, sizeof *normal);
    w->query.data = mem_alloc_aligned(vset_code_stride(w->params), 64);
    w->best = mem_alloc_array(count + 1, sizeof *w->best);
    if (search->filter) w->scratch = vector_filter_scratch(search->filter);
    const bool fine = normal && w->query.data && w->best && (!search->filter || w->scratch);
    if (fine) vset_encode_vector(w->params, search->vector, normal, &w->query);
    mem_free(normal);
    topk_init(&w->top, w->best, count);
    return fine ? 0 : KITH_ENOMEM;
}

static void release(struct work *w)
{
    mem_free(w->query.data);
    mem_free(w->best);
    mem_free(w->candidates);
    mem_free(w->scratch);
}

static int search_runs(struct work *w)
{
    const bool exact = w->search->truth || w->search->level_min > 0;
    for (uint32_t i = 0; i < w->view->count; i++) {
        const struct view_run *at = &w->view->runs[i];
        int rc = 0;
        if (at->run->graph && !exact) rc = walk(w, at);
        else scan(w, at);
        if (rc) return rc;
    }
    topk_sort(&w->top);
    return 0;
}

static int give_hits(const struct work *w, struct vset_hit **hits, size_t *found)
{
    struct vset_hit *out = mem_alloc_array(w->top.count + 1, sizeof *out);
    if (!out) return KITH_ENOMEM;
    for (size_t i = 0; i < w->top.count; i++) {
        out[i] = (struct vset_hit){w->best[i].distance, w->best[i].id};
    }
    *hits = out;
    *found = w->top.count;
    return 0;
}

int vset_search(struct vset_view *view, const struct vset_search *search, struct vset_hit **hits,
                size_t *found)
{
    struct work w;
    int rc = prepare(&w, view, search);
    if (!rc && w.top.k > 0) rc = search_runs(&w);
    if (!rc) rc = give_hits(&w, hits, found);
    release(&w);
    return rc;
}

size_t vset_search_cost(const struct vector_set *set, const struct vset_search *search)
{
    const bool exact = search->truth || search->level_min > 0 || search->filter;
    const size_t stride = vset_code_stride(&set->params);
    const size_t walk = width(search) * (WIDTH_BYTES + WIDTH_CODES * stride);
    const size_t count = vset_count(set);
    size_t bytes = (search->count < count ? search->count : count) * RESULT_BYTES;
    for (uint32_t i = 0; i < set->run_count; i++) {
        const struct vset_run *run = set->runs[i];
        bytes += run->graph && !exact ? walk : run->count * stride;
    }
    return bytes;
}
