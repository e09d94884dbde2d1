/*
 * The load of `kith bench line`: what is asked for, and what came of it.
 */
#ifndef KITH_BENCH_BENCH_LINE_H
#define KITH_BENCH_BENCH_LINE_H

#include <stdbool.h>

#include "base/error.h"
#include "bench/bench_histogram.h"
#include "os/os.h"

#define BENCH_LINE_CONNECTIONS_MAX 20000u
#define BENCH_LINE_PIPELINE_MAX 1024u
#define BENCH_LINE_VALUE_MAX 1000000u

struct bench_load {
    const char *host;
    const char *password; /* nullable */
    unsigned port, connections, pipeline, threads, value_bytes;
    unsigned set_percent; /* of requests; the others are GETs */
    bool alternate;       /* SET, GET, SET, ... in turn instead of drawn */
    bool resp;            /* the same over RESP */
    uint64_t keys, requests; /* requests of each connection; 0: as many as fit into the time */
    double seconds, warmup;  /* seconds 0: until all requests are made */
    double rate;             /* requests a second of all; 0: closed loop */
    bool poisson;            /* random gaps; else equal ones */
    uint64_t seed;
};

enum bench_request { BENCH_SET, BENCH_GET, BENCH_REQUESTS };

struct bench_load_result {
    struct bench_histogram latency[BENCH_REQUESTS]; /* from when it was due */
    struct bench_histogram service;                 /* from when it was sent */
    uint64_t ok, errors, wrong, timeouts, refused;  /* wrong: not the value; refused: connections */
    double seconds;
    double behind_s; /* how late the last request was sent; open loop */
};

/* *result is zeroed by the caller. KITH_EIO: no connection could be made. */
KITH_NODISCARD int bench_load_run(const struct os *os, const struct bench_load *load,
                                  struct bench_load_result *result, struct kith_error *err);
int bench_line_main(int argc, char **argv); /* argv[0] is "line" */

#endif
