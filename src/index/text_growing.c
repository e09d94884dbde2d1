/*
 * Runs of text in memory: see text_growing.h.
 */
#include "index/text_growing.h"

#include <string.h>

#include "base/alloc.h"
#include "index/text_internal.h"
#include "os/thread.h"

struct run { /* counted; immutable */
    atomic_size_t refs;
    const struct os *os;
    struct budget *budget; /* borrows, nullable */
    uint64_t bytes;        /* reserved of it */
    size_t first, rows;
    struct index_image image;   /* owns */
    struct scalar_index *index; /* owns: over the image */
};

struct text_growing {
    const struct os *os;
    struct budget *budget;
    const struct schema_field *field;
    struct os_mutex lock;
    struct run **runs; /* owns references; guard: lock */
    size_t count, room;
};

/* ---- runs ---- */

static void run_drop(struct run *run)
{
    if (!run || atomic_fetch_sub_explicit(&run->refs, 1, memory_order_acq_rel) > 1) return;
    if (run->index) run->index->ops->close(run->index);
    index_image_release(run->os, &run->image);
    if (run->budget) budget_release(run->budget, BUDGET_GROWING, run->bytes);
    mem_free(run);
}

static int run_open(struct run *run, const struct scalar_index_params *params,
                    struct kith_error *err)
{
    struct index_view_section views[INDEX_SECTIONS_MAX];
    for (size_t i = 0; i < run->image.count; i++) {
        const struct index_section *section = &run->image.sections[i];
        views[i] =
            (struct index_view_section){ section->id, { section->data, section->len, NULL } };
        run->bytes += section->len;
    }
    if (run->budget && !budget_reserve(run->budget, BUDGET_GROWING, run->bytes)) {
        run->budget = NULL;
        return error_set(err, KITH_EBUSY, "the memory budget has no room for an index of texts");
    }
    return text_index_ops.open(run->os, views, run->image.count, run->rows, params, &run->index,
                               err);
}

static int run_new(const struct text_growing *texts, const struct chunk_source *source,
                   size_t field, size_t first, size_t rows, struct run **out,
                   struct kith_error *err)
{
    struct run *run = mem_zalloc(sizeof *run);
    if (!run) return error_set(err, KITH_ENOMEM, "no memory for an index of texts");
    atomic_init(&run->refs, 1);
    run->os = texts->os;
    run->budget = texts->budget;
    run->first = first;
    run->rows = rows;
    const struct scalar_index_params params = { .field = texts->field };
    const struct index_job job = { .os = texts->os, .threads = 1, .budget = texts->budget };
    int rc = text_index_build_rows(source, field, first, rows, &params, &job, &run->image, err);
    if (rc == 0) rc = run_open(run, &params, err);
    if (rc) {
        run_drop(run);
        return rc;
    }
    *out = run;
    return 0;
}

/* ---- the list ---- */

int text_growing_new(const struct os *os, struct budget *budget, const struct schema_field *field,
                     struct text_growing **out)
{
    struct text_growing *texts = mem_zalloc(sizeof *texts);
    if (!texts) return KITH_ENOMEM;
    *texts = (struct text_growing){ .os = os, .budget = budget, .field = field };
    const int rc = os_mutex_init(os, &texts->lock);
    if (rc) {
        mem_free(texts);
        return rc;
    }
    *out = texts;
    return 0;
}

void text_growing_free(struct text_growing *texts)
{
    if (!texts) return;
    for (size_t i = 0; i < texts->count; i++) run_drop(texts->runs[i]);
    mem_free(texts->runs);
    os_mutex_release(&texts->lock);
    mem_free(texts);
}

static size_t covered(const struct text_growing *texts)
{
    if (texts->count == 0) return 0;
    const struct run *last = texts->runs[texts->count - 1];
    return last->first + last->rows;
}

/* One more run, in place of those at the end that it takes in. */
static int extend(struct text_growing *texts, const struct chunk_source *source, size_t field,
                  size_t rows, struct kith_error *err)
{
    size_t keep = texts->count, first = covered(texts);
    while (keep > 0 && texts->runs[keep - 1]->rows <= 2 * (rows - first))
        first = texts->runs[--keep]->first;
    if (keep == texts->room) {
        const size_t room = texts->room ? texts->room * 2 : 8;
        struct run **grown = mem_realloc(texts->runs, room * sizeof *grown);
        if (!grown) return error_set(err, KITH_ENOMEM, "no memory for an index of texts");
        texts->runs = grown;
        texts->room = room;
    }
    struct run *run;
    const int rc = run_new(texts, source, field, first, rows - first, &run, err);
    if (rc) return rc;
    for (size_t i = keep; i < texts->count; i++) run_drop(texts->runs[i]);
    texts->runs[keep] = run;
    texts->count = keep + 1;
    return 0;
}

struct taken { /* what a reader holds */
    struct text_runs runs; /* first */
    size_t count;
    struct run *held[]; /* references */
};

static int take(const struct text_growing *texts, struct text_runs **out)
{
    const size_t each = sizeof(struct run *) + sizeof(struct text_run);
    struct taken *taken = mem_alloc(sizeof *taken + texts->count * each);
    if (!taken) return KITH_ENOMEM;
    taken->count = texts->count;
    taken->runs = (struct text_runs){ .runs = (struct text_run *)(void *)(taken->held +
                                                                         texts->count),
                                      .count = texts->count, .rows = covered(texts) };
    for (size_t i = 0; i < texts->count; i++) {
        struct run *run = texts->runs[i];
        atomic_fetch_add_explicit(&run->refs, 1, memory_order_relaxed);
        taken->held[i] = run;
        taken->runs.runs[i] = (struct text_run){ run->first, run->index };
    }
    *out = &taken->runs;
    return 0;
}

int text_growing_take(struct text_growing *texts, const struct chunk_source *source, size_t field,
                      size_t rows, struct text_runs **out, struct kith_error *err)
{
    os_mutex_lock(&texts->lock);
    int rc = covered(texts) < rows ? extend(texts, source, field, rows, err) : 0;
    if (rc == 0 && take(texts, out))
        rc = error_set(err, KITH_ENOMEM, "no memory for an index of texts");
    os_mutex_unlock(&texts->lock);
    return rc;
}

void text_runs_drop(struct text_runs *runs)
{
    if (!runs) return;
    struct taken *taken = (struct taken *)runs;
    for (size_t i = 0; i < taken->count; i++) run_drop(taken->held[i]);
    mem_free(taken);
}

void text_growing_cut(struct text_growing *texts, size_t rows)
{
    os_mutex_lock(&texts->lock);
    while (covered(texts) > rows) run_drop(texts->runs[--texts->count]);
    os_mutex_unlock(&texts->lock);
}

uint64_t text_growing_bytes(struct text_growing *texts)
{
    uint64_t bytes = 0;
    os_mutex_lock(&texts->lock);
    for (size_t i = 0; i < texts->count; i++) bytes += texts->runs[i]->bytes;
    os_mutex_unlock(&texts->lock);
    return bytes;
}

/* ---- asking ---- */

/* Ors `from` into `to`, from bit `at` on. Bits past the end of `to` are dropped. */
static void or_at(struct bitset *to, const struct bitset *from, size_t at)
{
    for (size_t i = bitset_next(from, 0); i < from->bits && at + i < to->bits;
         i = bitset_next(from, i + 1)) {
        bitset_set(to, at + i);
    }
}

static int probe_run(const struct text_run *run, const struct probe *probe,
                     struct probe_answer *answer)
{
    struct bitset yes = { 0 }, present = { 0 };
    const size_t rows = text_index_rows(run->index);
    int rc = bitset_init(&yes, rows, false);
    if (rc == 0 && answer->present) rc = bitset_init(&present, rows, false);
    struct probe_answer part = { .yes = &yes, .present = answer->present ? &present : NULL };
    if (rc == 0) rc = run->index->ops->probe(run->index, probe, &part);
    if (rc == 0) or_at(answer->yes, &yes, run->first);
    if (rc == 0 && answer->present) or_at(answer->present, &present, run->first);
    bitset_release(&yes);
    bitset_release(&present);
    return rc;
}

int text_runs_probe(const struct text_runs *runs, const struct probe *probe,
                    struct probe_answer *answer)
{
    if (answer->yes->bits > runs->rows) return KITH_EUNSUPPORTED;
    for (size_t i = 0; i < runs->count; i++) {
        const int rc = probe_run(&runs->runs[i], probe, answer);
        if (rc) return rc;
    }
    answer->exact = true;
    return 0;
}

int text_runs_estimate(const struct text_runs *runs, const struct probe *probe, uint64_t *rows)
{
    uint64_t sum = 0;
    for (size_t i = 0; i < runs->count; i++) {
        uint64_t part;
        const int rc = runs->runs[i].index->ops->estimate(runs->runs[i].index, probe, &part);
        if (rc) return rc;
        sum += part;
    }
    *rows = sum;
    return 0;
}
