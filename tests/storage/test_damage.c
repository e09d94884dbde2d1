/*
 * Damaged files: whatever byte of a sealed file is changed, a read gives the right bytes or
 * KITH_ECORRUPT, and verification finds it. Cut files, swapped pages, files of others; failing
 * memory and disks while writing and opening; power cuts at every operation of a write.
 */
#include "storage/dump.h"
#include "storage_help.h"

#define ROWS 260
#define INDEX_ROWS 4100

static struct os_sim *sim;
static const struct os *os;
static struct schema schema;

static int setup(void **state)
{
    (void)state;
    sim = os_sim_new(1);
    os = os_sim_os(sim);
    help_schema(&schema);
    return sim ? os_mkdir(os, DIR_NAME, NULL) : 1;
}

static int teardown(void **state)
{
    (void)state;
    schema_release(&schema);
    os_sim_free(sim);
    return 0;
}

static struct segment *grow(size_t rows)
{
    struct segment *segment = NULL;
    assert_int_equal(growing_new(os_real(), &schema, NULL, 1, rows, &segment), 0);
    assert_int_equal(help_append(segment, &schema, 0, rows / 2, 5, 1), 0);
    assert_int_equal(help_append(segment, &schema, (int64_t)(rows / 2), rows - rows / 2, 6, 2), 0);
    return segment;
}

static struct sealed_opts opts_of(const struct os *on, uint64_t id)
{
    return (struct sealed_opts){.os = on, .dir = DIR_NAME, .database_id = DATABASE, .id = id,
                                .schema = &schema, .pin = true};
}

static int seal(const struct os *on, struct segment *segment, uint64_t id, size_t *rows)
{
    const struct seal_input input = {.os = on, .dir = DIR_NAME, .database_id = DATABASE, .id = id,
                                     .schema = &schema, .segments = &segment, .count = 1, .ts = 9};
    return sealed_write(&input, NULL, rows, NULL);
}

static void make_segment(size_t count)
{
    struct segment *segment = grow(count);
    size_t rows = 0;
    assert_int_equal(seal(os, segment, 2, &rows), 0);
    assert_int_equal(rows, count);
    segment_unref(segment);
}

struct file {
    const char *path;
    uint8_t *bytes;
    size_t len;
};

static struct file read_file(const char *path)
{
    struct file f = {.path = path};
    struct os_file *file = NULL;
    uint64_t size = 0;
    assert_int_equal(os_open(os, path, OS_READ, &file, NULL), 0);
    assert_int_equal(os_size(file, &size, NULL), 0);
    f.bytes = mem_alloc((size_t)size);
    assert_non_null(f.bytes);
    assert_int_equal(os_pread(file, f.bytes, (size_t)size, 0, &f.len, NULL), 0);
    os_close(file);
    return f;
}

static void write_file(const char *path, const uint8_t *bytes, size_t len)
{
    struct os_file *file = NULL;
    assert_int_equal(os_open(os, path, OS_WRITE | OS_CREATE, &file, NULL), 0);
    assert_int_equal(os_truncate(file, 0, NULL), 0);
    if (len > 0) assert_int_equal(os_pwrite(file, bytes, len, 0, NULL), 0);
    os_close(file);
}

static void flip(const struct file *f, size_t at, uint8_t mask)
{
    uint8_t *data;
    size_t len;
    assert_int_equal(os_sim_file_bytes(sim, f->path, &data, &len), 0);
    data[at] ^= mask;
}

static void count_problem(void *ctx, uint64_t offset, const char *text)
{
    (void)offset;
    (void)text;
    (*(size_t *)ctx)++;
}

static size_t problems(const char *path)
{
    size_t count = 0;
    uint64_t bytes = 0;
    assert_int_equal(storage_verify(os, path, DATABASE, count_problem, &count, &bytes, NULL), 0);
    return count;
}

/* Reads everything; false when something was refused. Wrong bytes fail the test. */
static bool reads_whole(const struct segment *segment)
{
    bool whole = true;
    for (size_t row = 0; row < segment_rows(segment); row++) {
        const int rc = help_check_row(segment, &schema, row, (int64_t)row);
        if (rc == KITH_ECORRUPT) whole = false;
        else if (rc) fail_msg("row %zu has wrong bytes", row);
        uint32_t found;
        const int count = segment_find(segment, key_int((int64_t)row), 9, &found, 1);
        if (count == KITH_ECORRUPT) whole = false;
        else if (count != 1 || found != row) fail_msg("key %zu is not found", row);
        const uint32_t partition = segment_partition(segment, row);
        if (partition == UINT32_MAX) whole = false;
        else assert_int_equal(partition, row < ROWS / 2 ? 1 : 2);
    }
    for (size_t field = 0; field < F_COUNT; field++) {
        struct chunk_source source;
        struct chunk chunk;
        segment_source(segment, segment_rows(segment), &source);
        whole = source.get(source.ctx, field, 0, &chunk) == 0 && whole;
    }
    return whole;
}

static void no_flipped_byte_is_read(void **state)
{
    (void)state;
    make_segment(ROWS);
    const struct file f = read_file(DIR_NAME "/2.seg");
    const struct sealed_opts opts = opts_of(os, 2);
    size_t refused = 0;
    for (size_t at = 0; at < f.len; at += at < 128 || at + 300 > f.len ? 1 : 37) {
        flip(&f, at, (uint8_t)(1u << at % 8));
        struct segment *segment = NULL;
        const int rc = sealed_open(&opts, &segment, NULL, NULL);
        if (rc) {
            assert_int_equal(rc, KITH_ECORRUPT);
            refused++;
        } else {
            const bool whole = reads_whole(segment);
            assert_true(whole || segment_damaged(segment));
            refused += !whole;
        }
        segment_unref(segment);
        if (problems(f.path) == 0) fail_msg("byte %zu: the flip is not found", at);
        flip(&f, at, (uint8_t)(1u << at % 8));
    }
    assert_true(refused > f.len / 60);
    assert_int_equal(problems(f.path), 0);
    mem_free(f.bytes);
}

static void cut_swapped_and_foreign_files_are_refused(void **state)
{
    (void)state;
    make_segment(ROWS);
    struct file f = read_file(DIR_NAME "/2.seg");
    struct sealed_opts opts = opts_of(os, 2);
    struct segment *segment = NULL;
    for (size_t len = 0; len < f.len; len += len < 200 || len + 100 > f.len ? 1 : 401) {
        write_file(f.path, f.bytes, len);
        assert_int_equal(sealed_open(&opts, &segment, NULL, NULL), KITH_ECORRUPT);
    }
    assert_true(f.len > 4 * 4096);
    uint8_t page[4096];
    memcpy(page, f.bytes + 4096, 4096);
    memmove(f.bytes + 4096, f.bytes + 8192, 4096);
    memcpy(f.bytes + 8192, page, 4096);
    write_file(f.path, f.bytes, f.len);
    assert_int_equal(sealed_open(&opts, &segment, NULL, NULL), 0);
    assert_false(reads_whole(segment));
    assert_true(segment_damaged(segment));
    segment_unref(segment);
    assert_int_equal(problems(f.path), 2);
    make_segment(ROWS);
    write_file(DIR_NAME "/3.seg", f.bytes, f.len);
    opts.id = 3;
    assert_int_equal(sealed_open(&opts, &segment, NULL, NULL), KITH_ECORRUPT);
    opts.id = 2;
    opts.database_id++;
    assert_int_equal(sealed_open(&opts, &segment, NULL, NULL), KITH_ECORRUPT);
    opts.database_id--;
    struct schema other = {0};
    help_text_schema(&other);
    opts.schema = &other;
    assert_int_equal(sealed_open(&opts, &segment, NULL, NULL), KITH_ECORRUPT);
    opts.schema = &schema;
    opts.dead_file = 9;
    assert_int_equal(sealed_open(&opts, &segment, NULL, NULL), KITH_ENOTFOUND);
    schema_release(&other);
    mem_free(f.bytes);
}

static void check_search(const struct segment *segment, int64_t key)
{
    const struct index *index = segment_index(segment, F_VECTOR);
    if (!index) return;
    uint8_t query[64];
    help_value(key, F_VECTOR, &schema, query);
    struct hit hit = {0};
    size_t count = 0;
    const struct index_search search = {.query = query, .k = 1, .ef = 64, .bound = 1e30f};
    const int rc = index->ops->search(index, &search, &hit, &count, NULL);
    if (rc) {
        assert_int_equal(rc, KITH_ECORRUPT);
        return;
    }
    assert_int_equal(hit.id, key);
}

static void a_damaged_index_is_left_out_or_refuses(void **state)
{
    (void)state;
    make_segment(INDEX_ROWS);
    struct sealed_opts opts = opts_of(os, 2);
    struct segment *segment = NULL;
    assert_int_equal(sealed_open(&opts, &segment, NULL, NULL), 0);
    const struct index_params params = {4, 16};
    const struct index_job job = {.os = os, .threads = 1};
    bool built = false;
    assert_int_equal(sealed_build_index(&opts, segment, F_VECTOR, "HNSW", &params, &job, &built,
                                        NULL), 0);
    assert_true(built);
    segment_unref(segment);
    const struct file f = read_file(DIR_NAME "/2.11.idx");
    const struct sealed_index_file index = {.field = F_VECTOR, .kind = "HNSW"};
    opts.indexes = &index;
    opts.index_count = 1;
    for (size_t at = 0; at < f.len; at += at < 128 ? 5 : f.len / 150) {
        flip(&f, at, 0x10);
        assert_int_equal(sealed_open(&opts, &segment, NULL, NULL), 0);
        for (int64_t key = 0; key < INDEX_ROWS; key += 511) check_search(segment, key);
        const int warm = segment_warm(segment);
        assert_true(warm == 0 || warm == KITH_ECORRUPT);
        for (int64_t key = 0; key < INDEX_ROWS; key += 511) check_search(segment, key);
        assert_false(segment_damaged(segment)); /* an index is derived */
        segment_unref(segment);
        assert_true(problems(f.path) > 0);
        flip(&f, at, 0x10);
    }
    mem_free(f.bytes);
}

/* Rows of 100 bytes cross pages: the part on the second page must be verified as well. */
static void a_scan_verifies_rows_to_their_end(void **state)
{
    (void)state;
    const struct kith_field fields[] = {
        {.size = sizeof(struct kith_field), .name = "key", .type = KITH_INT64,
         .flags = KITH_FIELD_PRIMARY},
        {.size = sizeof(struct kith_field), .name = "v", .type = KITH_FLOAT_VECTOR, .dim = 25,
         .metric = KITH_L2},
    };
    const struct kith_schema given = {.size = sizeof given, .fields = fields, .field_count = 2};
    struct schema wide = {0};
    assert_int_equal(schema_from_public(&given, &wide, NULL), 0);
    static int64_t keys[100];
    static float values[100][25];
    for (size_t i = 0; i < 100; i++) keys[i] = (int64_t)i;
    const struct kith_column columns[] = {{.data = keys}, {.data = values}};
    const struct kith_batch batch = {.size = sizeof batch, .rows = 100, .columns = columns,
                                     .column_count = 2};
    struct segment *growing = NULL;
    assert_int_equal(growing_new(os, &wide, NULL, 1, 100, &growing), 0);
    assert_int_equal(growing_append(growing, &batch, NULL, 1, NULL), 0);
    const struct seal_input input = {.os = os, .dir = DIR_NAME, .database_id = DATABASE, .id = 2,
                                     .schema = &wide, .segments = &growing, .count = 1, .ts = 9};
    size_t rows = 0;
    assert_int_equal(sealed_write(&input, NULL, &rows, NULL), 0);
    segment_unref(growing);
    const struct file f = read_file(DIR_NAME "/2.seg");
    flip(&f, 4096 + 3000, 4);
    struct sealed_opts opts = opts_of(os, 2);
    opts.schema = &wide;
    for (size_t last = 25; last < 40; last++) { /* data begins behind 128 + 800 and zones: 1024 */
        struct segment *segment = NULL;
        assert_int_equal(sealed_open(&opts, &segment, NULL, NULL), 0);
        struct vectors v;
        size_t first;
        assert_int_equal(segment_vectors(segment, 1, last, 0, &v, &first, NULL), 0);
        const float query[25] = {0};
        struct hit hit;
        size_t count;
        const struct index_search search = {.query = query, .k = 1, .bound = 1e30f};
        const bool bad = 1024 + last * 100 > 4096;
        assert_int_equal(index_scan(&v, &search, &hit, &count, NULL), bad ? KITH_ECORRUPT : 0);
        segment_unref(segment);
    }
    mem_free(f.bytes);
    schema_release(&wide);
}

static void failing_memory_leaves_nothing(void **state)
{
    (void)state;
    struct segment *growing = grow(ROWS);
    assert_int_equal(segment_kill(growing, 3, 8), 0);
    struct sealed_opts opts = opts_of(os, 2);
    for (uint64_t nth = 1;; nth++) {
        struct segment *segment = NULL;
        size_t rows = 0;
        alloc_fault_arm(nth, false);
        int rc = seal(os, growing, 2, &rows);
        const bool sealed = rc == 0;
        if (!rc) rc = sealed_open(&opts, &segment, NULL, NULL);
        const bool hit = alloc_fault_count() >= nth;
        alloc_fault_disarm();
        struct os_stat stat;
        if (!sealed) assert_int_equal(os_stat(os, DIR_NAME "/2.seg", &stat, NULL), KITH_ENOTFOUND);
        if (rc) assert_int_equal(rc, KITH_ENOMEM);
        else segment_doom(segment);
        segment_unref(segment);
        if (sealed && rc) assert_int_equal(os_unlink(os, DIR_NAME "/2.seg", NULL), 0);
        if (!hit) break;
    }
    segment_unref(growing);
}

struct crash {
    struct os_sim *at;
    uint64_t seed;
};

static void lose_power(void *ctx, const char *operation, const char *path)
{
    struct crash *crash = ctx;
    (void)operation;
    (void)path;
    crash->at = os_sim_crash(sim, OS_SIM_RANDOM, crash->seed);
}

/* The machine after the power cut has the whole file, or none. */
static void check_crash(struct crash *crash)
{
    const struct sealed_opts opts = opts_of(os_sim_os(crash->at), 2);
    struct segment *segment = NULL;
    const int rc = sealed_open(&opts, &segment, NULL, NULL);
    if (rc == 0) {
        assert_true(reads_whole(segment));
        segment_unref(segment);
    } else {
        assert_int_equal(rc, KITH_ENOTFOUND);
    }
    os_sim_free(crash->at);
}

static void failing_disks_and_power_cuts(void **state)
{
    (void)state;
    struct segment *growing = grow(ROWS);
    assert_int_equal(os_sync_dir(os, ".", NULL), 0);
    for (uint64_t nth = 1;; nth++) {
        struct os_fault fault;
        os_fault_init(&fault, os);
        fault.fail_at = nth;
        fault.partial = true;
        size_t rows = 0;
        const int rc = seal(&fault.os, growing, 2, &rows);
        struct os_stat stat;
        const int seen = os_stat(os, DIR_NAME "/2.seg", &stat, NULL);
        assert_int_equal(seen, rc ? KITH_ENOTFOUND : 0);
        if (!rc) assert_int_equal(os_unlink(os, DIR_NAME "/2.seg", NULL), 0);
        assert_int_equal(os_stat(os, DIR_NAME "/2.seg.tmp", &stat, NULL), KITH_ENOTFOUND);
        if (rc) assert_int_equal(rc, KITH_EIO);

        struct crash crash = {.seed = nth};
        os_fault_init(&fault, os);
        fault.fail_at = nth;
        fault.hook = lose_power;
        fault.hook_ctx = &crash;
        assert_int_equal(seal(&fault.os, growing, 2, &rows), 0);
        if (crash.at) check_crash(&crash);
        assert_int_equal(os_unlink(os, DIR_NAME "/2.seg", NULL), 0);
        assert_int_equal(os_sync_dir(os, DIR_NAME, NULL), 0);
        if (!crash.at) break;
    }
    segment_unref(growing);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(no_flipped_byte_is_read, setup, teardown),
        cmocka_unit_test_setup_teardown(cut_swapped_and_foreign_files_are_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(a_damaged_index_is_left_out_or_refuses, setup, teardown),
        cmocka_unit_test_setup_teardown(a_scan_verifies_rows_to_their_end, setup, teardown),
        cmocka_unit_test_setup_teardown(failing_memory_leaves_nothing, setup, teardown),
        cmocka_unit_test_setup_teardown(failing_disks_and_power_cuts, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
