/*
 * The engine end to end on a real directory: create, insert, search, delete, upsert, flush, compact,
 * reopen; policies for duplicates; what is visible when.
 */
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <kith/kith.h>

#include "base/rng.h"
#include "engine/engine_fixture.h"

#define DIM 8

static char dir[64];

static void log_line(void *ctx, int level, const char *text)
{
    (void)ctx;
    if (level == 0) fprintf(stderr, "log: %s\n", text);
}

static int setup(void **state)
{
    (void)state;
    return dir_begin(dir, "engine");
}

static int teardown(void **state)
{
    (void)state;
    return dir_end(dir);
}

static struct kith_db *open_db(uint64_t seal_rows)
{
    struct kith_open_opts opts = KITH_OPEN_OPTS_INIT;
    opts.seal_rows = seal_rows;
    opts.sync = KITH_SYNC_NO;
    opts.log = log_line;
    struct kith_db *db = NULL;
    OK(kith_open(dir, &opts, &db, &why));
    return db;
}

static struct kith_collection *make(struct kith_db *db, const char *name, enum kith_duplicate policy)
{
    struct kith_field fields[4] = { KITH_FIELD_INIT, KITH_FIELD_INIT, KITH_FIELD_INIT, KITH_FIELD_INIT };
    fields[0] = key_field("id");
    fields[1] = vector_field("v", DIM);
    fields[2] = plain_field("tag", KITH_VARCHAR);
    fields[3] = plain_field("n", KITH_INT32);
    fields[3].flags = KITH_FIELD_NULLABLE;
    struct kith_schema schema = KITH_SCHEMA_INIT;
    schema.fields = fields;
    schema.field_count = 4;
    schema.on_duplicate = policy;
    struct kith_collection *collection = NULL;
    OK(kith_collection_get_or_create(db, NULL, name, &schema, &collection, &why));
    return collection;
}

static void vector_of(int64_t id, float *out)
{
    struct rng rng;
    rng_init(&rng, (uint64_t)id);
    for (int i = 0; i < DIM; i++) out[i] = (float)rng_gauss(&rng);
}

static int put(struct kith_collection *collection, int64_t first, size_t rows, bool upsert, int32_t n)
{
    int64_t *ids = malloc(rows * sizeof *ids);
    float *vectors = malloc(rows * DIM * sizeof *vectors);
    struct kith_str *tags = malloc(rows * sizeof *tags);
    int32_t *ns = malloc(rows * sizeof *ns);
    uint8_t *valid = malloc(rows);
    static const char *const words[3] = { "red", "green", "blue" };
    for (size_t i = 0; i < rows; i++) {
        ids[i] = first + (int64_t)i;
        vector_of(ids[i], vectors + i * DIM);
        const char *word = words[(uint64_t)ids[i] % 3];
        tags[i] = (struct kith_str){ word, strlen(word) };
        ns[i] = n;
        valid[i] = ids[i] % 5 != 0;
    }
    const struct kith_column columns[4] = { { .field = "id", .data = ids },
                                            { .field = "v", .data = vectors },
                                            { .field = "tag", .data = tags },
                                            { .field = "n", .data = ns, .valid = valid } };
    struct kith_batch batch = KITH_BATCH_INIT;
    batch.rows = rows;
    batch.columns = columns;
    batch.column_count = 4;
    int rc = upsert ? kith_upsert(collection, &batch, NULL, NULL, &why)
                    : kith_insert(collection, &batch, NULL, NULL, &why);
    free(ids);
    free(vectors);
    free(tags);
    free(ns);
    free(valid);
    return rc;
}

static uint64_t count(struct kith_collection *collection, const char *filter)
{
    uint64_t n = 0;
    OK(kith_count(collection, filter, NULL, &n, &why));
    return n;
}

/* The id of the nearest row to the vector of `id`, and how many rows came for k. */
static int64_t nearest(struct kith_collection *collection, int64_t id, size_t k, const char *filter, size_t *rows)
{
    float query[DIM];
    vector_of(id, query);
    struct kith_search_opts opts = KITH_SEARCH_OPTS_INIT;
    opts.queries = query;
    opts.query_count = 1;
    opts.k = k;
    opts.filter = filter;
    struct kith_result *result = NULL;
    OK(kith_search(collection, &opts, NULL, &result, &why));
    assert_true(result->complete);
    for (size_t i = 1; i < result->rows; i++) assert_true(result->distances[i - 1] <= result->distances[i]);
    if (rows) *rows = result->rows;
    int64_t best = result->rows ? ((const int64_t *)result->columns[0].data)[0] : -1;
    kith_result_free(result);
    return best;
}

static void finds_what_was_just_inserted(void **state)
{
    (void)state;
    struct kith_db *db = open_db(0);
    struct kith_collection *collection = make(db, "a", KITH_DUPLICATE_ERROR);
    OK(put(collection, 0, 1000, false, 7));
    assert_int_equal(count(collection, NULL), 1000);
    for (int64_t id = 0; id < 1000; id += 37) assert_int_equal(nearest(collection, id, 3, NULL, NULL), id);
    assert_int_equal(put(collection, 999, 2, false, 7), KITH_EEXISTS);
    assert_int_equal(count(collection, NULL), 1000);
    size_t rows;
    assert_int_equal(nearest(collection, 3, 10, "tag == \"red\" and n == 7", &rows), 3);
    assert_int_equal(rows, 10);
    assert_int_equal(count(collection, "n is null"), 200);
    assert_int_equal(count(collection, "id in [1, 2, 5000]"), 2);
    assert_int_equal(kith_count(collection, "nope == 3", NULL, &(uint64_t){ 0 }, &why), KITH_EFILTER);
    kith_collection_release(collection);
    kith_close(db);
}

static void survives_reopening_at_every_stage(void **state)
{
    (void)state;
    for (int stage = 0; stage < 3; stage++) {
        struct kith_db *db = open_db(500);
        struct kith_collection *collection = make(db, "stages", KITH_DUPLICATE_REPLACE);
        OK(put(collection, 0, 700, true, stage));
        OK(put(collection, 500, 700, true, stage + 10));
        const int64_t gone[] = { 3, 4, 5, 999, 100000 };
        struct kith_keys keys = { .count = 5, .ints = gone };
        struct kith_written written = { 0 };
        OK(kith_delete(collection, &keys, NULL, &written, &why));
        assert_int_equal(written.deleted, 4);
        if (stage >= 1) OK(kith_flush(collection, NULL, &why));
        if (stage == 2) OK(kith_compact(collection, NULL, &why));
        kith_collection_release(collection);
        kith_close(db);
        db = open_db(500);
        OK(kith_collection_open(db, NULL, "stages", &collection, &why));
        assert_int_equal(count(collection, NULL), 1196);
        char filter[32];
        (void)snprintf(filter, sizeof filter, "n == %d", stage + 10);
        assert_int_equal(count(collection, filter), 560 - 1 + 1 - 1);
        assert_int_equal(nearest(collection, 600, 1, NULL, NULL), 600);
        assert_int_not_equal(nearest(collection, 4, 1, NULL, NULL), 4);
        struct kith_stats stats = { .size = sizeof stats };
        OK(kith_collection_stats(collection, &stats, &why));
        if (stage == 2) assert_int_equal(stats.sealed_segments, 1);
        if (stage >= 1) assert_int_equal(stats.growing_rows, 0);
        kith_collection_release(collection);
        struct kith_check_report report = { 0 };
        kith_close(db);
        OK(kith_check(dir, NULL, NULL, &report, &why));
        assert_int_equal(report.problems, 0);
        assert_true(report.files > 0);
    }
}

static void policies(void **state)
{
    (void)state;
    struct kith_db *db = open_db(0);
    struct kith_collection *ignore = make(db, "ignore", KITH_DUPLICATE_IGNORE);
    OK(put(ignore, 0, 10, false, 1));
    OK(put(ignore, 5, 10, false, 2));
    assert_int_equal(count(ignore, NULL), 15);
    assert_int_equal(count(ignore, "n == 1"), 8);
    struct kith_collection *allow = make(db, "allow", KITH_DUPLICATE_ALLOW);
    OK(put(allow, 0, 10, false, 1));
    OK(put(allow, 5, 10, false, 2));
    assert_int_equal(count(allow, NULL), 20);
    const int64_t ids[] = { 7, 100, 2 };
    struct kith_keys keys = { .count = 3, .ints = ids };
    static const char *const fields[] = { "n", "tag" };
    struct kith_output output = { fields, 2 };
    struct kith_result *result = NULL;
    OK(kith_get(allow, &keys, &output, NULL, &result, &why));
    assert_int_equal(result->rows, 2);
    assert_int_equal(result->found[1], 0);
    assert_int_equal(((const int32_t *)result->columns[1].data)[0], 2); /* the newest of two */
    assert_int_equal(((const int64_t *)result->columns[0].data)[1], 2);
    kith_result_free(result);
    struct kith_written written = { 0 };
    OK(kith_delete(allow, &keys, NULL, &written, &why));
    assert_int_equal(written.deleted, 3);
    OK(kith_delete_where(allow, "n == 2", NULL, &written, &why));
    assert_int_equal(count(allow, "n == 2"), 0);
    kith_collection_release(ignore);
    kith_collection_release(allow);
    kith_close(db);
}

static void indexes_and_iterates(void **state)
{
    (void)state;
    struct kith_db *db = open_db(3000);
    struct kith_collection *collection = make(db, "big", KITH_DUPLICATE_ERROR);
    for (int64_t i = 0; i < 12; i++) OK(put(collection, i * 1000, 1000, false, (int32_t)i));
    struct kith_query_opts query = KITH_QUERY_OPTS_INIT;
    query.filter = "n >= 6";
    struct kith_iterator *iterator = NULL;
    OK(kith_iterator_open(collection, &query, 700, &iterator, &why));
    OK(kith_compact(collection, NULL, &why));
    OK(kith_delete_where(collection, "n == 7", NULL, NULL, &why));
    uint64_t seen = 0;
    int64_t last = -1;
    for (;;) {
        struct kith_result *result = NULL;
        OK(kith_iterator_next(iterator, NULL, &result, &why));
        if (!result) break;
        for (size_t i = 0; i < result->rows; i++) {
            int64_t id = ((const int64_t *)result->columns[0].data)[i];
            assert_true(id > last);
            last = id;
        }
        seen += result->rows;
        kith_result_free(result);
    }
    kith_iterator_close(iterator);
    assert_int_equal(seen, 4800); /* the delete came after its instant */
    assert_int_equal(count(collection, NULL), 12000 - 800);
    struct kith_stats stats = { .size = sizeof stats };
    OK(kith_collection_stats(collection, &stats, &why));
    assert_int_equal(stats.sealed_segments, 1);
    assert_int_equal(stats.indexed_segments, 1);
    size_t right = 0, asked = 0, rows;
    for (int64_t id = 0; id < 12000; id += 113) {
        if (id / 1000 == 7) continue;
        asked++;
        right += nearest(collection, id, 10, NULL, &rows) == id;
        assert_int_equal(rows, 10);
    }
    assert_true(right >= asked - 1);
    char copy[80];
    (void)snprintf(copy, sizeof copy, "%s-copy", dir);
    OK(kith_snapshot(db, copy, NULL, &why));
    kith_collection_release(collection);
    kith_close(db);
    struct kith_open_opts opts = KITH_OPEN_OPTS_INIT;
    opts.must_exist = true;
    OK(kith_open(copy, &opts, &db, &why));
    OK(kith_collection_open(db, NULL, "big", &collection, &why));
    assert_int_equal(count(collection, NULL), 12000 - 800);
    kith_collection_release(collection);
    kith_close(db);
}

static void names(void **state)
{
    (void)state;
    struct kith_db *db = open_db(0);
    struct kith_collection *collection = make(db, "one", KITH_DUPLICATE_ERROR);
    OK(kith_alias_set(db, NULL, "uno", "one", &why));
    OK(kith_collection_rename(db, NULL, "one", "eins", &why));
    struct kith_collection *other = NULL;
    OK(kith_collection_open(db, NULL, "uno", &other, &why));
    assert_ptr_equal(other, collection);
    kith_collection_release(other);
    assert_int_equal(kith_collection_open(db, NULL, "one", &other, &why), KITH_ENOTFOUND);
    struct kith_collection_info *info = NULL;
    OK(kith_collection_describe(collection, &info, &why));
    assert_string_equal(info->name, "eins");
    assert_int_equal(info->alias_count, 1);
    assert_string_equal(info->aliases[0], "uno");
    kith_collection_info_free(info);
    OK(kith_collection_drop(db, NULL, "eins", &why));
    assert_int_equal(kith_count(collection, NULL, NULL, &(uint64_t){ 0 }, &why), KITH_ECLOSED);
    struct kith_db *second = NULL;
    struct kith_open_opts opts = KITH_OPEN_OPTS_INIT;
    assert_int_equal(kith_open(dir, &opts, &second, &why), KITH_ELOCKED);
    kith_close(db);
    kith_collection_release(collection); /* after the close: still ours to release */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(finds_what_was_just_inserted, setup, teardown),
        cmocka_unit_test_setup_teardown(survives_reopening_at_every_stage, setup, teardown),
        cmocka_unit_test_setup_teardown(policies, setup, teardown),
        cmocka_unit_test_setup_teardown(indexes_and_iterates, setup, teardown),
        cmocka_unit_test_setup_teardown(names, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
