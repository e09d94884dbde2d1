/*
 * The standard workload of the fault tests, and the model it is held against.
 *
 * One collection: an int64 key, a vector of 8, a varchar. The value of a row follows from its key
 * and a version number, so the whole expected state is one number a key (0: no such row) and a row
 * that was read back says by itself which write it came from. Writes are acknowledged, refused
 * (nothing may be there), or have an unknown outcome (KITH_EOUTCOME, or in flight when the power
 * goes): then all of the write is there or none. Small segments, so that sealing, compaction and
 * tombstone files happen every few batches; no threads, so that a seed is a run.
 */
#ifndef KITH_TESTS_FAULTS_WORKLOAD_H
#define KITH_TESTS_FAULTS_WORKLOAD_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <kith/kith.h>

#include "base/alloc.h"
#include "base/rng.h"
#include "engine/db.h"
#include "os/sim.h"

#define DIM 8
#define KEYS 8192u /* all keys are below */
#define DIR "db"
#define NAME "rows"
#define STATES_MAX 512

/* ------------------------------------------------------------------ model */

struct model {
    uint32_t now[KEYS];  /* version of each key; 0: absent */
    uint32_t next[KEYS]; /* where `pending`: as it will be if the write in flight is kept */
    bool pending;
    bool created, creating; /* the collection */
    uint32_t keys;          /* all used keys are below */
    uint64_t past[STATES_MAX]; /* hashes of every acknowledged state, in order */
    size_t past_count;
};

static uint64_t state_hash(const uint32_t *versions)
{
    uint64_t hash = 1;
    for (uint32_t k = 0; k < KEYS; k++)
        if (versions[k]) hash = rng_mix(hash ^ ((uint64_t)k << 32 | versions[k]));
    return hash;
}

static void model_settle(struct model *model, bool kept)
{
    if (model->past_count == 0) model->past[model->past_count++] = 1; /* empty */
    if (kept)
        memcpy(model->now, model->next, model->keys * sizeof *model->now);
    else
        memcpy(model->next, model->now, model->keys * sizeof *model->now);
    model->pending = false;
    if (kept && model->past_count < STATES_MAX) model->past[model->past_count++] = state_hash(model->now);
}

static inline bool model_was(const struct model *model, const uint32_t *versions)
{
    const uint64_t hash = state_hash(versions);
    for (size_t i = 0; i < model->past_count; i++)
        if (model->past[i] == hash) return true;
    return model->past_count == 0 && hash == 1;
}

static inline void row_vector(uint32_t key, uint32_t version, float *out)
{
    for (uint32_t i = 0; i < DIM; i++) {
        const uint64_t bits = rng_mix(((uint64_t)key << 32 | version) * DIM + i);
        out[i] = (float)(bits >> 44) / 1024.0f;
    }
}

static inline void row_text(uint32_t key, uint32_t version, char *out, size_t size)
{
    (void)snprintf(out, size, "k%u-v%u-%016llx", key, version,
                   (unsigned long long)rng_mix((uint64_t)key << 32 | version));
}

/* ------------------------------------------------------------------ reading */

struct heard { /* what the log callback said */
    unsigned errors, warnings;
    char text[256];
};

static void hear(void *ctx, int level, const char *text)
{
    struct heard *heard = ctx;
    if (level == 0) heard->errors++;
    if (level == 1) heard->warnings++;
    if (level < 2) (void)snprintf(heard->text, sizeof heard->text, "%s", text);
}

enum verdict {
    READ_FAILED = 1, /* `status` says how */
    ROWS_WRONG,      /* `text` says which: never allowed */
    ROWS_OLD,        /* equal to the model without the pending write */
    ROWS_NEW,        /* with it */
    ROWS_PAST,       /* equal to an earlier state: allowed where writes are synced later */
    ROWS_MISSING     /* rows are missing or stale, each one that came is one that was written */
};

struct reading {
    enum verdict verdict;
    int status;
    bool complete;
    uint64_t rows;
    char text[256];
};

/* The version of a returned row, from its text; 0 when the row is none that was ever written. */
static uint32_t row_version(int64_t key, struct kith_str text, const float *vector)
{
    char got[64], want[64];
    if (key < 0 || key >= KEYS || text.len >= sizeof got) return 0;
    memcpy(got, text.data, text.len);
    got[text.len] = 0;
    uint32_t k = 0, version = 0;
    if (sscanf(got, "k%u-v%u-", &k, &version) != 2 || k != (uint32_t)key) return 0;
    row_text(k, version, want, sizeof want);
    if (strcmp(got, want) != 0) return 0;
    float expected[DIM];
    row_vector(k, version, expected);
    return memcmp(expected, vector, sizeof expected) == 0 ? version : 0;
}

static const struct kith_column *column_of(const struct kith_result *result, const char *name)
{
    for (size_t i = 0; i < result->column_count; i++)
        if (strcmp(result->columns[i].field, name) == 0) return &result->columns[i];
    return NULL;
}

static const char *const all_fields[] = {"text", "v"};

/* Puts the versions of the rows of a result into seen; false: a wrong row. */
static bool collect(const struct kith_result *result, uint32_t *seen, struct reading *out)
{
    const struct kith_column *id = column_of(result, "id");
    const struct kith_column *text = column_of(result, "text");
    const struct kith_column *vector = column_of(result, "v");
    if (result->rows && (!id || !text || !vector)) {
        (void)snprintf(out->text, sizeof out->text, "a column is missing");
        return false;
    }
    for (size_t i = 0; i < result->rows; i++) {
        const int64_t key = ((const int64_t *)id->data)[i];
        const uint32_t version = row_version(key, ((const struct kith_str *)text->data)[i],
                                             (const float *)vector->data + i * DIM);
        if (version == 0 || seen[key] != 0) {
            (void)snprintf(out->text, sizeof out->text, "row %zu, key %lld: %s", i, (long long)key,
                           version ? "twice" : "not a row that was written");
            return false;
        }
        seen[key] = version;
    }
    return true;
}

static void compare(const struct model *model, const uint32_t *seen, struct reading *out)
{
    const size_t bytes = sizeof model->now;
    if (memcmp(seen, model->now, bytes) == 0) {
        out->verdict = ROWS_OLD;
        return;
    }
    if (model->pending && memcmp(seen, model->next, bytes) == 0) {
        out->verdict = ROWS_NEW;
        return;
    }
    out->verdict = model_was(model, seen) ? ROWS_PAST : ROWS_MISSING;
    size_t differ = 0;
    for (uint32_t k = 0; k < KEYS; k++) {
        if (seen[k] == model->now[k]) continue;
        if (differ++ == 0)
            (void)snprintf(out->text, sizeof out->text,
                           "key %u has version %u, not %u (pending: %u)", k, seen[k], model->now[k],
                           model->pending ? model->next[k] : 0);
    }
    const size_t used = strlen(out->text);
    (void)snprintf(out->text + used, sizeof out->text - used, "; %zu keys differ", differ);
}

/* Every row of the collection against the model. `filter` is one that every row passes: what it is
 * answered from (indexes, typed columns) may be damaged, the answer may not. */
static inline void read_matching(struct kith_collection *collection, const struct model *model,
                                 const char *filter, struct reading *out)
{
    static uint32_t seen[KEYS];
    struct kith_error err = {0};
    struct kith_query_opts opts = KITH_QUERY_OPTS_INIT;
    opts.filter = filter;
    opts.output.fields = all_fields;
    opts.output.count = 2;
    struct kith_result *result = NULL;
    memset(out, 0, sizeof *out);
    memset(seen, 0, sizeof seen);
    out->status = kith_query(collection, &opts, NULL, &result, &err);
    if (out->status != 0) {
        out->verdict = READ_FAILED;
        (void)snprintf(out->text, sizeof out->text, "query: %.200s", err.text);
        return;
    }
    out->complete = result->complete;
    out->rows = result->rows;
    if (collect(result, seen, out))
        compare(model, seen, out);
    else
        out->verdict = ROWS_WRONG;
    kith_result_free(result);
}

static inline void read_all(struct kith_collection *collection, const struct model *model,
                            struct reading *out)
{
    read_matching(collection, model, NULL, out);
}

/* A search: rows are real ones, distances theirs and ascending. READ_FAILED, ROWS_WRONG or, when
 * all of them are rows of the model, ROWS_OLD or ROWS_MISSING. */
static inline void search_some(struct kith_collection *collection, const struct model *model,
                        uint32_t key, bool exact, struct reading *out)
{
    static uint32_t seen[KEYS];
    float query[DIM];
    row_vector(key, 1, query);
    struct kith_error err = {0};
    struct kith_search_opts opts = KITH_SEARCH_OPTS_INIT;
    opts.queries = query;
    opts.query_count = 1;
    opts.k = 10;
    opts.exact = exact;
    opts.output.fields = all_fields;
    opts.output.count = 2;
    struct kith_result *result = NULL;
    memset(out, 0, sizeof *out);
    memset(seen, 0, sizeof seen);
    out->status = kith_search(collection, &opts, NULL, &result, &err);
    if (out->status != 0) {
        out->verdict = READ_FAILED;
        (void)snprintf(out->text, sizeof out->text, "search: %.200s", err.text);
        return;
    }
    out->complete = result->complete;
    out->rows = result->rows;
    out->verdict = collect(result, seen, out) ? ROWS_OLD : ROWS_WRONG;
    const struct kith_column *id = column_of(result, "id");
    const struct kith_column *v = column_of(result, "v");
    for (size_t i = 0; i < result->rows && out->verdict != ROWS_WRONG; i++) {
        const int64_t got = ((const int64_t *)id->data)[i];
        const float *vector = (const float *)v->data + i * DIM;
        double distance = 0;
        for (size_t j = 0; j < DIM; j++)
            distance += ((double)query[j] - (double)vector[j]) *
                        ((double)query[j] - (double)vector[j]);
        const double error = distance - (double)result->distances[i];
        if (error > 1e-3 * (1 + distance) || -error > 1e-3 * (1 + distance) ||
            (i > 0 && result->distances[i] < result->distances[i - 1])) {
            out->verdict = ROWS_WRONG;
            (void)snprintf(out->text, sizeof out->text, "search: a wrong distance, key %lld",
                           (long long)got);
        } else if (seen[got] != model->now[got]) {
            out->verdict = ROWS_MISSING;
            (void)snprintf(out->text, sizeof out->text,
                           "search: key %lld has version %u, not %u", (long long)got, seen[got],
                           model->now[got]);
        }
    }
    kith_result_free(result);
}

/* ------------------------------------------------------------------ running */

struct run {
    const struct os *os;
    struct kith_db *db;
    struct kith_collection *collection;
    struct model *model;
    struct heard heard;
    struct rng rng;
    struct kith_error err;
    uint32_t new_key;   /* the next that was never used */
    uint32_t version;   /* the next */
    unsigned failed;    /* calls that returned an error */
    int first_failure;  /* its status */
    enum kith_sync sync; /* 0: always */
    bool wide;           /* other collections, aliases, partitions, indexes, compactions too */
    bool unknown;       /* a write has an unknown outcome; none may be acknowledged after it */
    char broken[256];   /* a promise that was broken; "" */
};

static struct kith_open_opts workload_opts(struct heard *heard)
{
    struct kith_open_opts opts = KITH_OPEN_OPTS_INIT;
    opts.no_threads = true;
    opts.sync = KITH_SYNC_ALWAYS;
    opts.seal_rows = 64;
    opts.memory_bytes = 256u << 20;
    opts.log = hear;
    opts.log_ctx = heard;
    return opts;
}

static int note(struct run *run, int rc)
{
    if (rc != 0 && run->failed++ == 0) run->first_failure = rc;
    return rc;
}

static int run_create(struct run *run)
{
    struct kith_field fields[3] = {KITH_FIELD_INIT, KITH_FIELD_INIT, KITH_FIELD_INIT};
    fields[0].name = "id";
    fields[0].type = KITH_INT64;
    fields[0].flags = KITH_FIELD_PRIMARY;
    fields[1].name = "v";
    fields[1].type = KITH_FLOAT_VECTOR;
    fields[1].dim = DIM;
    fields[2].name = "text";
    fields[2].type = KITH_VARCHAR;
    fields[2].max_length = 64;
    struct kith_schema schema = KITH_SCHEMA_INIT;
    schema.fields = fields;
    schema.field_count = 3;
    schema.dynamic = true;
    run->model->creating = true;
    int rc = note(run, kith_collection_get_or_create(run->db, NULL, NAME, &schema,
                                                     &run->collection, &run->err));
    if (rc == 0) run->model->created = true;
    return rc;
}

static inline int run_open(struct run *run)
{
    struct kith_open_opts opts = workload_opts(&run->heard);
    if (run->sync) opts.sync = run->sync;
    int rc = note(run, db_open_on(run->os, DIR, &opts, &run->db, &run->err));
    if (rc == 0) rc = run_create(run);
    return rc;
}

static inline void run_close(struct run *run)
{
    kith_collection_release(run->collection);
    kith_close(run->db);
    run->collection = NULL;
    run->db = NULL;
}

/* The model learns what the caller was told. A delete of rows that are not there writes nothing and
 * may succeed at any time: `changes` is false then. */
static void acknowledge(struct run *run, int rc, bool changes, const char *what)
{
    struct model *model = run->model;
    if (getenv("KITH_TRACE")) print_message("%s: %d %s\n", what, rc, rc ? run->err.text : "");
    note(run, rc);
    if (rc == 0 && run->unknown && changes && !run->broken[0])
        (void)snprintf(run->broken, sizeof run->broken,
                       "%s acknowledged after a write of unknown outcome", what);
    if (rc == KITH_EOUTCOME && !run->unknown) {
        run->unknown = true; /* stays pending */
        return;
    }
    if (!run->unknown) model_settle(model, rc == 0);
}

static uint32_t used_key(struct run *run)
{
    return (uint32_t)rng_below(&run->rng, run->new_key ? run->new_key : 1);
}

#define BATCH_MAX 4500

/* `rows` new keys, or an upsert of `rows` of which about half exist. */
static inline void run_put(struct run *run, size_t rows, bool upsert)
{
    static int64_t ids[BATCH_MAX];
    static float vectors[BATCH_MAX * DIM];
    static char texts[BATCH_MAX][48];
    static struct kith_str strings[BATCH_MAX];
    static char metas[BATCH_MAX][48];
    static struct kith_str objects[BATCH_MAX];
    struct model *model = run->model;
    static bool taken[KEYS];
    memset(taken, 0, sizeof taken);
    static uint32_t scratch[KEYS]; /* while an outcome is unknown the model keeps its own */
    uint32_t *next = run->unknown ? scratch : model->next;
    for (size_t i = 0; i < rows; i++) {
        uint32_t key = upsert && i % 2 ? used_key(run) : run->new_key;
        while (key < run->new_key && taken[key]) key = key + 1;
        if (key == run->new_key) run->new_key++;
        assert_true(key < KEYS);
        taken[key] = true;
        ids[i] = key;
        row_vector(key, run->version, vectors + i * DIM);
        row_text(key, run->version, texts[i], sizeof texts[i]);
        strings[i] = (struct kith_str){texts[i], strlen(texts[i])};
        (void)snprintf(metas[i], sizeof metas[i], "{\"key\":%u,\"odd\":%s}", key,
                       key % 2 ? "true" : "false");
        objects[i] = (struct kith_str){metas[i], strlen(metas[i])};
        next[key] = run->version;
    }
    run->version++;
    if (run->new_key > model->keys) model->keys = run->new_key;
    model->pending = true;
    const struct kith_column columns[4] = {{.field = "id", .data = ids},
                                           {.field = "v", .data = vectors},
                                           {.field = "text", .data = strings},
                                           {.field = "$meta", .data = objects}};
    struct kith_batch batch = KITH_BATCH_INIT;
    batch.rows = rows;
    batch.columns = columns;
    batch.column_count = 4;
    int rc = upsert ? kith_upsert(run->collection, &batch, NULL, NULL, &run->err)
                    : kith_insert(run->collection, &batch, NULL, NULL, &run->err);
    acknowledge(run, rc, true, upsert ? "an upsert" : "an insert");
}

static inline void run_delete(struct run *run, size_t count)
{
    int64_t ids[64];
    static uint32_t scratch[KEYS];
    bool changes = false;
    struct model *model = run->model;
    uint32_t *next = run->unknown ? scratch : model->next;
    for (size_t i = 0; i < count; i++) {
        const uint32_t key = used_key(run);
        ids[i] = key;
        changes |= model->now[key] != 0;
        next[key] = 0;
    }
    model->pending = true;
    const struct kith_keys keys = {.count = count, .ints = ids};
    acknowledge(run, kith_delete(run->collection, &keys, NULL, NULL, &run->err), changes,
                "a delete");
}

/* As run->sync and run->wide say, which stay. */
static inline int run_begin(struct run *run, const struct os *os, struct model *model, uint64_t seed)
{
    const struct run kept = *run;
    memset(run, 0, sizeof *run);
    memset(model, 0, sizeof *model);
    run->sync = kept.sync;
    run->wide = kept.wide;
    run->os = os;
    run->model = model;
    run->version = 1;
    rng_init(&run->rng, seed);
    return run_open(run);
}

/* A collection of keys and vectors. */
static inline int rows_make(struct kith_db *db, const char *name, uint32_t dim,
                            struct kith_collection **out, struct kith_error *err)
{
    struct kith_field fields[2] = {KITH_FIELD_INIT, KITH_FIELD_INIT};
    fields[0].name = "id";
    fields[0].type = KITH_INT64;
    fields[0].flags = KITH_FIELD_PRIMARY;
    fields[1].name = "v";
    fields[1].type = KITH_FLOAT_VECTOR;
    fields[1].dim = dim;
    struct kith_schema schema = KITH_SCHEMA_INIT;
    schema.fields = fields;
    schema.field_count = 2;
    return kith_collection_get_or_create(db, NULL, name, &schema, out, err);
}

static inline int other_rows(struct run *run)
{
    const int64_t ids[3] = {1, 2, 3};
    const float vectors[6] = {0};
    const struct kith_column columns[2] = {{.field = "id", .data = ids}, {.field = "v", .data = vectors}};
    struct kith_batch batch = KITH_BATCH_INIT;
    batch.rows = 3;
    batch.columns = columns;
    batch.column_count = 2;
    struct kith_collection *other = NULL;
    int rc = rows_make(run->db, "other", 2, &other, &run->err);
    if (rc == 0) rc = kith_upsert(other, &batch, NULL, NULL, &run->err);
    kith_collection_release(other);
    return rc;
}

/* What the model does not see: it must not change the rows. A name that is there or gone already, because
 * of an earlier failure, is no failure. */
static inline void run_aside(struct run *run, unsigned i)
{
    struct kith_index_params params = KITH_INDEX_PARAMS_INIT;
    struct kith_error *err = &run->err;
    params.kind = i % 16 < 8 ? "HNSW" : "FLAT";
    int rc = 0;
    switch (i % 8) {
    case 0: rc = other_rows(run); break;
    case 1: rc = kith_alias_set(run->db, NULL, "alias", NAME, err); break;
    case 2: rc = kith_partition_create(run->collection, "part", err); break;
    case 3: rc = kith_index_create(run->collection, "v", &params, err); break;
    case 4: rc = kith_compact(run->collection, NULL, err); break;
    case 5: rc = kith_partition_drop(run->collection, "part", err); break;
    case 6: rc = kith_collection_drop(run->db, NULL, "other", err); break;
    default: rc = kith_alias_drop(run->db, NULL, "alias", err); break;
    }
    if (rc != KITH_ENOTFOUND && rc != KITH_EEXISTS) (void)note(run, rc);
}

/* One step of the workload, number i. */
static inline void run_step(struct run *run, unsigned i)
{
    if (i % 10 == 9 && !run->unknown) { /* a new start; the last process's failures are past */
        run_close(run);
        if (run_open(run) != 0) return;
    }
    switch (i % 5) {
    case 0: run_put(run, 20 + (size_t)rng_below(&run->rng, 30), false); break;
    case 1: run_put(run, 12, true); break;
    case 2: run_delete(run, 8); break;
    case 3: run_put(run, 24, false); break;
    default: run_delete(run, 3); break;
    }
    if (i % 4 == 3) (void)note(run, kith_flush(run->collection, NULL, &run->err));
    if (run->wide) run_aside(run, i);
}

/* Opens the database on `os`, which is healthy, and reads everything. A collection that was never
 * acknowledged may be absent. */
static inline void reopen_and_read(const struct os *os, const struct model *model, struct heard *heard,
                            struct reading *out)
{
    const struct kith_open_opts opts = workload_opts(heard);
    struct kith_db *db = NULL;
    struct kith_collection *collection = NULL;
    struct kith_error err = {0};
    memset(out, 0, sizeof *out);
    out->status = db_open_on(os, DIR, &opts, &db, &err);
    if (out->status == 0)
        out->status = kith_collection_open(db, NULL, NAME, &collection, &err);
    if (out->status == 0) {
        read_all(collection, model, out);
    } else if (db && out->status == KITH_ENOTFOUND && !model->created) {
        out->verdict = ROWS_OLD;
        out->complete = true;
    } else {
        out->verdict = READ_FAILED;
        (void)snprintf(out->text, sizeof out->text, "open: %.200s", err.text);
    }
    kith_collection_release(collection);
    kith_close(db);
}

/* KITH_FAULTS multiplies the work, KITH_SEED replaces the seed; KITH_TRACE prints every write. */
static inline uint64_t from_env(const char *name, uint64_t otherwise)
{
    const char *text = getenv(name);
    const uint64_t value = text ? strtoull(text, NULL, 0) : 0;
    return value ? value : otherwise;
}

#endif
