/*
 * A saved graph is never trusted: bytes of a small valid graph are overwritten as the input says,
 * then it is opened, searched (with and without a filter) and validated. Any status is fine; a
 * crash, a hang or a row out of range is not.
 *
 * Input: groups of 6 bytes: section, offset (u32 LE, modulo the section's length), value. The first
 * byte of all chooses between the graph with shared nodes and the one without; a group whose section
 * byte has its top bit set cuts the section there instead.
 */
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/endian.h"
#include "base/rng.h"
#include "fuzz.h"
#include "index/index.h"

#define ROWS 1300
#define DIM 5
#define GROUP 6
#define QUERIES 3

static float rows[2][ROWS * DIM];
static struct vectors vectors[2];
static struct index_image images[2];

static void prepare(void)
{
    if (images[0].count > 0) return;
    struct rng rng;
    rng_init(&rng, 7);
    for (size_t i = 0; i < ROWS * DIM; i++) rows[0][i] = rows[1][i] = (float)rng_gauss(&rng);
    memcpy(rows[1] + 9 * DIM, rows[1], DIM * sizeof(float));
    for (int i = 0; i < 2; i++) {
        vectors[i] = (struct vectors){
            .rows = {.data = (const uint8_t *)rows[i], .len = sizeof rows[i]},
            .stride_bytes = DIM * sizeof(float), .count = ROWS, .dim = DIM, .type = KERNEL_F32,
            .metric = i == 0 ? KERNEL_L2 : KERNEL_COSINE};
        const struct index_params params = {3, 12};
        const struct index_job job = {.os = os_real(), .threads = 1};
        if (index_ops_find("HNSW")->build(&vectors[i], &params, &job, &images[i], NULL)) abort();
    }
}

static void mutate(struct index_view_section *views, uint8_t **copies, size_t count,
                   const uint8_t *group)
{
    const size_t s = (group[0] & 0x7fu) % count;
    if (views[s].bytes.len == 0) return;
    const size_t at = le32_get(group + 1) % views[s].bytes.len;
    if (group[0] & 0x80u) {
        views[s].bytes.len = at;
    } else {
        copies[s][at] = group[5];
    }
}

static void search(const struct index *index, const struct vectors *v, const struct bitset *allowed)
{
    for (size_t q = 0; q < QUERIES; q++) {
        struct hit hits[20];
        size_t count = 0;
        const struct index_search s = {.query = v->rows.data + q * v->stride_bytes, .k = 20,
                                       .ef = 20 + 20 * (uint32_t)q, .bound = INFINITY,
                                       .allowed = allowed,
                                       .allowed_count = allowed ? bitset_count(allowed) : 0};
        if (index->ops->search(index, &s, hits, &count, NULL)) continue;
        if (count > 20) abort();
        for (size_t i = 0; i < count; i++) {
            if (hits[i].id >= v->count) abort();
        }
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    prepare();
    if (size == 0) return 0;
    const size_t which = data[0] & 1u;
    const struct index_image *image = &images[which];
    struct index_view_section views[INDEX_SECTIONS_MAX];
    uint8_t *copies[INDEX_SECTIONS_MAX];
    for (size_t i = 0; i < image->count; i++) {
        copies[i] = malloc(image->sections[i].len + 1);
        if (!copies[i]) abort();
        memcpy(copies[i], image->sections[i].data, image->sections[i].len);
        views[i] = (struct index_view_section){image->sections[i].id,
                                               {copies[i], image->sections[i].len, NULL}};
    }
    for (size_t at = 1; at + GROUP <= size; at += GROUP) {
        mutate(views, copies, image->count, data + at);
    }
    struct index *index = NULL;
    if (index_ops_find("HNSW")->open(os_real(), views, image->count, &vectors[which], &index,
                                     NULL) == 0) {
        struct bitset allowed;
        if (bitset_init(&allowed, ROWS, false)) abort();
        for (size_t i = 0; i < ROWS; i += 3) bitset_set(&allowed, i);
        search(index, &vectors[which], NULL);
        search(index, &vectors[which], &allowed);
        if (index->ops->validate(index, NULL) > 0) abort();
        bitset_release(&allowed);
        index->ops->close(index);
    }
    for (size_t i = 0; i < image->count; i++) free(copies[i]);
    return 0;
}
