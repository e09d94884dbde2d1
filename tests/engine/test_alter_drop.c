/*
 * Fields that are dropped: gone for schema and answers at once and after a crash, with rows in
 * files, in memory and in the log; their bytes go by compaction; their names may be used again; a
 * drop that fails or is cut off leaves the collection as before or as after. On a simulated disk.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <kith/kith.h>

#include "base/alloc.h"
#include "engine/engine.h"
#include "engine/engine_world.h"

#define DIM 4

static struct kith_field field_of(const char *name, enum kith_type type)
{
    struct kith_field field = KITH_FIELD_INIT;
    field.name = name;
    field.type = type;
    field.flags = KITH_FIELD_NULLABLE;
    if (type == KITH_FLOAT_VECTOR) field.dim = DIM;
    return field;
}

static void make_rows(struct world *world, bool dynamic)
{
    struct kith_field fields[5] = { field_of("id", KITH_INT64), field_of("v", KITH_FLOAT_VECTOR),
                                    field_of("w", KITH_FLOAT_VECTOR),
                                    field_of("word", KITH_VARCHAR), field_of("n", KITH_INT32) };
    fields[0].flags = KITH_FIELD_PRIMARY;
    fields[1].flags = fields[4].flags = 0;
    fields[3].analyzer = "{}";
    fields[3].enable_match = true;
    struct kith_schema schema = KITH_SCHEMA_INIT;
    schema.fields = fields;
    schema.field_count = 5;
    schema.dynamic = dynamic;
    OK(kith_collection_get_or_create(world->db, NULL, "rows", &schema, &world->rows, &why));
}

static void begin(struct world *world, bool dynamic)
{
    world_begin(world);
    OK(world_open(world));
    make_rows(world, dynamic);
}

/* Rows with id, v, and what `fields` names of w, word, n: n is the id, word "word <id>". */
static int put_some(struct world *world, int64_t first, size_t count, const char *fields)
{
    int64_t ids[128];
    int32_t ns[128];
    float vectors[128][DIM];
    char words[128][24];
    struct kith_str texts[128];
    for (size_t i = 0; i < count; i++) {
        ids[i] = first + (int64_t)i;
        ns[i] = (int32_t)ids[i];
        for (int d = 0; d < DIM; d++) vectors[i][d] = (float)(ids[i] * (d + 1) % 17);
        const int len = snprintf(words[i], sizeof words[i], "word %d", (int)ids[i]);
        texts[i] = (struct kith_str){ words[i], (size_t)len };
    }
    struct kith_column columns[5] = { { .field = "id", .data = ids },
                                      { .field = "v", .data = vectors } };
    size_t columns_used = 2;
    if (strchr(fields, 'n'))
        columns[columns_used++] = (struct kith_column){ .field = "n", .data = ns };
    if (strchr(fields, 'w'))
        columns[columns_used++] = (struct kith_column){ .field = "w", .data = vectors };
    if (strchr(fields, 't'))
        columns[columns_used++] = (struct kith_column){ .field = "word", .data = texts };
    struct kith_batch batch = KITH_BATCH_INIT;
    batch.rows = count;
    batch.columns = columns;
    batch.column_count = columns_used;
    return kith_insert(world->rows, &batch, NULL, NULL, &why);
}

static uint64_t count_of(struct world *world, const char *filter)
{
    uint64_t count = 0;
    OK(kith_count(world->rows, filter, NULL, &count, &why));
    return count;
}

static int search_of(struct world *world, const char *field, size_t *rows)
{
    const float zeros[DIM] = { 0 };
    struct kith_search_opts opts = KITH_SEARCH_OPTS_INIT;
    struct kith_result *result = NULL;
    opts.field = field;
    opts.queries = zeros;
    opts.query_count = 1;
    opts.k = 512;
    const int rc = kith_search(world->rows, &opts, NULL, &result, &why);
    if (rc == 0) *rows = result->rows;
    kith_result_free(result);
    return rc;
}

static size_t described(struct world *world, const char *name)
{
    struct kith_collection_info *info = NULL;
    size_t count = 0;
    OK(kith_collection_describe(world->rows, &info, &why));
    for (size_t i = 0; i < info->schema.field_count; i++)
        count += strcmp(info->schema.fields[i].name, name) == 0;
    for (size_t i = 0; i < info->index_count; i++)
        count += strcmp(info->indexes[i].field, name) == 0;
    kith_collection_info_free(info);
    return count;
}

static size_t bytes_stored(struct world *world)
{
    size_t stored = 0;
    struct version *version = world->rows->version;
    const struct schema *schema = version->schema;
    for (size_t i = 0; i < version->sealed; i++)
        for (size_t f = 0; f < schema->field_count; f++)
            stored += schema->fields[f].dropped && segment_stores(version->segments[i], f);
    return stored;
}

/* n, w and word are gone; `rows` rows are left. */
static void check_gone(struct world *world, uint64_t rows)
{
    uint64_t count;
    size_t near = 0;
    assert_int_equal(kith_count(world->rows, "n > 0", NULL, &count, &why), KITH_EFILTER);
    assert_int_equal(kith_count(world->rows, "text_match(word, 'word')", NULL, &count, &why),
                     KITH_EFILTER);
    assert_int_equal(count_of(world, "id >= 0"), rows);
    assert_int_equal(search_of(world, "w", &near), KITH_EINVAL);
    OK(search_of(world, NULL, &near)); /* v is the only one left */
    assert_int_equal(near, rows);
    assert_int_equal(described(world, "n") + described(world, "w") + described(world, "word"), 0);
    const char *all = "*";
    struct kith_query_opts opts = KITH_QUERY_OPTS_INIT;
    struct kith_result *result = NULL;
    opts.output = (struct kith_output){ &all, 1 };
    OK(kith_query(world->rows, &opts, NULL, &result, &why));
    assert_int_equal(result->rows, rows);
    for (size_t c = 0; c < result->column_count; c++) {
        assert_string_not_equal(result->columns[c].field, "n");
        assert_string_not_equal(result->columns[c].field, "word");
    }
    kith_result_free(result);
}

static void check_sound(struct world *world)
{
    struct kith_check_report report = { 0 };
    OK(check_on(os_sim_os(world->sim), "db", NULL, NULL, &report, &why));
    assert_int_equal(report.problems, 0);
}

static void drop_three(struct world *world)
{
    OK(kith_field_drop(world->rows, "n", &why));
    OK(kith_field_drop(world->rows, "w", &why));
    OK(kith_field_drop(world->rows, "word", &why));
}

static void dropped_fields_are_gone(void **state)
{
    (void)state;
    struct world world;
    begin(&world, false);
    OK(put_some(&world, 0, 64, "nwt"));
    OK(kith_index_create(world.rows, "n", NULL, &why));
    OK(kith_flush(world.rows, NULL, &why)); /* in a file, with indexes */
    OK(put_some(&world, 64, 36, "nwt"));    /* in memory and in the log */
    assert_int_equal(count_of(&world, "n == 7 or text_match(word, '70')"), 2);
    drop_three(&world);
    check_gone(&world, 100);
    assert_int_not_equal(put_some(&world, 500, 1, "n"), 0);
    OK(put_some(&world, 100, 20, "")); /* n was not nullable, and nobody gives it now */
    check_gone(&world, 120);
    world_crash(&world); /* records of both schemas */
    check_gone(&world, 120);
    OK(kith_flush(world.rows, NULL, &why));
    check_gone(&world, 120);
    world_crash(&world);
    check_gone(&world, 120);
    check_sound(&world);
    assert_true(bytes_stored(&world) >= 3); /* of the file of before */
    OK(kith_compact(world.rows, NULL, &why));
    assert_int_equal(bytes_stored(&world), 0);
    check_gone(&world, 120);
    world_crash(&world);
    check_gone(&world, 120);
    check_sound(&world);
    world_finish(&world);
}

/* Under the old name there is a new field, which has nothing of the old one. */
static void a_name_is_used_again(void **state)
{
    (void)state;
    struct world world;
    begin(&world, false);
    OK(put_some(&world, 0, 64, "nwt"));
    OK(kith_flush(world.rows, NULL, &why));
    OK(put_some(&world, 64, 10, "nwt"));
    drop_three(&world);
    OK(put_some(&world, 100, 10, ""));
    struct kith_field again = field_of("n", KITH_VARCHAR);
    OK(kith_field_add(world.rows, &again, &why));
    again = field_of("w", KITH_FLOAT_VECTOR);
    OK(kith_field_add(world.rows, &again, &why));
    OK(put_some(&world, 200, 5, "w"));
    for (int round = 0; round < 5; round++) {
        size_t near = 0;
        assert_int_equal(count_of(&world, "n is null"), 89);
        assert_int_equal(count_of(&world, "n == \"7\""), 0);
        OK(search_of(&world, "w", &near));
        assert_int_equal(near, 5);
        assert_int_equal(described(&world, "n"), 1);
        assert_int_equal(described(&world, "w"), 2);
        if (round == 0 || round == 2) world_crash(&world);
        if (round == 1) OK(kith_flush(world.rows, NULL, &why));
        if (round == 3) OK(kith_compact(world.rows, NULL, &why));
    }
    OK(kith_field_drop(world.rows, "n", &why));
    assert_int_equal(described(&world, "n"), 0);
    world_crash(&world);
    assert_int_equal(described(&world, "n"), 0);
    OK(kith_compact(world.rows, NULL, &why));
    assert_int_equal(bytes_stored(&world), 0);
    check_sound(&world);
    world_finish(&world);
}

/* In a dynamic collection the name is a key of rows from then on. */
static void a_name_becomes_a_key(void **state)
{
    (void)state;
    struct world world;
    begin(&world, true);
    OK(put_some(&world, 0, 20, "nwt"));
    OK(kith_field_drop(world.rows, "n", &why));
    const int64_t id = 1000;
    const float vector[DIM] = { 1 };
    const struct kith_str meta = { "{\"n\": 7}", 8 };
    const struct kith_column columns[3] = { { .field = "id", .data = &id },
                                            { .field = "v", .data = vector },
                                            { .field = "$meta", .data = &meta } };
    struct kith_batch batch = KITH_BATCH_INIT;
    batch.rows = 1;
    batch.columns = columns;
    batch.column_count = 3;
    OK(kith_insert(world.rows, &batch, NULL, NULL, &why));
    for (int round = 0; round < 2; round++) {
        assert_int_equal(count_of(&world, "n == 7"), 1);
        if (round == 0) world_crash(&world);
    }
    const struct kith_field again = field_of("n", KITH_INT64);
    OK(kith_field_add(world.rows, &again, &why));
    world_crash(&world); /* the log has a row whose key is the name of a field by now */
    assert_int_equal(count_of(&world, "id >= 0"), 21);
    assert_int_equal(count_of(&world, "n is null"), 21);
    OK(kith_compact(world.rows, NULL, &why));
    assert_int_equal(count_of(&world, "$meta[\"n\"] == 7"), 1);
    world_finish(&world);
}

static void what_cannot_be_dropped(void **state)
{
    (void)state;
    struct world world;
    begin(&world, true);
    assert_int_equal(kith_field_drop(world.rows, "id", &why), KITH_EINVAL);
    assert_non_null(strstr(why.text, "primary key"));
    assert_int_equal(kith_field_drop(world.rows, "$meta", &why), KITH_EINVAL);
    assert_int_equal(kith_field_drop(world.rows, "none", &why), KITH_ENOTFOUND);
    OK(kith_field_drop(world.rows, "n", &why));
    assert_int_equal(kith_field_drop(world.rows, "n", &why), KITH_ENOTFOUND);
    assert_int_equal(kith_index_create(world.rows, "n", NULL, &why), KITH_ENOTFOUND);
    world_finish(&world);
}

/* Whatever allocation fails, the field is there or it is not, and the collection goes on. */
static void without_memory(void **state)
{
    (void)state;
    int failures = 0;
    for (uint64_t nth = 1;; nth++) {
        struct world world;
        begin(&world, false);
        OK(put_some(&world, 0, 10, "nwt"));
        alloc_fault_arm(nth, false);
        const int rc = kith_field_drop(world.rows, "n", &why);
        const bool failed = alloc_fault_count() >= nth;
        alloc_fault_disarm();
        if (rc && rc != KITH_ENOMEM && rc != KITH_EOUTCOME) fail_msg("%d %s", rc, why.text);
        if (rc != KITH_EOUTCOME) { /* the simulated disk had none: what is written is not known */
            assert_int_equal(described(&world, "n"), rc ? 1 : 0);
            OK(put_some(&world, 100, 10, rc ? "n" : ""));
        }
        world_crash(&world);
        assert_int_equal(count_of(&world, "id >= 0"), rc == KITH_EOUTCOME ? 10 : 20);
        if (rc != KITH_EOUTCOME) assert_int_equal(described(&world, "n"), rc ? 1 : 0);
        world_finish(&world);
        failures += rc != 0;
        if (!failed && rc == 0) break;
    }
    assert_true(failures > 5);
}

enum { CUTS_MAX = 200 };
struct cutting {
    struct os_sim *sim;
    struct os_sim *cuts[CUTS_MAX];
    size_t count;
};

static void cut(void *ctx, const char *operation, const char *path)
{
    struct cutting *cutting = ctx;
    (void)operation;
    (void)path;
    if (cutting->count == CUTS_MAX) return;
    struct os_sim *made = os_sim_crash(cutting->sim, OS_SIM_RANDOM, 100 + cutting->count);
    assert_non_null(made);
    cutting->cuts[cutting->count++] = made;
}

/* The power goes at each operation of the disk in a drop, a flush and a compaction after it. */
static void cut_off_anywhere(void **state)
{
    (void)state;
    struct world world = { .sim = os_sim_new(9) };
    struct cutting cutting = { .sim = world.sim };
    struct os_fault fault;
    os_fault_init(&fault, os_sim_os(world.sim));
    OK(world_open_on(&world, &fault.os));
    make_rows(&world, false);
    OK(put_some(&world, 0, 64, "nwt"));
    OK(kith_flush(world.rows, NULL, &why));
    OK(put_some(&world, 64, 10, "nwt"));
    fault.hook = cut;
    fault.hook_ctx = &cutting;
    fault.sticky = true;
    fault.fail_at = os_fault_count(&fault) + 1;
    OK(kith_field_drop(world.rows, "n", &why));
    const size_t dropped = cutting.count;
    OK(kith_flush(world.rows, NULL, &why));
    OK(kith_compact(world.rows, NULL, &why));
    fault.fail_at = 0;
    world_finish(&world);
    assert_true(dropped >= 2 && cutting.count > dropped + 10);
    for (size_t i = 0; i < cutting.count; i++) {
        world = (struct world){ .sim = cutting.cuts[i] };
        OK(world_open(&world));
        OK(kith_collection_open(world.db, NULL, "rows", &world.rows, &why));
        const size_t there = described(&world, "n");
        if (i >= dropped) assert_int_equal(there, 0); /* the drop had returned */
        assert_int_equal(count_of(&world, "id >= 0"), 74);
        if (there) assert_int_equal(count_of(&world, "n >= 64"), 10);
        OK(put_some(&world, 100, 6, there ? "n" : ""));
        OK(kith_compact(world.rows, NULL, &why));
        assert_int_equal(count_of(&world, "id >= 0"), 80);
        check_sound(&world);
        world_finish(&world);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(dropped_fields_are_gone), cmocka_unit_test(a_name_is_used_again),
        cmocka_unit_test(a_name_becomes_a_key),    cmocka_unit_test(what_cannot_be_dropped),
        cmocka_unit_test(without_memory),          cmocka_unit_test(cut_off_anywhere),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
