/*
 * The Milvus door against the library that it serves, on one core.
 *
 *     milvus_bench KITH [search|insert|start|all] [options]
 *
 * The server runs on a core of its own and this program on another. In `search` three passes take
 * turns: the library alone, on the server's core while the server waits, with the server's own
 * files opened read-only; the same queries over gRPC; the same over REST. Figures are medians of
 * the rounds. `cpu` is processor time of the server a request (of the thread, for the library): on
 * a machine that others use it is what can be compared, and requests a second are what was left.
 * `ratio` is the library's figure by the pass's: 1 would be a door that costs nothing.
 */
#include "milvus_bench.h"

#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define ROUNDS_MAX 99
#define SEARCH_PATH "/milvus.proto.milvus.MilvusService/Search"
#define INSERT_PATH "/milvus.proto.milvus.MilvusService/Insert"
#define REST_PATH "/v2/vectordb/entities/search"

void die(const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    (void)fprintf(stderr, "milvus_bench: ");
    (void)vfprintf(stderr, fmt, args);
    (void)fprintf(stderr, "\n");
    va_end(args);
    exit(1);
}

static double seconds_of(clockid_t clock)
{
    struct timespec t;
    clock_gettime(clock, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

double now_s(void) { return seconds_of(CLOCK_MONOTONIC); }

static int by_value(const void *a, const void *b)
{
    const double *x = a, *y = b;
    return *x < *y ? -1 : *x > *y;
}

static double median(const double *values, size_t count)
{
    double sorted[ROUNDS_MAX];
    memcpy(sorted, values, count * sizeof *values);
    qsort(sorted, count, sizeof *sorted, by_value);
    return sorted[count / 2];
}

/* ---- the library alone ---- */

struct library {
    const struct options *options;
    const struct data *data;
    const char *path;
    unsigned ef;      /* in: 0: find it */
    double seconds;   /* of a pass; 0: each query once */
    double rate, cpu_us, p50_us, recall; /* out */
    struct kith_db *db;
    struct kith_collection *collection;
};

static size_t library_search(const struct library *library, size_t query, unsigned ef)
{
    const struct data *data = library->data;
    struct kith_search_opts opts = KITH_SEARCH_OPTS_INIT;
    struct kith_result *result;
    struct kith_error err = { 0 };
    opts.field = FIELD;
    opts.queries = data->query + query * data->dim;
    opts.query_count = 1;
    opts.k = K;
    opts.ef = ef;
    if (kith_search(library->collection, &opts, NULL, &result, &err)) die("%s", err.text);
    const size_t hits = data_hits(data, query, result->columns[0].data, result->rows);
    kith_result_free(result);
    return hits;
}

static double library_recall(const struct library *library, unsigned ef)
{
    size_t hits = 0;
    for (size_t q = 0; q < library->data->queries; q++) hits += library_search(library, q, ef);
    return (double)hits / (double)(library->data->queries * K);
}

static void find_ef(struct library *library)
{
    static const unsigned ladder[] = { 10, 12, 16, 20, 24, 32, 40, 48, 64, 80, 96, 128, 160, 192,
                                       256, 320, 384, 512, 768, 1024, 1536, 2048, 4096 };
    for (size_t i = 0; i < sizeof ladder / sizeof ladder[0]; i++) {
        library->ef = ladder[i];
        library->recall = library_recall(library, library->ef);
        if (library->recall >= library->options->recall) return;
    }
}

static void library_pass(struct library *library)
{
    const double start = now_s(), cpu = seconds_of(CLOCK_THREAD_CPUTIME_ID);
    size_t n = 0;
    while (n % 64 || now_s() < start + library->seconds)
        (void)library_search(library, n++ % library->data->queries, library->ef);
    library->rate = (double)n / (now_s() - start);
    library->cpu_us = (seconds_of(CLOCK_THREAD_CPUTIME_ID) - cpu) * 1e6 / (double)n;
}

static void *library_thread(void *arg)
{
    struct library *library = arg;
    struct kith_error err = { 0 };
    pin_to(library->options->server_cpu);
    if (!library->db) {
        struct kith_open_opts opts = KITH_OPEN_OPTS_INIT;
        opts.read_only = true;
        opts.threads = 1;
        if (kith_open(library->path, &opts, &library->db, &err) ||
            kith_collection_open(library->db, "default", COLLECTION, &library->collection, &err))
            die("%s", err.text);
        if (library->ef == 0) find_ef(library);
        else library->recall = library_recall(library, library->ef);
    } else {
        library_pass(library);
    }
    return NULL;
}

/* On a thread of its own, that ends: nothing of it is left on the server's core. */
static void library_run(struct library *library)
{
    pthread_t thread;
    if (pthread_create(&thread, NULL, library_thread, library)) die("no thread");
    (void)pthread_join(thread, NULL);
}

/* ---- a pass of load ---- */

struct pass {
    double rate[ROUNDS_MAX], cpu_us[ROUNDS_MAX], system_us[ROUNDS_MAX], p50_us[ROUNDS_MAX],
        p99_us[ROUNDS_MAX];
    size_t rounds;
    double recall;
};

static void pass_run(struct pass *pass, const struct server *server, const struct load *load)
{
    struct load_result result;
    const struct cpu before = server_cpu(server);
    load_run(load, &result);
    const struct cpu after = server_cpu(server);
    const double n = (double)result.requests, system_s = after.system_s - before.system_s;
    const size_t r = pass->rounds++;
    pass->rate[r] = n / result.seconds;
    pass->cpu_us[r] = (after.user_s - before.user_s + system_s) * 1e6 / n;
    pass->system_us[r] = system_s * 1e6 / n;
    pass->p50_us[r] = result.p50_us;
    pass->p99_us[r] = result.p99_us;
}

struct recalling {
    const struct data *data;
    bool rest;
    size_t hits;
};

static void count_hits(void *ctx, size_t request, const uint8_t *body, size_t len)
{
    struct recalling *recalling = ctx;
    int64_t ids[K];
    const size_t n = recalling->rest ? search_ids_json(body, len, ids)
                                     : search_ids(body, len, ids);
    recalling->hits += data_hits(recalling->data, request, ids, n);
}

static double recall_over(const struct data *data, const struct load *load)
{
    struct recalling recalling = { .data = data, .rest = load->rest };
    struct load_result result;
    struct load once = *load;
    once.requests = data->queries;
    once.on_reply = count_hits;
    once.ctx = &recalling;
    load_run(&once, &result);
    return (double)recalling.hits / (double)(data->queries * K);
}

static void print_pass(const struct options *options, const char *name, const struct pass *pass,
                       const struct pass *library, unsigned ef)
{
    const size_t n = pass->rounds;
    const double rate = median(pass->rate, n), cpu = median(pass->cpu_us, n);
    double by_rate[ROUNDS_MAX], by_cpu[ROUNDS_MAX];
    for (size_t i = 0; i < n; i++) {
        by_rate[i] = pass->rate[i] / library->rate[i];
        by_cpu[i] = library->cpu_us[i] / pass->cpu_us[i];
    }
    printf(options->json
               ? "{\"bench\":\"search\",\"name\":\"%s\",\"ef\":%u,\"recall\":%.4f,\"rate\":%.0f,"
                 "\"ratio\":%.3f,\"cpu_us\":%.2f,\"system_us\":%.2f,\"cpu_ratio\":%.3f,"
                 "\"p50_us\":%.0f,\"p99_us\":%.0f}\n"
               : "%-8s %4u   %.4f %9.0f  %5.2f  %8.2f %8.2f  %5.2f  %8.0f %8.0f\n",
           name, ef, pass->recall, rate, median(by_rate, n), cpu, median(pass->system_us, n),
           median(by_cpu, n), median(pass->p50_us, n), median(pass->p99_us, n));
    (void)fflush(stdout);
}

/* ---- search ---- */

static struct buffer *encode_inserts(const struct data *data, const struct options *options,
                                     const char *name, size_t rows, size_t *count)
{
    *count = rows / options->batch;
    struct buffer *bodies = calloc(*count + 1, sizeof *bodies);
    if (!bodies) die("no memory");
    for (size_t i = 0; i < *count; i++)
        insert_message(data, name, i * options->batch, options->batch, &bodies[i]);
    return bodies;
}

static void release_bodies(struct buffer *bodies, size_t count)
{
    for (size_t i = 0; i < count; i++) buffer_release(&bodies[i]);
    free(bodies);
}

static void fill(const struct server *server, const struct options *options,
                 const struct data *data)
{
    struct load_result result;
    size_t count;
    struct buffer *bodies = encode_inserts(data, options, COLLECTION, data->rows, &count);
    collection_create(server->port, options, COLLECTION, true);
    const struct load load = { .port = server->port, .path = INSERT_PATH, .bodies = bodies,
                               .count = count, .connections = 1, .flight = 4, .requests = count };
    load_run(&load, &result);
    release_bodies(bodies, count);
    collection_flush(server->port, COLLECTION);
}

static void library_round(struct library *library, struct pass *pass)
{
    library_run(library);
    const size_t r = pass->rounds++;
    pass->rate[r] = library->rate;
    pass->cpu_us[r] = library->cpu_us;
    pass->system_us[r] = 0;
    pass->p50_us[r] = pass->p99_us[r] = 1e6 / library->rate;
    pass->recall = library->recall;
}

static bool is_only(const struct options *options, const char *pass)
{
    return options->only && strcmp(options->only, pass) == 0;
}

static void search_rounds(const struct options *options, const struct server *server,
                          struct library *library, struct load *grpc, struct load *rest)
{
    struct pass alone = { 0 }, over_grpc = { 0 }, over_rest = { 0 };
    over_grpc.recall = recall_over(library->data, grpc);
    over_rest.recall = recall_over(library->data, rest);
    for (unsigned r = 0; r < options->rounds; r++) {
        library_round(library, &alone);
        pass_run(&over_grpc, server, is_only(options, "rest") ? rest : grpc);
        pass_run(&over_rest, server, is_only(options, "grpc") ? grpc : rest);
    }
    if (!options->json)
        printf("           ef   recall         1/s  ratio    cpu us   system  ratio    p50 us   "
               "p99 us\n");
    print_pass(options, "library", &alone, &alone, library->ef);
    print_pass(options, "grpc", &over_grpc, &alone, library->ef);
    print_pass(options, "rest", &over_rest, &alone, library->ef);
}

static void bench_search(const struct options *options)
{
    struct server server;
    struct data data;
    struct buffer *messages = calloc(options->queries, sizeof *messages);
    struct buffer *texts = calloc(options->queries, sizeof *texts);
    if (!messages || !texts) die("no memory");
    data_make(options, options->rows, options->queries, &data);
    data_truth(&data);
    server_start(options, "search", &server);
    fill(&server, options, &data);
    struct library library = { .options = options, .data = &data, .path = server.data,
                               .ef = options->ef, .seconds = options->seconds };
    library_run(&library);
    for (size_t q = 0; q < options->queries; q++) {
        search_message(&data, q, library.ef, &messages[q]);
        search_json(&data, q, library.ef, &texts[q]);
    }
    struct load grpc = { .port = server.port, .path = SEARCH_PATH, .bodies = messages,
                         .count = options->queries, .connections = options->connections,
                         .flight = options->flight, .seconds = options->seconds };
    struct load rest = grpc;
    rest.rest = true;
    rest.path = REST_PATH;
    rest.bodies = texts;
    if (!options->json)
        printf("search: %zu rows x %zu (%s), k %d, %u in flight, gRPC over %u connection(s)\n",
               options->rows, options->dim, options->uniform ? "uniform" : "latent", K,
               options->flight, options->connections);
    (void)fflush(stdout);
    search_rounds(options, &server, &library, &grpc, &rest);
    kith_collection_release(library.collection);
    kith_close(library.db);
    server_stop(&server);
    remove_dir(server.data);
    release_bodies(messages, options->queries);
    release_bodies(texts, options->queries);
    data_release(&data);
}

/* ---- insert ---- */

static void insert_pass(const struct options *options, const struct data *data,
                        const struct server *server, const char *name, bool index)
{
    struct load_result result;
    size_t count;
    struct buffer *bodies = encode_inserts(data, options, name, options->insert_rows, &count);
    collection_create(server->port, options, name, index);
    const struct load load = { .port = server->port, .path = INSERT_PATH, .bodies = bodies,
                               .count = count, .connections = 1,
                               .flight = options->insert_flight, .requests = count };
    const struct cpu before = server_cpu(server);
    load_run(&load, &result);
    const struct cpu after = server_cpu(server);
    const double mb = (double)(count * options->batch * data->dim * sizeof(float)) / 1e6;
    const double cpu = after.user_s + after.system_s - before.user_s - before.system_s;
    printf(options->json
               ? "{\"bench\":\"insert\",\"name\":\"%s\",\"mb_s\":%.1f,\"cpu_us_mb\":%.0f,"
                 "\"system_us_mb\":%.0f,\"p50_us\":%.0f,\"p99_us\":%.0f}\n"
               : "%-12s %8.1f MB/s  %7.0f us of processor a MB (system %.0f)  p50 %.0f us  "
                 "p99 %.0f us\n",
           name, mb / result.seconds, cpu * 1e6 / mb,
           (after.system_s - before.system_s) * 1e6 / mb, result.p50_us, result.p99_us);
    (void)fflush(stdout);
    release_bodies(bodies, count);
}

static void bench_insert(const struct options *options)
{
    struct data data;
    data_make(options, options->batch * 100, 1, &data);
    for (unsigned r = 0; r < options->rounds; r++) {
        struct server server;
        server_start(options, "insert", &server);
        if (!options->json && r == 0)
            printf("insert: %zu rows x %zu in batches of %zu, %u in flight, log on everysec\n",
                   options->insert_rows, options->dim, options->batch, options->insert_flight);
        insert_pass(options, &data, &server, "plain", false);
        server_stop(&server);
        remove_dir(server.data);
        server_start(options, "insert", &server);
        insert_pass(options, &data, &server, "with_index", true);
        server_stop(&server);
        remove_dir(server.data);
    }
    data_release(&data);
}

/* ---- the command line ---- */

static const char usage[] =
    "milvus_bench KITH [search|insert|start|all]\n"
    "  --rows N --dim N --queries N   100000 x 128, 500 queries\n"
    "  --uniform                      rows that fill all dimensions\n"
    "  --ef N --recall R              ef, or the least one with that recall (.95)\n"
    "  --flight N --connections N     64 over 1 (gRPC; REST has one a request)\n"
    "  --rounds N --seconds S         5 rounds of 2 s a pass\n"
    "  --insert-rows N --batch N --insert-flight N   500000 in batches of 1000, 4\n"
    "  --idle-seconds S               60\n"
    "  --server-cpu N --client-cpu N  0 and 1\n"
    "  --dir DIR                      where data are made (/tmp)\n"
    "  --only grpc|rest               that pass in the place of both, for a profiler\n"
    "  --json";

static bool take_number(struct options *o, const char *name, const char *value)
{
    const struct {
        const char *name;
        size_t *size;
        unsigned *small;
        double *real;
        int *cpu;
    } all[] = {
        { "--rows", &o->rows, NULL, NULL, NULL },
        { "--dim", &o->dim, NULL, NULL, NULL },
        { "--queries", &o->queries, NULL, NULL, NULL },
        { "--insert-rows", &o->insert_rows, NULL, NULL, NULL },
        { "--batch", &o->batch, NULL, NULL, NULL },
        { "--ef", NULL, &o->ef, NULL, NULL },
        { "--flight", NULL, &o->flight, NULL, NULL },
        { "--connections", NULL, &o->connections, NULL, NULL },
        { "--insert-flight", NULL, &o->insert_flight, NULL, NULL },
        { "--rounds", NULL, &o->rounds, NULL, NULL },
        { "--seconds", NULL, NULL, &o->seconds, NULL },
        { "--idle-seconds", NULL, NULL, &o->idle_seconds, NULL },
        { "--recall", NULL, NULL, &o->recall, NULL },
        { "--server-cpu", NULL, NULL, NULL, &o->server_cpu },
        { "--client-cpu", NULL, NULL, NULL, &o->client_cpu },
    };
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
        if (strcmp(all[i].name, name) != 0) continue;
        if (all[i].size) *all[i].size = strtoul(value, NULL, 10);
        if (all[i].small) *all[i].small = (unsigned)strtoul(value, NULL, 10);
        if (all[i].real) *all[i].real = strtod(value, NULL);
        if (all[i].cpu) *all[i].cpu = (int)strtol(value, NULL, 10);
        return true;
    }
    return false;
}

static const char *take_options(struct options *options, int argc, char **argv)
{
    const char *mode = "all";
    for (int i = 2; i < argc; i++) {
        if (argv[i][0] != '-') mode = argv[i];
        else if (strcmp(argv[i], "--uniform") == 0) options->uniform = true;
        else if (strcmp(argv[i], "--json") == 0) options->json = true;
        else if (i + 1 < argc && strcmp(argv[i], "--dir") == 0) options->dir = argv[++i];
        else if (i + 1 < argc && strcmp(argv[i], "--only") == 0) options->only = argv[++i];
        else if (i + 1 < argc && take_number(options, argv[i], argv[i + 1])) i++;
        else die("%s\n%s", argv[i], usage);
    }
    if (options->rounds == 0 || options->rounds > ROUNDS_MAX || options->connections == 0 ||
        options->queries == 0 || options->batch == 0)
        die("%s", usage);
    return mode;
}

int main(int argc, char **argv)
{
    struct options options = { .dir = "/tmp", .rows = 100000, .dim = 128, .queries = 500,
                               .flight = 64, .connections = 1, .insert_flight = 4, .rounds = 5,
                               .seconds = 2, .idle_seconds = 60, .recall = 0.95,
                               .insert_rows = 500000, .batch = 1000, .client_cpu = 1 };
    char dir[512];
    if (argc < 2 || argv[1][0] == '-') die("%s", usage);
    options.kith = argv[1];
    const char *mode = take_options(&options, argc, argv);
    (void)snprintf(dir, sizeof dir, "%s/milvus-bench-XXXXXX", options.dir);
    if (!mkdtemp(dir)) die("%s cannot be made", dir);
    options.dir = dir;
    pin_to(options.client_cpu);
    const bool all = strcmp(mode, "all") == 0;
    if (all || strcmp(mode, "search") == 0) bench_search(&options);
    if (all || strcmp(mode, "insert") == 0) bench_insert(&options);
    if (all || strcmp(mode, "start") == 0) bench_start(&options);
    remove_dir(dir);
    return 0;
}
