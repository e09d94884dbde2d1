/*
 * `kith bench line`: the line protocol under load, or RESP with the same requests: options, table,
 * JSON.
 */
#include "bench/bench_line.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/buffer.h"
#include "base/json.h"
#include "bench/bench_internal.h"

static const char help[] =
    "usage: kith bench line [options]\n"
    "\n"
    "Sends SET and GET to a server of the line protocol and says how many a second it answers and\n"
    "how long they take. Without --rate each connection waits for its reply before it asks again\n"
    "(closed loop). With --rate requests are due at given times and their latency counts from\n"
    "then, also when the server kept them from being sent. Every reply is checked.\n"
    "\n"
    "  --host NAME, --port N   of the server (127.0.0.1, 8890)\n"
    "  --connections N         (100)\n"
    "  --requests N            of each connection (1000, if there is no --seconds)\n"
    "  --seconds S             instead: as many as fit into the time\n"
    "  --warmup S              before; not counted\n"
    "  --set PERCENT           of the requests; the others are GETs (100)\n"
    "  --alternate             SET, GET, SET, GET, ...\n"
    "  --keys N                so many different ones, drawn evenly (10000)\n"
    "  --value BYTES           (3)\n"
    "  --pipeline N            requests in flight a connection (1)\n"
    "  --rate R                requests a second of all connections: open loop\n"
    "  --arrival A             of those: constant, or poisson\n"
    "  --threads N             of this program (1)\n"
    "  --seed N                of keys, mix and gaps (1)\n"
    "  --resp                  the same requests over RESP (--port 6379, say)\n"
    "  --slo-p95 MS            exit status 1 if the 95th percentile is above it\n"
    "  --json OUT              write the results to OUT; - prints them instead of the table\n"
    "The password, if there is one, is that of KITH_PASSWORD of the environment.\n"
    "\n"
    "Example:\n"
    "  kith bench line --connections 100 --requests 2000 --alternate --value 1024\n"
    "  kith bench line --rate 20000 --arrival poisson --seconds 30 --json out.json\n";

struct line_options {
    struct bench_load load;
    const char *json_path;
    double slo_p95_ms;
    bool help;
};

/* ---- options ---- */

enum option_kind { OPTION_TEXT, OPTION_UNSIGNED, OPTION_LONG, OPTION_REAL, OPTION_FLAG };

struct option_row {
    const char *name;
    enum option_kind kind;
    size_t offset;
    double min, max;
};
#define LOAD(member) offsetof(struct line_options, load.member)

static const struct option_row rows[] = {
    { "host", OPTION_TEXT, LOAD(host), 0, 0 },
    { "port", OPTION_UNSIGNED, LOAD(port), 1, 65535 },
    { "connections", OPTION_UNSIGNED, LOAD(connections), 1, BENCH_LINE_CONNECTIONS_MAX },
    { "requests", OPTION_LONG, LOAD(requests), 1, 1e12 },
    { "seconds", OPTION_REAL, LOAD(seconds), 0.01, 86400 },
    { "warmup", OPTION_REAL, LOAD(warmup), 0, 86400 },
    { "set", OPTION_UNSIGNED, LOAD(set_percent), 0, 100 },
    { "alternate", OPTION_FLAG, LOAD(alternate), 0, 0 },
    { "keys", OPTION_LONG, LOAD(keys), 1, 1e15 },
    { "value", OPTION_UNSIGNED, LOAD(value_bytes), 1, BENCH_LINE_VALUE_MAX },
    { "pipeline", OPTION_UNSIGNED, LOAD(pipeline), 1, BENCH_LINE_PIPELINE_MAX },
    { "rate", OPTION_REAL, LOAD(rate), 0.001, 1e9 },
    { "threads", OPTION_UNSIGNED, LOAD(threads), 1, BENCH_THREADS_MAX },
    { "seed", OPTION_LONG, LOAD(seed), 0, 1e18 },
    { "resp", OPTION_FLAG, LOAD(resp), 0, 0 },
    { "slo-p95", OPTION_REAL, offsetof(struct line_options, slo_p95_ms), 0.001, 1e6 },
    { "json", OPTION_TEXT, offsetof(struct line_options, json_path), 0, 0 },
};

static void store(struct line_options *options, const struct option_row *row, const char *text,
                  double number)
{
    char *place = (char *)options + row->offset;
    const bool on = true;
    const unsigned small = (unsigned)number;
    const uint64_t large = (uint64_t)number;
    switch (row->kind) {
    case OPTION_TEXT: memcpy(place, &text, sizeof text); break;
    case OPTION_UNSIGNED: memcpy(place, &small, sizeof small); break;
    case OPTION_LONG: memcpy(place, &large, sizeof large); break;
    case OPTION_REAL: memcpy(place, &number, sizeof number); break;
    case OPTION_FLAG: memcpy(place, &on, sizeof on); break;
    }
}

static int take(struct line_options *options, const struct option_row *row, const char *text,
                struct kith_error *err)
{
    char *end = NULL;
    const bool counts = row->kind == OPTION_UNSIGNED || row->kind == OPTION_LONG;
    double number = 0;
    if (row->kind != OPTION_TEXT && row->kind != OPTION_FLAG) {
        number = strtod(text, &end);
        const bool whole = !counts || number == (double)(uint64_t)(number > 0 ? number : 0);
        if (end == text || *end || !(number >= row->min && number <= row->max) || !whole)
            return error_set(err, KITH_EINVAL, "--%s is '%s'; give a number of %.15g to %.15g",
                             row->name, text, row->min, row->max);
    }
    store(options, row, text, number);
    return 0;
}

static int take_arrival(struct line_options *options, const char *text, struct kith_error *err)
{
    options->load.poisson = strcmp(text, "poisson") == 0;
    if (options->load.poisson || strcmp(text, "constant") == 0) return 0;
    return error_set(err, KITH_EINVAL, "--arrival is '%s'; give constant or poisson", text);
}

static const struct option_row *row_named(const char *name, size_t len)
{
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        if (strlen(rows[i].name) == len && memcmp(rows[i].name, name, len) == 0) return &rows[i];
    return NULL;
}

/* "--name value" or "--name=value"; *used words. */
static int parse_one(struct line_options *options, int argc, char **argv, int *used,
                     struct kith_error *err)
{
    const bool dashes = strncmp(argv[0], "--", 2) == 0;
    const char *name = dashes ? argv[0] + 2 : argv[0];
    const size_t len = strcspn(name, "=");
    const bool arrival = len == 7 && memcmp(name, "arrival", 7) == 0;
    const struct option_row *row = dashes ? row_named(name, len) : NULL;
    const bool flag = row && row->kind == OPTION_FLAG;
    const char *text = name[len] ? name + len + 1 : argc > 1 && !flag ? argv[1] : NULL;
    *used = name[len] || flag ? 1 : 2;
    if (!row && !(dashes && arrival))
        return error_set(err, KITH_EINVAL, "'%s' is no option", argv[0]);
    if (!text && !flag) return error_set(err, KITH_EINVAL, "%s needs a value", argv[0]);
    return row ? take(options, row, text, err) : take_arrival(options, text, err);
}

static int parse(struct line_options *options, int argc, char **argv, struct kith_error *err)
{
    struct bench_load *load = &options->load;
    *options = (struct line_options){ .load = { .host = "127.0.0.1", .port = 8890,
                                                .connections = 100, .pipeline = 1, .threads = 1,
                                                .value_bytes = 3, .set_percent = 100,
                                                .keys = 10000, .seed = 1 } };
    for (int i = 1, used; i < argc; i += used) {
        used = 1;
        if (!strcmp(argv[i], "--help") || !strcmp(argv[i], "-h")) {
            options->help = true;
            return 0;
        }
        const int rc = parse_one(options, argc - i, argv + i, &used, err);
        if (rc) return rc;
    }
    if (load->rate > 0 && load->seconds <= 0)
        return error_set(err, KITH_EINVAL, "--rate needs --seconds");
    if (load->seconds <= 0 && !load->requests) load->requests = 1000;
    if (load->threads > load->connections) load->threads = load->connections;
    load->password = getenv("KITH_PASSWORD");
    return 0;
}

/* ---- report ---- */

static const double shares[] = { .5, .9, .95, .99, .999, .9999 };
static const char *const share_names[] = { "p50", "p90", "p95", "p99", "p999", "p9999" };
#define SHARES (sizeof shares / sizeof shares[0])

static void print_row(const char *name, const struct bench_histogram *histogram)
{
    if (!histogram->count) return;
    printf("%-8s %10llu %9.1f", name, (unsigned long long)histogram->count,
           bench_histogram_mean(histogram) / 1e3);
    for (size_t i = 0; i < SHARES; i++)
        printf(" %9.1f", bench_histogram_at(histogram, shares[i]) / 1e3);
    printf(" %9.1f\n", (double)histogram->max_ns / 1e3);
}

static double rate_of(const struct bench_load_result *result)
{
    return result->seconds > 0 ? (double)result->ok / result->seconds : 0;
}

static void print_table(const struct bench_load *load, const struct bench_load_result *result,
                        const struct bench_histogram *all)
{
    printf("%s, %u connections, %u in flight each, values of %u bytes, %s\n",
           load->resp ? "RESP" : "line protocol", load->connections, load->pipeline,
           load->value_bytes,
           load->rate > 0 ? "open loop: latency from when a request was due" : "closed loop");
    printf("%.0f requests a second that succeeded, in %.2f s; %llu ok, %llu errors, %llu wrong, "
           "%llu timeouts, %llu refused\n",
           rate_of(result), result->seconds, (unsigned long long)result->ok,
           (unsigned long long)result->errors, (unsigned long long)result->wrong,
           (unsigned long long)result->timeouts, (unsigned long long)result->refused);
    if (load->rate > 0 && result->behind_s > .01)
        printf("the last request was sent %.2f s late: the rate was not reached\n",
               result->behind_s);
    printf("\n%-8s %10s %9s %9s %9s %9s %9s %9s %9s %9s\n", "us", "count", "mean", "p50", "p90",
           "p95", "p99", "p99.9", "p99.99", "max");
    print_row("all", all);
    print_row("SET", &result->latency[BENCH_SET]);
    print_row("GET", &result->latency[BENCH_GET]);
    if (load->rate > 0) print_row("service", &result->service);
}

static void put_histogram(struct buffer *out, const char *name,
                          const struct bench_histogram *histogram)
{
    buffer_printf(out, ",\"%s\":{\"count\":%llu,\"mean_us\":%.3f,\"deviation_us\":%.3f", name,
                  (unsigned long long)histogram->count, bench_histogram_mean(histogram) / 1e3,
                  bench_histogram_deviation(histogram) / 1e3);
    for (size_t i = 0; i < SHARES; i++)
        buffer_printf(out, ",\"%s_us\":%.3f", share_names[i],
                      bench_histogram_at(histogram, shares[i]) / 1e3);
    buffer_printf(out, ",\"max_us\":%.3f}", (double)histogram->max_ns / 1e3);
}

static void put_json(struct buffer *out, const struct bench_load *load,
                     const struct bench_load_result *result, const struct bench_histogram *all)
{
    buffer_printf(out, "{\"what\":\"line\",\"protocol\":\"%s\",\"loop\":\"%s\",\"host\":",
                  load->resp ? "resp" : "line", load->rate > 0 ? "open" : "closed");
    json_write_string(out, load->host, strlen(load->host));
    buffer_printf(out, ",\"port\":%u,\"connections\":%u,\"pipeline\":%u,\"threads\":%u,"
                       "\"value_bytes\":%u,\"keys\":%llu,\"set_percent\":%u,\"alternate\":%s,"
                       "\"rate\":%.3f,\"arrival\":\"%s\",\"seed\":%llu,\"seconds\":%.6f",
                  load->port, load->connections, load->pipeline, load->threads, load->value_bytes,
                  (unsigned long long)load->keys, load->set_percent,
                  load->alternate ? "true" : "false", load->rate,
                  load->poisson ? "poisson" : "constant", (unsigned long long)load->seed,
                  result->seconds);
    buffer_printf(out, ",\"requests_per_second\":%.1f,\"ok\":%llu,\"errors\":%llu,\"wrong\":%llu,"
                       "\"timeouts\":%llu,\"refused\":%llu,\"behind_seconds\":%.6f",
                  rate_of(result), (unsigned long long)result->ok,
                  (unsigned long long)result->errors, (unsigned long long)result->wrong,
                  (unsigned long long)result->timeouts, (unsigned long long)result->refused,
                  result->behind_s);
    put_histogram(out, "latency", all);
    put_histogram(out, "set", &result->latency[BENCH_SET]);
    put_histogram(out, "get", &result->latency[BENCH_GET]);
    put_histogram(out, "service", &result->service);
    buffer_printf(out, "}\n");
}

static int report(const struct line_options *options, const struct bench_load_result *result,
                  const struct bench_histogram *all, struct kith_error *err)
{
    struct buffer out;
    int rc = 0;
    const bool alone = options->json_path && strcmp(options->json_path, "-") == 0;
    buffer_init(&out);
    put_json(&out, &options->load, result, all);
    if (buffer_failed(&out)) rc = error_set(err, KITH_ENOMEM, "no memory for the results");
    else if (alone) fwrite(out.data, 1, out.len, stdout);
    else print_table(&options->load, result, all);
    if (rc == 0 && options->json_path && !alone)
        rc = bench_write(os_real(), options->json_path, out.data, out.len, err);
    buffer_release(&out);
    return rc;
}

static int measure(const struct line_options *options, bool *good, struct kith_error *err)
{
    struct bench_load_result *result = mem_zalloc(sizeof *result);
    struct bench_histogram *all = mem_zalloc(sizeof *all);
    int rc = result && all ? 0 : error_set(err, KITH_ENOMEM, "no memory");
    if (rc == 0) rc = bench_load_run(os_real(), &options->load, result, err);
    for (unsigned i = 0; rc == 0 && i < BENCH_REQUESTS; i++)
        bench_histogram_merge(all, &result->latency[i]);
    if (rc == 0) rc = report(options, result, all, err);
    const double p95_ms = rc == 0 ? bench_histogram_at(all, .95) / 1e6 : 0;
    *good = rc == 0 && !result->errors && !result->wrong && !result->timeouts &&
            !result->refused && !(options->slo_p95_ms > 0 && p95_ms > options->slo_p95_ms);
    mem_free(result);
    mem_free(all);
    return rc;
}

int bench_line_main(int argc, char **argv)
{
    struct line_options options;
    struct kith_error err = { 0 };
    bool good = false;
    if (parse(&options, argc, argv, &err)) {
        fprintf(stderr, "kith bench line: %s\nTry `kith bench line --help`.\n", err.text);
        return 2;
    }
    if (options.help) {
        fputs(help, stdout);
        return 0;
    }
    if (measure(&options, &good, &err)) {
        fprintf(stderr, "kith bench line: %s\n", err.text);
        return 2; /* no server, or no memory */
    }
    return good ? 0 : 1;
}
