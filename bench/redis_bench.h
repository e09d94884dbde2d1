/*
 * What the files of redis_bench share, and those of vectors_bench with them: servers that are
 * started, dialled and weighed.
 */
#ifndef KITH_BENCH_REDIS_BENCH_H
#define KITH_BENCH_REDIS_BENCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define CONNECTIONS_MAX 1000u
#define ROUNDS_MAX 50u

enum protocol { RESP, LINE, ECHO /* RESP, and as many bytes come back */ };
enum request { REQUEST_GET, REQUEST_SET };

struct server { /* a process of ours */
    const char *name;
    pid_t pid;
    uint16_t port;
};

struct load {
    uint16_t port;
    enum protocol protocol;
    enum request request;
    unsigned connections, pipeline, keys, value_bytes;
    double seconds;
};

struct load_result {
    uint64_t requests, errors;
    double seconds, p50_us, p95_us, p99_us;
};

/* redis_bench_server.c */
void die(const char *fmt, ...) __attribute__((format(printf, 1, 2), noreturn));
double now_s(void);
double median(const double *values, unsigned count); /* of at most ROUNDS_MAX */
/* Starts argv (its standard output goes to /dev/null) on these cores and waits until the port
 * answers. */
struct server server_start(const char *name, char *const *argv, uint16_t port, unsigned cores);
/* This program's own echo over the event loop that Kith uses: what a request costs before anybody
 * does anything for it. */
struct server echo_start(uint16_t port, unsigned cores);
void server_stop(struct server *server);
double server_cpu_s(const struct server *server); /* user and system, all threads */
double server_rss_mb(const struct server *server);
double server_anon_mb(const struct server *server); /* without what files stand behind */
int dial(uint16_t port);
void pin(unsigned cores); /* a mask */
uint16_t free_port(void);

/* redis_bench_load.c */
/* Closed loop: each connection has `pipeline` requests in flight, then waits for all replies. */
void load_run(const struct load *load, struct load_result *out);
/* All keys once, in order, deep pipelines. */
void load_fill(const struct load *load, uint64_t keys, unsigned key_bytes, bool with_ttl);

#endif
