/*
 * Automatic keys of both types, upserts with them, and partitions that are dropped: each also after the
 * database was opened again, from the log and from files.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <kith/kith.h>

#include "engine/engine_world.h"

static void log_line(void *ctx, int level, const char *text)
{
    (void)ctx;
    if (level == 0) fail_msg("log: %s", text);
}

static void open_rows(struct world *world, enum kith_type key, bool automatic)
{
    struct kith_open_opts opts = KITH_OPEN_OPTS_INIT;
    opts.no_threads = true;
    opts.memory_bytes = 64u << 20;
    opts.log = log_line;
    OK(db_open_on(os_sim_os(world->sim), "db", &opts, &world->db, &why));
    struct kith_field fields[3] = { KITH_FIELD_INIT, KITH_FIELD_INIT, KITH_FIELD_INIT };
    fields[0] = plain_field("id", key);
    fields[0].flags = KITH_FIELD_PRIMARY | (automatic ? (unsigned)KITH_FIELD_AUTO_ID : 0);
    fields[1] = vector_field("v", 2);
    fields[2] = plain_field("n", KITH_INT64);
    struct kith_schema schema = KITH_SCHEMA_INIT;
    schema.fields = fields;
    schema.field_count = 3;
    schema.on_duplicate = KITH_DUPLICATE_ALLOW;
    OK(kith_collection_get_or_create(world->db, NULL, "rows", &schema, &world->rows, &why));
}

/* A killed process: what was acknowledged is in the log only, unless it was flushed. */
static void world_again(struct world *world, enum kith_type key, bool automatic, bool flush)
{
    if (flush) OK(kith_flush(world->rows, NULL, &why));
    world_cut(world);
    open_rows(world, key, automatic);
}

/* keys: the column, NULL for none. */
static int put(struct world *world, const void *keys, size_t rows, int64_t n, const char *partition,
               bool upsert, struct kith_written *written)
{
    int64_t ns[8];
    float vectors[16] = { 0 };
    assert_true(rows <= 8);
    for (size_t i = 0; i < rows; i++) ns[i] = n + (int64_t)i;
    const struct kith_column columns[3] = { { .field = "n", .data = ns },
                                            { .field = "v", .data = vectors },
                                            { .field = "id", .data = keys } };
    struct kith_batch batch = KITH_BATCH_INIT;
    batch.rows = rows;
    batch.columns = columns;
    batch.column_count = keys ? 3 : 2;
    batch.partition = partition;
    return upsert ? kith_upsert(world->rows, &batch, NULL, written, &why)
                  : kith_insert(world->rows, &batch, NULL, written, &why);
}

static uint64_t count(struct world *world, const char *filter)
{
    uint64_t n = 0;
    OK(kith_count(world->rows, filter, NULL, &n, &why));
    return n;
}

static bool has(struct world *world, struct kith_str key)
{
    const struct kith_keys keys = { .count = 1, .strings = &key };
    struct kith_result *result = NULL;
    OK(kith_get(world->rows, &keys, NULL, NULL, &result, &why));
    const bool found = result->found[0];
    kith_result_free(result);
    return found;
}

static void automatic_texts(void **state)
{
    (void)state;
    struct world world = { os_sim_new(1), NULL, NULL };
    struct kith_written written = { 0 }, again = { 0 };
    open_rows(&world, KITH_VARCHAR, true);
    OK(put(&world, NULL, 4, 0, NULL, false, &written));
    assert_null(written.int_ids);
    assert_non_null(written.str_ids);
    for (int i = 0; i < 4; i++) {
        assert_true(written.str_ids[i].len >= 18 && has(&world, written.str_ids[i]));
        assert_int_equal(strspn(written.str_ids[i].data, "0123456789"), written.str_ids[i].len);
    }
    world_again(&world, KITH_VARCHAR, true, true);
    /* Two that are there, one that is not: all get new keys. */
    const struct kith_str keys[3] = { written.str_ids[1], written.str_ids[3], { "none", 4 } };
    OK(put(&world, keys, 3, 10, NULL, true, &again));
    assert_int_equal(again.inserted, 3);
    assert_int_equal(again.deleted, 2);
    for (int flush = 0; flush < 3; flush++) {
        assert_int_equal(count(&world, NULL), 5);
        assert_int_equal(count(&world, "n >= 10"), 3);
        assert_true(has(&world, written.str_ids[0]) && !has(&world, written.str_ids[1]));
        assert_true(has(&world, again.str_ids[0]) && !has(&world, keys[2]));
        world_again(&world, KITH_VARCHAR, true, flush > 0);
    }
    kith_written_free(&written);
    kith_written_free(&again);
    assert_null(again.str_ids);
    world_finish(&world);
}

static void automatic_numbers(void **state)
{
    (void)state;
    struct world world = { os_sim_new(2), NULL, NULL };
    struct kith_written written = { 0 }, again = { 0 };
    open_rows(&world, KITH_INT64, true);
    OK(put(&world, NULL, 3, 0, NULL, false, &written));
    assert_int_equal(put(&world, written.int_ids, 3, 0, NULL, false, NULL), KITH_EINVAL);
    assert_int_equal(put(&world, NULL, 3, 0, NULL, true, NULL), KITH_EINVAL);
    assert_non_null(strstr(why.text, "must assign pk when upsert, primary field: id"));
    const int64_t twice[2] = { written.int_ids[0], written.int_ids[0] };
    assert_int_equal(put(&world, twice, 2, 5, NULL, true, NULL), KITH_EINVAL);
    assert_non_null(strstr(why.text, "duplicate primary keys are not allowed in the same batch"));
    assert_int_equal(count(&world, NULL), 3);
    OK(put(&world, written.int_ids + 1, 2, 5, NULL, true, &again));
    assert_int_equal(again.deleted, 2);
    assert_true(again.int_ids[0] > written.int_ids[2]);
    world_again(&world, KITH_INT64, true, false);
    assert_int_equal(count(&world, NULL), 3);
    assert_int_equal(count(&world, "n == 0 or n == 5 or n == 6"), 3);
    kith_written_free(&written);
    kith_written_free(&again);
    world_finish(&world);
}

/* Keys that are given are kept, also over a crash; what is made stays apart from them. */
static void given_numbers(void **state)
{
    (void)state;
    struct world world = { os_sim_new(4), NULL, NULL };
    struct kith_written written = { 0 };
    const int64_t keys[2] = { 7, -1 }, ns[2] = { 1, 2 };
    const float vectors[4] = { 0 };
    const struct kith_column columns[3] = { { .field = "n", .data = ns },
                                            { .field = "v", .data = vectors },
                                            { .field = "id", .data = keys } };
    struct kith_batch batch = KITH_BATCH_INIT;
    open_rows(&world, KITH_INT64, true);
    batch.rows = 2;
    batch.columns = columns;
    batch.column_count = 3;
    assert_int_equal(kith_insert(world.rows, &batch, NULL, NULL, &why), KITH_EINVAL);
    batch.keep_keys = true;
    OK(kith_insert(world.rows, &batch, NULL, &written, &why));
    assert_int_equal(written.inserted, 2);
    assert_null(written.int_ids);
    batch.column_count = 2; /* none is given: they are made */
    OK(kith_insert(world.rows, &batch, NULL, &written, &why));
    assert_true(written.int_ids && written.int_ids[0] > 7);
    world_again(&world, KITH_INT64, true, false);
    assert_int_equal(count(&world, NULL), 4);
    assert_int_equal(count(&world, "id in [7, -1] and n in [1, 2]"), 2);
    kith_written_free(&written);
    world_finish(&world);
}

/* Equal keys in two partitions: those of the other one stay. */
static void dropped_partition(void **state)
{
    (void)state;
    const int64_t keys[4] = { 1, 2, 3, 4 };
    for (int flush = 0; flush < 4; flush++) {
        struct world world = { os_sim_new(3), NULL, NULL };
        open_rows(&world, KITH_INT64, false);
        OK(kith_partition_create(world.rows, "left", &why));
        OK(kith_partition_create(world.rows, "right", &why));
        OK(put(&world, keys, 4, 0, "left", false, NULL));
        if (flush & 1) OK(kith_flush(world.rows, NULL, &why));
        OK(put(&world, keys, 4, 10, "right", false, NULL));
        OK(put(&world, keys, 2, 20, "left", false, NULL));
        OK(put(&world, keys, 1, 30, NULL, false, NULL));
        assert_int_equal(kith_partition_drop(world.rows, "_default", &why), KITH_EINVAL);
        assert_int_equal(kith_partition_drop(world.rows, "none", &why), KITH_ENOTFOUND);
        OK(kith_partition_drop(world.rows, "left", &why));
        for (int again = 0; again < 3; again++) {
            assert_int_equal(count(&world, NULL), 5);
            assert_int_equal(count(&world, "n >= 10 and n < 20"), 4);
            assert_int_equal(put(&world, keys, 1, 0, "left", false, NULL), KITH_ENOTFOUND);
            assert_int_equal(kith_partition_drop(world.rows, "left", &why), KITH_ENOTFOUND);
            world_again(&world, KITH_INT64, false, (flush & 2) != 0);
        }
        OK(kith_partition_create(world.rows, "left", &why)); /* a new one, and empty */
        OK(put(&world, keys, 1, 40, "left", false, NULL));
        world_again(&world, KITH_INT64, false, false);
        assert_int_equal(count(&world, NULL), 6);
        world_finish(&world);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(automatic_texts), cmocka_unit_test(automatic_numbers),
                                        cmocka_unit_test(given_numbers),
                                        cmocka_unit_test(dropped_partition) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
