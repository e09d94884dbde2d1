/*
 * The walk in plain C: the oracle for the other instruction sets, and the choice among them.
 */
#include "kernel/walk.h"

#include <string.h>

#include "base/endian.h"
#include "kernel/kernel.h"
#include "kernel/walk_expand.h"

#define WORD sizeof(uint64_t)

static uint32_t bytes_both(const uint8_t *code, const int8_t *query, size_t bytes)
{
    int32_t both = 0;
    for (size_t j = 0; j < bytes; j++) both += (int32_t)code[j] * query[j];
    return (uint32_t)both;
}

static uint32_t bits_both(const uint8_t *code, const int8_t *query, size_t bytes)
{
    uint32_t both = 0;
    for (size_t j = 0; j < bytes; j += WORD) {
        uint64_t x;
        uint64_t y;
        memcpy(&x, code + j, WORD);
        memcpy(&y, query + j, WORD);
        both += (uint32_t)__builtin_popcountll(x & y);
    }
    return both;
}

static inline __attribute__((always_inline)) void
distances(enum walk_form form, const struct walk_codes *codes, const struct walk_query *query,
          const uint32_t *ids, size_t count, int32_t *out)
{
    const size_t bytes = codes->chunks * WALK_CHUNK;
    for (size_t i = 0; i < count; i++) {
        const uint8_t *code = codes->base + ids[i] * codes->stride;
        const uint32_t both = form == WALK_BYTES ? bytes_both(code, query->code, bytes)
                                                 : bits_both(code, query->code, bytes);
        const uint32_t bias = le32_get(code + bytes - sizeof(uint32_t));
        out[i] = walk_finish(form, (uint32_t)query->base + bias, both);
    }
}

WALK_DEFINE(serial)

const struct walk_kernel *walk_kernel_get(enum walk_form form)
{
#if defined(__x86_64__)
    const char *isa = kernel_isa();
    if (strcmp(isa, "avx512") == 0 && __builtin_cpu_supports("avx512vnni")) {
        return &walk_kernels_avx512[form];
    }
    if (strcmp(isa, "avx512") == 0 || strcmp(isa, "avx2") == 0) return &walk_kernels_avx2[form];
#elif defined(__aarch64__)
    if (strcmp(kernel_isa(), "neon") == 0) return &walk_kernels_neon[form];
#endif
    return &walk_kernels_serial[form];
}
