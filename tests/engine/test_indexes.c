/*
 * Indexes of scalars, texts and sparse vectors, from the outside: created, built in the background,
 * described, used or not with the same answers, dropped with their files, there after a new start and
 * after compaction; the rules of names, kinds and parameters; and what BM25 output fields refuse.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <kith/kith.h>

#include "base/rng.h"
#include "engine/db.h"
#include "engine/engine_fixture.h"
#include "os/sim.h"

#define ROWS 3000
#define DIR "db"

static struct os_sim *sim;
static struct kith_db *db;
static struct kith_collection *collection;

static void open_db(void)
{
    struct kith_open_opts opts = KITH_OPEN_OPTS_INIT;
    opts.no_threads = true;
    opts.seal_rows = 1024;
    OK(db_open_on(os_sim_os(sim), DIR, &opts, &db, &why));
}

static void close_db(void)
{
    kith_collection_release(collection);
    kith_close(db);
    collection = NULL;
    db = NULL;
}

static int create(const char *name, const char *analyzer)
{
    struct kith_field fields[] = {plain_field("id", KITH_INT64), plain_field("n", KITH_INT32),
                                  plain_field("city", KITH_VARCHAR),
                                  plain_field("title", KITH_VARCHAR),
                                  plain_field("words", KITH_SPARSE_VECTOR),
                                  plain_field("sparse", KITH_SPARSE_VECTOR)};
    fields[0].flags = KITH_FIELD_PRIMARY;
    fields[1].flags = KITH_FIELD_NULLABLE;
    fields[3].analyzer = analyzer;
    fields[3].enable_match = true;
    struct kith_function function = KITH_FUNCTION_INIT;
    function.name = "bm25";
    function.kind = KITH_FUNCTION_BM25;
    function.input = "title";
    function.output = "words";
    struct kith_schema schema = KITH_SCHEMA_INIT;
    schema.fields = fields;
    schema.field_count = 6;
    schema.dynamic = true;
    schema.functions = &function;
    schema.function_count = 1;
    return kith_collection_get_or_create(db, NULL, name, &schema, &collection, &why);
}

static int setup(void **state)
{
    (void)state;
    sim = os_sim_new(1);
    if (!sim) return 1;
    open_db();
    OK(create("c", "{}"));
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    if (db) close_db();
    os_sim_free(sim);
    return 0;
}

static void insert(int64_t first, size_t rows)
{
    static const char *const words[4] = {"red fish", "blue whale", "red whale song", "fish"};
    int64_t *ids = malloc(rows * sizeof *ids);
    int32_t *ns = malloc(rows * sizeof *ns);
    uint8_t *valid = malloc(rows);
    struct kith_str *texts = malloc(4 * rows * sizeof *texts);
    char(*room)[64] = malloc(2 * rows * sizeof *room);
    for (size_t i = 0; i < rows; i++) {
        const int64_t id = first + (int64_t)i;
        ids[i] = id;
        ns[i] = (int32_t)(rng_mix((uint64_t)id) % 500);
        valid[i] = id % 7 != 0;
        const int len = snprintf(room[i], sizeof room[i], "city%d", (int)(id % 40));
        texts[i] = (struct kith_str){room[i], (size_t)len};
        texts[rows + i] = (struct kith_str){words[id % 4], strlen(words[id % 4])};
        texts[2 * rows + i] = (struct kith_str){"\1\0\0\0\0\0\x80\x3f", 8};
        const int more = snprintf(room[rows + i], sizeof room[i], "{\"color\":\"c%d\",\"w\":%d}",
                                  (int)(id % 9), (int)(id % 100));
        texts[3 * rows + i] = (struct kith_str){room[rows + i], (size_t)more};
    }
    const struct kith_column columns[] = {{.field = "id", .data = ids},
                                          {.field = "n", .data = ns, .valid = valid},
                                          {.field = "city", .data = texts},
                                          {.field = "title", .data = texts + rows},
                                          {.field = "sparse", .data = texts + 2 * rows},
                                          {.field = "$meta", .data = texts + 3 * rows}};
    struct kith_batch batch = KITH_BATCH_INIT;
    batch.rows = rows;
    batch.columns = columns;
    batch.column_count = 6;
    OK(kith_insert(collection, &batch, NULL, NULL, &why));
    free(ids);
    free(ns);
    free(valid);
    free(texts);
    free(room);
}

static uint64_t count(const char *filter)
{
    uint64_t rows = 0;
    OK(kith_count(collection, filter, NULL, &rows, &why));
    return rows;
}

static const char *const filters[] = {
    "n > 250", "n in [1, 2, 3, 400]", "n is null", "not (n < 100)", "city == \"city7\"",
    "city like \"city1%\"", "color == \"c3\"", "w >= 50 and w < 60", "n > 100 and color != \"c1\"",
    "text_match(title, \"whale\")"};
#define FILTERS (sizeof filters / sizeof *filters)

static void counts(uint64_t *out)
{
    for (size_t i = 0; i < FILTERS; i++) out[i] = count(filters[i]);
}

static void same_counts(const uint64_t *want, const char *when)
{
    for (size_t i = 0; i < FILTERS; i++) {
        const uint64_t got = count(filters[i]);
        if (got != want[i]) {
            fail_msg("%s: '%s' matches %llu rows, not %llu", when, filters[i],
                     (unsigned long long)got, (unsigned long long)want[i]);
        }
    }
}

static int index_on(const char *name, const char *kind, const char *index_name, const char *params)
{
    struct kith_index_params given = KITH_INDEX_PARAMS_INIT;
    given.kind = kind;
    given.name = index_name;
    given.params = params;
    return kith_index_create(collection, name, &given, &why);
}

/* Rows of the index `name` that are indexed; UINT64_MAX: there is no such index. */
static uint64_t indexed(const char *name)
{
    struct kith_collection_info *info = NULL;
    uint64_t rows = UINT64_MAX;
    OK(kith_collection_describe(collection, &info, &why));
    for (size_t i = 0; i < info->index_count; i++) {
        if (strcmp(info->indexes[i].name, name) == 0) rows = info->indexes[i].indexed_rows;
    }
    kith_collection_info_free(info);
    return rows;
}

static int count_file(void *ctx, const char *name)
{
    const size_t len = strlen(name);
    if (len > 4 && strcmp(name + len - 4, ".idx") == 0) ++*(size_t *)ctx;
    return 0;
}

static size_t index_files(void)
{
    size_t files = 0;
    OK(os_list(os_sim_os(sim), DIR, count_file, &files, NULL));
    return files;
}

static void create_all(void)
{
    OK(index_on("n", "STL_SORT", NULL, NULL));
    OK(index_on("city", NULL, "places", NULL));
    OK(index_on("$meta", "INVERTED", NULL,
                "{\"json_path\":\"color\",\"json_cast_type\":\"varchar\"}"));
    OK(index_on("w", "INVERTED", "weights",
                "{\"json_path\":\"$meta[\\\"w\\\"]\",\"json_cast_type\":\"DOUBLE\"}"));
}

static void they_live_and_die(void **state)
{
    (void)state;
    uint64_t want[FILTERS];
    insert(0, ROWS);
    OK(kith_flush(collection, NULL, &why));
    counts(want);
    const size_t before = index_files();
    create_all();
    OK(kith_flush(collection, NULL, &why));
    assert_true(index_files() >= before + 4);
    const char *const names[] = {"n", "places", "$meta/color", "weights", "words", "sparse"};
    for (size_t i = 0; i < 6; i++) assert_int_equal(indexed(names[i]), ROWS);
    same_counts(want, "indexed");
    close_db();
    open_db();
    OK(create("c", "{}"));
    for (size_t i = 0; i < 6; i++) assert_int_equal(indexed(names[i]), ROWS);
    same_counts(want, "after a new start");
    insert(ROWS, 10);
    OK(kith_compact(collection, NULL, &why));
    for (size_t i = 0; i < 6; i++) assert_int_equal(indexed(names[i]), ROWS + 10);
    counts(want);
    const size_t all = index_files();
    OK(kith_index_drop(collection, "places", &why));
    OK(kith_index_drop(collection, "n", &why));
    assert_int_equal(kith_index_drop(collection, "n", &why), KITH_ENOTFOUND);
    OK(kith_flush(collection, NULL, &why));
    assert_int_equal(index_files(), all - 2);
    assert_int_equal(indexed("places"), UINT64_MAX);
    same_counts(want, "after drops");
    OK(index_on("n", "INVERTED", NULL, NULL));
    OK(kith_flush(collection, NULL, &why));
    assert_int_equal(index_files(), all - 1);
    same_counts(want, "with another kind");
    OK(kith_index_drop(collection, "sparse", &why));
    OK(kith_flush(collection, NULL, &why));
    assert_int_equal(index_files(), all - 2);
    close_db();
    open_db();
    OK(create("c", "{}"));
    same_counts(want, "at last");
}

static void refused(int status, const char *words)
{
    assert_true(status == KITH_EINVAL || status == KITH_EEXISTS || status == KITH_ENOTFOUND);
    if (!strstr(why.text, words)) fail_msg("'%s' lacks '%s'", why.text, words);
}

static void rules(void **state)
{
    (void)state;
    OK(index_on("n", "STL_SORT", "a", NULL));
    OK(index_on("n", "STL_SORT", "a", NULL)); /* the same again */
    refused(index_on("n", "INVERTED", "a", NULL), "'a' already exists");
    OK(index_on("n", "INVERTED", "b", NULL));
    refused(kith_index_drop(collection, "n", &why), "has 2 indexes");
    refused(index_on("n", "INVERTED", "city", NULL), "name of another field");
    refused(index_on("n", "NOTHING", NULL, NULL), "NOTHING");
    refused(index_on("n", "TRIE", NULL, NULL), "TRIE");
    refused(index_on("none", "TRIE", NULL, NULL), "not in schema");
    refused(index_on("n", NULL, NULL, "[]"), "JSON object");
    refused(index_on("n", NULL, NULL, "{\"json_path\":\"/a\"}"), "no json_path");
    refused(index_on("n", NULL, NULL, "{\"x\":1}"), "\"x\" is not known");
    refused(index_on("$meta", "INVERTED", NULL, "{\"json_path\":\"a[\",\"json_cast_type\":\"bool\"}"),
            "neither a pointer");
    refused(index_on("$meta", "INVERTED", NULL, "{\"json_path\":\"a\",\"json_cast_type\":\"int\"}"),
            "json_cast_type is");
    refused(index_on("words", "HNSW", NULL, NULL), "sparse");
    refused(index_on("words", NULL, NULL, "{\"bm25_k1\":4}"), "bm25_k1 is a number from 0 to 3");
    OK(index_on("words", "SPARSE_INVERTED_INDEX", NULL, "{\"bm25_k1\":1.2,\"bm25_b\":0.5}"));
    struct kith_index_params metric = KITH_INDEX_PARAMS_INIT;
    metric.metric = KITH_L2;
    refused(kith_index_create(collection, "n", &metric, &why), "no vector");
    refused(kith_index_create(collection, "sparse", &metric, &why), "is not for SparseFloatVector");
    struct kith_collection_info *info = NULL;
    OK(kith_collection_describe(collection, &info, &why));
    assert_int_equal(info->index_count, 4);
    assert_string_equal(info->indexes[0].name, "words");
    assert_int_equal(info->indexes[0].metric, KITH_BM25);
    assert_string_equal(info->indexes[0].params, "{\"bm25_k1\":1.2,\"bm25_b\":0.5}");
    kith_collection_info_free(info);
}

static void outputs_of_functions(void **state)
{
    (void)state;
    insert(0, 10);
    const char *const words = "words";
    struct kith_query_opts opts = KITH_QUERY_OPTS_INIT;
    struct kith_result *result = NULL;
    opts.output.fields = &words;
    opts.output.count = 1;
    assert_int_equal(kith_query(collection, &opts, NULL, &result, &why), KITH_EINVAL);
    assert_string_equal(why.text, "not allowed to retrieve raw data of field words");
    const char *const all = "*";
    opts.output.fields = &all;
    OK(kith_query(collection, &opts, NULL, &result, &why));
    for (size_t i = 0; i < result->column_count; i++) {
        assert_string_not_equal(result->columns[i].field, "words");
    }
    kith_result_free(result);
    kith_collection_release(collection);
    collection = NULL;
    assert_int_not_equal(create("d", "{\"tokenizer\":\"nothing\"}"), 0);
    assert_non_null(strstr(why.text, "'title'"));
}

/* Damage in a scalar index costs time: the rows are read, and the index is built anew. */
static void a_damaged_index_is_built_again(void **state)
{
    (void)state;
    uint64_t want[FILTERS];
    insert(0, 900);
    create_all();
    OK(kith_flush(collection, NULL, &why));
    counts(want);
    close_db();
    struct rng rng;
    rng_init(&rng, 7);
    for (uint32_t number = 1024; number < 1028; number++) {
        for (uint64_t id = 1; id < 40; id++) {
            char path[64];
            uint8_t *bytes;
            size_t len;
            (void)snprintf(path, sizeof path, DIR "/%u.%u.idx", (unsigned)id, number);
            if (os_sim_file_bytes(sim, path, &bytes, &len)) continue;
            for (int i = 0; i < 40; i++) bytes[rng_below(&rng, len)] ^= 16;
        }
    }
    open_db();
    OK(create("c", "{}"));
    same_counts(want, "damaged");
    OK(kith_flush(collection, NULL, &why));
    same_counts(want, "built again");
    const char *const names[] = {"n", "places", "$meta/color", "weights"};
    for (size_t i = 0; i < 4; i++) assert_int_equal(indexed(names[i]), 900);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {TEST(they_live_and_die), TEST(rules),
                                       TEST(outputs_of_functions),
                                       TEST(a_damaged_index_is_built_again)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
