/*
 * Sorting and searching the key index: see key_index.h.
 */
#include "storage/key_index.h"

#include <string.h>

#include "base/alloc.h"
#include "base/endian.h"

#define RADIX 256u

uint64_t key_index_value(struct key key)
{
    return key.text ? key_hash(key) : (uint64_t)key.i ^ (UINT64_C(1) << 63);
}

struct radix {
    uint64_t *keys[2];
    uint32_t *rows[2];
    size_t n;
};

/* One stable pass by byte `shift / 8`; false when all keys agree there and nothing was moved. */
static bool pass(const struct radix *r, unsigned from, unsigned shift)
{
    size_t count[RADIX] = {0};
    const uint64_t *keys = r->keys[from];
    for (size_t i = 0; i < r->n; i++) count[(keys[i] >> shift) % RADIX]++;
    if (count[(keys[0] >> shift) % RADIX] == r->n) return false;
    size_t at = 0;
    for (size_t b = 0; b < RADIX; b++) {
        const size_t here = count[b];
        count[b] = at;
        at += here;
    }
    for (size_t i = 0; i < r->n; i++) {
        const size_t to = count[(keys[i] >> shift) % RADIX]++;
        r->keys[1 - from][to] = keys[i];
        r->rows[1 - from][to] = r->rows[from][i];
    }
    return true;
}

int key_index_sort(uint64_t *keys, uint32_t *rows, size_t n)
{
    if (n == 0) return 0;
    struct radix r = {.keys = {keys, mem_alloc_array(n, sizeof *keys)},
                      .rows = {rows, mem_alloc_array(n, sizeof *rows)},
                      .n = n};
    int rc = KITH_ENOMEM;
    if (!r.keys[1] || !r.rows[1]) goto out;
    for (size_t i = 0; i < n; i++) { /* newest first; the sort is stable */
        r.keys[1][i] = keys[n - 1 - i];
        r.rows[1][i] = (uint32_t)(n - 1 - i);
    }
    unsigned from = 1;
    for (unsigned shift = 0; shift < 64; shift += 8) {
        if (pass(&r, from, shift)) from = 1 - from;
    }
    if (from == 1) {
        memcpy(keys, r.keys[1], n * sizeof *keys);
        memcpy(rows, r.rows[1], n * sizeof *rows);
    }
    rc = 0;
out:
    mem_free(r.keys[1]);
    mem_free(r.rows[1]);
    return rc;
}

static int key_at(const struct section *keys, size_t i, uint64_t *out)
{
    const int rc = section_touch(keys, 8 * i, 8);
    if (rc == 0) *out = le64_get(keys->data + 8 * i);
    return rc;
}

int key_index_find(const struct section *keys, const struct section *rows, size_t n,
                   uint64_t value, int (*fn)(void *ctx, uint32_t row), void *ctx)
{
    size_t low = 0;
    size_t high = n;
    uint64_t key = 0;
    while (low < high) {
        const size_t middle = low + (high - low) / 2;
        if (key_at(keys, middle, &key)) return KITH_ECORRUPT;
        if (key < value) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    for (; low < n; low++) {
        if (key_at(keys, low, &key)) return KITH_ECORRUPT;
        if (key != value) return 0;
        if (section_touch(rows, 4 * low, 4)) return KITH_ECORRUPT;
        const int rc = fn(ctx, le32_get(rows->data + 4 * low));
        if (rc) return rc;
    }
    return 0;
}
