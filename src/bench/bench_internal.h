/*
 * What the files of the load tester share: the command line as a struct, a progress line, the
 * machine, a spec of what is measured and its results. One thread, but where it says otherwise.
 */
#ifndef KITH_BENCH_BENCH_INTERNAL_H
#define KITH_BENCH_BENCH_INTERNAL_H

#include <stdatomic.h>

#include <kith/kith.h>

#include "base/buffer.h"
#include "os/os.h"
#include "os/pool.h"

#define BENCH_KNOBS_MAX 64
#define BENCH_K_MAX 1000
#define BENCH_TRUTH_K 100 /* what truth is computed and kept for, so that any usual k is served */
#define BENCH_REPEATS_MAX 100
#define BENCH_THREADS_MAX 256

/* ---- command line ---- */

struct bench_options {
    const char *base_path;
    const char *query_path;
    const char *truth_path; /* NULL: computed, or found beside the base */
    const char *json_path;  /* NULL: none; "-": standard output instead of the table */
    const char *out_path;   /* `gt`: where the ids go, NULL: only beside the base */
    const char *index_text; /* as given */
    const char *kind;       /* "HNSW" or "FLAT" */
    enum kith_metric metric; /* KITH_METRIC_DEFAULT: what the data says, else L2 */
    uint32_t m;
    uint32_t ef_construction;
    uint32_t k;
    uint32_t knobs[BENCH_KNOBS_MAX];
    size_t knob_count;
    unsigned build_threads;
    unsigned threads;
    unsigned repeat;
    bool help;
};
/* argv[0] is the verb. KITH_EINVAL with the words that are wrong. */
KITH_NODISCARD int bench_options_parse(struct bench_options *options, int argc, char **argv,
                                       struct kith_error *err);
const char *bench_metric_name(enum kith_metric metric); /* "l2", "ip", "cosine" */

/* ---- progress: a line on a terminal, nothing elsewhere ---- */

struct bench_progress {
    const struct os *os;
    const char *what;
    bool shown;        /* standard error is a terminal */
    int64_t start_us;
    int64_t last_us;      /* guard: drawing */
    atomic_bool drawing;  /* whoever sets it draws; others go on */
    _Atomic uint64_t done;
};
void bench_progress_begin(struct bench_progress *progress, const struct os *os, const char *what);
/* From any thread; draws at most ten times a second. */
void bench_progress_at(struct bench_progress *progress, uint64_t done, uint64_t total);
void bench_progress_end(struct bench_progress *progress); /* removes the line */

/* ---- machine ---- */

struct bench_machine {
    char cpu[128];
    char flags[256];  /* those that kernels care about */
    char system[128]; /* release of the operating system's kernel */
    unsigned cores;
    uint64_t memory_bytes; /* 0: unknown */
};
void bench_machine_read(const struct os *os, struct bench_machine *machine);

/* ---- results ---- */

struct bench_point {
    uint32_t knob;
    double recall;
    double qps;     /* of the best repeat */
    double spread;  /* (best - worst) / best of the repeats */
    double p50_us; /* of the best repeat */
    double p99_us;
    uint64_t short_answers; /* queries that got fewer than min(k, n) rows */
};

struct bench_result {
    const struct bench_options *options;
    enum kith_metric metric;
    uint64_t n;
    uint64_t queries;
    uint64_t queries_in_base;
    uint32_t dim;
    double build_seconds;
    uint64_t index_bytes;
    uint64_t raw_bytes;
    double load_ms; /* < 0: not measured */
    struct bench_point points[BENCH_KNOBS_MAX];
    size_t point_count;
    struct bench_machine machine;
};
void bench_report_head(const struct bench_result *result);
void bench_report_point(const struct bench_point *point);
void bench_report_json(const struct bench_result *result, struct buffer *out);
/* Replaces the file by bytes. */
KITH_NODISCARD int bench_write(const struct os *os, const char *path, const void *bytes, size_t len,
                               struct kith_error *err);

/* ---- verbs ---- */

int bench_ann(const struct bench_options *options, struct kith_error *err);
int bench_gt(const struct bench_options *options, struct kith_error *err);
int bench_filter(const struct bench_options *options, struct kith_error *err);
int bench_recall(const struct bench_options *options, struct kith_error *err);

#endif
