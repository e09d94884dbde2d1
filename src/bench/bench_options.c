/*
 * The command line of `kith bench ann` and `gt`: a table of options, each with a parser, so that
 * help, errors and limits have one place. Values may be given as "--k 10" or "--k=10".
 */
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "bench/bench_internal.h"

static const uint32_t default_knobs[] = {10, 16, 24, 32, 48, 64, 96, 128, 192, 256};

/* ---- values ---- */

/* A decimal number of [1, most] that ends at one of `ends` or at the end of the text. */
static bool number(const char *text, const char *ends, uint32_t most, uint32_t *out,
                   const char **rest)
{
    uint64_t value = 0;
    const char *p = text;
    while (*p >= '0' && *p <= '9' && value <= most) value = value * 10 + (uint64_t)(*p++ - '0');
    if (p == text || value < 1 || value > most) return false;
    if (*p != '\0' && !strchr(ends, *p)) return false;
    *out = (uint32_t)value;
    if (rest) *rest = p;
    return true;
}

static int count(const char *name, const char *text, uint32_t most, uint32_t *out,
                 struct kith_error *err)
{
    if (number(text, "", most, out, NULL)) return 0;
    return error_set(err, KITH_EINVAL, "%s is '%s'; give a number of 1..%u", name, text, most);
}

static int parse_metric(struct bench_options *o, const char *text, struct kith_error *err)
{
    static const enum kith_metric all[] = {KITH_L2, KITH_IP, KITH_COSINE};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        if (strcasecmp(text, bench_metric_name(all[i])) != 0) continue;
        o->metric = all[i];
        return 0;
    }
    return error_set(err, KITH_EINVAL, "--metric is '%s'; give l2, ip or cosine", text);
}

static int parse_index_part(struct bench_options *o, const char *part, const char **rest,
                            struct kith_error *err)
{
    static const char ef[] = "ef_construction=";
    const bool is_m = strncasecmp(part, "M=", 2) == 0;
    if (is_m && number(part + 2, ",", 512, &o->m, rest)) return 0;
    if (strncasecmp(part, ef, sizeof ef - 1) == 0 &&
        number(part + sizeof ef - 1, ",", 4096, &o->ef_construction, rest)) {
        return 0;
    }
    return error_set(err, KITH_EINVAL,
                     "--index: '%s' is not M=2..512 or ef_construction=1..4096", part);
}

static int parse_index(struct bench_options *o, const char *text, struct kith_error *err)
{
    const size_t len = strcspn(text, ",");
    o->index_text = text;
    if (len == 4 && strncasecmp(text, "flat", 4) == 0 && text[4] == '\0') {
        o->kind = "FLAT";
        return 0;
    }
    if (len != 4 || strncasecmp(text, "hnsw", 4) != 0) {
        return error_set(err, KITH_EINVAL,
                         "--index is '%s'; give flat or hnsw[,M=16][,ef_construction=200]", text);
    }
    o->kind = "HNSW";
    const char *p = text + len;
    while (*p == ',') {
        const int rc = parse_index_part(o, p + 1, &p, err);
        if (rc) return rc;
    }
    return 0;
}

static int parse_sweep(struct bench_options *o, const char *text, struct kith_error *err)
{
    const char *p = text;
    o->knob_count = 0;
    for (;;) {
        if (o->knob_count == BENCH_KNOBS_MAX) {
            return error_set(err, KITH_ELIMIT, "--sweep has more than %d values", BENCH_KNOBS_MAX);
        }
        if (!number(p, ",", 65536, &o->knobs[o->knob_count++], &p)) {
            return error_set(err, KITH_EINVAL, "--sweep: '%s' is not a list of 1..65536", text);
        }
        if (*p == '\0') return 0;
        p++;
    }
}

/* ---- options ---- */

static int parse_one(struct bench_options *o, const char *name, const char *value,
                     struct kith_error *err)
{
    const struct { const char *name; const char **to; } paths[] = {
        {"--base", &o->base_path}, {"--query", &o->query_path}, {"--truth", &o->truth_path},
        {"--json", &o->json_path}, {"--out", &o->out_path}};
    const struct { const char *name; uint32_t most; uint32_t *to; } counts[] = {
        {"--k", BENCH_K_MAX, &o->k}, {"--threads", BENCH_THREADS_MAX, &o->threads},
        {"--build-threads", BENCH_THREADS_MAX, &o->build_threads},
        {"--repeat", BENCH_REPEATS_MAX, &o->repeat}};
    for (size_t i = 0; i < sizeof paths / sizeof *paths; i++) {
        if (strcmp(name, paths[i].name) != 0) continue;
        *paths[i].to = value;
        return 0;
    }
    for (size_t i = 0; i < sizeof counts / sizeof *counts; i++) {
        if (strcmp(name, counts[i].name) != 0) continue;
        return count(name, value, counts[i].most, counts[i].to, err);
    }
    if (strcmp(name, "--metric") == 0) return parse_metric(o, value, err);
    if (strcmp(name, "--index") == 0) return parse_index(o, value, err);
    if (strcmp(name, "--sweep") == 0) return parse_sweep(o, value, err);
    return error_set(err, KITH_EINVAL, "there is no option '%s'", name);
}

static void set_defaults(struct bench_options *o)
{
    *o = (struct bench_options){.index_text = "hnsw", .kind = "HNSW", .k = 10, .threads = 1,
                                .repeat = 3};
    memcpy(o->knobs, default_knobs, sizeof default_knobs);
    o->knob_count = sizeof default_knobs / sizeof *default_knobs;
    o->build_threads = os_cpu_count(os_real());
    if (o->build_threads < 1) o->build_threads = 1;
    if (o->build_threads > BENCH_THREADS_MAX) o->build_threads = BENCH_THREADS_MAX;
}

/* Splits "--name=value" in the argument itself, which is the program's to write. */
static int parse_argument(struct bench_options *o, int argc, char **argv, int *i,
                          struct kith_error *err)
{
    char *name = argv[*i];
    char *equals = strncmp(name, "--", 2) == 0 ? strchr(name, '=') : NULL;
    if (equals) {
        *equals = '\0';
        return parse_one(o, name, equals + 1, err);
    }
    if (strncmp(name, "--", 2) != 0) {
        return error_set(err, KITH_EINVAL, "'%s' is not an option", name);
    }
    if (*i + 1 >= argc)
        return error_set(err, KITH_EINVAL, "%s has no value, or does not exist", name);
    return parse_one(o, name, argv[++*i], err);
}

int bench_options_parse(struct bench_options *options, int argc, char **argv,
                        struct kith_error *err)
{
    set_defaults(options);
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0) {
            options->help = true;
            return 0;
        }
        const int rc = parse_argument(options, argc, argv, &i, err);
        if (rc) return rc;
    }
    if (!options->base_path) return error_set(err, KITH_EINVAL, "--base is missing");
    return 0;
}

const char *bench_metric_name(enum kith_metric metric)
{
    switch (metric) {
    case KITH_L2: return "l2";
    case KITH_IP: return "ip";
    case KITH_COSINE: return "cosine";
    default: return "unknown";
    }
}
