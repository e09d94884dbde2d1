/*
 * What vectors_bench measures: loading, searching, deleting and adding again, one server at a time.
 */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "vectors_bench.h"

#define IDLE_LOOKS 80u /* of 20 ms; kith builds in the last rows after a second */
#define LOAD_PIPELINE 64u

/* ---- from outside ---- */

/* Whether a thread wants to run: on a busy machine it may wait for long without using anything. */
static bool wants_to_run(const struct server *server)
{
    char path[64];
    bool wants = false;
    (void)snprintf(path, sizeof path, "/proc/%d/task", (int)server->pid);
    DIR *dir = opendir(path);
    if (!dir) die("%s is gone", server->name);
    for (struct dirent *entry; !wants && (entry = readdir(dir)) != NULL;) {
        char file[sizeof path + 300], state = 0;
        (void)snprintf(file, sizeof file, "%s/%s/stat", path, entry->d_name);
        FILE *stat = entry->d_name[0] == '.' ? NULL : fopen(file, "r");
        if (!stat) continue;
        if (fscanf(stat, "%*d (%*[^)]) %c", &state) == 1) wants = state == 'R' || state == 'D';
        fclose(stat);
    }
    closedir(dir);
    return wants;
}

double wait_idle(const struct server *server)
{
    double last = now_s(), before = server_cpu_s(server);
    for (unsigned still = 0; still < IDLE_LOOKS; still++) {
        usleep(20000);
        const double now = server_cpu_s(server);
        if (now - before > 0.001 || wants_to_run(server)) {
            still = 0;
            last = now_s();
        }
        before = now;
    }
    return last;
}

/* ---- adding ---- */

struct adding {
    const struct side *side;
    const unsigned *which; /* NULL: all in order */
    double began;
};

static void make_add(void *ctx, unsigned i, struct bytes *out)
{
    const struct adding *adding = ctx;
    const struct side *side = adding->side;
    const struct options *options = side->options;
    const unsigned row = adding->which ? adding->which[i] : i;
    const uint32_t dim = side->rows->dim;
    char name[16], attribute[64];
    const int name_len = snprintf(name, sizeof name, "e%u", row);
    const int len = snprintf(attribute, sizeof attribute, "{\"n\":%u}", row * 7919u % 1000);
    const unsigned words = 4 + vector_words(options->values, dim) +
                           (options->filters ? 2 : 0) + (options->cas ? 1 : 0);
    if (options->pace > 0)
        while (now_s() < adding->began + (double)i / options->pace) usleep(200);
    bytes_printf(out, "*%u\r\n$4\r\nVADD\r\n$1\r\nv\r\n", words);
    put_vector(out, options->values, row_at(side->rows, row), dim);
    bytes_printf(out, "$%d\r\n%s\r\n$%zu\r\n%s\r\n", name_len, name, strlen(options->quant),
                 options->quant);
    if (options->cas) bytes_printf(out, "$3\r\nCAS\r\n");
    if (options->filters) bytes_printf(out, "$7\r\nSETATTR\r\n$%d\r\n%s\r\n", len, attribute);
}

static void add_rows(struct side *side, const unsigned *which, unsigned count)
{
    struct adding adding = { side, which, now_s() };
    const unsigned pipeline = side->client.pipeline;
    side->client.pipeline = side->options->pace > 0 ? 1 : LOAD_PIPELINE;
    client_run(&side->client, &(struct exchange){ count, make_add, NULL, &adding });
    side->client.pipeline = pipeline;
}

struct load_figure load_all(struct side *side)
{
    (void)client_ask(&side->client, "DEL v");
    (void)wait_idle(&side->server);
    if (side->empty_mb == 0) side->empty_mb = server_anon_mb(&side->server);
    struct load_figure figure;
    const double began = now_s(), cpu = server_cpu_s(&side->server);
    add_rows(side, NULL, side->rows->count);
    figure.acked_s = now_s() - began;
    figure.acked_cpu_s = server_cpu_s(&side->server) - cpu;
    const double done = wait_idle(&side->server) - began;
    figure.seconds = done > figure.acked_s ? done : figure.acked_s;
    figure.cpu_s = server_cpu_s(&side->server) - cpu;
    return figure;
}

/* ---- searching ---- */

struct searching {
    const struct side *side;
    unsigned ef; /* 0: the default */
    bool exact;
    const char *filter;
    const unsigned (*truth)[K]; /* to compare with, or NULL */
    unsigned (*found)[K];       /* to keep, or NULL */
    uint64_t same, results, wanted;
};

static void make_search(void *ctx, unsigned i, struct bytes *out)
{
    const struct searching *s = ctx;
    const uint32_t dim = s->side->queries->dim;
    const bool values = s->side->options->values;
    char ef[16];
    const int len = snprintf(ef, sizeof ef, "%u", s->ef);
    const unsigned words = 2 + vector_words(values, dim) + (s->ef ? 2 : 0) + (s->filter ? 2 : 0) +
                           (s->exact ? 1 : 0);
    bytes_printf(out, "*%u\r\n$4\r\nVSIM\r\n$1\r\nv\r\n", words);
    put_vector(out, values, row_at(s->side->queries, i), dim);
    if (s->ef) bytes_printf(out, "$2\r\nEF\r\n$%d\r\n%s\r\n", len, ef);
    if (s->filter)
        bytes_printf(out, "$6\r\nFILTER\r\n$%zu\r\n%s\r\n", strlen(s->filter), s->filter);
    if (s->exact) bytes_printf(out, "$5\r\nTRUTH\r\n");
}

static void got_search(void *ctx, unsigned i, const char *reply, size_t len)
{
    struct searching *s = ctx;
    unsigned found[K];
    s->results += names_in(reply, len, found);
    if (s->found) memcpy(s->found[i], found, sizeof found);
    if (!s->truth) return;
    for (unsigned a = 0; a < K; a++) {
        if (s->truth[i][a] == NONE) continue;
        s->wanted++;
        for (unsigned b = 0; b < K; b++) s->same += s->truth[i][a] == found[b];
    }
}

static struct point run_search(struct side *side, struct searching *s)
{
    const unsigned count = side->queries->count;
    const double began = now_s(), cpu = server_cpu_s(&side->server);
    client_run(&side->client, &(struct exchange){ count, make_search, got_search, s });
    const double cpu_s = server_cpu_s(&side->server) - cpu;
    return (struct point){ .ef = s->ef, .rate = count / (now_s() - began),
                           .recall = s->wanted ? (double)s->same / (double)s->wanted : 0,
                           .cpu_us = cpu_s * 1e6 / count,
                           .count = (double)s->results / count };
}

struct point search_all(struct side *side, unsigned ef, const char *filter, unsigned (*truth)[K])
{
    struct searching s = { .side = side, .ef = ef, .filter = filter,
                           .truth = (const unsigned(*)[K])truth };
    return run_search(side, &s);
}

double ask_truth(struct side *side, const char *filter, unsigned (*truth)[K])
{
    struct searching s = { .side = side, .exact = true, .filter = filter, .found = truth };
    return run_search(side, &s).cpu_us;
}

/* ---- churn ---- */

#define SLICES 10u

static void make_remove(void *ctx, unsigned i, struct bytes *out)
{
    const struct adding *adding = ctx;
    char name[16];
    const int len = snprintf(name, sizeof name, "e%u", adding->which[i]);
    bytes_printf(out, "*3\r\n$4\r\nVREM\r\n$1\r\nv\r\n$%d\r\n%s\r\n", len, name);
}

static void make_attribute(void *ctx, unsigned i, struct bytes *out)
{
    const struct adding *adding = ctx;
    char name[16];
    const int len = snprintf(name, sizeof name, "e%u", adding->which[i]);
    bytes_printf(out, "*4\r\n$8\r\nVSETATTR\r\n$1\r\nv\r\n$%d\r\n%s\r\n$8\r\n{\"a\":%02u}\r\n", len,
                 name, i % 100);
}

/* Every second row in an order that has nothing to do with theirs. */
static unsigned *half_of(unsigned count)
{
    unsigned *which = malloc(((size_t)count / 2 + 1) * sizeof *which);
    if (!which) die("no memory for %u numbers", count);
    for (unsigned i = 0; i < count / 2; i++) which[i] = 2 * i;
    for (unsigned i = 0; i + 1 < count / 2; i++) {
        const unsigned j = i + (unsigned)((uint64_t)(i + 1) * 2654435761u % (count / 2 - i));
        const unsigned kept = which[i];
        which[i] = which[j];
        which[j] = kept;
    }
    return which;
}

double churn(struct side *side, struct point *between)
{
    const unsigned half = side->rows->count / 2, slice = half / SLICES;
    unsigned *which = half_of(side->rows->count);
    const double cpu = server_cpu_s(&side->server);
    double searches = 0;
    *between = (struct point){ 0 };
    for (unsigned s = 0; s < 2 * SLICES; s++) {
        struct adding part = { .side = side, .which = which + (size_t)(s % SLICES) * slice };
        struct exchange change = { slice, make_remove, NULL, &part };
        if (s < SLICES) client_run(&side->client, &change);
        else add_rows(side, part.which, slice);
        change.make = make_attribute;
        if (s >= SLICES) client_run(&side->client, &change);
        const struct point point = search_all(side, 0, NULL, NULL);
        between->cpu_us += point.cpu_us / (2 * SLICES);
        between->rate += point.rate / (2 * SLICES);
        searches += point.cpu_us * side->queries->count / 1e6;
    }
    free(which);
    (void)wait_idle(&side->server);
    return server_cpu_s(&side->server) - cpu - searches;
}
