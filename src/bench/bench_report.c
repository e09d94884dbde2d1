/*
 * Results as a table that grows while points come in, and as JSON for machines. The fields of the
 * JSON are a contract (README.md).
 */
#include <stdio.h>

#include "base/json.h"
#include "bench/bench_internal.h"
#include "kernel/kernel.h"

#define MIB (1024.0 * 1024.0)

void bench_report_head(const struct bench_result *r)
{
    printf("%s, %s: %llu vectors of %u dimensions, %llu queries, k %u\n", r->options->index_text,
           bench_metric_name(r->metric), (unsigned long long)r->n, r->dim,
           (unsigned long long)r->queries, r->options->k);
    printf("built in %.2f s by %u threads; index %.1f MiB, vectors %.1f MiB; ", r->build_seconds,
           r->options->build_threads, (double)r->index_bytes / MIB, (double)r->raw_bytes / MIB);
    if (r->load_ms >= 0) printf("opened and searched in %.2f ms\n", r->load_ms);
    else printf("load not measured\n");
    printf("%s, %u cores, %s; searched by %u, best of %u\n\n",
           r->machine.cpu[0] ? r->machine.cpu : "unknown CPU", r->machine.cores, kernel_isa(),
           r->options->threads, r->options->repeat);
    printf("%8s %9s %12s %8s %9s %9s\n", "ef", "recall", "qps", "spread", "p50 us", "p99 us");
    fflush(stdout);
}

void bench_report_point(const struct bench_point *p)
{
    printf("%8u %9.4f %12.1f %7.1f%% %9.1f %9.1f", p->knob, p->recall, p->qps, 100.0 * p->spread,
           p->p50_us, p->p99_us);
    if (p->short_answers > 0) {
        printf("  %llu short answers", (unsigned long long)p->short_answers);
    }
    printf("\n");
    fflush(stdout);
}

/* ---- JSON ---- */

static void put_text(struct buffer *out, const char *key, const char *text)
{
    size_t len = 0;
    while (text[len] != '\0') len++;
    buffer_printf(out, "\"%s\":", key);
    json_write_string(out, text, len);
}

static void put_number(struct buffer *out, const char *key, double value)
{
    buffer_printf(out, "\"%s\":", key);
    json_write_double(out, value);
}

static void put_point(struct buffer *out, const struct bench_point *p)
{
    buffer_printf(out, "{\"knob\":%u,", p->knob);
    put_number(out, "recall", p->recall);
    buffer_printf(out, ",");
    put_number(out, "qps", p->qps);
    buffer_printf(out, ",");
    put_number(out, "p50_us", p->p50_us);
    buffer_printf(out, ",");
    put_number(out, "p99_us", p->p99_us);
    buffer_printf(out, ",");
    put_number(out, "spread", p->spread);
    buffer_printf(out, ",\"short\":%llu}", (unsigned long long)p->short_answers);
}

static void put_machine(struct buffer *out, const struct bench_machine *m)
{
    buffer_printf(out, "\"machine\":{");
    put_text(out, "cpu", m->cpu);
    buffer_printf(out, ",");
    put_text(out, "flags", m->flags);
    buffer_printf(out, ",\"cores\":%u,\"memory_bytes\":%llu,", m->cores,
                  (unsigned long long)m->memory_bytes);
    put_text(out, "kernel", m->system);
    buffer_printf(out, ",");
    put_text(out, "isa", kernel_isa());
    buffer_printf(out, ",");
    put_text(out, "kith", kith_version());
    buffer_printf(out, "}");
}

void bench_report_json(const struct bench_result *r, struct buffer *out)
{
    buffer_printf(out, "{");
    put_text(out, "index", r->options->index_text);
    buffer_printf(out, ",");
    put_text(out, "metric", bench_metric_name(r->metric));
    buffer_printf(out, ",\"n\":%llu,\"dim\":%u,\"queries\":%llu,\"queries_in_base\":%llu,\"k\":%u,",
                  (unsigned long long)r->n, r->dim, (unsigned long long)r->queries,
                  (unsigned long long)r->queries_in_base, r->options->k);
    put_number(out, "build_seconds", r->build_seconds);
    buffer_printf(out, ",\"build_threads\":%u,\"index_bytes\":%llu,\"raw_bytes\":%llu,",
                  r->options->build_threads, (unsigned long long)r->index_bytes,
                  (unsigned long long)r->raw_bytes);
    if (r->load_ms >= 0) put_number(out, "load_ms", r->load_ms);
    else buffer_printf(out, "\"load_ms\":null");
    buffer_printf(out, ",\"threads\":%u,\"repeat\":%u,\"points\":[", r->options->threads,
                  r->options->repeat);
    for (size_t i = 0; i < r->point_count; i++) {
        if (i > 0) buffer_printf(out, ",");
        put_point(out, &r->points[i]);
    }
    buffer_printf(out, "],");
    put_machine(out, &r->machine);
    buffer_printf(out, "}\n");
}

int bench_write(const struct os *os, const char *path, const void *bytes, size_t len,
                struct kith_error *err)
{
    struct os_file *file = NULL;
    int rc = os_open(os, path, OS_WRITE | OS_CREATE, &file, err);
    if (rc) return rc;
    rc = os_truncate(file, 0, err);
    if (rc == 0 && len > 0) rc = os_pwrite(file, bytes, len, 0, err);
    os_close(file);
    return rc;
}
