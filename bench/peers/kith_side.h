/*
 * Kith's side of the peer benchmarks, as plain C that C++ can include: build or reload a graph over
 * float vectors, search it. Uses the internal index vtable, one thread, no database around it.
 */
#ifndef KITH_BENCH_KITH_SIDE_H
#define KITH_BENCH_KITH_SIDE_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

struct kith_side;

struct kith_side_spec {
    const float *rows; /* borrows until kith_side_free */
    size_t count;
    uint32_t dim;
    int cosine; /* else squared L2 */
    uint32_t m;
    uint32_t ef_construction;
    unsigned threads;
    const char *cache; /* nullable: the image is read from here, or built and written here */
};

/* NULL on failure, with a text on stderr. */
struct kith_side *kith_side_new(const struct kith_side_spec *spec, double *build_s);
void kith_side_free(struct kith_side *side);
/* Returns how many ids were written (at most k). */
size_t kith_side_search(const struct kith_side *side, const float *query, size_t k, uint32_t ef,
                        uint32_t *ids);
struct kith_side_stats {
    uint64_t hops;
    uint64_t distances;
    uint64_t exact;
};
void kith_side_stats(struct kith_side *side, struct kith_side_stats *out); /* and resets */
uint64_t kith_side_bytes(const struct kith_side *side);
double kith_side_now_s(void);

#ifdef __cplusplus
}
#endif
#endif
