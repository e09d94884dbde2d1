/*
 * Vector sets through the Redis door without sockets: VADD and VSIM a second, and recall@10 against
 * the exact scan of the same set (VSIM ... TRUTH).
 *
 *     vectors_bench [base.fvecs | random:ROWSxDIM] [rows] [Q8 | NOQUANT | BIN] [held.fvecs]
 *
 * `random` draws rows around 1,000 centres. Commands come as RESP with FP32 blobs, 64 at a time;
 * replies are parsed. "acknowledged" is until the last VADD is answered, "indexed" until no build is
 * due any more: the rows are found from the first moment, so the second is about CPU alone.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/rng.h"
#include "cache/vectors.h"
#include "redis/redis_internal.h"

#define QUERIES 1000u
#define K 10u
#define PIPELINE 64u
#define CENTRES 1000u

struct rows {
    float *data;
    uint32_t dim;
    unsigned count;
};

static double now(void)
{
    return (double)os_now_us(os_real()) / 1e6;
}

static struct rows draw_rows(unsigned count, uint32_t dim)
{
    struct rng rng;
    rng_init(&rng, 1);
    struct rows rows = {malloc((size_t)count * dim * 4), dim, count};
    float *centres = malloc((size_t)CENTRES * dim * 4);
    if (!rows.data || !centres) abort();
    for (size_t i = 0; i < (size_t)CENTRES * dim; i++) centres[i] = (float)rng_gauss(&rng);
    for (unsigned i = 0; i < count; i++) {
        const float *centre = centres + rng_below(&rng, CENTRES) * dim;
        for (uint32_t j = 0; j < dim; j++)
            rows.data[(size_t)i * dim + j] = centre[j] + 0.7f * (float)rng_gauss(&rng);
    }
    free(centres);
    return rows;
}

static struct rows read_fvecs(const char *path, unsigned most)
{
    FILE *file = fopen(path, "rb");
    struct rows rows = {0};
    uint32_t dim;
    if (!file || fread(&dim, 4, 1, file) != 1) {
        (void)fprintf(stderr, "cannot read %s\n", path);
        exit(1);
    }
    rows.dim = dim;
    rows.data = malloc((size_t)most * dim * 4);
    if (!rows.data) abort();
    do {
        if (fread(rows.data + (size_t)rows.count * dim, 4, dim, file) != dim) break;
        rows.count++;
    } while (rows.count < most && fread(&dim, 4, 1, file) == 1);
    (void)fclose(file);
    return rows;
}

static void feed(struct session *session, struct buffer *in, struct buffer *out)
{
    buffer_clear(out);
    if (session_feed(session, in->data, in->len, out)) abort();
    buffer_clear(in);
}

static void put_blob(struct buffer *in, const float *row, uint32_t dim)
{
    buffer_printf(in, "$4\r\nFP32\r\n$%u\r\n", dim * 4);
    buffer_put(in, row, dim * 4);
    buffer_put(in, "\r\n", 2);
}

static void add_rows(struct session *session, const struct rows *rows, const char *quant)
{
    struct buffer in, out;
    buffer_init(&in);
    buffer_init(&out);
    for (unsigned i = 0; i < rows->count; i++) {
        char name[16];
        const int len = snprintf(name, sizeof name, "e%u", i);
        buffer_printf(&in, "*6\r\n$4\r\nVADD\r\n$1\r\nv\r\n");
        put_blob(&in, rows->data + (size_t)i * rows->dim, rows->dim);
        buffer_printf(&in, "$%d\r\n%s\r\n$%zu\r\n%s\r\n", len, name, strlen(quant), quant);
        if (i % PIPELINE == PIPELINE - 1 || i + 1 == rows->count) feed(session, &in, &out);
    }
    buffer_release(&in);
    buffer_release(&out);
}

/* The numbers of the elements of one reply. */
static void read_reply(const struct buffer *out, unsigned found[K])
{
    const char *at = (const char *)out->data, *end = at + out->len;
    for (unsigned i = 0; i < K; i++) found[i] = UINT32_MAX;
    for (unsigned i = 0; i < K && (at = memchr(at, 'e', (size_t)(end - at))) != NULL; i++)
        found[i] = (unsigned)strtoul(++at, NULL, 10);
}

static void search(struct session *session, const float *row, uint32_t dim, unsigned ef,
                   unsigned found[K])
{
    struct buffer in, out;
    char number[16];
    buffer_init(&in);
    buffer_init(&out);
    const int len = snprintf(number, sizeof number, "%u", ef);
    buffer_printf(&in, "*%d\r\n$4\r\nVSIM\r\n$1\r\nv\r\n", ef ? 6 : 5);
    put_blob(&in, row, dim);
    if (ef) buffer_printf(&in, "$2\r\nEF\r\n$%d\r\n%s\r\n", len, number);
    else buffer_printf(&in, "$5\r\nTRUTH\r\n");
    feed(session, &in, &out);
    buffer_put_u8(&out, 0);
    read_reply(&out, found);
    buffer_release(&in);
    buffer_release(&out);
}

static unsigned common(const unsigned a[K], const unsigned b[K])
{
    unsigned same = 0;
    for (unsigned i = 0; i < K; i++)
        for (unsigned j = 0; j < K; j++) same += a[i] == b[j] && a[i] != UINT32_MAX;
    return same;
}

static struct vset_shape shape_of(struct redis *redis)
{
    struct vset_shape shape;
    cache_lock(redis->cache);
    struct entry *entry = cache_read(redis->cache, 0, (struct kith_str){"v", 1}, 0);
    struct vector_set *set = entry_value(entry);
    vset_shape_get(set, &shape);
    cache_unlock(redis->cache);
    return shape;
}

static void wait_until_indexed(struct redis *redis, struct session *session, const float *row,
                               uint32_t dim)
{
    unsigned found[K];
    do {
        os_sleep_us(os_real(), 20000);
        search(session, row, dim, 100, found); /* takes what is done, starts what is due */
    } while (shape_of(redis).busy);
}

static void measure(struct session *session, const struct rows *queries, unsigned ef,
                    unsigned (*truth)[K])
{
    unsigned same = 0, found[K];
    const double began = now();
    for (unsigned q = 0; q < queries->count; q++) {
        search(session, queries->data + (size_t)q * queries->dim, queries->dim, ef, found);
        same += common(found, truth[q]);
    }
    printf("  VSIM EF %-4u %8.0f /s   recall@10 %.4f\n", ef, queries->count / (now() - began),
           (double)same / (queries->count * (double)K));
}

static double cpu(void)
{
    struct os_usage usage;
    os_usage(&usage);
    return (double)usage.cpu_us / 1e6;
}

static void report(struct redis *redis, const char *when, unsigned rows, double seconds,
                   double cpu_seconds)
{
    const struct vset_shape shape = shape_of(redis);
    printf("  VADD %-12s %8.0f /s %8.0f a CPU second   %zu graphs over %zu rows, %zu scanned\n",
           when, rows / seconds, rows / cpu_seconds, shape.graphs, shape.graph_rows, shape.rows - shape.graph_rows);
}

int main(int argc, char **argv)
{
    const char *source = argc > 1 ? argv[1] : "random:100000x128";
    const unsigned most = argc > 2 ? (unsigned)strtoul(argv[2], NULL, 10) : 100000;
    const char *quant = argc > 3 ? argv[3] : "Q8";
    struct rows rows, queries;
    unsigned count, dim;
    if (sscanf(source, "random:%ux%u", &count, &dim) == 2) {
        rows = draw_rows(count + QUERIES, dim);
        queries = (struct rows){rows.data + (size_t)count * dim, dim, QUERIES};
        rows.count = count < most ? count : most;
    } else {
        rows = read_fvecs(source, most + QUERIES);
        if (rows.count <= QUERIES) return 1;
        rows.count -= argc > 4 ? 0 : QUERIES;
        queries = argc > 4 ? read_fvecs(argv[4], QUERIES)
                           : (struct rows){rows.data + (size_t)rows.count * rows.dim, rows.dim,
                                           QUERIES};
        if (rows.count > most) rows.count = most;
    }
    struct redis *redis = NULL;
    const struct redis_opts opts = {.os = os_real(), .workers = 1};
    if (redis_new(&opts, &redis, NULL)) return 1;
    struct session *session = session_open_local(redis);
    (void)setvbuf(stdout, NULL, _IOLBF, 0);
    printf("%s: %u x %u, %s\n", source, rows.count, rows.dim, quant);
    double began = now();
    const double used = cpu();
    add_rows(session, &rows, quant);
    report(redis, "acknowledged", rows.count, now() - began, cpu() - used);
    unsigned(*truth)[K] = calloc(QUERIES, sizeof *truth);
    if (!truth) return 1;
    wait_until_indexed(redis, session, queries.data, rows.dim);
    report(redis, "indexed", rows.count, now() - began, cpu() - used);
    began = now();
    for (unsigned q = 0; q < queries.count; q++)
        search(session, queries.data + (size_t)q * rows.dim, rows.dim, 0, truth[q]);
    printf("  VSIM TRUTH   %8.0f /s\n", queries.count / (now() - began));
    static const unsigned efs[] = {20, 50, 100, 200, 400, 800};
    for (size_t i = 0; i < sizeof efs / sizeof efs[0]; i++) measure(session, &queries, efs[i], truth);
    struct cache_stats stats;
    cache_stats_get(redis->cache, &stats);
    printf("  %.0f bytes an element\n", (double)stats.used / rows.count);
    session_close_local(session);
    redis_free(redis);
    return 0;
}
