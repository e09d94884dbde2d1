/*
 * Sealing and merging against a model: segments of every type with dead rows become one file whose
 * rows, keys, partitions and row maps are those of a list kept beside them. Also text keys over a
 * group boundary, tombstone files, indexes built, attached and warmed, and files going away.
 */
#include "storage/dump.h"
#include "storage_help.h"

static struct os_sim *sim;
static const struct os *os;
static struct budget budget;

static int setup(void **state)
{
    (void)state;
    sim = os_sim_new(1);
    os = os_sim_os(sim);
    budget_init(&budget, 0);
    return sim ? os_mkdir(os, DIR_NAME, NULL) : 1;
}

static int teardown(void **state)
{
    (void)state;
    assert_int_equal(atomic_load(&budget.used_bytes), 0);
    os_sim_free(sim);
    return 0;
}

static struct segment *grow(const struct schema *schema, uint64_t id, int64_t first, size_t rows,
                            uint64_t ts, uint32_t partition)
{
    struct segment *segment = NULL;
    assert_int_equal(growing_new(os, schema, &budget, id, rows + 10, &segment), 0);
    assert_int_equal(help_append(segment, schema, first, rows / 2, ts, partition), 0);
    assert_int_equal(help_append(segment, schema, first + (int64_t)(rows / 2), rows - rows / 2,
                                 ts + 1, partition), 0);
    return segment;
}

static size_t seal(const struct schema *schema, struct segment *const *segments, size_t count,
                   uint64_t id, uint64_t ts, uint32_t **maps)
{
    const struct seal_input input = {.os = os, .dir = DIR_NAME, .database_id = DATABASE, .id = id,
                                     .schema = schema, .segments = segments, .count = count,
                                     .ts = ts};
    size_t rows = 99;
    struct kith_error err = {0};
    if (sealed_write(&input, maps, &rows, &err)) fail_msg("%s", err.text);
    return rows;
}

static struct sealed_opts opts_of(const struct schema *schema, uint64_t id)
{
    return (struct sealed_opts){.os = os, .dir = DIR_NAME, .database_id = DATABASE, .id = id,
                                .schema = schema, .budget = &budget, .pin = true};
}

static struct segment *open_segment(const struct sealed_opts *opts)
{
    struct segment *segment = NULL;
    struct kith_error err = {0};
    if (sealed_open(opts, &segment, NULL, &err)) fail_msg("%s", err.text);
    return segment;
}

static void no_problem(void *ctx, uint64_t offset, const char *text)
{
    (void)ctx;
    fail_msg("%llu: %s", (unsigned long long)offset, text);
}

static void verify(const char *path)
{
    uint64_t bytes = 0;
    assert_int_equal(storage_verify(os, path, DATABASE, no_problem, NULL, &bytes, NULL), 0);
    assert_true(bytes > 0);
}

static void a_merge_equals_the_model(void **state)
{
    (void)state;
    struct schema schema = {0};
    help_schema(&schema);
    struct segment *in[3];
    in[0] = grow(&schema, 1, 0, 5000, 10, 1);
    struct segment *first = grow(&schema, 2, -700, 700, 20, 2);
    assert_int_equal(seal(&schema, &first, 1, 3, 99, NULL), 700);
    segment_unref(first);
    const struct sealed_opts old = opts_of(&schema, 3);
    in[1] = open_segment(&old);
    in[2] = grow(&schema, 4, 10000, 900, 30, 2);

    const size_t rows[] = {5000, 700, 900};
    const int64_t start[] = {0, -700, 10000};
    static int64_t model[6600];
    size_t count = 0;
    for (size_t s = 0; s < 3; s++) {
        for (size_t row = 0; row < rows[s]; row++) {
            const uint64_t mix = help_mix((int64_t)row, s);
            if (mix % 3 == 0) assert_int_equal(segment_kill(in[s], row, 40), 0);
            if (mix % 3 != 0) model[count++] = start[s] + (int64_t)row;
        }
        assert_int_equal(segment_kill(in[s], 1, 60), 0); /* after the seal's ts */
    }
    uint32_t *maps[3];
    assert_int_equal(seal(&schema, in, 3, 5, 50, maps), count);
    verify(DIR_NAME "/5.seg");
    const struct sealed_opts opts = opts_of(&schema, 5);
    struct segment *merged = open_segment(&opts);
    assert_int_equal(segment_rows(merged), count);
    assert_int_equal(segment_max_ts(merged), 31);
    for (size_t row = 0; row < count; row++) {
        assert_int_equal(help_check_row(merged, &schema, row, model[row]), 0);
        uint32_t found[2];
        assert_int_equal(segment_find(merged, key_int(model[row]), 99, found, 2), 1);
        assert_int_equal(found[0], row);
        const uint32_t partition = model[row] >= 0 && model[row] < 5000 ? 1 : 2;
        assert_int_equal(segment_partition(merged, row), partition);
    }
    size_t next = 0;
    for (size_t s = 0; s < 3; s++) {
        for (size_t row = 0; row < rows[s]; row++) {
            const bool lives = help_mix((int64_t)row, s) % 3 != 0;
            assert_int_equal(maps[s][row], lives ? next : UINT32_MAX);
            next += lives;
        }
        mem_free(maps[s]);
    }
    uint32_t none[2];
    assert_int_equal(segment_find(merged, key_int(INT64_MIN), 99, none, 2), 0);
    struct chunk_source source;
    segment_source(merged, count, &source);
    struct chunk chunk;
    assert_int_equal(source.get(source.ctx, F_TEXT, 0, &chunk), 0);
    assert_int_equal(chunk.rows, count);
    assert_int_equal(source.get(source.ctx, F_TEXT, 1, &chunk), KITH_ENOTFOUND);
    assert_false(segment_damaged(merged));
    segment_unref(merged);
    for (size_t s = 0; s < 3; s++) segment_unref(in[s]);
    schema_release(&schema);
}

/* Text keys k0, k1, ...; vector (row, row). */
static void append_texts(struct segment *segment, const struct schema *schema, size_t first,
                         size_t rows, uint64_t ts)
{
    struct arena arena;
    arena_init(&arena);
    struct kith_str *keys = arena_alloc(&arena, rows * sizeof *keys);
    float *values = arena_alloc(&arena, rows * 2 * sizeof *values);
    assert_true(keys && values);
    for (size_t i = 0; i < rows; i++) {
        char text[32];
        const int len = snprintf(text, sizeof text, "k%zu", first + i);
        keys[i] = (struct kith_str){arena_strndup(&arena, text, (size_t)len), (size_t)len};
        values[2 * i] = values[2 * i + 1] = (float)(first + i);
    }
    const struct kith_column columns[] = {
        {.type = KITH_VARCHAR, .data = keys},
        {.type = KITH_FLOAT_VECTOR, .dim = 2, .data = values},
    };
    const struct kith_batch batch = {.size = sizeof batch, .rows = rows, .columns = columns,
                                     .column_count = 2};
    assert_int_equal(growing_append(segment, &batch, NULL, ts, NULL), 0);
    (void)schema;
    arena_release(&arena);
}

static void groups_tombstones_and_indexes(void **state)
{
    (void)state;
    enum { ROWS = 70000 };
    struct schema schema = {0};
    help_text_schema(&schema);
    struct segment *growing = NULL;
    assert_int_equal(growing_new(os, &schema, &budget, 1, ROWS, &growing), 0);
    append_texts(growing, &schema, 0, ROWS, 7);
    assert_int_equal(seal(&schema, &growing, 1, 2, 9, NULL), ROWS);
    segment_unref(growing);
    struct sealed_opts opts = opts_of(&schema, 2);
    struct segment *segment = open_segment(&opts);
    for (size_t row = 0; row < ROWS; row += 777) {
        char text[32];
        const int len = snprintf(text, sizeof text, "k%zu", row);
        uint32_t found[3];
        const struct key key = key_text((struct kith_str){text, (size_t)len});
        assert_int_equal(segment_find(segment, key, 9, found, 3), 1);
        assert_int_equal(found[0], row);
    }
    for (size_t row = 0; row < ROWS; row += 3) {
        assert_int_equal(segment_kill(segment, row, 100 + row), 0);
    }
    assert_int_equal(sealed_write_dead(&opts, segment, 30100, 4, NULL), 0);
    verify(DIR_NAME "/2.4.del");

    const struct index_params params = {4, 16};
    const struct index_job job = {.os = os, .threads = 1};
    bool built = false;
    assert_int_equal(sealed_build_index(&opts, segment, 1, "FLAT", &params, &job, &built, NULL), 0);
    assert_false(built);
    segment_unref(segment);
    opts.dead_file = 4;
    segment = open_segment(&opts);
    assert_int_equal(segment_dead(segment), 10001);
    assert_true(segment_row_visible(segment, 30, 129));
    assert_false(segment_row_visible(segment, 30, 130));
    assert_true(segment_row_visible(segment, 30003, UINT64_MAX));
    segment_doom(segment);
    segment_unref(segment);
    struct os_stat stat;
    assert_int_equal(os_stat(os, DIR_NAME "/2.seg", &stat, NULL), KITH_ENOTFOUND);
    assert_int_equal(os_stat(os, DIR_NAME "/2.4.del", &stat, NULL), KITH_ENOTFOUND);
    schema_release(&schema);
}

static void search_one(const struct segment *segment, const struct schema *schema, int64_t key)
{
    uint8_t query[64];
    help_value(key, F_VECTOR, schema, query);
    struct hit hits[1];
    size_t count = 0;
    const struct index_search search = {.query = query, .k = 1, .ef = 64, .bound = 1e30f};
    const struct index *index = segment_index(segment, F_VECTOR);
    assert_non_null(index);
    assert_int_equal(index->ops->search(index, &search, hits, &count, NULL), 0);
    assert_int_equal(count, 1);
    assert_true(hits[0].distance <= 0.0f);
    assert_int_equal(hits[0].id, key);
}

static void an_index_is_built_opened_and_warmed(void **state)
{
    (void)state;
    struct schema schema = {0};
    help_schema(&schema);
    struct segment *growing = grow(&schema, 1, 0, 4200, 5, 0);
    assert_int_equal(seal(&schema, &growing, 1, 2, 9, NULL), 4200);
    segment_unref(growing);
    struct sealed_opts opts = opts_of(&schema, 2);
    struct segment *segment = open_segment(&opts);
    const struct index_params params = {4, 16};
    const struct index_job job = {.os = os, .threads = 1};
    bool built = false;
    assert_int_equal(sealed_build_index(&opts, segment, F_VECTOR, "HNSW", &params, &job, &built,
                                        NULL), 0);
    assert_true(built);
    verify(DIR_NAME "/2.11.idx");
    assert_int_equal(sealed_build_index(&opts, segment, F_BITS, "HNSW", &params, &job, &built,
                                        NULL), 0);
    assert_true(built);
    assert_int_equal(sealed_build_index(&opts, segment, F_SPARSE, "HNSW", &params, &job, &built,
                                        NULL), 0);
    assert_false(built);
    assert_null(segment_index(segment, F_VECTOR));
    assert_int_equal(sealed_attach_index(&opts, segment, F_VECTOR, "HNSW", NULL), 0);
    for (int64_t key = 0; key < 4200; key += 97) search_one(segment, &schema, key);
    assert_int_equal(segment_warm(segment), 0);
    assert_true(atomic_load(&budget.class_bytes[BUDGET_HOT]) > 0);
    assert_int_equal(segment_memory_bytes(segment), atomic_load(&budget.class_bytes[BUDGET_HOT]));
    for (int64_t key = 0; key < 4200; key += 97) search_one(segment, &schema, key);
    segment_unref(segment);

    const struct sealed_index_file files[] = {{.field = F_VECTOR, .kind = "HNSW"},
                                              {.field = F_BITS, .kind = "HNSW"},
                                              {.field = F_SPARSE, .kind = "HNSW"}};
    opts.indexes = files;
    opts.index_count = 3;
    size_t missing = 0;
    assert_int_equal(sealed_open(&opts, &segment, &missing, NULL), 0);
    assert_int_equal(missing, 1);
    search_one(segment, &schema, 4199);
    segment_doom(segment);
    segment_unref(segment);
    struct os_stat stat;
    assert_int_equal(os_stat(os, DIR_NAME "/2.11.idx", &stat, NULL), KITH_ENOTFOUND);
    schema_release(&schema);
}

static void nothing_left_makes_no_file(void **state)
{
    (void)state;
    struct schema schema = {0};
    help_schema(&schema);
    struct segment *growing = grow(&schema, 1, 0, 10, 5, 0);
    for (size_t row = 0; row < 10; row++) assert_int_equal(segment_kill(growing, row, 6), 0);
    uint32_t *map = NULL;
    assert_int_equal(seal(&schema, &growing, 1, 2, 9, &map), 0);
    assert_int_equal(map[3], UINT32_MAX);
    mem_free(map);
    struct os_stat stat;
    assert_int_equal(os_stat(os, DIR_NAME "/2.seg", &stat, NULL), KITH_ENOTFOUND);
    segment_unref(growing);
    schema_release(&schema);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_merge_equals_the_model, setup, teardown),
        cmocka_unit_test_setup_teardown(groups_tombstones_and_indexes, setup, teardown),
        cmocka_unit_test_setup_teardown(an_index_is_built_opened_and_warmed, setup, teardown),
        cmocka_unit_test_setup_teardown(nothing_left_makes_no_file, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
