/*
 * Readers beside a writer, without locks: whatever count a reader took, every row below it is
 * whole, its key is found, and deaths at or before its timestamp are seen. Meant for the thread
 * sanitizer.
 */
#include "os/thread.h"
#include "storage_help.h"

#define ROWS 12000u
#define BATCH 40u
#define READERS 3

struct shared {
    struct segment *segment;
    const struct schema *schema;
    _Atomic uint64_t visible_ts; /* release: everything up to it was appended and killed */
    atomic_uint wrong;
};

/* At ts t the rows of batches 0..t-1 are there, and the first row of batches 0..t-2 is dead. */
static void look(struct shared *shared, struct rng *rng)
{
    const uint64_t ts = atomic_load_explicit(&shared->visible_ts, memory_order_acquire);
    const size_t rows = segment_rows_at(shared->segment, ts);
    if (rows != ts * BATCH) atomic_fetch_add(&shared->wrong, 1);
    if (rows == 0) return;
    const size_t row = rng_below(rng, rows);
    const bool dead = row % BATCH == 0 && row / BATCH + 1 < ts;
    if (segment_row_visible(shared->segment, row, ts) == dead) atomic_fetch_add(&shared->wrong, 1);
    uint32_t found;
    const int count = segment_find(shared->segment, key_int((int64_t)row), ts, &found, 1);
    if (count != !dead || (count == 1 && found != row)) atomic_fetch_add(&shared->wrong, 1);
    struct vectors v;
    size_t first;
    if (segment_vectors(shared->segment, 1, rows, row / GROWING_CHUNK_ROWS, &v, &first, NULL) ||
        lef32_get(v.rows.data + (row - first) * v.stride_bytes) != (float)row) {
        atomic_fetch_add(&shared->wrong, 1);
    }
    if (row % 50 != 0) return;
    struct bitset visible;
    if (segment_visible(shared->segment, ts, &visible)) return;
    if (bitset_count(&visible) != rows - (ts - 1)) atomic_fetch_add(&shared->wrong, 1);
    bitset_release(&visible);
}

static void reader(void *arg)
{
    struct shared *shared = arg;
    struct rng rng;
    rng_init(&rng, 3);
    while (atomic_load_explicit(&shared->visible_ts, memory_order_acquire) < ROWS / BATCH) {
        look(shared, &rng);
    }
    for (int i = 0; i < 1000; i++) look(shared, &rng);
}

static void append(struct shared *shared, size_t first, uint64_t ts)
{
    int64_t keys[BATCH];
    float values[BATCH][2];
    for (size_t i = 0; i < BATCH; i++) {
        keys[i] = (int64_t)(first + i);
        values[i][0] = values[i][1] = (float)(first + i);
    }
    const struct kith_column columns[] = {{.data = keys}, {.data = values}};
    const struct kith_batch batch = {.size = sizeof batch, .rows = BATCH, .columns = columns,
                                     .column_count = 2};
    assert_int_equal(growing_append(shared->segment, &batch, NULL, ts, NULL), 0);
}

static void readers_see_whole_rows(void **state)
{
    (void)state;
    const struct kith_field fields[] = {
        {.size = sizeof(struct kith_field), .name = "key", .type = KITH_INT64,
         .flags = KITH_FIELD_PRIMARY},
        {.size = sizeof(struct kith_field), .name = "v", .type = KITH_FLOAT_VECTOR, .dim = 2},
    };
    const struct kith_schema given = {.size = sizeof given, .fields = fields, .field_count = 2};
    struct schema schema = {0};
    assert_int_equal(schema_from_public(&given, &schema, NULL), 0);
    struct shared shared = {.schema = &schema};
    assert_int_equal(growing_new(os_real(), &schema, NULL, 1, ROWS, &shared.segment), 0);
    struct os_thread *threads[READERS];
    for (size_t i = 0; i < READERS; i++) {
        assert_int_equal(os_thread_start(os_real(), "reader", 0, reader, &shared, &threads[i],
                                         NULL), 0);
    }
    for (uint64_t ts = 1; ts <= ROWS / BATCH; ts++) {
        append(&shared, (size_t)(ts - 1) * BATCH, ts);
        if (ts > 1) assert_int_equal(segment_kill(shared.segment, (size_t)(ts - 2) * BATCH, ts), 0);
        atomic_store_explicit(&shared.visible_ts, ts, memory_order_release);
    }
    for (size_t i = 0; i < READERS; i++) os_thread_join(threads[i]);
    assert_int_equal(atomic_load(&shared.wrong), 0);
    segment_unref(shared.segment);
    schema_release(&schema);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(readers_see_whole_rows)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
