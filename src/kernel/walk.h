/*
 * The inner loop of a graph walk: which neighbours are new, and how far their codes are.
 *
 * A code is `chunks` blocks of 64 bytes: the vector, then anything (the last four bytes hold the
 * row's bias, i32 little-endian). A query is as many bytes, zero past the vector, 64-byte aligned,
 * so that whatever follows the vector in a code multiplies with zero. The navigation distance is an
 * exact integer,
 *
 *     BYTES, HAMMING   base + bias(row) - 2 * both           (mod 2^32; it fits by construction)
 *     JACCARD          2^30 * (either - both) / either, either = base + bias(row) - both
 *
 * BYTES: one u8 a dimension in the code, one i8 in the query, both = sum code[j] * query[j], which
 * quant/scalar.h makes a squared Euclidean distance or a negated dot product. u8 times i8 is what
 * VNNI multiplies, and one sum serves three metrics. HAMMING, JACCARD: one bit a dimension, both =
 * the bits set in code and query, base and bias the bits set in each. Integer sums have no order:
 * every instruction set gives the same numbers, hence the same graphs.
 *
 * Rows are untrusted only through ids: walk_expand compares each with `count` before it is used.
 * No state, thread-safe.
 */
#ifndef KITH_KERNEL_WALK_H
#define KITH_KERNEL_WALK_H

#include <stddef.h>
#include <stdint.h>

#define WALK_CHUNK 64u

enum walk_form { WALK_BYTES, WALK_HAMMING, WALK_JACCARD, WALK_FORM_COUNT };

struct walk_codes {
    const uint8_t *base; /* borrows: the code of row i is at base + i * stride */
    size_t stride;
    size_t chunks; /* >= 1; bias is the last four bytes of the last chunk */
};

struct walk_query {
    const int8_t *code; /* borrows: chunks * 64 bytes, 64-byte aligned */
    int32_t base;
};

struct walk_links {
    const uint32_t *ids; /* borrows: a list ends at its capacity or at the node's own id */
    uint32_t capacity;
    uint32_t self;
    uint32_t count; /* nodes of the graph: every id must be below */
};

struct walk_kernel {
    /* out[i] = navigation distance of row ids[i]. */
    void (*distances)(const struct walk_codes *codes, const struct walk_query *query,
                      const uint32_t *ids, size_t count, int32_t *out);
    /* Appends the neighbours whose bit in `seen` is clear to out, sets the bits, and asks the
     * memory for their codes. Returns how many, or -1 when an id is out of range. */
    int (*expand)(const struct walk_codes *codes, const struct walk_links *links, uint64_t *seen,
                  uint32_t *out);
};

/* The kernel of a form for kernel_isa(). Never NULL. */
const struct walk_kernel *walk_kernel_get(enum walk_form form);

/* By form. */
extern const struct walk_kernel walk_kernels_serial[WALK_FORM_COUNT];
#if defined(__x86_64__)
extern const struct walk_kernel walk_kernels_avx2[WALK_FORM_COUNT];
extern const struct walk_kernel walk_kernels_avx512[WALK_FORM_COUNT];
#elif defined(__aarch64__)
extern const struct walk_kernel walk_kernels_neon[WALK_FORM_COUNT];
#endif

#endif
