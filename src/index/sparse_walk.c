/*
 * The walk over windows: see sparse_walk.h.
 *
 * Lists stand in ascending order of what they can contribute at most, and only ever move forward.
 * here[i] bounds list i in the window, before[i] is the sum of here[0..i). Sums of bounds are
 * compared with a little slack, so that rounding never drops a row that ties.
 */
#include "index/sparse_walk.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"

#define WINDOW_ROWS 4096u
#define WINDOW_WORDS (WINDOW_ROWS / 64)
#define BOUND_BLOCKS_MAX 8 /* a window with more blocks of a list takes the list's own bound */
#define SLACK 1.000001
#define SEED_K_MAX 1024
#define SEED_BLOCKS_MIN 32
#define SEED_SHARE 32

struct walk {
    const struct walk_ops *ops;
    void *ctx;
    const struct walk_search *search;
    struct walk_list **order; /* owns the array: by `most`, ascending */
    double *here;             /* owns */
    double *before;           /* owns: one more than lists */
    size_t list_count;
    size_t dropped; /* lists that stopped being essential for good */
    double least;   /* a sum below it cannot win */
    float seed;     /* k rows with this distance or less are there: see seed_walk */
    struct topk top;
    uint64_t touched[WINDOW_WORDS];
    uint16_t rows[WINDOW_ROWS]; /* of the window, that may still win */
    double sums[WINDOW_ROWS];
};

/* ---- what wins ---- */

static void set_least(struct walk *walk)
{
    const float bound = fminf(fminf(topk_bound(&walk->top), walk->search->bound), walk->seed);
    const double least = isinf(bound) ? 0 : -(double)nextafterf(bound, INFINITY);
    walk->least = least > 0 ? least : 0;
}

static bool too_small(const struct walk *walk, double sum)
{
    return sum * SLACK < walk->least;
}

static void keep_tie(struct index_ties *ties, struct hit hit)
{
    if (ties->count == ties->room) ties->shrink(ties->ctx, ties->hits, &ties->count);
    if (ties->count < ties->room) ties->hits[ties->count++] = hit;
}

static void offer(struct walk *walk, struct hit hit)
{
    struct index_ties *ties = walk->search->ties;
    if (!(hit.distance < 0) || !(hit.distance < walk->search->bound)) return;
    if (hit.distance > topk_bound(&walk->top)) return;
    const bool full = walk->top.count == walk->top.k;
    const struct hit worst = walk->top.hits[0];
    topk_push(&walk->top, hit);
    if (full && ties) {
        const float bound = topk_bound(&walk->top);
        const struct hit out = hit_less(hit, worst) ? worst : hit;
        if (bound < worst.distance) ties->count = 0;
        if (out.distance <= bound) keep_tie(ties, out);
    }
    if (walk->top.count == walk->top.k) set_least(walk);
}

/* ---- moving a list ---- */

static void enter_block(struct walk_list *list, size_t block)
{
    list->block = block;
    list->loaded = false;
    list->at = 0;
}

/* To the first block that may hold a row >= `row`: by doubling steps, then halving. */
static void skip_blocks(struct walk_list *list, uint32_t row)
{
    size_t low = list->block, step = 1;
    if (low >= list->block_count || walk_last_row(list, low) >= row) return;
    while (low + step < list->block_count && walk_last_row(list, low + step) < row) {
        low += step;
        step *= 2;
    }
    size_t high = low + step < list->block_count ? low + step : list->block_count;
    while (high - low > 1) {
        const size_t middle = low + (high - low) / 2;
        if (walk_last_row(list, middle) < row) {
            low = middle;
        } else {
            high = middle;
        }
    }
    enter_block(list, high);
}

static void skip_rows(struct walk_list *list, uint32_t row)
{
    size_t at = list->at;
    for (unsigned i = 0; i < 8 && at < list->count && list->rows[at] < row; i++) at++;
    size_t high = list->count;
    while (at < high && list->rows[at] < row) { /* not near: by halves */
        const size_t middle = at + (high - at) / 2;
        if (list->rows[middle] < row) {
            at = middle + 1;
        } else {
            high = middle;
            if (middle == at) break;
        }
    }
    list->at = at;
}

static int load(struct walk *walk, struct walk_list *list)
{
    if (list->loaded) return 0;
    const int rc = walk->ops->load(walk->ctx, list);
    if (rc) return rc;
    list->loaded = true;
    list->at = 0;
    if (walk->search->stats) walk->search->stats->nodes_visited++;
    return 0;
}

/* No row of the list from its place on is smaller. */
static size_t next_row(const struct walk_list *list)
{
    if (list->block >= list->block_count) return SIZE_MAX;
    if (list->loaded && list->at < list->count) return list->rows[list->at];
    if (list->loaded) return (size_t)walk_last_row(list, list->block) + 1;
    return list->block == 0 ? 0 : (size_t)walk_last_row(list, list->block - 1) + 1;
}

static double bound_here(struct walk *walk, const struct walk_list *list, size_t end)
{
    if (next_row(list) >= end) return 0;
    double most = 0;
    for (size_t i = list->block; i < list->block_count; i++) {
        if (i - list->block == BOUND_BLOCKS_MAX) return list->most;
        const double bound = walk->ops->bound(walk->ctx, list, i);
        if (bound > most) most = bound;
        if (walk_last_row(list, i) + (size_t)1 >= end) break;
    }
    return most < list->most ? most : list->most;
}

/* ---- one window ---- */

static int add_list(struct walk *walk, struct walk_list *list, size_t first, size_t end)
{
    double scores[WALK_BLOCK_ROWS];
    for (;;) {
        skip_blocks(list, (uint32_t)first);
        if (next_row(list) >= end) return 0;
        const int rc = load(walk, list);
        if (rc) return rc;
        skip_rows(list, (uint32_t)first);
        const size_t from = list->at;
        while (list->at < list->count && list->rows[list->at] < end) list->at++;
        walk->ops->scores(walk->ctx, list, from, list->at - from, scores);
        for (size_t i = from; i < list->at; i++) {
            const size_t slot = list->rows[i] - first;
            const uint64_t bit = UINT64_C(1) << (slot % 64);
            const bool seen = (walk->touched[slot / 64] & bit) != 0;
            walk->sums[slot] = scores[i - from] + (seen ? walk->sums[slot] : 0);
            walk->touched[slot / 64] |= bit;
        }
        if (walk->search->stats) walk->search->stats->distances += list->at - from;
        if (list->at < list->count || list->block + 1 >= list->block_count) {
            if (list->at == list->count) enter_block(list, list->block_count);
            return 0;
        }
        enter_block(list, list->block + 1);
    }
}

static int look_up(struct walk *walk, struct walk_list *list, uint32_t row, double *out)
{
    *out = 0;
    skip_blocks(list, row);
    if (next_row(list) > row) return 0;
    const int rc = load(walk, list);
    if (rc) return rc;
    skip_rows(list, row);
    if (list->at < list->count && list->rows[list->at] == row)
        walk->ops->scores(walk->ctx, list, list->at, 1, out);
    return 0;
}

/* Rows whose sum and what `lists` lists can add could still win, of walk->rows[0, count). */
static size_t still_winning(struct walk *walk, size_t lists, size_t count)
{
    const double enough = walk->least / SLACK - walk->before[lists];
    size_t kept = 0;
    for (size_t i = 0; i < count; i++) { /* no branch: which rows stay is hard to predict */
        const uint16_t slot = walk->rows[i];
        walk->rows[kept] = slot;
        kept += walk->sums[slot] >= enough;
    }
    return kept;
}

/* The rows that the essential lists touched, and that are allowed. */
static size_t list_touched(struct walk *walk, size_t first)
{
    const struct bitset *allowed = walk->search->allowed;
    size_t count = 0;
    for (size_t w = 0; w < WINDOW_WORDS; w++) {
        uint64_t word = walk->touched[w];
        if (word && allowed) word &= allowed->words[first / 64 + w];
        for (; word; word &= word - 1)
            walk->rows[count++] = (uint16_t)(w * 64 + (size_t)__builtin_ctzll(word));
    }
    return count;
}

static int offer_row(struct walk *walk, uint32_t row, double sum)
{
    struct hit hit = { .distance = -(float)sum, .id = row };
    if (too_small(walk, sum)) return 0;
    if (walk->ops->exact) {
        const int rc = walk->ops->exact(walk->ctx, row, sum, &hit.distance);
        if (rc) return rc;
    }
    if (walk->search->stats) walk->search->stats->exact_distances++;
    offer(walk, hit);
    return 0;
}

/* The sums of touched rows: what is left of the lists below `lists`, from the top down, for those
 * that can still win. */
static int try_touched(struct walk *walk, size_t lists, size_t first)
{
    size_t count = still_winning(walk, lists, list_touched(walk, first));
    for (size_t i = lists; i-- > 0 && count > 0;) {
        for (size_t c = 0; walk->here[i] > 0 && c < count; c++) {
            double more;
            const size_t slot = walk->rows[c];
            const int rc = look_up(walk, walk->order[i], (uint32_t)(first + slot), &more);
            if (rc) return rc;
            walk->sums[slot] += more;
        }
        count = still_winning(walk, i, count);
    }
    for (size_t c = 0; c < count; c++) {
        const size_t slot = walk->rows[c];
        const int rc = offer_row(walk, (uint32_t)(first + slot), walk->sums[slot]);
        if (rc) return rc;
    }
    return 0;
}

static int do_window(struct walk *walk, size_t first, size_t end)
{
    size_t rest = 0; /* lists that are not essential here */
    walk->before[0] = 0;
    for (size_t i = 0; i < walk->list_count; i++) {
        skip_blocks(walk->order[i], (uint32_t)first);
        walk->here[i] = bound_here(walk, walk->order[i], end);
        walk->before[i + 1] = walk->before[i] + walk->here[i];
        if (rest == i && too_small(walk, walk->before[i + 1])) rest = i + 1;
    }
    if (rest == walk->list_count) return 0;
    memset(walk->touched, 0, sizeof walk->touched);
    for (size_t i = rest; i < walk->list_count; i++) {
        const int rc = walk->here[i] > 0 ? add_list(walk, walk->order[i], first, end) : 0;
        if (rc) return rc;
    }
    return try_touched(walk, rest, first);
}

/* The first row from `from` on that an essential list may hold. */
static size_t next_start(struct walk *walk, size_t from)
{
    double sum = 0;
    for (size_t i = 0; i < walk->dropped; i++) sum += walk->order[i]->most;
    while (walk->dropped < walk->list_count &&
           too_small(walk, sum + walk->order[walk->dropped]->most)) {
        sum += walk->order[walk->dropped++]->most;
    }
    size_t next = SIZE_MAX;
    for (size_t i = walk->dropped; i < walk->list_count; i++) {
        skip_blocks(walk->order[i], (uint32_t)from);
        size_t row = next_row(walk->order[i]);
        if (row < from) row = from;
        if (row < next) next = row;
    }
    return next;
}

static int do_windows(struct walk *walk)
{
    const struct walk_search *search = walk->search;
    size_t at = search->first;
    while (at < search->end) {
        const size_t next = next_start(walk, at);
        if (next >= search->end) break;
        at = next & ~(size_t)63;
        if (at < search->first) at = search->first;
        const size_t end = search->end - at < WINDOW_ROWS ? search->end : at + WINDOW_ROWS;
        int rc = search->poll ? search->poll(search->poll_ctx) : 0;
        if (rc == 0) rc = do_window(walk, at, end);
        if (rc) return rc;
        at = end;
    }
    return 0;
}

/* ---- what to beat, before the first row ---- */

static int by_most(const void *a, const void *b)
{
    const struct walk_list *const *x = a, *const *y = b;
    if ((*x)->most != (*y)->most) return (*x)->most < (*y)->most ? -1 : 1;
    return (*x)->number < (*y)->number ? -1 : (*x)->number > (*y)->number;
}

static int by_row(const void *a, const void *b)
{
    const struct hit *x = a, *y = b;
    return x->id < y->id ? -1 : x->id > y->id;
}

/* From which list on they are few enough to be walked beforehand. */
static size_t first_seed(const struct walk *walk)
{
    size_t blocks = 0, first = walk->list_count, taken = 0;
    for (size_t i = 0; i < walk->list_count; i++) blocks += walk->order[i]->block_count;
    if (blocks < SEED_BLOCKS_MIN) return first;
    while (first > 0 && taken + walk->order[first - 1]->block_count <= blocks / SEED_SHARE)
        taken += walk->order[--first]->block_count;
    return first;
}

static void rewind_lists(struct walk *walk)
{
    for (size_t i = 0; i < walk->list_count; i++) enter_block(walk->order[i], 0);
    walk->dropped = 0;
}

/* The distance that the k-th of these rows has, with all lists. Rows ascend. */
static int kth_of(struct walk *walk, const struct hit *rows, size_t count, struct hit *room,
                  float *kth)
{
    struct topk best;
    double *const sums = walk->sums; /* no window is open */
    memset(sums, 0, count * sizeof *sums);
    rewind_lists(walk);
    for (size_t i = 0; i < walk->list_count; i++) {
        for (size_t r = 0; r < count; r++) {
            double more;
            const int rc = look_up(walk, walk->order[i], rows[r].id, &more);
            if (rc) return rc;
            sums[r] += more;
        }
    }
    rewind_lists(walk);
    topk_init(&best, room, walk->search->k);
    for (size_t r = 0; r < count; r++)
        topk_push(&best, (struct hit){ .distance = -(float)sums[r], .id = rows[r].id });
    *kth = topk_bound(&best);
    return 0;
}

/* The best rows of the lists from `first` on alone, into rows: room for 2 k. */
static int walk_last(struct walk *walk, size_t first, struct hit *rows)
{
    const struct walk_search *const search = walk->search;
    const struct walk_ops *const ops = walk->ops;
    struct walk_search part = *search;
    struct walk_ops sums = *ops;
    part.k = 2 * search->k;
    part.bound = INFINITY;
    part.ties = NULL;
    sums.exact = NULL;
    walk->search = &part;
    walk->ops = &sums;
    walk->order += first;
    walk->list_count -= first;
    topk_init(&walk->top, rows, part.k);
    const int rc = do_windows(walk);
    walk->order -= first;
    walk->list_count += first;
    walk->search = search;
    walk->ops = ops;
    return rc;
}

/* When rows are walked in their order, it is known late how good the k best are, and until then all
 * lists are essential. So the best 2 k rows of the lists with the highest bounds, which are short,
 * are summed first: the k-th of them is no better than the k-th of all rows. */
static int seed_walk(struct walk *walk)
{
    const size_t first = first_seed(walk), k = walk->search->k;
    if (first == walk->list_count || k > SEED_K_MAX) return 0;
    struct hit *rows = mem_alloc_array(3 * k, sizeof *rows);
    if (!rows) return KITH_ENOMEM;
    int rc = walk_last(walk, first, rows);
    const size_t count = walk->top.count;
    float kth = 0;
    qsort(rows, count, sizeof *rows, by_row);
    if (rc == 0) rc = kth_of(walk, rows, count, rows + 2 * k, &kth);
    if (rc == 0 && count >= k && kth < 0) walk->seed = kth * (1 - 1e-6f);
    mem_free(rows);
    return rc;
}

int sparse_walk(const struct walk_ops *ops, void *ctx, struct walk_list *lists, size_t list_count,
                const struct walk_search *search, struct hit *hits, size_t *count)
{
    *count = 0;
    if (search->k == 0 || list_count == 0) return 0;
    struct walk *walk = mem_alloc(sizeof *walk);
    if (!walk) return KITH_ENOMEM;
    walk->ops = ops;
    walk->ctx = ctx;
    walk->search = search;
    walk->list_count = list_count;
    walk->dropped = 0;
    walk->seed = INFINITY;
    walk->least = 0;
    walk->order = mem_alloc_array(list_count, sizeof(struct walk_list *));
    walk->here = mem_alloc_array(list_count, sizeof(double));
    walk->before = mem_alloc_array(list_count + 1, sizeof(double));
    int rc = walk->order && walk->here && walk->before ? 0 : KITH_ENOMEM;
    if (rc == 0) {
        for (size_t i = 0; i < list_count; i++) walk->order[i] = &lists[i];
        qsort(walk->order, list_count, sizeof(struct walk_list *), by_most);
        rc = seed_walk(walk);
    }
    if (rc == 0) {
        topk_init(&walk->top, hits, search->k);
        set_least(walk);
        rc = do_windows(walk);
    }
    if (rc == 0) {
        topk_sort(&walk->top);
        *count = walk->top.count;
    }
    mem_free(walk->order);
    mem_free(walk->here);
    mem_free(walk->before);
    mem_free(walk);
    return rc;
}
