/*
 * Writers and searchers side by side, with the background threads sealing, indexing and compacting
 * under them: no call fails, a writer finds what it wrote right after the call returned and no longer
 * what it deleted, and in the end the rows are exactly those that the writers counted.
 *
 * KITH_SECONDS=n for other than 2 seconds.
 */
#include "stress/stress_help.h"

#include <pthread.h>
#include <stdatomic.h>

#define DIM       16
#define WRITERS   4
#define SEARCHERS 4
#define BATCH     8
#define SLOTS     4000 /* keys of a writer */
#define K         10

static struct kith_collection *collection;
static atomic_bool stopping;
static atomic_uint faults;
static uint64_t seed;

struct worker {
    unsigned number;
    struct rng rng;
    uint32_t generations[SLOTS]; /* of a writer's rows; 0: not there */
    uint32_t generation;
    uint64_t calls;
};

/* cmocka's checks belong to the main thread, so workers count what is wrong and stop. */
static void fault(const char *what, int64_t id, int rc, const struct kith_error *why)
{
    (void)fprintf(stderr, "%s, row %" PRId64 ": %d %s\n", what, id, rc, rc ? why->text : "");
    atomic_fetch_add(&faults, 1);
    atomic_store(&stopping, true);
}

static int64_t id_of(const struct worker *worker, uint32_t slot)
{
    return (int64_t)slot * WRITERS + worker->number;
}

static void vector_of(int64_t id, uint32_t generation, float *out)
{
    struct rng rng;
    rng_init(&rng, rng_mix((uint64_t)id) + generation);
    for (int i = 0; i < DIM; i++) out[i] = (float)rng_gauss(&rng);
}

static int put_rows(struct worker *worker, uint32_t first, uint32_t count, bool upsert, struct kith_error *why)
{
    int64_t ids[BATCH];
    int32_t generations[BATCH];
    float vectors[BATCH][DIM];
    for (uint32_t i = 0; i < count; i++) {
        ids[i] = id_of(worker, first + i);
        generations[i] = (int32_t)worker->generation;
        vector_of(ids[i], worker->generation, vectors[i]);
    }
    const struct kith_column columns[3] = { { .field = "id", .data = ids },
                                            { .field = "generation", .data = generations },
                                            { .field = "v", .data = vectors } };
    struct kith_batch batch = KITH_BATCH_INIT;
    batch.rows = count;
    batch.columns = columns;
    batch.column_count = 3;
    return upsert ? kith_upsert(collection, &batch, NULL, NULL, why)
                  : kith_insert(collection, &batch, NULL, NULL, why);
}

/* The row is there with its last generation, or not at all when that is 0. */
static void check_get(const struct worker *worker, uint32_t slot)
{
    static const char *const fields[] = { "generation" };
    const struct kith_output output = { fields, 1 };
    const int64_t id = id_of(worker, slot);
    const struct kith_keys keys = { .count = 1, .ints = &id };
    struct kith_error why = { 0 };
    struct kith_result *result = NULL;
    int rc = kith_get(collection, &keys, &output, NULL, &result, &why);
    if (rc) {
        fault("get", id, rc, &why);
        return;
    }
    const uint32_t want = worker->generations[slot];
    if (result->rows != (want != 0)) fault(want ? "a written row is not there" : "a deleted row is back", id, 0, &why);
    else if (want && *(const int32_t *)result->columns[1].data != (int32_t)want) fault("an old row", id, 0, &why);
    kith_result_free(result);
}

static void check_search(const struct worker *worker, uint32_t slot, bool exact)
{
    float query[DIM];
    const int64_t id = id_of(worker, slot);
    vector_of(id, worker->generations[slot], query);
    struct kith_search_opts opts = KITH_SEARCH_OPTS_INIT;
    opts.queries = query;
    opts.query_count = 1;
    opts.k = 1;
    opts.exact = exact;
    struct kith_error why = { 0 };
    struct kith_result *result = NULL;
    int rc = kith_search(collection, &opts, NULL, &result, &why);
    if (rc) {
        fault("search for oneself", id, rc, &why);
        return;
    }
    if (result->rows != 1 || *(const int64_t *)result->columns[0].data != id)
        fault(exact ? "does not find itself exactly" : "does not find itself", id, 0, &why);
    kith_result_free(result);
}

static int delete_rows(const struct worker *worker, uint32_t first, uint32_t count, struct kith_error *why)
{
    int64_t ids[BATCH];
    for (uint32_t i = 0; i < count; i++) ids[i] = id_of(worker, first + i);
    const struct kith_keys keys = { .count = count, .ints = ids };
    return kith_delete(collection, &keys, NULL, NULL, why);
}

static void *write_rows(void *arg)
{
    struct worker *worker = arg;
    while (!atomic_load(&stopping)) {
        const uint32_t count = 1 + (uint32_t)rng_below(&worker->rng, BATCH);
        const uint32_t first = (uint32_t)rng_below(&worker->rng, SLOTS - BATCH);
        const bool deleting = rng_below(&worker->rng, 4) == 0;
        bool empty = true;
        for (uint32_t i = 0; i < count; i++) empty &= !worker->generations[first + i];
        worker->generation++;
        struct kith_error why = { 0 };
        int rc = deleting ? delete_rows(worker, first, count, &why) : put_rows(worker, first, count, !empty, &why);
        if (rc) {
            fault("write", id_of(worker, first), rc, &why);
            break;
        }
        for (uint32_t i = 0; i < count; i++) worker->generations[first + i] = deleting ? 0 : worker->generation;
        const uint32_t slot = first + (uint32_t)rng_below(&worker->rng, count);
        check_get(worker, slot);
        if (!deleting) check_search(worker, slot, worker->calls % 2 == 0);
        worker->calls++;
    }
    return NULL;
}

/* Distances ascend and no row comes twice. */
static void check_hits(const struct kith_result *result)
{
    const int64_t *ids = result->columns[0].data;
    for (size_t i = 1; i < result->rows; i++) {
        if (result->distances[i] < result->distances[i - 1]) fault("distances do not ascend", ids[i], 0, NULL);
        for (size_t j = 0; j < i; j++)
            if (ids[i] == ids[j]) fault("a row twice in one answer", ids[i], 0, NULL);
    }
}

static void *search_rows(void *arg)
{
    struct worker *worker = arg;
    while (!atomic_load(&stopping)) {
        float query[DIM];
        vector_of((int64_t)rng_below(&worker->rng, 1u << 20), 1, query);
        struct kith_search_opts opts = KITH_SEARCH_OPTS_INIT;
        opts.queries = query;
        opts.query_count = 1;
        opts.k = K;
        opts.filter = rng_below(&worker->rng, 3) ? NULL : "generation > 20 and id < 9000";
        struct kith_error why = { 0 };
        struct kith_result *result = NULL;
        int rc = kith_search(collection, &opts, NULL, &result, &why);
        if (rc) {
            fault("search", 0, rc, &why);
            break;
        }
        check_hits(result);
        worker->calls++;
        kith_result_free(result);
    }
    return NULL;
}

static struct kith_db *open_database(const char *dir)
{
    struct kith_open_opts opts = KITH_OPEN_OPTS_INIT;
    opts.seal_rows = 500;
    opts.sync = KITH_SYNC_EVERYSEC;
    opts.threads = 2;
    opts.log = stress_log;
    struct kith_db *db = NULL;
    OK(kith_open(dir, &opts, &db, &why));
    struct kith_field fields[3] = { KITH_FIELD_INIT, KITH_FIELD_INIT, KITH_FIELD_INIT };
    fields[0].name = "id";
    fields[0].type = KITH_INT64;
    fields[0].flags = KITH_FIELD_PRIMARY;
    fields[1].name = "generation";
    fields[1].type = KITH_INT32;
    fields[2].name = "v";
    fields[2].type = KITH_FLOAT_VECTOR;
    fields[2].dim = DIM;
    struct kith_schema schema = KITH_SCHEMA_INIT;
    schema.fields = fields;
    schema.field_count = 3;
    OK(kith_collection_get_or_create(db, NULL, "shared", &schema, &collection, &why));
    return db;
}

static void compare_all(struct worker *workers)
{
    uint64_t want = 0, got = 0;
    for (unsigned i = 0; i < WRITERS; i++) {
        for (uint32_t slot = 0; slot < SLOTS; slot++) {
            want += workers[i].generations[slot] != 0;
            if (slot % 7 == 0) check_get(&workers[i], slot);
        }
    }
    OK(kith_count(collection, NULL, NULL, &got, &why));
    assert_int_equal(got, want);
    assert_int_equal(atomic_load(&faults), 0);
}

static void writers_and_searchers(void **state)
{
    (void)state;
    static struct worker workers[WRITERS + SEARCHERS];
    pthread_t threads[WRITERS + SEARCHERS];
    char dir[64];
    seed = stress_seed("threads");
    stress_dir(dir, "threads");
    struct kith_db *db = open_database(dir);
    for (unsigned i = 0; i < WRITERS + SEARCHERS; i++) {
        workers[i].number = i;
        rng_init(&workers[i].rng, seed + i);
        assert_int_equal(pthread_create(&threads[i], NULL, i < WRITERS ? write_rows : search_rows, &workers[i]), 0);
    }
    const int64_t end = stress_now_ms() + (int64_t)stress_number("KITH_SECONDS", 2) * 1000;
    while (stress_now_ms() < end && !atomic_load(&stopping)) {
        (void)usleep(20000);
        OK(kith_flush(collection, NULL, &why));
        OK(kith_compact(collection, NULL, &why));
    }
    atomic_store(&stopping, true);
    uint64_t writes = 0, searches = 0;
    for (unsigned i = 0; i < WRITERS + SEARCHERS; i++) {
        (void)pthread_join(threads[i], NULL);
        *(i < WRITERS ? &writes : &searches) += workers[i].calls;
    }
    compare_all(workers);
    OK(kith_compact(collection, NULL, &why));
    compare_all(workers);
    kith_collection_release(collection);
    kith_close(db);
    db = open_database(dir);
    compare_all(workers);
    kith_collection_release(collection);
    kith_close(db);
    stress_check(dir);
    (void)printf("%" PRIu64 " writes, %" PRIu64 " searches\n", writes, searches);
    assert_true(writes > 0 && searches > 0);
    stress_remove(dir);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(writers_and_searchers) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
