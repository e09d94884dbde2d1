/*
 * Vector sets through the Redis door beside a Redis that has them (8.0 and later), on one core.
 *
 *     vectors_bench KITH [--peer REDIS_SERVER] [options]
 *
 * Both servers get the same bytes from the same client, by turns, on a core of their own. Adding is
 * measured until the server is idle, so graphs that are built after the reply are paid for.
 * Searches are compared at equal recall@10: both sweep EF, and the cost at a recall lies on the line between
 * the two nearest points (logarithms of cost and of what is missed). Recall is against VSIM ...
 * TRUTH, every distance of what is stored; what quantization itself loses is said once, against the
 * floats. Ratios of processor time are what can be compared on a shared machine.
 */
#include "vectors_bench.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define SERVER_CORE 1u /* masks */
#define LOAD_CORE 2u
#define FLOAT_QUERIES 100u

static const unsigned efs[] = { 5, 10, 20, 40, 80, 160, 320, 640, 1280 };
#define EFS (sizeof efs / sizeof efs[0])
static const double recalls[] = { .90, .95, .99 };
#define RECALLS (sizeof recalls / sizeof recalls[0])

struct bench {
    struct options options;
    struct rows rows, queries;
    struct side sides[SERVERS_MAX];
    unsigned count; /* of sides */
};

/* ---- what is printed ---- */

/* A line a figure; second: the peer's, NAN when there is none. better: +1 more is better. */
static void say(const struct bench *b, const char *what, const char *unit, const double figures[],
                int better)
{
    const double kith = figures[0], peer = b->count > 1 ? figures[1] : NAN;
    const double ratio = better > 0 ? kith / peer : peer / kith;
    if (b->options.json) {
        printf("{\"figure\":\"%s\",\"unit\":\"%s\",\"%s\":%.6g", what, unit,
               b->sides[0].server.name, kith);
        if (b->count > 1) printf(",\"peer\":%.6g", peer);
        if (b->count > 1 && better) printf(",\"ratio\":%.4g", ratio);
        puts("}");
        return;
    }
    printf("  %-34s %12.5g", what, kith);
    if (b->count > 1) printf(" %12.5g", peer);
    else printf(" %12s", "");
    if (b->count > 1 && better) printf(" %8.2f x", ratio);
    else printf(" %10s", "");
    printf("   %s\n", unit);
}

static void say_head(const struct bench *b)
{
    const struct options *o = &b->options;
    if (o->json) return;
    printf("%s, %u x %u, %s, %s%s%s: %u queries, %u connections, %u in flight on each\n",
           o->data ? o->data : "generated", b->rows.count, b->rows.dim, o->quant,
           o->values ? "VALUES" : "FP32", o->cas ? ", CAS" : "", o->filters ? ", SETATTR" : "",
           b->queries.count, o->connections, o->pipeline);
    printf("  %-34s %12s %12s   how many times better\n", "", b->sides[0].server.name,
           b->count > 1 ? b->sides[1].server.name : "");
}

/* ---- servers ---- */

static struct server start(const char *name, const char *program, const char *verb)
{
    char port[8];
    const uint16_t number = free_port();
    (void)snprintf(port, sizeof port, "%u", number);
    const char *words[] = { program, verb, "--port", port, "--save", "", "--appendonly", "no",
                            "--loglevel", "warning", "--dir", "/tmp" };
    char *argv[16];
    int n = 0;
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
        if (words[i]) argv[n++] = strdup(words[i]);
    argv[n] = NULL;
    const struct server server = server_start(name, argv, number, SERVER_CORE);
    for (int i = 0; i < n; i++) free(argv[i]);
    return server;
}

static void open_side(struct bench *b, struct server server)
{
    struct side *side = &b->sides[b->count++];
    *side = (struct side){ .server = server, .options = &b->options, .rows = &b->rows,
                           .queries = &b->queries };
    side->truth = calloc(b->queries.count, sizeof *side->truth);
    if (!side->truth) die("no memory for %u queries", b->queries.count);
    client_open(&side->client, server.port, b->options.connections, b->options.pipeline);
}

static void open_peer(struct bench *b)
{
    struct server server = start("peer", b->options.peer, NULL);
    struct client client;
    client_open(&client, server.port, 1, 1);
    const bool fine = client_ask(&client, "VADD v VALUES 2 1 1 e0");
    client_close(&client);
    if (fine) {
        open_side(b, server);
        return;
    }
    (void)fprintf(stderr, "vectors_bench: %s has no VADD: kith alone\n", b->options.peer);
    server_stop(&server);
}

static void open_sides(struct bench *b)
{
    const char *only = b->options.only;
    if (!only || !strcmp(only, "kith"))
        open_side(b, start("kith", b->options.kith, "redis-server"));
    if (b->options.peer && (!only || !strcmp(only, "peer"))) open_peer(b);
    if (b->count == 0) die("nothing to measure");
}

static void close_sides(struct bench *b)
{
    for (unsigned i = 0; i < b->count; i++) {
        client_close(&b->sides[i].client);
        server_stop(&b->sides[i].server);
        free(b->sides[i].truth);
    }
}

/* ---- adding ---- */

static void measure_load(struct bench *b)
{
    double rate[SERVERS_MAX][ROUNDS_MAX], cpu[SERVERS_MAX][ROUNDS_MAX];
    double acked[SERVERS_MAX][ROUNDS_MAX], figures[4][SERVERS_MAX];
    for (unsigned round = 0; round < b->options.rounds; round++)
        for (unsigned i = 0; i < b->count; i++) {
            const struct load_figure figure = load_all(&b->sides[i]);
            rate[i][round] = b->rows.count / figure.seconds;
            cpu[i][round] = b->rows.count / figure.cpu_s;
            acked[i][round] = b->rows.count / figure.acked_s;
        }
    for (unsigned i = 0; i < b->count; i++) {
        const struct side *side = &b->sides[i];
        figures[0][i] = median(rate[i], b->options.rounds);
        figures[1][i] = median(cpu[i], b->options.rounds);
        figures[2][i] = median(acked[i], b->options.rounds);
        figures[3][i] =
            (server_anon_mb(&side->server) - side->empty_mb) * 1048576 / b->rows.count;
    }
    say(b, "VADD, graphs complete", "rows/s", figures[0], 1);
    say(b, "VADD, graphs complete", "rows a processor second", figures[1], 1);
    say(b, "VADD, until the last reply", "rows/s", figures[2], 1);
    say(b, "memory (RssAnon)", "bytes a row", figures[3], -1);
}

/* ---- searching ---- */

/* The share of the nearest by the floats that those by what is stored are. */
static double quantization_recall(const struct bench *b)
{
    const unsigned count = b->queries.count < FLOAT_QUERIES ? b->queries.count : FLOAT_QUERIES;
    unsigned same = 0;
    for (unsigned q = 0; q < count; q++) {
        unsigned found[K];
        rows_nearest(&b->rows, row_at(&b->queries, q), found);
        for (unsigned i = 0; i < K; i++)
            for (unsigned j = 0; j < K; j++)
                same += found[i] != NONE && found[i] == b->sides[0].truth[q][j];
    }
    return (double)same / (count * (double)K);
}

static void ask_all_truths(struct bench *b)
{
    double cost[SERVERS_MAX];
    for (unsigned i = 0; i < b->count; i++)
        cost[i] = ask_truth(&b->sides[i], NULL, b->sides[i].truth);
    say(b, "VSIM TRUTH", "us of processor", cost, -1);
}

static double log_missed(double recall) { return log(1 - recall + 1e-4); }

/* On the line between the points on both sides of the recall; NAN: it is never reached. */
static double at_recall(const struct point *points, size_t count, double recall, bool rate)
{
    for (size_t i = 0; i < count; i++) {
        const double here = rate ? points[i].rate : points[i].cpu_us;
        if (points[i].recall < recall) continue;
        if (i == 0) return here;
        const double before = rate ? points[i - 1].rate : points[i - 1].cpu_us;
        const double a = log_missed(points[i - 1].recall), b = log_missed(points[i].recall);
        const double share = (log_missed(recall) - a) / (b - a);
        return exp(log(before) + share * (log(here) - log(before)));
    }
    return NAN;
}

/* The median of rounds, servers by turns at every EF. */
static void sweep(struct bench *b, struct point points[SERVERS_MAX][EFS])
{
    for (size_t e = 0; e < EFS; e++) {
        double cpu[SERVERS_MAX][ROUNDS_MAX], rate[SERVERS_MAX][ROUNDS_MAX];
        for (unsigned round = 0; round < b->options.rounds; round++)
            for (unsigned i = 0; i < b->count; i++) {
                points[i][e] = search_all(&b->sides[i], efs[e], NULL, b->sides[i].truth);
                cpu[i][round] = points[i][e].cpu_us;
                rate[i][round] = points[i][e].rate;
            }
        for (unsigned i = 0; i < b->count; i++) {
            points[i][e].cpu_us = median(cpu[i], b->options.rounds);
            points[i][e].rate = median(rate[i], b->options.rounds);
        }
    }
}

static void say_sweep(const struct bench *b, struct point points[SERVERS_MAX][EFS])
{
    for (size_t e = 0; e < EFS; e++) {
        char what[64];
        double figures[2][SERVERS_MAX];
        for (unsigned i = 0; i < b->count; i++) {
            figures[0][i] = points[i][e].recall;
            figures[1][i] = points[i][e].cpu_us;
        }
        (void)snprintf(what, sizeof what, "EF %u: recall@10", efs[e]);
        say(b, what, "", figures[0], 0);
        (void)snprintf(what, sizeof what, "EF %u: processor time", efs[e]);
        say(b, what, "us", figures[1], 0);
    }
}

static void measure_searches(struct bench *b, const char *when)
{
    struct point points[SERVERS_MAX][EFS];
    sweep(b, points);
    say_sweep(b, points);
    for (size_t r = 0; r < RECALLS; r++) {
        char what[64];
        double figures[2][SERVERS_MAX];
        for (unsigned i = 0; i < b->count; i++) {
            figures[0][i] = at_recall(points[i], EFS, recalls[r], false);
            figures[1][i] = at_recall(points[i], EFS, recalls[r], true);
        }
        (void)snprintf(what, sizeof what, "VSIM%s at recall %.2f", when, recalls[r]);
        say(b, what, "us of processor", figures[0], -1);
        say(b, what, "a second", figures[1], 1);
    }
}

static void measure_filters(struct bench *b)
{
    static const unsigned least[] = { 1, 10, 100, 500 }; /* of 1,000 */
    for (size_t f = 0; f < sizeof least / sizeof least[0]; f++) {
        char filter[32], what[64];
        double cost[SERVERS_MAX], recall[SERVERS_MAX], count[SERVERS_MAX];
        (void)snprintf(filter, sizeof filter, ".n < %u", least[f]);
        for (unsigned i = 0; i < b->count; i++) {
            (void)ask_truth(&b->sides[i], filter, b->sides[i].truth);
            const struct point point = search_all(&b->sides[i], 0, filter, b->sides[i].truth);
            cost[i] = point.cpu_us;
            recall[i] = point.recall;
            count[i] = point.count;
        }
        (void)snprintf(what, sizeof what, "FILTER, share %.3f", least[f] / 1000.0);
        say(b, what, "results of 10", count, 0);
        say(b, what, "recall@10", recall, 0);
        say(b, what, "us of processor", cost, -1);
    }
}

static void measure_churn(struct bench *b)
{
    double rate[SERVERS_MAX], between[SERVERS_MAX], memory[SERVERS_MAX];
    for (unsigned i = 0; i < b->count; i++) {
        struct point point;
        rate[i] = b->rows.count / churn(&b->sides[i], &point);
        between[i] = point.cpu_us;
        memory[i] = (server_anon_mb(&b->sides[i].server) - b->sides[i].empty_mb) * 1048576 /
                    b->rows.count;
    }
    say(b, "churn: VREM and VADD of half", "changes a processor second", rate, 1);
    say(b, "churn: VSIM meanwhile", "us of processor", between, -1);
    say(b, "churn: memory after", "bytes a row", memory, -1);
    ask_all_truths(b);
    measure_searches(b, " after churn");
}

/* ---- options ---- */

static void usage(void)
{
    puts("vectors_bench KITH [options]\n"
         "  --peer PROGRAM    a redis-server with vector sets\n"
         "  --data FILE       fvecs; else rows around 1,000 centres are drawn\n"
         "  --rows N          (30000)\n"
         "  --dim N           of generated rows (128)\n"
         "  --queries N       taken from behind the rows (1000)\n"
         "  --quant Q         Q8, NOQUANT or BIN (Q8)\n"
         "  --values          VALUES in place of FP32\n"
         "  --cas             VADD with CAS\n"
         "  --pace N          so many VADD a second at most, one at a time\n"
         "  --filters         attributes, and FILTER at shares .001 to .5\n"
         "  --churn           half of the rows removed and added again, then searches\n"
         "  --connections N   (4)\n"
         "  --pipeline N      VSIM in flight on each (4)\n"
         "  --rounds N        medians are shown (3)\n"
         "  --only SIDE       kith or peer\n"
         "  --json            a line a figure\n"
         "\nExample: vectors_bench build/kith --peer redis-server --data data/words/base.fvecs");
}

static const char *value_of(int argc, char **argv, int *i)
{
    if (*i + 1 >= argc) die("%s needs a value", argv[*i]);
    return argv[++*i];
}

static bool parse_number(struct options *o, int argc, char **argv, int *i)
{
    const struct {
        const char *word;
        unsigned *out;
    } numbers[] = { { "--rows", &o->rows },       { "--dim", &o->dim },
                    { "--queries", &o->queries }, { "--connections", &o->connections },
                    { "--pipeline", &o->pipeline }, { "--rounds", &o->rounds },
                    { "--pace", &o->pace } };
    for (size_t n = 0; n < sizeof numbers / sizeof numbers[0]; n++) {
        if (strcmp(argv[*i], numbers[n].word) != 0) continue;
        *numbers[n].out = (unsigned)strtoul(value_of(argc, argv, i), NULL, 10);
        return true;
    }
    return false;
}

static bool parse_flag(struct options *o, const char *word)
{
    if (!strcmp(word, "--values")) o->values = true;
    else if (!strcmp(word, "--cas")) o->cas = true;
    else if (!strcmp(word, "--filters")) o->filters = true;
    else if (!strcmp(word, "--churn")) o->churn = true;
    else if (!strcmp(word, "--json")) o->json = true;
    else return false;
    return true;
}

static void parse(int argc, char **argv, struct options *o)
{
    *o = (struct options){ .quant = "Q8", .rows = 30000, .dim = 128, .queries = 1000, .rounds = 3,
                           .connections = 4, .pipeline = 4 };
    for (int i = 1; i < argc; i++) {
        const char *word = argv[i];
        if (!strcmp(word, "--help")) {
            usage();
            exit(0);
        }
        if (parse_flag(o, word) || parse_number(o, argc, argv, &i)) continue;
        if (!strcmp(word, "--peer")) o->peer = value_of(argc, argv, &i);
        else if (!strcmp(word, "--data")) o->data = value_of(argc, argv, &i);
        else if (!strcmp(word, "--quant")) o->quant = value_of(argc, argv, &i);
        else if (!strcmp(word, "--only")) o->only = value_of(argc, argv, &i);
        else if (word[0] == '-' || o->kith) die("unknown option %s; --help lists them", word);
        else o->kith = word;
    }
    if (!o->kith) die("which program? --help says more");
    if (o->rounds == 0 || o->rounds > ROUNDS_MAX) die("--rounds is 1 to %u", ROUNDS_MAX);
    if (o->connections == 0 || o->connections > 64) die("--connections is 1 to 64");
    if (o->queries == 0 || o->rows < K || o->dim == 0 || o->pipeline == 0)
        die("too few of something");
}

static void read_data(struct bench *b)
{
    const struct options *o = &b->options;
    b->rows = o->data ? rows_read(o->data, o->rows + o->queries)
                      : rows_draw(o->rows + o->queries, o->dim);
    if (b->rows.count <= o->queries + K) die("too few rows in %s", o->data);
    b->rows.count -= o->queries;
    b->queries = (struct rows){ b->rows.data + (size_t)b->rows.count * b->rows.dim, b->rows.dim,
                                o->queries };
}

int main(int argc, char **argv)
{
    struct bench b = { .count = 0 };
    parse(argc, argv, &b.options);
    (void)setvbuf(stdout, NULL, _IOLBF, 0);
    pin(LOAD_CORE);
    read_data(&b);
    open_sides(&b);
    say_head(&b);
    measure_load(&b);
    ask_all_truths(&b);
    const double recall[SERVERS_MAX] = { quantization_recall(&b), NAN };
    if (!b.options.json)
        printf("  recall@10 of %s itself against floats: %.4f\n", b.options.quant, recall[0]);
    measure_searches(&b, "");
    if (b.options.filters) measure_filters(&b);
    if (b.options.churn) measure_churn(&b);
    close_sides(&b);
    free(b.rows.data);
    return 0;
}
