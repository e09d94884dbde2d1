/*
 * Between the files of vectors_bench: rows, the client, what is measured.
 */
#ifndef KITH_BENCH_VECTORS_BENCH_H
#define KITH_BENCH_VECTORS_BENCH_H

#include "redis_bench.h"

#define K 10u
#define SERVERS_MAX 2u
#define NONE UINT32_MAX

struct rows { /* dense, dim floats each */
    float *data;
    uint32_t dim;
    unsigned count;
};
static inline const float *row_at(const struct rows *rows, size_t i)
{
    return rows->data + i * rows->dim;
}

struct options {
    const char *kith, *peer; /* peer NULL: kith alone */
    const char *only;        /* "kith" or "peer": for a profiler; NULL: both */
    const char *data;        /* a file of fvecs; NULL: generated */
    const char *quant;
    unsigned rows, dim, queries, rounds, connections, pipeline, pace;
    bool values, cas, churn, filters, json;
};

/* ---- vectors_bench_data.c ---- */

/* `count` rows around 1,000 centres. */
struct rows rows_draw(unsigned count, uint32_t dim);
/* The first `most` rows of the file. */
struct rows rows_read(const char *path, unsigned most);
/* The K rows nearest by angle, in floats; NONE where there are fewer. */
void rows_nearest(const struct rows *rows, const float *query, unsigned found[K]);

/* ---- vectors_bench_client.c ---- */

struct bytes { /* grows; the program ends when it cannot */
    char *data;
    size_t len, room;
};
void bytes_put(struct bytes *bytes, const void *data, size_t len);
void bytes_printf(struct bytes *bytes, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* "FP32 blob" or "VALUES n v...", as words of a command; the number of words. */
unsigned vector_words(bool values, uint32_t dim);
void put_vector(struct bytes *out, bool values, const float *row, uint32_t dim);

struct client {
    unsigned connections, pipeline; /* of each connection */
    int sockets[64];
    struct bytes in[64];
    size_t at[64]; /* what was read of in */
};
void client_open(struct client *client, uint16_t port, unsigned connections, unsigned pipeline);
void client_close(struct client *client);
/* Requests 0 to count - 1 by turns over the connections; make() writes one, got() sees the bytes of
 * its reply. */
struct exchange {
    unsigned count;
    void (*make)(void *ctx, unsigned i, struct bytes *out);
    void (*got)(void *ctx, unsigned i, const char *reply, size_t len); /* nullable */
    void *ctx;
};
void client_run(struct client *client, const struct exchange *exchange);
/* One command, words apart by blanks; says whether the reply is no error. */
bool client_ask(struct client *client, const char *words);
/* The numbers behind the 'e' of the names in a reply; how many there are. */
unsigned names_in(const char *reply, size_t len, unsigned found[K]);

/* ---- vectors_bench_run.c ---- */

struct side { /* a server under test */
    struct server server;
    struct client client;
    const struct options *options;
    const struct rows *rows;
    const struct rows *queries;
    unsigned (*truth)[K]; /* a query; by computing every distance of what is stored */
    double empty_mb;
};

struct load_figure {
    double seconds, cpu_s;
    double acked_s, acked_cpu_s; /* until the last reply, without what the server does after it */
};
/* All rows into an empty key, until the server is idle. */
struct load_figure load_all(struct side *side);

struct point {
    unsigned ef;
    double recall, cpu_us, rate, count; /* count: results a query */
};
/* filter: nullable; ef 0: the default. truth: of this filter. */
struct point search_all(struct side *side, unsigned ef, const char *filter,
                        unsigned (*truth)[K]);
/* Waits until the server uses no processor; gives the time of its last work. */
double wait_idle(const struct server *server);
/* truth[i] = VSIM ... TRUTH [FILTER] of query i; microseconds of processor a query. */
double ask_truth(struct side *side, const char *filter, unsigned (*truth)[K]);
/* Half of the rows go and come again while searches run: processor seconds of all of it. */
double churn(struct side *side, struct point *between);

#endif
