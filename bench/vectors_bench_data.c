/*
 * Rows for vectors_bench, and the nearest of them by angle.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/rng.h"
#include "vectors_bench.h"

#define CENTRES 1000u

struct rows rows_draw(unsigned count, uint32_t dim)
{
    struct rng rng;
    rng_init(&rng, 1);
    struct rows rows = { malloc((size_t)count * dim * 4), dim, count };
    float *centres = malloc((size_t)CENTRES * dim * 4);
    if (!rows.data || !centres) die("no memory for %u rows", count);
    for (size_t i = 0; i < (size_t)CENTRES * dim; i++) centres[i] = (float)rng_gauss(&rng);
    for (unsigned i = 0; i < count; i++) {
        const float *centre = centres + rng_below(&rng, CENTRES) * dim;
        for (uint32_t j = 0; j < dim; j++)
            rows.data[(size_t)i * dim + j] = centre[j] + 0.7f * (float)rng_gauss(&rng);
    }
    free(centres);
    return rows;
}

struct rows rows_read(const char *path, unsigned most)
{
    FILE *file = fopen(path, "rb");
    struct rows rows = { 0 };
    uint32_t dim;
    if (!file || fread(&dim, 4, 1, file) != 1) die("cannot read %s", path);
    rows.dim = dim;
    rows.data = malloc((size_t)most * dim * 4);
    if (!rows.data) die("no memory for %u rows", most);
    do {
        if (fread(rows.data + (size_t)rows.count * dim, 4, dim, file) != dim) break;
        rows.count++;
    } while (rows.count < most && fread(&dim, 4, 1, file) == 1);
    (void)fclose(file);
    return rows;
}

static float cosine(const float *a, const float *b, uint32_t dim)
{
    float dot[8] = { 0 }, square[8] = { 0 };
    uint32_t i = 0;
    for (; i + 8 <= dim; i += 8)
        for (uint32_t j = 0; j < 8; j++) {
            dot[j] += a[i + j] * b[i + j];
            square[j] += b[i + j] * b[i + j];
        }
    for (; i < dim; i++) {
        dot[0] += a[i] * b[i];
        square[0] += b[i] * b[i];
    }
    float sum = 0, norm = 0;
    for (uint32_t j = 0; j < 8; j++) {
        sum += dot[j];
        norm += square[j];
    }
    return norm > 0 ? sum / sqrtf(norm) : 0;
}

void rows_nearest(const struct rows *rows, const float *query, unsigned found[K])
{
    float best[K];
    unsigned count = 0;
    for (unsigned i = 0; i < K; i++) found[i] = NONE;
    for (unsigned i = 0; i < rows->count; i++) {
        const float near = cosine(query, row_at(rows, i), rows->dim);
        if (count == K && near <= best[K - 1]) continue;
        unsigned at = count < K ? count++ : K - 1;
        for (; at > 0 && best[at - 1] < near; at--) {
            best[at] = best[at - 1];
            found[at] = found[at - 1];
        }
        best[at] = near;
        found[at] = i;
    }
}
