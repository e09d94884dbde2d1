/*
 * The walk in plain C: the oracle for the other instruction sets, and the choice among them.
 */
#include "kernel/walk.h"

#include <string.h>

#include "base/endian.h"
#include "kernel/kernel.h"
#include "kernel/walk_expand.h"

static int32_t distance_one(const uint8_t *code, const struct walk_query *query, size_t bytes)
{
    int32_t dot = 0;
    for (size_t j = 0; j < bytes; j++) dot += (int32_t)code[j] * query->code[j];
    const uint32_t bias = le32_get(code + bytes - sizeof(uint32_t));
    return (int32_t)((uint32_t)query->base + bias - 2u * (uint32_t)dot);
}

static void distances_serial(const struct walk_codes *codes, const struct walk_query *query,
                             const uint32_t *ids, size_t count, int32_t *out)
{
    const size_t bytes = codes->chunks * WALK_CHUNK;
    for (size_t i = 0; i < count; i++) {
        out[i] = distance_one(codes->base + ids[i] * codes->stride, query, bytes);
    }
}

static int expand_serial(const struct walk_codes *codes, const struct walk_links *links,
                         uint64_t *seen, uint32_t *out)
{
    return walk_expand(codes, links, seen, out);
}

const struct walk_kernel walk_kernel_serial = {distances_serial, expand_serial};

const struct walk_kernel *walk_kernel_get(void)
{
#if defined(__x86_64__)
    const char *isa = kernel_isa();
    if (strcmp(isa, "avx512") == 0 && __builtin_cpu_supports("avx512vnni")) {
        return &walk_kernel_avx512;
    }
    if (strcmp(isa, "avx512") == 0 || strcmp(isa, "avx2") == 0) return &walk_kernel_avx2;
#endif
    return &walk_kernel_serial;
}
