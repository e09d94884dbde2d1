/*
 * Bytes in and out: buffer and cursor, checksums of pages, bitsets, top k, errors, the budget.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "base/bitset.h"
#include "base/budget.h"
#include "base/buffer.h"
#include "base/checksum.h"
#include "base/endian.h"
#include "base/error.h"
#include "base/pages.h"
#include "base/rng.h"
#include "base/topk.h"

static void put_sample(struct buffer *buf)
{
    buffer_put_u8(buf, 7);
    buffer_put_u16(buf, 0x1234);
    buffer_put_u32(buf, 0xdeadbeef);
    buffer_put_u64(buf, UINT64_MAX);
    buffer_put_f32(buf, 1.5f);
    buffer_put_f64(buf, -0.1);
    buffer_put_varint(buf, 0);
    buffer_put_varint(buf, UINT64_MAX);
    buffer_put_cstr(buf, "kith");
}

/* true when all of it was there and right. */
static bool read_sample(struct cursor *cur)
{
    size_t len;
    bool same = cursor_u8(cur) == 7;
    same &= cursor_u16(cur) == 0x1234;
    same &= cursor_u32(cur) == 0xdeadbeef;
    same &= cursor_u64(cur) == UINT64_MAX;
    same &= cursor_f32(cur) == 1.5f;
    same &= cursor_f64(cur) == -0.1;
    same &= cursor_varint(cur) == 0;
    same &= cursor_varint(cur) == UINT64_MAX;
    const uint8_t *text = cursor_bytes(cur, &len);
    return same && text && len == 4 && memcmp(text, "kith", 4) == 0;
}

static void test_cursor_short_at_every_length(void **state)
{
    (void)state;
    struct buffer buf;
    buffer_init(&buf);
    put_sample(&buf);
    for (size_t len = 0; len <= buf.len; len++) {
        uint8_t *copy = malloc(len + 1); /* exact: a sanitizer sees one byte too far */
        assert_non_null(copy);
        memcpy(copy, buf.data, len);
        struct cursor cur;
        cursor_init(&cur, copy, len);
        bool whole = read_sample(&cur);
        assert_int_equal(whole, len == buf.len);
        assert_int_equal(cursor_failed(&cur), len != buf.len);
        assert_true(cur.pos <= len);
        if (!whole) assert_int_equal(cursor_u8(&cur), 0); /* sticky */
        free(copy);
    }
    buffer_release(&buf);
}

static void test_cursor_refuses_bad_lengths(void **state)
{
    (void)state;
    const uint8_t too_long[11] = {0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0};
    const uint8_t overflow[10] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 2};
    const uint8_t huge_bytes[10] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1};
    struct cursor cur;
    cursor_init(&cur, too_long, sizeof too_long);
    (void)cursor_varint(&cur);
    assert_true(cursor_failed(&cur));
    cursor_init(&cur, overflow, sizeof overflow);
    (void)cursor_varint(&cur);
    assert_true(cursor_failed(&cur));
    size_t len = 1;
    cursor_init(&cur, huge_bytes, sizeof huge_bytes);
    assert_null(cursor_bytes(&cur, &len));
    assert_int_equal(len, 0);
    assert_int_equal(cur.pos, 0);
    cursor_init(&cur, NULL, 0);
    assert_non_null(cursor_take(&cur, 0));
}

enum { PAGES = 5, BYTES = (PAGES - 1) * (int)PAGE_BYTES + 100 };

struct file {
    uint8_t data[BYTES];
    uint8_t sums[PAGES * 4];
};

static void fill_file(struct file *file)
{
    struct rng rng;
    rng_init(&rng, 1);
    for (int i = 0; i < BYTES; i++) file->data[i] = (uint8_t)rng_u64(&rng);
    for (size_t i = 0; i < PAGES; i++) {
        size_t len = i == PAGES - 1 ? 100 : PAGE_BYTES;
        uint64_t seed = checksum_seed(11, 22, 33 + i);
        le32_put(file->sums + i * 4, checksum32(file->data + i * PAGE_BYTES, len, seed));
    }
}

/* Touches the whole of it through a fresh guard. */
static int touch_all(const struct file *file, uint64_t file_id, uint64_t first_page, bool *damaged)
{
    struct page_guard guard;
    int opened = page_guard_init(&guard, file->data, BYTES, file->sums, 11, file_id, first_page);
    assert_int_equal(opened, 0);
    struct section section = {.data = file->data, .len = BYTES, .guard = &guard};
    int rc = section_touch(&section, 0, BYTES);
    assert_int_equal(section_touch(&section, BYTES, 1), KITH_ECORRUPT);
    assert_int_equal(section_touch(&section, SIZE_MAX, 2), KITH_ECORRUPT);
    *damaged = guard.damaged;
    page_guard_release(&guard);
    return rc;
}

static void test_pages(void **state)
{
    (void)state;
    static struct file file;
    fill_file(&file);
    bool damaged;
    assert_int_equal(touch_all(&file, 22, 33, &damaged), 0);
    assert_false(damaged);
    assert_int_equal(touch_all(&file, 23, 33, &damaged), KITH_ECORRUPT); /* another file */
    assert_int_equal(touch_all(&file, 22, 34, &damaged), KITH_ECORRUPT); /* another place */
    for (size_t page = 0; page < PAGES; page++) { /* one bit, in each page */
        file.data[page * PAGE_BYTES + 99] ^= 4;
        assert_int_equal(touch_all(&file, 22, 33, &damaged), KITH_ECORRUPT);
        assert_true(damaged);
        file.data[page * PAGE_BYTES + 99] ^= 4;
    }
    /* Two intact pages change places, with their checksums. */
    uint8_t page[PAGE_BYTES], sum[4];
    memcpy(page, file.data, PAGE_BYTES);
    memcpy(file.data, file.data + PAGE_BYTES, PAGE_BYTES);
    memcpy(file.data + PAGE_BYTES, page, PAGE_BYTES);
    memcpy(sum, file.sums, 4);
    memcpy(file.sums, file.sums + 4, 4);
    memcpy(file.sums + 4, sum, 4);
    assert_int_equal(touch_all(&file, 22, 33, &damaged), KITH_ECORRUPT);
}

static void test_damage_is_local_and_seen_is_remembered(void **state)
{
    (void)state;
    static struct file file;
    fill_file(&file);
    struct page_guard guard;
    assert_int_equal(page_guard_init(&guard, file.data, BYTES, file.sums, 11, 22, 33), 0);
    struct section section = {.data = file.data + 10, .len = BYTES - 10, .guard = &guard};
    file.data[2 * PAGE_BYTES] ^= 1;
    assert_int_equal(section_touch(&section, 0, 2 * PAGE_BYTES - 10), 0);
    assert_int_equal(section_touch(&section, 2 * PAGE_BYTES - 11, 2), KITH_ECORRUPT);
    assert_int_equal(section_touch(&section, 3 * PAGE_BYTES, 5), 0);
    file.data[0] ^= 1; /* seen already: not read again */
    assert_int_equal(section_touch(&section, 0, 1), 0);
    assert_int_equal(page_guard_verify(&guard, 4, 2), KITH_ECORRUPT); /* past the end */
    page_guard_release(&guard);
}

static void test_bitset_against_bools(void **state)
{
    (void)state;
    struct rng rng;
    rng_init(&rng, 5);
    for (size_t bits = 0; bits < 200; bits += 7) {
        struct bitset set;
        bool model[200] = {false};
        assert_int_equal(bitset_init(&set, bits, false), 0);
        for (size_t i = 0; i < bits; i++) {
            if ((model[i] = rng_below(&rng, 4) == 0)) bitset_set(&set, i);
        }
        for (size_t first = 0; first <= bits; first++) {
            size_t next = first;
            while (next < bits && !model[next]) next++;
            assert_int_equal(bitset_next(&set, first), next);
            size_t end = first + (size_t)rng_below(&rng, bits - first + 1), count = 0;
            for (size_t i = first; i < end; i++) count += model[i];
            assert_int_equal(bitset_count_range(&set, first, end), count);
        }
        size_t count = bitset_count(&set);
        bitset_not(&set);
        assert_int_equal(bitset_count(&set), bits - count);
        bitset_release(&set);
    }
}

static int compare_hits(const void *a, const void *b)
{
    struct hit x = *(const struct hit *)a, y = *(const struct hit *)b;
    return hit_less(x, y) ? -1 : hit_less(y, x);
}

static void test_topk_against_sort(void **state)
{
    (void)state;
    struct rng rng;
    rng_init(&rng, 9);
    for (size_t k = 0; k < 20; k++) {
        struct hit all[100], room[20];
        struct topk top;
        topk_init(&top, room, k);
        topk_push(&top, (struct hit){NAN, 1});
        for (uint32_t i = 0; i < 100; i++) {
            all[i] = (struct hit){(float)rng_below(&rng, 30), i}; /* many ties */
            topk_push(&top, all[i]);
        }
        qsort(all, 100, sizeof all[0], compare_hits);
        if (k > 0) assert_true(topk_bound(&top) == all[k - 1].distance);
        topk_sort(&top);
        assert_int_equal(top.count, k);
        for (size_t i = 0; i < k; i++) assert_int_equal(room[i].id, all[i].id);
    }
}

static void test_rng_is_fixed(void **state)
{
    (void)state;
    struct rng rng;
    rng_init(&rng, 0); /* first outputs of the authors' code, seeded by splitmix64 from 0 */
    assert_true(rng_u64(&rng) == 0x99ec5f36cb75f2b4ull);
    assert_true(rng_u64(&rng) == 0xbf6e1f784956452aull);
    double sum = 0, squares = 0;
    for (int i = 0; i < 100000; i++) {
        double x = rng_gauss(&rng);
        sum += x;
        squares += x * x;
    }
    assert_true(fabs(sum / 100000) < 0.02);
    assert_true(fabs(squares / 100000 - 1) < 0.03);
}

static void test_error_text(void **state)
{
    (void)state;
    struct kith_error err;
    assert_int_equal(error_set_at(&err, KITH_EBUSY, 17, "row %d", 17), KITH_EBUSY);
    assert_int_equal(error_wrap(&err, KITH_ECORRUPT, "file '%s'", "a"), KITH_ECORRUPT);
    assert_string_equal(err.text, "file 'a': row 17");
    assert_int_equal(err.position, 17);
    assert_false(err.retryable);
    (void)error_set(&err, KITH_EBUSY, "%s again", err.text); /* an argument inside the error */
    assert_string_equal(err.text, "file 'a': row 17 again");
    assert_true(err.retryable);
    for (int i = 0; i < 100; i++) (void)error_wrap(&err, KITH_EIO, "level %d", i);
    assert_int_equal(strlen(err.text), KITH_ERROR_TEXT_MAX - 1);
    assert_string_equal(err.text + KITH_ERROR_TEXT_MAX - 4, "...");
    assert_int_equal(error_set(NULL, KITH_EIO, "x"), KITH_EIO);
    assert_string_equal(error_name(KITH_ECORRUPT), "corrupt file");
    assert_non_null(error_name(-1000));
    assert_non_null(error_name(5));
}

static void test_budget(void **state)
{
    (void)state;
    struct budget budget;
    budget_init(&budget, 100);
    assert_true(budget_reserve(&budget, BUDGET_HOT, 60));
    assert_false(budget_reserve(&budget, BUDGET_QUERY, 41));
    assert_false(budget_reserve(&budget, BUDGET_QUERY, UINT64_MAX));
    assert_true(budget_reserve(&budget, BUDGET_QUERY, 40));
    budget_release(&budget, BUDGET_HOT, 60);
    assert_int_equal(budget.used_bytes, 40);
    assert_int_equal(budget.class_bytes[BUDGET_HOT], 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_cursor_short_at_every_length),
        cmocka_unit_test(test_cursor_refuses_bad_lengths),
        cmocka_unit_test(test_pages),
        cmocka_unit_test(test_damage_is_local_and_seen_is_remembered),
        cmocka_unit_test(test_bitset_against_bools),
        cmocka_unit_test(test_topk_against_sort),
        cmocka_unit_test(test_rng_is_fixed),
        cmocka_unit_test(test_error_text),
        cmocka_unit_test(test_budget),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
