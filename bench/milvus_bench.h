/*
 * Between the files of milvus_bench: the server under test, the load client, the data.
 */
#ifndef KITH_BENCH_MILVUS_BENCH_H
#define KITH_BENCH_MILVUS_BENCH_H

#include <kith/kith.h>
#include <milvus.pb-c.h>
#include <sys/types.h>

#include "base/buffer.h"

#define K 10
#define COLLECTION "bench"
#define FIELD "v"

struct options {
    const char *kith; /* the program */
    const char *dir;  /* where its data go: made and removed */
    const char *only; /* "grpc", "rest": that pass alone, for a profiler; NULL: all */
    size_t rows, dim, queries, insert_rows, batch;
    unsigned ef; /* 0: the least of a ladder that reaches the recall */
    unsigned flight, connections, insert_flight, rounds;
    double seconds, idle_seconds, recall;
    int server_cpu, client_cpu;
    bool uniform, json;
};

/* Says what went wrong and ends the program. */
void die(const char *fmt, ...) KITH_PRINTF(1, 2) __attribute__((noreturn));
double now_s(void);
void pin_to(int cpu); /* the calling thread */

/* ---- milvus_bench_server.c ---- */

struct server {
    pid_t pid;
    uint16_t port;
    double ready_s; /* from fork to the line that says so */
    char data[256];
};
/* Starts kith serve on options->dir/name; everysec, pinned to the server's core. */
void server_start(const struct options *options, const char *name, struct server *out);
void server_stop(struct server *server); /* SIGTERM, and waits */
struct cpu {
    double user_s, system_s;
};
struct cpu server_cpu(const struct server *server);
double server_rss_bytes(const struct server *server);
void remove_dir(const char *dir);

/* ---- milvus_bench_client.c ---- */

struct load {
    uint16_t port;
    bool rest;        /* HTTP/1.1, a request a connection at a time; else gRPC */
    const char *path;
    const struct buffer *bodies; /* without prefix; request i sends bodies[i % count] */
    size_t count;
    unsigned connections, flight;
    double seconds;     /* 0: until `requests` */
    uint64_t requests;  /* 0: until `seconds` */
    /* Nullable: each reply's body. */
    void (*on_reply)(void *ctx, size_t request, const uint8_t *body, size_t len);
    void *ctx;
};
struct load_result {
    uint64_t requests, bytes_sent;
    double seconds, p50_us, p99_us;
};
/* Ends the program when a request fails as far as the transport can tell. */
void load_run(const struct load *load, struct load_result *out);
/* One RPC; the reply is unpacked by protobuf-c with malloc. */
void *grpc_call(uint16_t port, const char *rpc, const ProtobufCMessage *request,
                const ProtobufCMessageDescriptor *reply);
int connect_to(uint16_t port); /* blocking; dies */

/* ---- milvus_bench_data.c ---- */

struct data {
    size_t rows, queries, dim;
    float *base, *query; /* own */
    int64_t *truth;      /* queries x K ids; own */
};
void data_make(const struct options *options, size_t rows, size_t queries, struct data *out);
void data_truth(struct data *data);
void data_release(struct data *data);

void collection_create(uint16_t port, const struct options *options, const char *name, bool index);
void collection_flush(uint16_t port, const char *name);
/* An InsertRequest of rows [first, first + count). */
void insert_message(const struct data *data, const char *name, size_t first, size_t count,
                    struct buffer *out);
void search_message(const struct data *data, size_t query, unsigned ef, struct buffer *out);
void search_json(const struct data *data, size_t query, unsigned ef, struct buffer *out);
/* Ids of a reply; the count. */
size_t search_ids(const uint8_t *reply, size_t len, int64_t ids[K]);
size_t search_ids_json(const uint8_t *reply, size_t len, int64_t ids[K]);
size_t data_hits(const struct data *data, size_t query, const int64_t *ids, size_t count);

/* ---- milvus_bench_start.c ---- */

void bench_start(const struct options *options);

#endif
