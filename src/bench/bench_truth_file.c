/*
 * Truth in files: others' (ivecs, ibin, npy, HDF5), and ours, kept beside the base so that it is
 * computed once. Ours, little-endian:
 *
 *   OFFSET  SIZE         MEANING
 *   0       8            magic "KITHGT1\n"
 *   8       8            digest of base, queries, dim, metric and k (XXH3)
 *   16      8            queries
 *   24      8            k
 *   32      8            XXH3 of the ids, seeded with the digest
 *   40      4*queries*k  ids, nearest first
 *
 * A file that is not exactly this is computed anew.
 */
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/checksum.h"
#include "base/endian.h"
#include "bench/bench_truth.h"
#include "import/import.h"

#define HEAD_BYTES ((size_t)40)

static const uint8_t magic[8] = {'K', 'I', 'T', 'H', 'G', 'T', '1', '\n'};

/* ---- others' files ---- */

static int check_ids(const struct bench_truth *truth, size_t base_count, const char *path,
                     struct kith_error *err)
{
    for (size_t i = 0; i < truth->query_count * truth->k; i++) {
        if (truth->ids[i] < base_count) continue;
        return error_set_at(err, KITH_EINVAL, i / truth->k,
                            "%s: query %zu names row %u of a base of %zu; it belongs to other data",
                            path, i / truth->k, truth->ids[i], base_count);
    }
    return 0;
}

static int read_ids(struct buffer *ids, struct import_reader *reader, size_t *k, size_t *rows,
                    const char *path, struct kith_error *err)
{
    const struct import_description *about = import_describe(reader);
    if (about->column_count < 1 || about->columns[0].kind != IMPORT_VECTOR_I32) {
        return error_set(err, KITH_EINVAL, "%s: not rows of 32-bit numbers", path);
    }
    *k = about->columns[0].dim;
    for (*rows = 0;;) {
        struct import_batch batch;
        const int rc = import_next(reader, 4096, &batch, err);
        if (rc || batch.rows == 0) return rc;
        buffer_put(ids, batch.columns[0].values, batch.rows * *k * sizeof(int32_t));
        if (buffer_failed(ids)) return error_set(err, KITH_ENOMEM, "%s: no memory for it", path);
        *rows += batch.rows;
    }
}

int bench_truth_read(struct bench_truth *truth, const struct bench_problem *problem,
                     const struct os *os, const char *path, const char *dataset,
                     struct kith_error *err)
{
    const struct import_options options = {.dataset = dataset};
    struct import_reader *reader = NULL;
    struct buffer ids;
    struct bench_truth t = {0};
    int rc = import_open(os, path, &options, &reader, err);
    if (rc) return rc;
    buffer_init(&ids);
    rc = read_ids(&ids, reader, &t.k, &t.query_count, path, err);
    import_close(reader);
    t.ids = (uint32_t *)(void *)ids.data;
    if (rc == 0 && t.query_count < problem->query_count) {
        rc = error_set(err, KITH_EINVAL, "%s: neighbours of %zu queries, not of %zu", path,
                       t.query_count, problem->query_count);
    }
    if (rc == 0) rc = check_ids(&t, problem->base_count, path, err);
    if (rc) {
        buffer_release(&ids);
        return rc;
    }
    *truth = t;
    return 0;
}

/* ---- our file ---- */

static uint64_t digest_of(const struct bench_problem *p, size_t k)
{
    uint8_t shape[40];
    le64_put(shape, p->base_count);
    le64_put(shape + 8, p->query_count);
    le64_put(shape + 16, p->dim);
    le64_put(shape + 24, (uint64_t)p->metric);
    le64_put(shape + 32, k);
    uint64_t digest = hash64(shape, sizeof shape, 0);
    digest = hash64(p->base, p->base_count * p->dim * sizeof *p->base, digest);
    return hash64(p->queries, p->query_count * p->dim * sizeof *p->queries, digest);
}

static bool head_fits(const uint8_t *head, uint64_t digest, const struct bench_problem *p, size_t k)
{
    return memcmp(head, magic, sizeof magic) == 0 && le64_get(head + 8) == digest &&
           le64_get(head + 16) == p->query_count && le64_get(head + 24) == k;
}

/* KITH_ENOTFOUND for anything that is not the file that belongs here. */
static int cache_read(struct bench_truth *truth, const struct bench_problem *p, const struct os *os,
                      const char *path, uint64_t digest, size_t k)
{
    struct os_file *file = NULL;
    uint8_t head[HEAD_BYTES];
    uint64_t size = 0;
    size_t got = 0;
    size_t len;
    if (!size_mul(p->query_count * sizeof(uint32_t), k, &len)) return KITH_ENOTFOUND;
    if (os_open(os, path, OS_READ, &file, NULL)) return KITH_ENOTFOUND;
    struct bench_truth t = {.query_count = p->query_count, .k = k};
    bool good = os_size(file, &size, NULL) == 0 && size == HEAD_BYTES + len &&
                os_pread(file, head, HEAD_BYTES, 0, &got, NULL) == 0 && got == HEAD_BYTES &&
                head_fits(head, digest, p, k);
    if (good) t.ids = mem_alloc(len);
    good = t.ids && os_pread(file, t.ids, len, HEAD_BYTES, &got, NULL) == 0 && got == len &&
           hash64(t.ids, len, digest) == le64_get(head + 32) &&
           check_ids(&t, p->base_count, path, NULL) == 0;
    os_close(file);
    if (!good) {
        bench_truth_release(&t);
        return KITH_ENOTFOUND;
    }
    *truth = t;
    return 0;
}

static int cache_write(const struct bench_truth *truth, const struct os *os, const char *path,
                       uint64_t digest, struct kith_error *err)
{
    struct buffer out;
    const size_t len = truth->query_count * truth->k * sizeof(uint32_t);
    buffer_init(&out);
    buffer_put(&out, magic, sizeof magic);
    buffer_put_u64(&out, digest);
    buffer_put_u64(&out, truth->query_count);
    buffer_put_u64(&out, truth->k);
    buffer_put_u64(&out, hash64(truth->ids, len, digest));
    buffer_put(&out, truth->ids, len);
    const int rc = buffer_failed(&out) ? error_set(err, KITH_ENOMEM, "no memory to write it")
                                       : bench_write(os, path, out.data, out.len, err);
    buffer_release(&out);
    return rc;
}

int bench_truth_cached(struct bench_truth *truth, const struct bench_problem *problem,
                       const struct os *os, unsigned threads, const char *base_path, size_t k,
                       struct kith_error *err)
{
    char path[OS_PATH_MAX];
    if (k > problem->base_count) k = problem->base_count;
    const uint64_t digest = digest_of(problem, k);
    const int len = snprintf(path, sizeof path, "%s.%016llx.truth", base_path,
                             (unsigned long long)digest);
    const bool cached = len > 0 && (size_t)len < sizeof path;
    if (cached && cache_read(truth, problem, os, path, digest, k) == 0) return 0;
    const int rc = bench_truth_compute(truth, problem, os, threads, k, err);
    if (rc) return rc;
    struct kith_error why = {0};
    if (!cached || cache_write(truth, os, path, digest, &why)) {
        fprintf(stderr, "warning: exact neighbours are not kept beside the base: %s\n", why.text);
    }
    return 0;
}
