/*
 * The Redis door beside redis-server, on one core.
 *
 *     redis_bench KITH [speed|everysec|threads|line|memory|all] [options]
 *
 * Servers take turns in one run, each on its own core while this program loads it from another; the
 * figures are medians of the rounds. `cpu us` is processor time of the server a request, user and
 * system: one core of load cannot saturate a good server, so throughput says little. `echo` is the
 * floor: a server over the same event loop that sends back what it gets.
 */
#include "redis_bench.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define SERVER_CORE 1u /* masks */
#define LOAD_CORE 2u
#define BOTH_CORES 3u

struct options {
    const char *kith, *what, *peer, *only;
    unsigned rounds, connections, keys, value_bytes;
    double seconds;
    uint64_t memory_keys;
};

struct series {
    double cpu_us[ROUNDS_MAX], rate[ROUNDS_MAX], p50[ROUNDS_MAX], p95[ROUNDS_MAX],
        p99[ROUNDS_MAX];
    uint64_t errors;
};

/* ---- servers ---- */

static struct server start_redis(const char *name, const char *program, const char *verb,
                                 const char *appendonly, const char *threads, const char *dir,
                                 unsigned cores)
{
    char port[8];
    const uint16_t number = free_port();
    (void)snprintf(port, sizeof port, "%u", number);
    char *argv[32];
    int n = 0;
    const char *words[] = { program, verb, "--port", port, "--save", "", "--appendonly",
                            appendonly, "--appendfsync", "everysec", "--io-threads", threads,
                            "--dir", dir, "--loglevel", "warning" };
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
        if (words[i]) argv[n++] = strdup(words[i]);
    argv[n] = NULL;
    const struct server server = server_start(name, argv, number, cores);
    for (int i = 0; i < n; i++) free(argv[i]);
    return server;
}

static char *fresh_dir(void)
{
    static char path[64];
    (void)snprintf(path, sizeof path, "/tmp/kith-bench-XXXXXX");
    if (!mkdtemp(path)) die("no directory in /tmp");
    return path;
}

static void remove_dir(const char *dir)
{
    char command[128];
    (void)snprintf(command, sizeof command, "rm -rf '%s'", dir);
    if (system(command)) (void)fprintf(stderr, "redis_bench: %s stays\n", dir);
}

/* ---- passes ---- */

static void measure(const struct server *server, const struct load *load, unsigned round,
                    struct series *out)
{
    struct load_result result;
    struct load now = *load;
    now.port = server->port;
    if (!strcmp(server->name, "echo")) now.protocol = ECHO;
    const double before = server_cpu_s(server);
    load_run(&now, &result);
    const double cpu = server_cpu_s(server) - before;
    out->cpu_us[round] = cpu * 1e6 / (double)result.requests;
    out->rate[round] = (double)result.requests / result.seconds;
    out->p50[round] = result.p50_us;
    out->p95[round] = result.p95_us;
    out->p99[round] = result.p99_us;
    out->errors += result.errors;
}

static void print_row(const char *what, const char *name, const struct series *series,
                      unsigned rounds, double ratio)
{
    printf("%-14s %-8s %9.3f %11.0f %8.1f %8.1f %8.1f", what, name,
           median(series->cpu_us, rounds), median(series->rate, rounds),
           median(series->p50, rounds), median(series->p95, rounds),
           median(series->p99, rounds));
    if (ratio > 0) printf("  %5.2fx", ratio);
    if (series->errors) printf("  %llu errors", (unsigned long long)series->errors);
    printf("\n");
    (void)fflush(stdout);
}

static void print_head(const char *title)
{
    printf("\n%s\n%-14s %-8s %9s %11s %8s %8s %8s  %s\n", title, "", "server", "cpu us",
           "requests/s", "p50 us", "p95 us", "p99 us", "cpu of redis / this");
}

/* All servers take turns at one kind of request. */
static void compare(const struct options *options, const struct server *servers, unsigned count,
                    struct load load, const char *what)
{
    static struct series series[4];
    memset(series, 0, sizeof series);
    for (unsigned round = 0; round < options->rounds; round++)
        for (unsigned i = 0; i < count; i++) {
            const unsigned turn = (i + round) % count;
            measure(&servers[turn], &load, round, &series[turn]);
        }
    const double peer = median(series[0].cpu_us, options->rounds);
    for (unsigned i = 0; i < count; i++)
        print_row(what, servers[i].name, &series[i], options->rounds,
                  i ? peer / median(series[i].cpu_us, options->rounds) : 0);
}

static struct load load_of(const struct options *options, enum request request,
                           unsigned pipeline)
{
    return (struct load){ .request = request,
                          .connections = options->connections,
                          .pipeline = pipeline,
                          .keys = options->keys,
                          .value_bytes = options->value_bytes,
                          .seconds = options->seconds };
}

static void compare_all(const struct options *options, const struct server *servers,
                        unsigned count)
{
    static const struct {
        const char *name;
        enum request request;
        unsigned pipeline;
    } rows[] = { { "SET", REQUEST_SET, 1 }, { "GET", REQUEST_GET, 1 },
                 { "SET, 16 deep", REQUEST_SET, 16 }, { "GET, 16 deep", REQUEST_GET, 16 } };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        if (!options->only || !strcmp(options->only, rows[i].name))
            compare(options, servers, count, load_of(options, rows[i].request, rows[i].pipeline),
                    rows[i].name);
}

static void fill_all(const struct options *options, struct server *servers, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        struct load load = load_of(options, REQUEST_SET, 1);
        load.port = servers[i].port;
        if (strcmp(servers[i].name, "echo")) load_fill(&load, options->keys, 16, false);
    }
}

static void run_speed(const struct options *options, const char *appendonly)
{
    char dir[2][64];
    (void)snprintf(dir[0], sizeof dir[0], "%s", fresh_dir());
    (void)snprintf(dir[1], sizeof dir[1], "%s", fresh_dir());
    const bool logging = strcmp(appendonly, "yes") == 0;
    struct server servers[3] = {
        start_redis("redis", options->peer, NULL, appendonly, "1", dir[0], SERVER_CORE),
        start_redis("kith", options->kith, "redis-server", appendonly, "1", dir[1], SERVER_CORE),
    };
    const unsigned count = logging ? 2 : 3;
    if (!logging) servers[2] = echo_start(free_port(), SERVER_CORE);
    fill_all(options, servers, count);
    print_head(logging ? "one core, log everysec" : "one core, no log");
    compare_all(options, servers, count);
    for (unsigned i = 0; i < count; i++) server_stop(&servers[i]);
    remove_dir(dir[0]);
    remove_dir(dir[1]);
}

/* Kith with one and with two I/O threads; server and load share both cores. */
static void run_threads(const struct options *options)
{
    char *dir = fresh_dir();
    struct server servers[2] = {
        start_redis("1", options->kith, "redis-server", "no", "1", dir, BOTH_CORES),
        start_redis("2", options->kith, "redis-server", "no", "2", dir, BOTH_CORES),
    };
    pin(BOTH_CORES);
    fill_all(options, servers, 2);
    print_head("one and two I/O threads, load on the same two cores");
    compare_all(options, servers, 2);
    pin(LOAD_CORE);
    for (unsigned i = 0; i < 2; i++) server_stop(&servers[i]);
    remove_dir(dir);
}

static struct server start_lines(const struct options *options, const char *mode,
                                 const char *dir, uint16_t resp_port)
{
    char resp[8], line[8];
    const uint16_t port = free_port();
    (void)snprintf(resp, sizeof resp, "%u", resp_port);
    (void)snprintf(line, sizeof line, "%u", port);
    const char *const words[] = { options->kith, "serve", "--data", dir, "--milvus-port", "0",
                                  "--ops-port", "0", "--redis-port", resp, "--line-port", line,
                                  "--line-mode", mode, "--loops", "1" };
    char *argv[20] = { NULL };
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) argv[i] = strdup(words[i]);
    const struct server server = server_start(mode, argv, port, SERVER_CORE);
    for (size_t i = 0; argv[i]; i++) free(argv[i]);
    return server;
}

/* Both modes of the line protocol, and RESP of the first server. */
static void run_line(const struct options *options)
{
    char dir[2][64];
    const uint16_t resp_port = free_port();
    for (unsigned i = 0; i < 2; i++) (void)snprintf(dir[i], sizeof dir[i], "%s", fresh_dir());
    struct server servers[3];
    servers[1] = start_lines(options, "single", dir[0], resp_port);
    servers[2] = start_lines(options, "pooled", dir[1], free_port());
    servers[0] = (struct server){ "resp", servers[1].pid, resp_port };
    fill_all(options, servers, 1);
    print_head("the line protocol beside RESP; both modes");
    for (unsigned i = 0; i < 4; i++) {
        static const char *const names[] = { "SET", "GET", "SET, 16 deep", "GET, 16 deep" };
        static struct series series[3];
        memset(series, 0, sizeof series);
        struct load load = load_of(options, i % 2 ? REQUEST_GET : REQUEST_SET, i < 2 ? 1 : 16);
        for (unsigned round = 0; round < options->rounds; round++)
            for (unsigned s = 0; s < 3; s++) {
                const unsigned turn = (s + round) % 3;
                load.protocol = turn ? LINE : RESP;
                measure(&servers[turn], &load, round, &series[turn]);
            }
        const double peer = median(series[0].cpu_us, options->rounds);
        for (unsigned s = 0; s < 3; s++)
            print_row(names[i], servers[s].name, &series[s], options->rounds,
                      s ? peer / median(series[s].cpu_us, options->rounds) : 0);
    }
    server_stop(&servers[1]);
    server_stop(&servers[2]);
    for (unsigned i = 0; i < 2; i++) remove_dir(dir[i]);
}

static double filled_mb(const struct options *options, const char *program, const char *verb,
                        bool with_ttl)
{
    char *dir = fresh_dir();
    struct server server = start_redis(verb ? "kith" : "redis", program, verb, "no", "1", dir,
                                       SERVER_CORE);
    struct load load = load_of(options, REQUEST_SET, 1);
    load.port = server.port;
    const double before = server_rss_mb(&server);
    load_fill(&load, options->memory_keys, 16, with_ttl);
    const double after = server_rss_mb(&server);
    printf("%-8s %-8s %10.1f MB, %.1f before, %.1f bytes a key\n", server.name,
           with_ttl ? "with TTL" : "", after, before,
           (after - before) * 1048576 / (double)options->memory_keys);
    (void)fflush(stdout);
    server_stop(&server);
    remove_dir(dir);
    return after;
}

static void run_memory(const struct options *options)
{
    printf("\nresident memory with %llu keys of 16 bytes, values of %u\n",
           (unsigned long long)options->memory_keys, options->value_bytes);
    for (int ttl = 0; ttl < 2; ttl++) {
        const double peer = filled_mb(options, options->peer, NULL, ttl);
        const double kith = filled_mb(options, options->kith, "redis-server", ttl);
        printf("kith / redis%s: %.3f\n", ttl ? " with TTL" : "", kith / peer);
    }
}

/* ---- options ---- */

static void usage(void)
{
    puts("redis_bench KITH [speed|everysec|threads|line|memory|all] [options]\n"
         "  --redis PROGRAM   the peer (redis-server)\n"
         "  --only ROW        of speed, everysec and threads: 'GET, 16 deep' for one\n"
         "  --rounds N        turns of each server; medians are shown (5)\n"
         "  --seconds S       of one pass (2)\n"
         "  --connections N   (100)\n"
         "  --keys N          (100000)\n"
         "  --value BYTES     (32)\n"
         "  --memory-keys N   (10000000)\n"
         "\nExample: redis_bench build/kith speed --rounds 7");
}

static const char *value_of(int argc, char **argv, int *i)
{
    if (*i + 1 >= argc) die("%s needs a value", argv[*i]);
    return argv[++*i];
}

static void parse(int argc, char **argv, struct options *options)
{
    *options = (struct options){ .what = "all", .peer = "redis-server", .rounds = 5,
                                 .connections = 100, .keys = 100000, .value_bytes = 32,
                                 .seconds = 2, .memory_keys = 10000000 };
    for (int i = 1; i < argc; i++) {
        const char *word = argv[i];
        if (!strcmp(word, "--help")) {
            usage();
            exit(0);
        }
        if (!strcmp(word, "--redis")) options->peer = value_of(argc, argv, &i);
        else if (!strcmp(word, "--only")) options->only = value_of(argc, argv, &i);
        else if (!strcmp(word, "--rounds"))
            options->rounds = (unsigned)strtoul(value_of(argc, argv, &i), NULL, 10);
        else if (!strcmp(word, "--seconds"))
            options->seconds = strtod(value_of(argc, argv, &i), NULL);
        else if (!strcmp(word, "--connections"))
            options->connections = (unsigned)strtoul(value_of(argc, argv, &i), NULL, 10);
        else if (!strcmp(word, "--keys"))
            options->keys = (unsigned)strtoul(value_of(argc, argv, &i), NULL, 10);
        else if (!strcmp(word, "--value"))
            options->value_bytes = (unsigned)strtoul(value_of(argc, argv, &i), NULL, 10);
        else if (!strcmp(word, "--memory-keys"))
            options->memory_keys = strtoull(value_of(argc, argv, &i), NULL, 10);
        else if (word[0] == '-') die("unknown option %s; --help lists them", word);
        else if (!options->kith) options->kith = word;
        else options->what = word;
    }
    if (!options->kith) die("which program? --help says more");
    if (options->rounds == 0 || options->rounds > ROUNDS_MAX) die("--rounds is 1 to 50");
    if (options->connections == 0 || options->connections > CONNECTIONS_MAX)
        die("--connections is 1 to %u", CONNECTIONS_MAX);
    if (options->value_bytes > 4000) die("--value is at most 4000");
}

int main(int argc, char **argv)
{
    struct options options;
    parse(argc, argv, &options);
    const bool all = !strcmp(options.what, "all");
    bool known = all;
    pin(LOAD_CORE);
    if (all || !strcmp(options.what, "speed")) known = true, run_speed(&options, "no");
    if (all || !strcmp(options.what, "everysec")) known = true, run_speed(&options, "yes");
    if (all || !strcmp(options.what, "threads")) known = true, run_threads(&options);
    if (all || !strcmp(options.what, "line")) known = true, run_line(&options);
    if (all || !strcmp(options.what, "memory")) known = true, run_memory(&options);
    if (!known) die("'%s' is nothing that is measured; --help lists it", options.what);
    return 0;
}
