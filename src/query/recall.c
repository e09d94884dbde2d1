/*
 * Calibrating the width of a walk: see recall.h.
 *
 * Samples: queries that came lately, as soon as QUERIES_ENOUGH different ones did; until then
 * rows, each left out of the graph for its own search. Rows are a good likeness of queries where
 * both come from one source and the filter leads nowhere special (measured on two sets: within
 * .009 of the target at .90 and .95); queries are the thing itself. So what was found with rows is
 * found again once there are queries.
 *
 * Looking for the width: from k on it is doubled until the target is met, then narrowed between the
 * last two by interpolating the logarithm of what is missed over the logarithm of the width, which
 * is close to a straight line. Doubling runs a part of the samples, narrowing all of them, so what
 * is remembered is a measurement of the recall that will be had, with the error of its number of
 * samples (1,000 of them: about .004 at .95). The truth is kept for the next target.
 */
#include "query/recall.h"

#include <math.h>
#include <string.h>

#include "base/alloc.h"
#include "base/checksum.h"
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
#define QUERIES_ENOUGH 200u  /* different ones, to go by them */
#define COARSE 4u            /* one in so many samples while the width is doubled */

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
    bool by_queries;
    uint64_t used; /* when, in look-ups */
};

struct recent { /* the last different queries of one field */
    size_t field, width;
    size_t count, next;
    uint64_t hashes[SAMPLES_MAX];
    uint8_t *data; /* owns: SAMPLES_MAX x width */
};

struct experiment { /* samples and their truth; the next target goes by the same */
    struct recall_key key; /* target 0 */
    bool by_queries;
    struct search_binding trial; /* the binding with choices and tallies of its own */
    struct search_threads threads;
    struct recall_sample *samples; /* owns */
    uint8_t *vectors;              /* owns: what their queries point into */
    size_t *hits;                  /* owns: one a sample */
    size_t count, step;
};

struct recall_book {
    struct os_mutex lock;
    struct recall_entry entries[ENTRIES_MAX]; /* guard: lock */
    size_t count;                             /* guard: lock */
    uint64_t looks;                           /* guard: lock */
    struct recent recent;                     /* guard: lock */
    bool busy;                     /* somebody calibrates; guard: lock */
    struct experiment *experiment; /* owns; whoever is busy */
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

static void experiment_free(struct experiment *experiment)
{
    if (!experiment) return;
    mem_free(experiment->samples);
    mem_free(experiment->vectors);
    mem_free(experiment->hits);
    mem_free(experiment);
}

void recall_book_free(struct recall_book *book)
{
    if (!book) return;
    experiment_free(book->experiment);
    mem_free(book->recent.data);
    os_mutex_release(&book->lock);
    mem_free(book);
}

/* ---- queries that came ---- */

static bool recent_begin(struct recent *recent, size_t field, size_t width)
{
    if (recent->data && recent->field == field && recent->width == width) return true;
    uint8_t *data = mem_alloc_array(SAMPLES_MAX, width);
    if (!data) return false; /* rows serve as well */
    mem_free(recent->data);
    *recent = (struct recent){ .field = field, .width = width, .data = data };
    return true;
}

static void recent_add(struct recent *recent, const uint8_t *query)
{
    const uint64_t hash = hash64(query, recent->width, 0);
    for (size_t i = 0; i < recent->count; i++)
        if (recent->hashes[i] == hash) return;
    memcpy(recent->data + recent->next * recent->width, query, recent->width);
    recent->hashes[recent->next] = hash;
    recent->next = (recent->next + 1) % SAMPLES_MAX;
    if (recent->count < SAMPLES_MAX) recent->count++;
}

void recall_note_queries(struct recall_book *book, const struct search_binding *binding,
                         const uint8_t *queries, size_t count)
{
    const size_t width = binding->search.schema_field->width;
    os_mutex_lock(&book->lock);
    if (recent_begin(&book->recent, binding->search.field, width))
        for (size_t i = 0; i < count && i < SAMPLES_MAX; i++)
            recent_add(&book->recent, queries + i * width);
    os_mutex_unlock(&book->lock);
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

static bool has_queries(const struct recall_book *book, size_t field)
{
    return book->recent.field == field && book->recent.count >= QUERIES_ENOUGH;
}

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
    }
    if (!entry || (!entry->by_queries && has_queries(book, key->field) && !book->busy)) {
        look = book->busy ? LOOK_ESTIMATE : LOOK_CALIBRATE;
        book->busy = true;
    }
    os_mutex_unlock(&book->lock);
    return look;
}

static void note(struct recall_book *book, const struct recall_key *key,
                 const struct recall_found *found, bool by_queries)
{
    os_mutex_lock(&book->lock);
    struct recall_entry *same = find(book, key, false);
    size_t at = same ? (size_t)(same - book->entries) : book->count;
    if (same) {
        ; /* found with rows before */
    } else if (at == ENTRIES_MAX) {
        at = 0;
        for (size_t i = 1; i < book->count; i++)
            if (book->entries[i].used < book->entries[at].used) at = i;
    } else {
        book->count++;
    }
    book->entries[at] = (struct recall_entry){ *key, *found, by_queries, book->looks };
    os_mutex_unlock(&book->lock);
}

static void done(struct recall_book *book)
{
    os_mutex_lock(&book->lock);
    book->busy = false;
    os_mutex_unlock(&book->lock);
}

/* ---- samples ---- */

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

/* Samples keep their vectors: the segments may be gone when the next target comes. */
static void own_vector(struct experiment *experiment, size_t width)
{
    struct recall_sample *sample = &experiment->samples[experiment->count];
    uint8_t *own = experiment->vectors + experiment->count * width;
    memcpy(own, sample->query.data, width);
    sample->query.data = own;
    experiment->count++;
}

static void take_queries(struct experiment *experiment, struct recall_book *book, size_t wanted)
{
    os_mutex_lock(&book->lock);
    const struct recent *recent = &book->recent;
    const size_t count = recent->count < wanted ? recent->count : wanted;
    for (size_t i = 0; i < count; i++) {
        const size_t at = i * recent->count / count;
        experiment->samples[i] = (struct recall_sample){ .row = UINT32_MAX };
        experiment->samples[i].query = (struct search_query){
            .data = recent->data + at * recent->width, .len = recent->width,
            .skip_segment = UINT32_MAX };
        own_vector(experiment, recent->width);
    }
    os_mutex_unlock(&book->lock);
}

/* Nodes at even steps through each walked segment, as many as its part of the rows. A graph is laid
 * out by nearness, so even steps come through every region. */
static void take_rows(struct experiment *experiment, const struct search_binding *binding,
                      size_t wanted)
{
    const size_t width = binding->search.schema_field->width;
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
                own_vector(experiment, width);
        }
    }
}

/* ---- trials ---- */

static int try_sample(void *ctx, size_t i)
{
    const struct experiment *experiment = ctx;
    i *= experiment->step;
    const struct recall_sample *sample = &experiment->samples[i];
    struct search_found found = { .complete = true };
    const int rc = execute_search(&experiment->trial, &sample->query, experiment->trial.search.k,
                                  (struct search_threads){ 0 }, &found, NULL);
    size_t hits = 0;
    for (size_t r = 0; rc == 0 && r < found.count; r++) {
        const struct place *place = &found.places[r];
        const bool itself =
            place->segment == sample->query.skip_segment && place->row == sample->row;
        hits += !itself && place->distance <= sample->kth + 1e-5F * fabsf(sample->kth);
    }
    mem_free(found.places);
    experiment->hits[i] = hits < sample->nearest ? hits : sample->nearest;
    return rc;
}

/* On every step-th sample. */
static int measure(struct experiment *experiment, const struct search_binding *binding,
                   size_t step, uint32_t ef, float *recall)
{
    const size_t runs = (experiment->count + step - 1) / step;
    experiment->step = step;
    for (size_t i = 0; i < binding->rows->count; i++)
        if (is_walk(binding, i)) experiment->trial.choices[i].ef = ef;
    const int rc = pool_for(experiment->threads.pool, experiment->threads.count, runs, try_sample,
                            experiment);
    double sum = 0;
    for (size_t i = 0; i < experiment->count; i += step)
        sum += experiment->samples[i].nearest
                   ? (double)experiment->hits[i] / (double)experiment->samples[i].nearest
                   : 1;
    *recall = (float)(sum / (double)runs);
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
        const int rc = measure(experiment, binding, 1, ef, &recall);
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
    for (size_t step = COARSE;;) {
        const int rc = measure(experiment, binding, step, ef, &recall);
        if (rc) return rc;
        if (step > 1 && (recall >= target || ef >= EF_MAX)) {
            step = 1; /* it seems enough: now all samples */
            continue;
        }
        if (recall >= target || ef >= EF_MAX) break;
        low = ef;
        low_recall = recall;
        ef = ef < EF_MAX / 2 ? ef * 2 : EF_MAX;
    }
    *out = (struct recall_found){ ef, recall, experiment->count };
    return low ? narrow(experiment, binding, low, low_recall, out) : 0;
}

/* ---- one calibration ---- */

static struct experiment *experiment_new(const struct search_binding *binding, size_t wanted)
{
    struct experiment *experiment = mem_zalloc(sizeof *experiment);
    if (!experiment) return NULL;
    experiment->samples = mem_alloc_array(wanted + 1, sizeof *experiment->samples);
    experiment->vectors = mem_alloc_array(wanted + 1, binding->search.schema_field->width);
    experiment->hits = mem_zalloc_array(wanted + 1, sizeof *experiment->hits);
    if (experiment->samples && experiment->vectors && experiment->hits) return experiment;
    experiment_free(experiment);
    return NULL;
}

/* Samples and their truth, made unless the last target had the same. */
static int prepare(struct recall_book *book, const struct search_binding *binding,
                   struct recall_key key, bool by_queries, struct search_threads threads)
{
    key.target = 0;
    const struct experiment *last = book->experiment;
    if (last && same_key(&last->key, &key, false) && last->by_queries == by_queries) return 0;
    experiment_free(book->experiment);
    const size_t wanted = samples_wanted(binding);
    struct experiment *experiment = book->experiment = experiment_new(binding, wanted);
    if (!experiment) return KITH_ENOMEM;
    if (by_queries) take_queries(experiment, book, wanted);
    else take_rows(experiment, binding, wanted);
    experiment->by_queries = by_queries;
    const int rc = recall_truth(binding, experiment->samples, experiment->count, threads);
    if (rc == 0) {
        experiment->key = key;
        return 0;
    }
    experiment_free(experiment);
    book->experiment = NULL;
    return rc;
}

static int run_experiment(struct experiment *experiment, const struct search_binding *binding,
                          struct search_threads threads, struct recall_found *out)
{
    const size_t segments = binding->rows->count;
    experiment->threads = threads;
    experiment->trial = *binding;
    experiment->trial.search.has_range = false;
    experiment->trial.search.clock = NULL;
    experiment->trial.choices = mem_alloc_array(segments + 1, sizeof *binding->choices);
    experiment->trial.tallies = mem_zalloc_array(segments + 1, sizeof *binding->tallies);
    int rc = KITH_ENOMEM;
    if (experiment->trial.choices && experiment->trial.tallies) {
        memcpy(experiment->trial.choices, binding->choices, segments * sizeof *binding->choices);
        rc = look_for_ef(experiment, binding, out);
    }
    mem_free(experiment->trial.choices);
    mem_free(experiment->trial.tallies);
    experiment->trial = (struct search_binding){ 0 };
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
    os_mutex_lock(&book->lock);
    const bool by_queries = has_queries(book, key.field);
    os_mutex_unlock(&book->lock);
    int rc = prepare(book, binding, key, by_queries, threads);
    if (rc == 0 && book->experiment->count > 0)
        rc = run_experiment(book->experiment, binding, threads, out);
    if (rc == 0 && out->ef) note(book, &key, out, by_queries);
    done(book);
    if (rc == KITH_ECORRUPT) return 0; /* whoever searches the segment reports it */
    return rc ? error_set(err, rc, "calibrating a recall of %g: %s",
                          (double)binding->search.recall, error_name(rc))
              : 0;
}
