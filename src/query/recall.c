/*
 * Calibrating the width of a walk: see recall.h.
 *
 * Looking for the width: from k on it is doubled until the target is met, then narrowed between the
 * last two by interpolating the logarithm of what is missed over the logarithm of the width, which
 * is close to a straight line. Every step runs all samples, so each is a measurement of the recall
 * that will be had, with the error of its number of samples (1,000 of them: about .004 at .95).
 */
#include "query/recall.h"

#include <math.h>
#include <string.h>

#include "base/alloc.h"
#include "base/rng.h"
#include "os/thread.h"

#define SAMPLES_MAX 1000u
#define SAMPLES_MIN 100u
#define TRUTH_WORK 3e10      /* samples x rows x dimensions of one calibration */
#define EF_MAX 65536u
#define STEPS_MAX 6          /* of narrowing */
#define GOOD_ENOUGH 0.0015f  /* above the target */
#define ENTRIES_MAX 256u
#define FILTERS_MAX 64u      /* filters that get an entry of their own */
#define LARGE_SEGMENT 0.1    /* of all rows: smaller ones come and go */

struct recall_key {
    size_t field, k;
    uint32_t target; /* in 1/10,000 */
    int band;        /* of the share that is allowed: half powers of two */
    uint64_t filter; /* 0: none, or any of that band */
    uint64_t state;  /* of the large segments */
};

struct recall_entry {
    struct recall_key key;
    struct recall_found found;
    uint64_t used; /* when, in look-ups */
};

struct recall_book {
    struct os_mutex lock;
    struct recall_entry entries[ENTRIES_MAX]; /* guard: lock */
    size_t count;                             /* guard: lock */
    uint64_t looks;                           /* guard: lock */
    bool busy; /* somebody calibrates; guard: lock */
};

int recall_book_new(const struct os *os, struct recall_book **out)
{
    struct recall_book *book = mem_zalloc(sizeof *book);
    if (!book || os_mutex_init(os, &book->lock)) {
        mem_free(book);
        return KITH_ENOMEM;
    }
    *out = book;
    return 0;
}

void recall_book_free(struct recall_book *book)
{
    if (!book) return;
    os_mutex_release(&book->lock);
    mem_free(book);
}

/* ---- the book ---- */

static bool is_walk(const struct search_binding *binding, size_t i)
{
    const enum search_way way = binding->choices[i].way;
    return way == SEARCH_PLAIN || way == SEARCH_WALK || way == SEARCH_OVERFETCH;
}

static size_t all_rows(const struct search_binding *binding)
{
    size_t rows = 0;
    for (size_t i = 0; i < binding->rows->count; i++) rows += binding->inputs[i].rows;
    return rows;
}

static struct recall_key key_of(const struct search_binding *binding, uint64_t filter)
{
    const size_t rows = all_rows(binding);
    const double share = rows ? (double)binding->total / (double)rows : 1;
    struct recall_key key = { .field = binding->search.field,
                              .k = binding->search.k,
                              .target = (uint32_t)(binding->search.recall * 10000),
                              .filter = filter };
    key.band = filter && share > 0 ? (int)floor(2 * log2(share)) : 0;
    for (size_t i = 0; i < binding->rows->count; i++) {
        const struct segment *segment = binding->rows->segments[i];
        if (!is_walk(binding, i) || (double)binding->inputs[i].rows < LARGE_SEGMENT * (double)rows)
            continue;
        const uint64_t dead = 10 * segment_dead(segment) / (segment_rows(segment) + 1);
        key.state = rng_mix(key.state ^ segment_id(segment) << 8 ^ dead << 4 ^
                            (uint64_t)binding->choices[i].way);
    }
    return key;
}

static bool same_key(const struct recall_key *a, const struct recall_key *b, bool any_filter)
{
    return a->field == b->field && a->k == b->k && a->target == b->target && a->band == b->band &&
           a->state == b->state && (any_filter ? (a->filter != 0) == (b->filter != 0)
                                               : a->filter == b->filter);
}

static struct recall_entry *find(struct recall_book *book, const struct recall_key *key,
                                 bool any_filter)
{
    for (size_t i = 0; i < book->count; i++)
        if (same_key(&book->entries[i].key, key, any_filter)) return &book->entries[i];
    return NULL;
}

static size_t filters_known(const struct recall_book *book)
{
    size_t count = 0;
    for (size_t i = 0; i < book->count; i++) count += book->entries[i].key.filter != 0;
    return count;
}

enum look { LOOK_FOUND, LOOK_CALIBRATE, LOOK_ESTIMATE };

static enum look look_up(struct recall_book *book, const struct recall_key *key,
                         struct recall_found *out)
{
    enum look look = LOOK_FOUND;
    os_mutex_lock(&book->lock);
    struct recall_entry *entry = find(book, key, false);
    if (!entry && key->filter && filters_known(book) >= FILTERS_MAX)
        entry = find(book, key, true);
    book->looks++;
    if (entry) {
        entry->used = book->looks;
        *out = entry->found;
    } else {
        look = book->busy ? LOOK_ESTIMATE : LOOK_CALIBRATE;
        book->busy = true;
    }
    os_mutex_unlock(&book->lock);
    return look;
}

static void note(struct recall_book *book, const struct recall_key *key,
                 const struct recall_found *found)
{
    os_mutex_lock(&book->lock);
    size_t at = book->count;
    if (at == ENTRIES_MAX) {
        at = 0;
        for (size_t i = 1; i < book->count; i++)
            if (book->entries[i].used < book->entries[at].used) at = i;
    } else {
        book->count++;
    }
    book->entries[at] = (struct recall_entry){ *key, *found, book->looks };
    os_mutex_unlock(&book->lock);
}

static void done(struct recall_book *book)
{
    os_mutex_lock(&book->lock);
    book->busy = false;
    os_mutex_unlock(&book->lock);
}

/* ---- samples ---- */

struct experiment {
    struct search_binding trial; /* the binding with choices and tallies of its own */
    struct search_threads threads;
    struct recall_sample *samples;
    size_t count;
    size_t *hits; /* one a sample */
};

static size_t samples_wanted(const struct search_binding *binding)
{
    const double work = (double)binding->total * (double)binding->search.schema_field->dim;
    const double count = TRUTH_WORK / (work + 1);
    return count > SAMPLES_MAX ? SAMPLES_MAX : count < SAMPLES_MIN ? SAMPLES_MIN : (size_t)count;
}

static bool take_sample(const struct search_binding *binding, uint32_t segment, uint32_t node,
                        struct recall_sample *out)
{
    const struct segment *from = binding->rows->segments[segment];
    const struct index *index = segment_index(from, binding->search.field);
    struct vectors vectors;
    size_t first;
    const uint64_t *valid;
    uint32_t row, skip;
    if (!index || !index_sample(index, node, &row, &skip)) return false;
    if (segment_vectors(from, binding->search.field, segment_rows(from), 0, &vectors, &first,
                        &valid) || row >= vectors.count || vectors_touch(&vectors, row, 1))
        return false;
    *out = (struct recall_sample){ .row = row };
    out->query = (struct search_query){ .data = vectors.rows.data + row * vectors.stride_bytes,
                                        .len = vectors.stride_bytes,
                                        .skip_segment = segment,
                                        .skip = skip };
    return true;
}

/* Nodes at even steps through each walked segment, as many as its part of the rows. A graph is laid
 * out by nearness, so even steps come through every region. */
static void take_samples(struct experiment *experiment, const struct search_binding *binding,
                         size_t wanted)
{
    size_t rows = 0;
    for (size_t i = 0; i < binding->rows->count; i++)
        if (is_walk(binding, i)) rows += binding->inputs[i].rows;
    for (uint32_t i = 0; i < binding->rows->count; i++) {
        const struct index *index =
            is_walk(binding, i) ? segment_index(binding->rows->segments[i], binding->search.field)
                                : NULL;
        const uint32_t nodes = index ? index_nodes(index) : 0;
        const size_t part = nodes ? wanted * binding->inputs[i].rows / rows : 0;
        for (size_t s = 0; s < part && s < nodes; s++) {
            const uint32_t node = (uint32_t)((uint64_t)s * nodes / part);
            if (take_sample(binding, i, node, &experiment->samples[experiment->count]))
                experiment->count++;
        }
    }
}

/* ---- trials ---- */

static int try_sample(void *ctx, size_t i)
{
    const struct experiment *experiment = ctx;
    const struct recall_sample *sample = &experiment->samples[i];
    struct search_found found = { .complete = true };
    const int rc = execute_search(&experiment->trial, &sample->query, experiment->trial.search.k,
                                  (struct search_threads){ 0 }, &found, NULL);
    size_t hits = 0;
    for (size_t r = 0; rc == 0 && r < found.count; r++) {
        const struct place *place = &found.places[r];
        const bool itself =
            place->segment == sample->query.skip_segment && place->row == sample->row;
        hits += !itself && place->distance <= sample->kth;
    }
    mem_free(found.places);
    experiment->hits[i] = hits < sample->nearest ? hits : sample->nearest;
    return rc;
}

static int measure(struct experiment *experiment, const struct search_binding *binding,
                   uint32_t ef, float *recall)
{
    for (size_t i = 0; i < binding->rows->count; i++)
        if (is_walk(binding, i)) experiment->trial.choices[i].ef = ef;
    const int rc = pool_for(experiment->threads.pool, experiment->threads.count,
                            experiment->count, try_sample, experiment);
    double sum = 0;
    for (size_t i = 0; i < experiment->count; i++)
        sum += experiment->samples[i].nearest
                   ? (double)experiment->hits[i] / (double)experiment->samples[i].nearest
                   : 1;
    *recall = (float)(sum / (double)experiment->count);
    return rc;
}

/* Where the target lies between two measurements, on the line through both in logarithms. */
static uint32_t between(uint32_t low, float low_recall, uint32_t high, float high_recall,
                        float target)
{
    const double a = log(1 - (double)low_recall), b = log(fmax(1 - (double)high_recall, 1e-6));
    const double at = a > b ? (a - log(1 - (double)target)) / (a - b) : 0.5;
    const double ef = exp(log(low) + fmin(fmax(at, 0.05), 0.95) * (log(high) - log(low)));
    uint32_t guess = (uint32_t)(ef + 0.999);
    if (guess <= low) guess = low + 1;
    return guess < high ? guess : high;
}

static int narrow(struct experiment *experiment, const struct search_binding *binding,
                  uint32_t low, float low_recall, struct recall_found *high)
{
    const float target = binding->search.recall;
    for (int step = 0; step < STEPS_MAX && high->ef - low > 1 &&
                       high->recall > target + GOOD_ENOUGH;
         step++) {
        const uint32_t ef = between(low, low_recall, high->ef, high->recall, target);
        float recall;
        if (ef == high->ef) return 0;
        const int rc = measure(experiment, binding, ef, &recall);
        if (rc) return rc;
        if (recall >= target) {
            high->ef = ef;
            high->recall = recall;
        } else {
            low = ef;
            low_recall = recall;
        }
    }
    return 0;
}

static int look_for_ef(struct experiment *experiment, const struct search_binding *binding,
                       struct recall_found *out)
{
    const float target = binding->search.recall;
    uint32_t low = 0, ef = (uint32_t)binding->search.k;
    float low_recall = 0, recall;
    for (;;) {
        const int rc = measure(experiment, binding, ef, &recall);
        if (rc) return rc;
        if (recall >= target || ef >= EF_MAX) break;
        low = ef;
        low_recall = recall;
        ef = ef < EF_MAX / 2 ? ef * 2 : EF_MAX;
    }
    *out = (struct recall_found){ ef, recall, experiment->count };
    return low ? narrow(experiment, binding, low, low_recall, out) : 0;
}

/* ---- one calibration ---- */

static int open_experiment(struct experiment *experiment, const struct search_binding *binding,
                           size_t wanted)
{
    const size_t segments = binding->rows->count;
    experiment->trial = *binding;
    experiment->trial.search.has_range = false;
    experiment->trial.search.clock = NULL;
    experiment->trial.choices = mem_alloc_array(segments + 1, sizeof *binding->choices);
    experiment->trial.tallies = mem_zalloc_array(segments + 1, sizeof *binding->tallies);
    experiment->samples = mem_alloc_array(wanted + 1, sizeof *experiment->samples);
    experiment->hits = mem_zalloc_array(wanted + 1, sizeof *experiment->hits);
    if (!experiment->trial.choices || !experiment->trial.tallies || !experiment->samples ||
        !experiment->hits)
        return KITH_ENOMEM;
    memcpy(experiment->trial.choices, binding->choices, segments * sizeof *binding->choices);
    return 0;
}

static int run_experiment(const struct search_binding *binding, struct search_threads threads,
                          struct recall_found *out)
{
    struct experiment experiment = { .threads = threads };
    const size_t wanted = samples_wanted(binding);
    int rc = open_experiment(&experiment, binding, wanted);
    if (rc == 0) take_samples(&experiment, binding, wanted);
    if (rc == 0 && experiment.count > 0) {
        rc = recall_truth(binding, experiment.samples, experiment.count, threads);
        if (rc == 0) rc = look_for_ef(&experiment, binding, out);
    }
    mem_free(experiment.trial.choices);
    mem_free(experiment.trial.tallies);
    mem_free(experiment.samples);
    mem_free(experiment.hits);
    return rc;
}

static bool walks(const struct search_binding *binding)
{
    for (size_t i = 0; i < binding->rows->count; i++)
        if (is_walk(binding, i)) return true;
    return false;
}

int recall_calibrate(struct recall_book *book, const struct search_binding *binding,
                     uint64_t filter, struct search_threads threads, struct recall_found *out,
                     struct kith_error *err)
{
    *out = (struct recall_found){ 0 };
    if (!walks(binding)) return 0;
    const struct recall_key key = key_of(binding, filter);
    const enum look look = look_up(book, &key, out);
    if (look != LOOK_CALIBRATE) return 0;
    const int rc = run_experiment(binding, threads, out);
    if (rc == 0 && out->ef) note(book, &key, out);
    done(book);
    if (rc == KITH_ECORRUPT) return 0; /* whoever searches the segment reports it */
    return rc ? error_set(err, rc, "calibrating a recall of %g: %s",
                          (double)binding->search.recall, error_name(rc))
              : 0;
}
