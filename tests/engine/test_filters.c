/*
 * Filters through the public calls: templates, times, geometries, analysed text and samples, over
 * growing and sealed rows alike; what an insert refuses.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <kith/kith.h>

#include "engine/engine_fixture.h"
#include "query/geometry.h"

#define ROWS 1000
#define DAY  INT64_C(86400000000)

static char dir[64];
static struct kith_db *db;
static struct kith_collection *rows;

static int make(void)
{
    struct kith_field fields[5];
    memset(fields, 0, sizeof fields);
    for (size_t i = 0; i < 5; i++) fields[i].size = sizeof *fields;
    fields[0] = key_field("id");
    fields[1] = vector_field("v", 2);
    fields[2] = plain_field("ts", KITH_TIMESTAMPTZ);
    fields[3] = plain_field("t", KITH_VARCHAR);
    fields[3].analyzer = "{\"type\": \"english\"}";
    fields[3].enable_match = true;
    fields[4] = plain_field("g", KITH_GEOMETRY);
    struct kith_schema schema = KITH_SCHEMA_INIT;
    schema.fields = fields;
    schema.field_count = geometry_supported() ? 5 : 4;
    return kith_collection_get_or_create(db, NULL, "rows", &schema, &rows, &why);
}

static int put(int64_t first, size_t count, const char *wkt)
{
    int64_t *ids = malloc(count * sizeof *ids), *times = malloc(count * sizeof *times);
    float *vectors = calloc(2 * count, sizeof *vectors);
    struct kith_str *texts = malloc(count * sizeof *texts);
    struct kith_str *places = malloc(count * sizeof *places);
    char (*made)[32] = malloc(count * sizeof *made);
    static const char *const words[] = { "Foxes were jumping", "the lazy dog", "a fox and a dog" };
    for (size_t i = 0; i < count; i++) {
        ids[i] = first + (int64_t)i;
        times[i] = ids[i] * DAY;
        vectors[2 * i] = (float)ids[i];
        texts[i] = (struct kith_str){ words[ids[i] % 3], strlen(words[ids[i] % 3]) };
        (void)snprintf(made[i], sizeof made[i], "POINT(%d %d)", (int)(ids[i] % 100),
                       (int)(ids[i] / 100));
        places[i] = (struct kith_str){ wkt ? wkt : made[i], strlen(wkt ? wkt : made[i]) };
    }
    const struct kith_column columns[] = { { .field = "id", .data = ids },
                                           { .field = "v", .data = vectors },
                                           { .field = "ts", .data = times },
                                           { .field = "t", .data = texts },
                                           { .field = "g", .data = places } };
    struct kith_batch batch = KITH_BATCH_INIT;
    batch.rows = count;
    batch.columns = columns;
    batch.column_count = geometry_supported() ? 5 : 4;
    int rc = kith_insert(rows, &batch, NULL, NULL, &why);
    free(ids), free(times), free(vectors), free(texts), free(places), free(made);
    return rc;
}

static int setup(void **state)
{
    (void)state;
    struct kith_open_opts opts = KITH_OPEN_OPTS_INIT;
    opts.sync = KITH_SYNC_NO;
    if (dir_begin(dir, "filters")) return -1;
    OK(kith_open(dir, &opts, &db, &why));
    OK(make());
    OK(put(0, ROWS / 2, NULL));
    OK(kith_flush(rows, NULL, &why)); /* the other half grows */
    OK(put(ROWS / 2, ROWS / 2, NULL));
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    kith_collection_release(rows);
    kith_close(db);
    return dir_end(dir);
}

static uint64_t count(const char *filter, const char *params)
{
    struct kith_query_opts opts = KITH_QUERY_OPTS_INIT;
    uint64_t n = 0;
    opts.filter = filter;
    opts.filter_params = params;
    OK(kith_count_matching(rows, &opts, NULL, &n, &why));
    return n;
}

static void counts(void **state)
{
    (void)state;
    assert_int_equal(count("id in {ids}", "{\"ids\": [1, 5, 999, 1000]}"), 3);
    assert_int_equal(count("{low} <= id < {high}", "{\"low\": 490, \"high\": 510}"), 20);
    assert_int_equal(count("ts >= ISO '1970-02-01' and ts < ISO '1970-03-01'", NULL), 28);
    assert_int_equal(count("ts + INTERVAL 'P1M' < ISO '1970-03-01T00:00:00Z'", NULL), 31);
    assert_int_equal(count("text_match(t, 'fox')", NULL), 667);
    assert_int_equal(count("text_match(t, 'dogs jumped')", NULL), 1000);
    assert_int_equal(count("text_match(t, 'dogs foxes', minimum_should_match=2)", NULL), 333);
    assert_int_equal(count("phrase_match(t, 'lazy dog')", NULL), 333);
    if (!geometry_supported()) return;
    static const char area[] = "st_within(g, 'POLYGON((-1 -1, 9.5 -1, 9.5 9.5, -1 9.5, -1 -1))')";
    assert_int_equal(count(area, NULL), 100);
    assert_int_equal(count("st_dwithin(g, 'POINT(50 5)', 112000)", NULL), 5);
    assert_int_equal(count("not st_dwithin(g, 'POINT(50 5)', 112000)", NULL), ROWS - 5);
}

/* Every read takes templates; each takes a sample of its own. */
static void reads(void **state)
{
    (void)state;
    const float query[2] = { 700, 0 };
    struct kith_search_opts opts = KITH_SEARCH_OPTS_INIT;
    struct kith_result *result = NULL;
    opts.queries = query;
    opts.query_count = 1;
    opts.k = 3;
    opts.filter = "id < {limit}";
    opts.filter_params = "{\"limit\": 100}";
    OK(kith_search(rows, &opts, NULL, &result, &why));
    assert_int_equal(result->rows, 3);
    assert_int_equal(((const int64_t *)result->columns[0].data)[0], 99);
    kith_result_free(result);
    uint64_t seen[8], distinct = 0;
    for (size_t i = 0; i < 8; i++) {
        seen[i] = count("id >= 0 and random_sample(0.5)", NULL);
        assert_in_range(seen[i], 400, 600); /* 6 sigma */
        distinct += i > 0 && seen[i] != seen[0];
    }
    assert_true(distinct > 0);
}

static void deletes(void **state)
{
    (void)state;
    struct kith_query_opts opts = KITH_QUERY_OPTS_INIT;
    struct kith_written written = { 0 };
    opts.filter = "id in {ids}";
    opts.filter_params = "{\"ids\": [7, 8, 600, 5000]}";
    opts.limit = 1; /* not read */
    OK(kith_delete_matching(rows, &opts, NULL, &written, &why));
    assert_int_equal(written.deleted, 3);
    assert_int_equal(count("id >= 0", NULL), ROWS - 3);
    opts.filter_params = NULL;
    assert_int_equal(kith_delete_matching(rows, &opts, NULL, NULL, &why), KITH_EFILTER);
    assert_string_equal(why.text,
                        "the value of expression template variable name {ids} is not found");
    assert_int_equal(why.position, 6);
    opts.filter = "";
    assert_int_equal(kith_delete_matching(rows, &opts, NULL, NULL, &why), KITH_EINVAL);
}

static void geometries_are_checked(void **state)
{
    (void)state;
    if (!geometry_supported()) skip();
    assert_int_equal(put(2000, 2, "POINT(1"), KITH_EINVAL);
    assert_non_null(strstr(why.text, "field 'g' in row 0 is not valid WKT"));
    assert_int_equal(put(2000, 2, ""), KITH_EINVAL);
    assert_int_equal(count("id >= 2000", NULL), 0);
    OK(put(2000, 2, "POLYGON((0 0, 1 1, 1 0, 0 1, 0 0))")); /* well formed, if not valid */
    assert_int_equal(count("not st_isvalid(g)", NULL), 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(counts),
        cmocka_unit_test(reads),
        cmocka_unit_test(deletes),
        cmocka_unit_test(geometries_are_checked),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
