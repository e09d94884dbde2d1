/*
 * What changes about a collection that has rows: fields that are added, truncation, a time to live,
 * another name or database, deletes in one partition. All on a simulated machine, whose clock and
 * crashes are ours.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <kith/kith.h>

#include "engine/engine.h"
#include "engine/engine_world.h"

#define DIM 4

static void make_rows(struct world *world, bool dynamic, enum kith_duplicate policy)
{
    struct kith_field fields[2] = { KITH_FIELD_INIT, KITH_FIELD_INIT };
    fields[0] = key_field("id");
    fields[1] = vector_field("v", DIM);
    struct kith_schema schema = KITH_SCHEMA_INIT;
    schema.fields = fields;
    schema.field_count = 2;
    schema.dynamic = dynamic;
    schema.on_duplicate = policy;
    OK(kith_collection_get_or_create(world->db, NULL, "rows", &schema, &world->rows, &why));
}

static void begin(struct world *world, bool dynamic, enum kith_duplicate policy)
{
    world_begin(world);
    OK(world_open(world));
    make_rows(world, dynamic, policy);
}

static int put_with(struct world *world, int64_t first, size_t count, const char *partition,
                    const struct kith_column *more)
{
    int64_t ids[256];
    float vectors[256][DIM];
    for (size_t i = 0; i < count; i++) {
        ids[i] = first + (int64_t)i;
        for (int d = 0; d < DIM; d++) vectors[i][d] = (float)(ids[i] * (d + 1) % 17);
    }
    struct kith_column columns[3] = { { .field = "id", .data = ids },
                                      { .field = "v", .data = vectors } };
    if (more) columns[2] = *more;
    struct kith_batch batch = KITH_BATCH_INIT;
    batch.rows = count;
    batch.columns = columns;
    batch.column_count = more ? 3 : 2;
    batch.partition = partition;
    return kith_insert(world->rows, &batch, NULL, NULL, &why);
}

static void put(struct world *world, int64_t first, size_t count)
{
    OK(put_with(world, first, count, NULL, NULL));
}

static uint64_t count_of(struct world *world, const char *filter)
{
    uint64_t count = 0;
    OK(kith_count(world->rows, filter, NULL, &count, &why));
    return count;
}

static struct kith_result *query(struct world *world, const char *filter, const char *field)
{
    struct kith_query_opts opts = KITH_QUERY_OPTS_INIT;
    struct kith_result *result = NULL;
    opts.filter = filter;
    if (field) opts.output = (struct kith_output){ &field, 1 };
    OK(kith_query(world->rows, &opts, NULL, &result, &why));
    return result;
}

/* ------------------------------------------------------------------ added fields */

static void add(struct world *world, const char *name, enum kith_type type, int64_t value,
                const char *text)
{
    struct kith_field field = KITH_FIELD_INIT;
    field.name = name;
    field.type = type;
    if (type == KITH_FLOAT_VECTOR) field.dim = DIM;
    if (value < 0)
        field.flags = KITH_FIELD_NULLABLE;
    else
        field.default_value = (struct kith_value){ .type = type, .i = value };
    if (text) field.default_value.s = (struct kith_str){ text, strlen(text) };
    if (text && type == KITH_VARCHAR) field.analyzer = "{}", field.enable_match = true;
    OK(kith_field_add(world->rows, &field, &why));
}

/* 100 rows of before (sealed and growing ones), 20 with the fields. */
static void check_fields(struct world *world)
{
    assert_int_equal(count_of(world, "n == 7"), 100);
    assert_int_equal(count_of(world, "n != 7"), 20);
    assert_int_equal(count_of(world, "n > 100"), 20);
    assert_int_equal(count_of(world, "n < 7"), 0);
    assert_int_equal(count_of(world, "maybe is null"), 120);
    assert_int_equal(count_of(world, "maybe >= 0"), 0);
    assert_int_equal(count_of(world, "word == \"old rows\""), 120);
    assert_int_equal(count_of(world, "text_match(word, 'rows')"), 120);
    assert_int_equal(count_of(world, "n == 7 and id >= 64"), 36);
    struct kith_result *result = query(world, "id in [1, 99, 1000]", "*");
    assert_int_equal(result->rows, 3);
    for (size_t c = 1; c < result->column_count; c++) {
        const struct kith_column *column = &result->columns[c];
        for (size_t i = 0; i < 3; i++) {
            if (strcmp(column->field, "n") == 0)
                assert_int_equal(((const int32_t *)column->data)[i], i < 2 ? 7 : 1000);
            if (strcmp(column->field, "maybe") == 0) assert_int_equal(column->valid[i], 0);
            if (strcmp(column->field, "word") == 0)
                assert_memory_equal(((const struct kith_str *)column->data)[i].data, "old rows", 8);
        }
    }
    kith_result_free(result);
}

static void added_fields_show_defaults_and_nulls(void **state)
{
    (void)state;
    for (int dynamic = 0; dynamic < 2; dynamic++) {
        struct world world;
        begin(&world, dynamic, KITH_DUPLICATE_ERROR);
        put(&world, 0, 64);
        OK(kith_flush(world.rows, NULL, &why));
        put(&world, 64, 36);
        add(&world, "n", KITH_INT32, 7, NULL);
        add(&world, "maybe", KITH_DOUBLE, -1, NULL);
        add(&world, "word", KITH_VARCHAR, 0, "old rows");
        int32_t ns[20];
        for (int i = 0; i < 20; i++) ns[i] = 1000 + i;
        OK(put_with(&world, 1000, 20, NULL, &(struct kith_column){ .field = "n", .data = ns }));
        check_fields(&world);
        world_crash(&world); /* the log has records of both schemas */
        check_fields(&world);
        OK(kith_flush(world.rows, NULL, &why));
        check_fields(&world);
        world_crash(&world); /* segment files of both */
        check_fields(&world);
        OK(kith_index_create(world.rows, "n", NULL, &why));
        OK(kith_flush(world.rows, NULL, &why));
        check_fields(&world);
        OK(kith_compact(world.rows, NULL, &why));
        check_fields(&world);
        struct kith_check_report report = { 0 };
        OK(check_on(os_sim_os(world.sim), "db", NULL, NULL, &report, &why));
        assert_int_equal(report.problems, 0);
        world_crash(&world);
        check_fields(&world);
        world_finish(&world);
    }
}

static uint64_t filled_bytes(const struct world *world)
{
    return atomic_load(&world->db->budget.class_bytes[BUDGET_FILLED]);
}

/* Default values are of the budget until compaction writes them; opening is never refused. */
static void defaults_are_counted(void **state)
{
    (void)state;
    struct world world;
    struct kith_field field = KITH_FIELD_INIT;
    begin(&world, false, KITH_DUPLICATE_ALLOW);
    put(&world, 0, 100);
    OK(kith_flush(world.rows, NULL, &why));
    field.name = "n";
    field.type = KITH_INT32;
    field.default_value = (struct kith_value){ .type = KITH_INT32, .i = 7 };
    world.db->budget.limit_bytes = atomic_load(&world.db->budget.used_bytes) + 1;
    assert_int_equal(kith_field_add(world.rows, &field, &why), KITH_EBUSY);
    assert_non_null(strstr(why.text, "do not fit the memory budget"));
    assert_int_equal(filled_bytes(&world), 0);
    world.db->budget.limit_bytes = 0;
    add(&world, "nothing", KITH_INT64, -1, NULL);
    assert_int_equal(filled_bytes(&world), 0);
    OK(kith_field_add(world.rows, &field, &why));
    assert_true(filled_bytes(&world) >= 100 * sizeof(int32_t));
    world_crash(&world);
    assert_true(filled_bytes(&world) > 0);
    assert_int_equal(count_of(&world, "n == 7"), 100);
    OK(kith_compact(world.rows, NULL, &why));
    put(&world, 1000, 64);
    assert_int_equal(filled_bytes(&world), 0);
    assert_int_equal(count_of(&world, "n == 7"), 164);
    world_finish(&world);
}

static void what_cannot_be_added(void **state)
{
    (void)state;
    struct world world;
    begin(&world, true, KITH_DUPLICATE_ERROR);
    struct kith_field field = KITH_FIELD_INIT;
    field.name = "n";
    field.type = KITH_INT64;
    assert_int_equal(kith_field_add(world.rows, &field, &why), KITH_EINVAL); /* no value */
    field.flags = KITH_FIELD_PRIMARY;
    assert_int_equal(kith_field_add(world.rows, &field, &why), KITH_EINVAL);
    field.flags = KITH_FIELD_NULLABLE;
    field.name = "id";
    assert_int_equal(kith_field_add(world.rows, &field, &why), KITH_EEXISTS);
    field.name = "$meta";
    assert_int_equal(kith_field_add(world.rows, &field, &why), KITH_EEXISTS);
    field.name = "w";
    field.type = KITH_FLOAT_VECTOR;
    field.dim = DIM;
    field.flags = 0;
    assert_int_equal(kith_field_add(world.rows, &field, &why), KITH_EINVAL);
    struct kith_collection_info *info = NULL;
    OK(kith_collection_describe(world.rows, &info, &why));
    assert_int_equal(info->schema.field_count, 3);
    kith_collection_info_free(info);
    world_finish(&world);
}

static size_t near(struct world *world, const char *field, const char *filter)
{
    const float zeros[DIM] = { 0 };
    struct kith_search_opts opts = KITH_SEARCH_OPTS_INIT;
    struct kith_result *result = NULL;
    opts.field = field;
    opts.queries = zeros;
    opts.query_count = 1;
    opts.k = 256;
    opts.filter = filter;
    OK(kith_search(world->rows, &opts, NULL, &result, &why));
    const size_t rows = result->rows;
    kith_result_free(result);
    return rows;
}

/* Rows of before have no vector: no search finds them there. */
static void an_added_vector_is_searched(void **state)
{
    (void)state;
    struct world world;
    begin(&world, false, KITH_DUPLICATE_ERROR);
    put(&world, 0, 64);
    OK(kith_flush(world.rows, NULL, &why));
    put(&world, 64, 20);
    add(&world, "w", KITH_FLOAT_VECTOR, -1, NULL);
    float vectors[30][DIM];
    for (int i = 0; i < 30; i++)
        for (int d = 0; d < DIM; d++) vectors[i][d] = (float)((i + d) % 7);
    OK(put_with(&world, 200, 30, NULL, &(struct kith_column){ .field = "w", .data = vectors }));
    for (int round = 0; round < 4; round++) {
        assert_int_equal(near(&world, "w", NULL), 30);
        assert_int_equal(near(&world, "w", "id < 210"), 10);
        assert_int_equal(near(&world, "v", NULL), 114);
        struct kith_result *result = query(&world, "id in [3, 205]", "w");
        assert_int_equal(result->columns[1].valid[0], 0);
        assert_memory_equal((const float *)result->columns[1].data + DIM, vectors[5],
                            sizeof vectors[5]);
        kith_result_free(result);
        if (round == 0) world_crash(&world);
        if (round == 1) OK(kith_flush(world.rows, NULL, &why));
        if (round == 2) OK(kith_compact(world.rows, NULL, &why));
    }
    world_finish(&world);
}

/* A field that was added again under a schema that names it: the same collection. */
static void a_schema_with_the_field_is_the_same(void **state)
{
    (void)state;
    struct world world;
    begin(&world, true, KITH_DUPLICATE_ERROR);
    add(&world, "n", KITH_INT32, 7, NULL);
    struct kith_collection_info *info = NULL;
    OK(kith_collection_describe(world.rows, &info, &why));
    struct kith_collection *again = NULL;
    OK(kith_collection_get_or_create(world.db, NULL, "rows", &info->schema, &again, &why));
    kith_collection_release(again);
    struct kith_field plain[3]; /* without the hidden field, as somebody writes it */
    size_t count = 0;
    for (size_t i = 0; i < info->schema.field_count; i++)
        if (!(info->schema.fields[i].flags & KITH_FIELD_DYNAMIC))
            plain[count++] = info->schema.fields[i];
    struct kith_schema schema = info->schema;
    schema.fields = plain;
    schema.field_count = count;
    OK(kith_collection_get_or_create(world.db, NULL, "rows", &schema, &again, &why));
    kith_collection_release(again);
    kith_collection_info_free(info);
    world_finish(&world);
}

/* An iterator goes on in the schema of its instant. */
static void reads_that_began_go_on(void **state)
{
    (void)state;
    struct world world;
    begin(&world, false, KITH_DUPLICATE_ERROR);
    put(&world, 0, 100);
    struct kith_query_opts opts = KITH_QUERY_OPTS_INIT;
    const char *all = "*";
    opts.output = (struct kith_output){ &all, 1 };
    struct kith_iterator *iterator = NULL;
    OK(kith_iterator_open(world.rows, &opts, 30, &iterator, &why));
    add(&world, "n", KITH_INT32, 7, NULL);
    OK(kith_flush(world.rows, NULL, &why));
    OK(kith_compact(world.rows, NULL, &why));
    OK(kith_collection_truncate(world.rows, NULL, &why));
    size_t rows = 0;
    for (;;) {
        struct kith_result *result = NULL;
        OK(kith_iterator_next(iterator, NULL, &result, &why));
        if (!result) break;
        assert_int_equal(result->column_count, 1);
        rows += result->rows;
        kith_result_free(result);
    }
    assert_int_equal(rows, 100);
    kith_iterator_close(iterator);
    assert_int_equal(count_of(&world, NULL), 0);
    world_finish(&world);
}

static void a_reader_follows(void **state)
{
    (void)state;
    struct world world;
    begin(&world, true, KITH_DUPLICATE_ERROR);
    put(&world, 0, 80);
    struct kith_open_opts opts = KITH_OPEN_OPTS_INIT;
    struct world reader = { 0 };
    opts.read_only = true;
    opts.no_threads = true;
    OK(db_open_on(os_sim_os(world.sim), "db", &opts, &reader.db, &why));
    OK(kith_collection_open(reader.db, NULL, "rows", &reader.rows, &why));
    assert_int_equal(count_of(&reader, NULL), 80);
    add(&world, "n", KITH_INT32, 7, NULL);
    int32_t ns[2] = { 8, 9 };
    OK(put_with(&world, 500, 2, NULL, &(struct kith_column){ .field = "n", .data = ns }));
    assert_int_equal(count_of(&reader, "n == 7"), 80);
    assert_int_equal(count_of(&reader, "n > 7"), 2);
    add(&world, "m", KITH_INT32, -1, NULL);
    OK(kith_compact(world.rows, NULL, &why));
    assert_int_equal(count_of(&reader, "m is null and n >= 7"), 82);
    OK(kith_collection_truncate(world.rows, NULL, &why));
    assert_int_equal(count_of(&reader, NULL), 0);
    put(&world, 7, 3);
    assert_int_equal(count_of(&reader, "n == 7"), 3);
    kith_collection_release(reader.rows);
    kith_close(reader.db);
    world_finish(&world);
}

/* ------------------------------------------------------------------ truncation */

static void a_truncated_collection_is_empty(void **state)
{
    (void)state;
    struct world world;
    begin(&world, true, KITH_DUPLICATE_ERROR);
    OK(kith_partition_create(world.rows, "left", &why));
    OK(kith_index_create(world.rows, "v", NULL, &why));
    for (int round = 0; round < 3; round++) {
        put(&world, 0, 64);
        if (round) OK(kith_flush(world.rows, NULL, &why));
        OK(put_with(&world, 64, 50, "left", NULL));
        OK(kith_collection_truncate(world.rows, NULL, &why));
        assert_int_equal(count_of(&world, NULL), 0);
        if (round == 2) world_crash(&world);
        assert_int_equal(count_of(&world, NULL), 0);
        OK(put_with(&world, 10, 5, "left", NULL)); /* the keys are free again */
        assert_int_equal(count_of(&world, NULL), 5);
        world_crash(&world);
        assert_int_equal(count_of(&world, NULL), 5);
        OK(kith_collection_truncate(world.rows, NULL, &why));
    }
    struct kith_stats stats = { .size = sizeof stats };
    OK(kith_collection_stats(world.rows, &stats, &why));
    assert_int_equal(stats.rows, 0);
    assert_int_equal(stats.sealed_segments, 0);
    struct kith_collection_info *info = NULL;
    OK(kith_collection_describe(world.rows, &info, &why));
    assert_int_equal(info->partition_count, 2);
    assert_int_equal(info->index_count, 1);
    kith_collection_info_free(info);
    world_finish(&world);
}

/* ------------------------------------------------------------- a time to live */

static void wait_seconds(struct world *world, int64_t seconds)
{
    os_sleep_us(os_sim_os(world->sim), seconds * 1000000);
}

static uint64_t rows_of(struct world *world)
{
    struct kith_stats stats = { .size = sizeof stats };
    OK(kith_collection_stats(world->rows, &stats, &why));
    assert_int_equal(stats.rows, count_of(world, NULL));
    assert_int_equal(stats.rows, near(world, "v", NULL));
    struct kith_result *result = query(world, NULL, NULL);
    assert_int_equal(stats.rows, result->rows);
    kith_result_free(result);
    return stats.rows;
}

static void old_rows_are_gone(void **state)
{
    (void)state;
    struct world world;
    begin(&world, false, KITH_DUPLICATE_ERROR);
    put(&world, 0, 30);
    wait_seconds(&world, 100);
    put(&world, 30, 50);
    OK(kith_flush(world.rows, NULL, &why)); /* sealed: 30 and 50 */
    wait_seconds(&world, 100);
    put(&world, 100, 10);
    OK(kith_collection_set_ttl(world.rows, 1000, &why));
    assert_int_equal(rows_of(&world), 90);
    OK(kith_collection_set_ttl(world.rows, 150, &why));
    assert_int_equal(rows_of(&world), 60);
    const int64_t keys[2] = { 29, 30 };
    struct kith_result *result = NULL;
    OK(kith_get(world.rows, &(struct kith_keys){ .count = 2, .ints = keys }, NULL, NULL, &result,
                &why));
    assert_int_equal(result->found[0], 0);
    assert_int_equal(result->found[1], 1);
    kith_result_free(result);
    world_crash(&world);
    assert_int_equal(rows_of(&world), 60);
    put(&world, 0, 1); /* an old row's key is free */
    assert_int_equal(rows_of(&world), 61);
    OK(kith_collection_set_ttl(world.rows, 0, &why));
    assert_int_equal(rows_of(&world), 90); /* all are there yet, key 0 once */
    OK(kith_collection_set_ttl(world.rows, 150, &why));
    OK(kith_compact(world.rows, NULL, &why));
    OK(kith_collection_set_ttl(world.rows, 0, &why));
    assert_int_equal(rows_of(&world), 61); /* compaction took them */
    OK(kith_collection_set_ttl(world.rows, 150, &why));
    wait_seconds(&world, 99);
    assert_int_equal(rows_of(&world), 11); /* within one segment now */
    wait_seconds(&world, 200);
    assert_int_equal(rows_of(&world), 0);
    world_finish(&world);
}

/* ------------------------------------------------------------------- other names */

static void a_collection_moves(void **state)
{
    (void)state;
    struct world world;
    struct kith_collection *found = NULL;
    begin(&world, false, KITH_DUPLICATE_ERROR);
    put(&world, 0, 10);
    OK(kith_database_create(world.db, "other", &why));
    OK(kith_alias_set(world.db, NULL, "also", "rows", &why));
    assert_int_equal(kith_collection_move(world.db, NULL, "rows", "nowhere", "x", &why),
                     KITH_ENOTFOUND);
    OK(kith_collection_move(world.db, NULL, "rows", "other", "moved", &why));
    assert_int_equal(kith_collection_open(world.db, NULL, "rows", &found, &why), KITH_ENOTFOUND);
    OK(kith_collection_open(world.db, NULL, "also", &found, &why));
    kith_collection_release(found);
    assert_int_equal(kith_database_drop(world.db, "other", &why), KITH_EINVAL); /* not empty */
    struct kith_collection_info *info = NULL;
    OK(kith_collection_describe(world.rows, &info, &why));
    assert_string_equal(info->database, "other");
    assert_string_equal(info->name, "moved");
    assert_string_equal(info->aliases[0], "also");
    kith_collection_info_free(info);
    assert_int_equal(count_of(&world, NULL), 10);
    struct os_sim *after = os_sim_crash(world.sim, OS_SIM_KEEP_SYNCED, 3);
    world_finish(&world);
    world.sim = after;
    OK(world_open(&world));
    OK(kith_collection_open(world.db, "other", "moved", &world.rows, &why));
    assert_int_equal(count_of(&world, NULL), 10);
    OK(kith_collection_move(world.db, "other", "moved", NULL, "rows", &why));
    world_finish(&world);
}

/* ---------------------------------------------------- deletes in one partition */

static void a_delete_stays_in_its_partition(void **state)
{
    (void)state;
    struct world world;
    begin(&world, false, KITH_DUPLICATE_ALLOW);
    OK(kith_partition_create(world.rows, "left", &why));
    put(&world, 0, 40);
    OK(put_with(&world, 0, 40, "left", NULL));
    OK(kith_flush(world.rows, NULL, &why));
    OK(put_with(&world, 0, 40, "left", NULL));
    const char *left = "left";
    struct kith_query_opts opts = KITH_QUERY_OPTS_INIT;
    opts.filter = "id < 10";
    opts.partitions = &left;
    opts.partition_count = 1;
    struct kith_written written = { 0 };
    OK(kith_delete_matching(world.rows, &opts, NULL, &written, &why));
    assert_int_equal(written.deleted, 20);
    for (int round = 0; round < 2; round++) {
        assert_int_equal(count_of(&world, "id < 10"), 10);
        assert_int_equal(count_of(&world, NULL), 100);
        world_crash(&world);
    }
    world_finish(&world);
}

/* ---------------------------------------------------------------- the metric */

static float nearest_distance(struct world *world)
{
    const float ones[DIM] = { 1, 1, 1, 1 };
    struct kith_search_opts opts = KITH_SEARCH_OPTS_INIT;
    struct kith_result *result = NULL;
    opts.queries = ones;
    opts.query_count = 1;
    opts.k = 1;
    OK(kith_search(world->rows, &opts, NULL, &result, &why));
    assert_int_equal(result->rows, 1);
    const float distance = result->distances[0];
    kith_result_free(result);
    return distance;
}

static void an_index_sets_a_metric_that_was_left_open(void **state)
{
    (void)state;
    struct world world;
    begin(&world, false, KITH_DUPLICATE_ERROR);
    put(&world, 0, 64);
    OK(kith_flush(world.rows, NULL, &why));
    put(&world, 64, 30);
    const int64_t keys[1] = { 3 };
    OK(kith_delete(world.rows, &(struct kith_keys){ .count = 1, .ints = keys }, NULL, NULL, &why));
    assert_true(nearest_distance(&world) >= 0);
    struct kith_index_params params = KITH_INDEX_PARAMS_INIT;
    params.metric = KITH_IP;
    OK(kith_index_create(world.rows, "v", &params, &why));
    for (int round = 0; round < 3; round++) {
        assert_true(nearest_distance(&world) < 0);
        assert_int_equal(count_of(&world, NULL), 93);
        if (round == 0) world_crash(&world);
        if (round == 1) OK(kith_compact(world.rows, NULL, &why));
    }
    params.metric = KITH_HAMMING;
    assert_int_equal(kith_index_create(world.rows, "v", &params, &why), KITH_EINVAL);
    make_rows(&world, false, KITH_DUPLICATE_ERROR); /* the schema without a metric is the same */
    kith_collection_release(world.rows);
    add(&world, "w", KITH_FLOAT_VECTOR, -1, NULL);
    params.metric = KITH_COSINE;
    OK(kith_index_create(world.rows, "v", &params, &why));
    struct kith_collection_info *info = NULL;
    OK(kith_collection_describe(world.rows, &info, &why));
    assert_int_equal(info->schema.fields[1].metric, KITH_COSINE);
    assert_int_equal(info->indexes[0].metric, KITH_COSINE);
    kith_collection_info_free(info);
    world_finish(&world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(added_fields_show_defaults_and_nulls),
        cmocka_unit_test(defaults_are_counted),
        cmocka_unit_test(what_cannot_be_added),
        cmocka_unit_test(an_added_vector_is_searched),
        cmocka_unit_test(a_schema_with_the_field_is_the_same),
        cmocka_unit_test(reads_that_began_go_on),
        cmocka_unit_test(a_reader_follows),
        cmocka_unit_test(a_truncated_collection_is_empty),
        cmocka_unit_test(old_rows_are_gone),
        cmocka_unit_test(a_collection_moves),
        cmocka_unit_test(a_delete_stays_in_its_partition),
        cmocka_unit_test(an_index_sets_a_metric_that_was_left_open),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
