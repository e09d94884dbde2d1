/*
 * The inner loop of the graph walk: every form on every instruction set gives exactly the numbers
 * of walk.h's formulas, and expand lists what was not seen, once, and refuses ids out of range.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "kernel/kernel.h"
#include "kernel/walk.h"

#define ROWS ((size_t)40)
#define CHUNKS_MAX ((size_t)13)

static const char *const isas[] = {"serial", "avx2", "avx512", "neon"};
static uint8_t codes[ROWS * CHUNKS_MAX * WALK_CHUNK];
static _Alignas(64) int8_t query[CHUNKS_MAX * WALK_CHUNK];
static uint64_t seed = 0x77616c6b;

static uint32_t random_u32(void)
{
    seed = seed * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(seed >> 32);
}

static uint32_t bits_of(unsigned byte)
{
    uint32_t bits = 0;
    for (; byte; byte &= byte - 1) bits++;
    return bits;
}

static uint32_t both_of(enum walk_form form, const uint8_t *code, size_t bytes)
{
    uint32_t both = 0;
    for (size_t j = 0; j < bytes; j++) {
        both += form == WALK_BYTES ? (uint32_t)((int32_t)code[j] * query[j])
                                   : bits_of(code[j] & (unsigned)(uint8_t)query[j]);
    }
    return both;
}

static int32_t expected_of(enum walk_form form, const uint8_t *code, size_t bytes, uint32_t base)
{
    const uint8_t *end = code + bytes - 4;
    const uint32_t bias = end[0] | (uint32_t)end[1] << 8 | (uint32_t)end[2] << 16 |
                          (uint32_t)end[3] << 24;
    const uint32_t both = both_of(form, code, bytes);
    if (form != WALK_JACCARD) return (int32_t)(base + bias - 2 * both);
    const uint32_t either = base + bias - both;
    if (either == 0) return 0;
    return (int32_t)(((uint64_t)(either - both) * 1073741824u) / either);
}

/* Extremes are as common as the rest. For Jaccard base and bias are what they stand for. */
static uint32_t fill(enum walk_form form, size_t bytes)
{
    for (size_t i = 0; i < sizeof codes; i++)
        codes[i] = random_u32() % 3 ? (uint8_t)random_u32() : 255;
    for (size_t i = 0; i < sizeof query; i++)
        query[i] = random_u32() % 3 ? (int8_t)random_u32() : -128;
    if (form == WALK_BYTES) return (uint32_t)-77;
    memset(query + bytes - 4, 0, 4);
    for (size_t r = 0; r < ROWS; r++) {
        uint8_t *code = codes + r * bytes;
        uint32_t bias = 0;
        if (r % 8 == 0) memset(code, 0, bytes); /* empty sets */
        for (size_t j = 0; j < bytes - 4; j++) bias += bits_of(code[j]);
        for (size_t j = 0; j < 4; j++) code[bytes - 4 + j] = (uint8_t)(bias >> 8 * j);
    }
    uint32_t base = 0;
    for (size_t j = 0; j < bytes; j++) base += bits_of((unsigned)(uint8_t)query[j]);
    return base;
}

static void check_distances(enum walk_form form, size_t chunks)
{
    const size_t bytes = chunks * WALK_CHUNK;
    const uint32_t base = fill(form, bytes);
    const struct walk_codes rows = {codes, bytes, chunks};
    const struct walk_query q = {query, (int32_t)base};
    uint32_t ids[ROWS];
    for (uint32_t i = 0; i < ROWS; i++) ids[i] = (i * 7) % ROWS;
    for (size_t k = 0; k < 4; k++) {
        if (!kernel_select(isas[k])) continue;
        for (size_t count = 0; count <= ROWS; count++) {
            int32_t out[ROWS];
            walk_kernel_get(form)->distances(&rows, &q, ids, count, out);
            for (size_t i = 0; i < count; i++)
                assert_int_equal(out[i], expected_of(form, codes + ids[i] * bytes, bytes, base));
        }
    }
}

static void distances_follow_the_formulas(void **state)
{
    (void)state;
    for (unsigned form = 0; form < WALK_FORM_COUNT; form++)
        for (size_t chunks = 1; chunks <= CHUNKS_MAX; chunks += chunks < 3 ? 1 : 5)
            check_distances((enum walk_form)form, chunks);
}

static void expand_lists_the_unseen(void **state)
{
    (void)state;
    const struct walk_codes rows = {codes, WALK_CHUNK, 1};
    const uint32_t ids[] = {3, 39, 3, 0, 5, 7, 9}; /* 7 is the node's own: the end */
    for (size_t k = 0; k < 4; k++) {
        if (!kernel_select(isas[k])) continue;
        const struct walk_kernel *kernel = walk_kernel_get(WALK_BYTES);
        uint64_t seen[1] = {UINT64_C(1) << 39};
        uint32_t out[8];
        struct walk_links links = {ids, 7, 7, ROWS};
        assert_int_equal(kernel->expand(&rows, &links, seen, out), 3);
        const uint32_t expected[] = {3, 0, 5};
        assert_memory_equal(out, expected, sizeof expected);
        assert_true(seen[0] == (UINT64_C(1) << 39 | 1 << 3 | 1 << 0 | 1 << 5));
        links.count = 5; /* id 5 is out of range */
        assert_int_equal(kernel->expand(&rows, &links, seen, out), -1);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(distances_follow_the_formulas),
        cmocka_unit_test(expand_lists_the_unseen),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
