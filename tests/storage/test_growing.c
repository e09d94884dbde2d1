/*
 * Growing segments: appended rows read back, prefixes by timestamp, kills seen by newer views only,
 * keys, all-or-nothing appends under failing memory and a full budget, cuts.
 */
#include "storage_help.h"

static void rows_come_back(void **state)
{
    (void)state;
    struct schema schema = {0};
    help_schema(&schema);
    struct segment *segment = NULL;
    assert_int_equal(growing_new(os_real(), &schema, NULL, 1, 20000, &segment), 0);
    size_t rows = 0;
    const size_t steps[] = {1, 4094, 3, 63, 4100, 1};
    for (size_t i = 0; i < 6; i++) {
        assert_int_equal(help_append(segment, &schema, (int64_t)rows, steps[i], 10 + i, 3), 0);
        rows += steps[i];
        assert_int_equal(segment_rows_at(segment, 10 + i), rows);
    }
    assert_int_equal(segment_rows(segment), rows);
    assert_int_equal(segment_rows_at(segment, 9), 0);
    assert_int_equal(segment_rows_at(segment, 11), 4095);
    assert_int_equal(segment_max_ts(segment), 15);
    for (size_t i = 0; i < rows; i++) {
        assert_int_equal(help_check_row(segment, &schema, i, (int64_t)i), 0);
    }
    size_t covered = 0;
    for (size_t piece = 0;; piece++) {
        struct vectors v;
        size_t first;
        const uint64_t *valid;
        if (segment_vectors(segment, F_VECTOR, rows - 5, piece, &v, &first, &valid)) break;
        assert_int_equal(first, covered);
        covered += v.count;
        assert_int_equal(v.type, KERNEL_F32);
        uint8_t want[64];
        help_value((int64_t)first, F_VECTOR, &schema, want);
        assert_memory_equal(v.rows.data, want, 4 * DIM);
    }
    assert_int_equal(covered, rows - 5);
    segment_unref(segment);
    schema_release(&schema);
}

static void older_views_see_the_dead(void **state)
{
    (void)state;
    struct schema schema = {0};
    help_schema(&schema);
    struct segment *segment = NULL;
    assert_int_equal(growing_new(os_real(), &schema, NULL, 1, 8192, &segment), 0);
    const uint64_t seed = 5;
    struct rng rng;
    rng_init(&rng, seed);
    enum { ROWS = 3000, KILLS = 2000 };
    static uint64_t killed_at[ROWS];
    memset(killed_at, 0xff, sizeof killed_at);
    for (size_t i = 0; i < 30; i++) {
        assert_int_equal(help_append(segment, &schema, (int64_t)i * 100, 100, 100 + i, 0), 0);
    }
    for (uint64_t i = 0; i < KILLS; i++) {
        const size_t row = rng_u64(&rng) % ROWS;
        if (killed_at[row] == UINT64_MAX) killed_at[row] = 200 + i / 4;
        assert_int_equal(segment_kill(segment, row, 200 + i / 4), 0);
    }
    for (uint64_t ts = 90; ts < 750; ts += 33) {
        struct bitset visible;
        assert_int_equal(segment_visible(segment, ts, &visible), 0);
        const size_t prefix = ts < 100 ? 0 : ts > 129 ? ROWS : (size_t)(ts - 99) * 100;
        assert_int_equal(visible.bits, prefix);
        for (size_t row = 0; row < ROWS; row++) {
            const bool lives = row < prefix && killed_at[row] > ts;
            if (row < prefix) assert_int_equal(bitset_get(&visible, row), lives);
            if (row % 7 == 0) assert_int_equal(segment_row_visible(segment, row, ts), lives);
        }
        bitset_release(&visible);
    }
    segment_cut_kills(segment, 300);
    for (size_t row = 0; row < ROWS; row++) {
        assert_int_equal(segment_row_visible(segment, row, 9999), killed_at[row] > 300);
    }
    segment_unref(segment);
    schema_release(&schema);
}

static void keys_are_found_newest_first(void **state)
{
    (void)state;
    struct schema schema = {0};
    help_schema(&schema);
    struct segment *segment = NULL;
    assert_int_equal(growing_new(os_real(), &schema, NULL, 1, 8192, &segment), 0);
    for (uint64_t i = 0; i < 5; i++) {
        assert_int_equal(help_append(segment, &schema, 0, 1000, 10 + i, (uint32_t)i), 0);
    }
    uint32_t rows[4];
    assert_int_equal(segment_find(segment, key_int(7), 99, rows, 4), 4);
    assert_int_equal(rows[0], 4007);
    assert_int_equal(rows[3], 1007);
    assert_int_equal(segment_find(segment, key_int(7), 11, rows, 4), 2);
    assert_int_equal(rows[0], 1007);
    assert_int_equal(segment_kill(segment, 4007, 20), 0);
    assert_int_equal(segment_find(segment, key_int(7), 20, rows, 1), 1);
    assert_int_equal(rows[0], 3007);
    assert_int_equal(segment_find(segment, key_int(7), 19, rows, 1), 1);
    assert_int_equal(rows[0], 4007);
    assert_int_equal(segment_find(segment, key_int(1000), 99, rows, 4), 0);
    assert_int_equal(segment_find(segment, key_text((struct kith_str){"7", 1}), 99, rows, 4), 0);
    struct bitset kept;
    assert_int_equal(segment_visible(segment, 99, &kept), 0);
    const uint32_t ids[] = {4, 1};
    assert_int_equal(segment_keep_partitions(segment, ids, 2, &kept), 0);
    assert_int_equal(bitset_count(&kept), 1999);
    bitset_release(&kept);
    growing_cut(segment, 12);
    assert_int_equal(segment_rows(segment), 3000);
    assert_int_equal(segment_find(segment, key_int(7), 99, rows, 4), 3);
    assert_int_equal(help_append(segment, &schema, 500, 1000, 30, 0), 0);
    assert_int_equal(segment_find(segment, key_int(7), 99, rows, 4), 3);
    assert_int_equal(segment_find(segment, key_int(1400), 99, rows, 4), 1);
    assert_int_equal(rows[0], 3900);
    segment_unref(segment);
    schema_release(&schema);
}

static void an_append_is_all_or_nothing(void **state)
{
    (void)state;
    struct schema schema = {0};
    help_schema(&schema);
    struct budget budget;
    budget_init(&budget, 3000000);
    struct arena arena;
    arena_init(&arena);
    static int64_t keys[9000];
    for (size_t i = 0; i < 9000; i++) keys[i] = (int64_t)i;
    struct kith_batch batch;
    help_batch(&schema, &arena, keys, 9000, &batch);
    for (uint64_t nth = 1;; nth++) {
        struct segment *segment = NULL;
        alloc_fault_arm(nth, false);
        int rc = growing_new(os_real(), &schema, &budget, 1, 9100, &segment);
        if (rc == 0) rc = growing_append(segment, &batch, NULL, 1, NULL);
        const bool hit = alloc_fault_count() >= nth;
        alloc_fault_disarm();
        if (rc) {
            assert_int_equal(rc, KITH_ENOMEM);
            assert_true(hit);
            assert_int_equal(segment ? segment_rows(segment) : 0, 0);
            assert_int_equal(atomic_load(&budget.used_bytes), 0);
            if (segment) assert_int_equal(growing_append(segment, &batch, NULL, 1, NULL), 0);
        }
        if (segment) {
            assert_int_equal(segment_rows(segment), 9000);
            assert_int_equal(help_append(segment, &schema, 0, 101, 2, 0), KITH_EINVAL);
            assert_int_equal(atomic_load(&budget.used_bytes), growing_bytes(segment));
        }
        segment_unref(segment);
        assert_int_equal(atomic_load(&budget.used_bytes), 0);
        if (!rc && !hit) break;
    }
    budget.limit_bytes = 100000;
    struct segment *segment = NULL;
    assert_int_equal(growing_new(os_real(), &schema, &budget, 1, 9100, &segment), 0);
    assert_int_equal(growing_append(segment, &batch, NULL, 1, NULL), KITH_EBUSY);
    assert_int_equal(help_append(segment, &schema, 0, 100, 2, 0), 0);
    segment_unref(segment);
    arena_release(&arena);
    schema_release(&schema);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_come_back),
        cmocka_unit_test(older_views_see_the_dead),
        cmocka_unit_test(keys_are_found_newest_first),
        cmocka_unit_test(an_append_is_all_or_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
