/*
 * What filters cost: predicate_bench [ROWS [FOLDER]].
 *
 * First whole calls of kith_count over one sealed segment of ROWS rows (1,000,000), without and
 * with an index, at several shares of rows that pass. Then one evaluation over columns in memory: a
 * column of the schema, the same values at a path in JSON with a typed column beside the text, and
 * with the text alone. The best of several rounds is shown, in nanoseconds a row of the segment.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <kith/kith.h>

#include "base/arena.h"
#include "base/rng.h"
#include "query/filter.h"

#define ROUNDS     15
#define BATCH_ROWS 50000
#define LONGEST    32

static double now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

static void must(int rc, const char *what, const struct kith_error *err)
{
    if (rc == 0) return;
    fprintf(stderr, "%s: %s\n", what, err->text);
    exit(1);
}

/* ------------------------------------------------------------------ one sealed segment */

struct batch_rows {
    int64_t id[BATCH_ROWS], n[BATCH_ROWS];
    int32_t w[BATCH_ROWS];
    double d[BATCH_ROWS];
    char texts[BATCH_ROWS][LONGEST];
    char json[BATCH_ROWS][LONGEST];
    struct kith_str s[BATCH_ROWS], j[BATCH_ROWS];
};

static struct kith_str printed(char *room, const char *front, uint64_t value, const char *back)
{
    int n = snprintf(room, LONGEST, "%s%" PRIu64 "%s", front, value, back);
    return (struct kith_str){ room, (size_t)n };
}

static void make_rows(struct batch_rows *b, struct rng *rng, size_t first, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        uint64_t v = rng_below(rng, 1000000);
        b->id[i] = (int64_t)(first + i);
        b->n[i] = (int64_t)v;
        b->w[i] = (int32_t)rng_below(rng, 1000);
        b->d[i] = (double)v / 10;
        b->s[i] = printed(b->texts[i], "word", v / 1000, "");
        b->j[i] = printed(b->json[i], "{\"x\":true,\"di\":", v, "}");
    }
}

static void insert_rows(struct kith_collection *collection, size_t rows)
{
    struct batch_rows *b = malloc(sizeof *b);
    struct kith_error err = { 0 };
    struct rng rng;
    if (!b) exit(1);
    rng_init(&rng, 7);
    for (size_t first = 0; first < rows; first += BATCH_ROWS) {
        size_t count = rows - first < BATCH_ROWS ? rows - first : BATCH_ROWS;
        make_rows(b, &rng, first, count);
        const struct kith_column columns[] = {
            { .field = "id", .data = b->id }, { .field = "n", .data = b->n },
            { .field = "w", .data = b->w },   { .field = "d", .data = b->d },
            { .field = "s", .data = b->s },   { .field = "$meta", .data = b->j },
        };
        const struct kith_batch batch = { .size = sizeof batch, .rows = count,
                                          .columns = columns, .column_count = 6 };
        must(kith_insert(collection, &batch, NULL, NULL, &err), "insert", &err);
    }
    free(b);
}

static const struct kith_field FIELDS[] = {
    { .size = sizeof *FIELDS, .name = "id", .type = KITH_INT64, .flags = KITH_FIELD_PRIMARY },
    { .size = sizeof *FIELDS, .name = "n", .type = KITH_INT64 },
    { .size = sizeof *FIELDS, .name = "w", .type = KITH_INT32 },
    { .size = sizeof *FIELDS, .name = "d", .type = KITH_DOUBLE },
    { .size = sizeof *FIELDS, .name = "s", .type = KITH_VARCHAR },
};

static struct kith_collection *open_rows(struct kith_db **db, const char *folder, size_t rows)
{
    struct kith_open_opts opts = KITH_OPEN_OPTS_INIT;
    struct kith_schema schema = KITH_SCHEMA_INIT;
    struct kith_collection *collection = NULL;
    struct kith_error err = { 0 };
    opts.sync = KITH_SYNC_NO;
    opts.no_threads = true;
    schema.fields = FIELDS;
    schema.field_count = sizeof FIELDS / sizeof *FIELDS;
    schema.dynamic = true;
    must(kith_open(folder, &opts, db, &err), "open", &err);
    must(kith_collection_get_or_create(*db, NULL, "bench", &schema, &collection, &err),
         "collection", &err);
    insert_rows(collection, rows);
    must(kith_compact(collection, NULL, &err), "compact", &err);
    return collection;
}

static double time_count(struct kith_collection *collection, const char *filter, uint64_t *count)
{
    double best = 1e18;
    struct kith_error err = { 0 };
    for (int i = 0; i < ROUNDS; i++) {
        double from = now_ns();
        must(kith_count(collection, filter, NULL, count, &err), filter, &err);
        double took = now_ns() - from;
        if (took < best) best = took;
    }
    return best;
}

static const char *const FILTERS[] = {
    "n < 1000",        "n < 10000",         "n < 100000",     "n < 500000",
    "n + 1 > 999000",  "d * 2 > 199800",    "n % 1000 == 7",  "w == 7",
    "w in [1, 5, 9]",  "n < w",             "n in [3, 500, 77000, 150000, 900000, 1, 4, 5, 9]",
    "s == \"word17\"", "s like \"word17%\"", "s in [\"word1\", \"word2\"]",
    "di < 1000",       "di == 17",          "n < 1000 and s == \"word0\"",
    "not (n < 999000)",
};
#define FILTER_COUNT (sizeof FILTERS / sizeof *FILTERS)

static bool make_index(struct kith_collection *collection, const char *field, const char *kind,
                       const char *more)
{
    struct kith_index_params params = KITH_INDEX_PARAMS_INIT;
    struct kith_error err = { 0 };
    params.kind = kind;
    params.params = more;
    int rc = kith_index_create(collection, field, &params, &err);
    if (rc != 0) printf("no %s on %s: %s\n", kind, field, err.text);
    return rc == 0;
}

static void counts(const char *folder, size_t rows)
{
    struct kith_db *db = NULL;
    struct kith_collection *collection = open_rows(&db, folder, rows);
    struct kith_error err = { 0 };
    double plain[FILTER_COUNT], indexed[FILTER_COUNT];
    uint64_t count[FILTER_COUNT], again;
    for (size_t i = 0; i < FILTER_COUNT; i++)
        plain[i] = time_count(collection, FILTERS[i], &count[i]);
    bool any = make_index(collection, "n", "STL_SORT", NULL);
    any |= make_index(collection, "w", "BITMAP", NULL);
    any |= make_index(collection, "s", "INVERTED", NULL);
    any |= make_index(collection, "$meta", "INVERTED",
                      "{\"json_path\": \"di\", \"json_cast_type\": \"double\"}");
    if (any) must(kith_flush(collection, NULL, &err), "flush", &err);
    printf("%-44s %9s %10s %10s %8s\n", "kith_count over one sealed segment", "rows", "ns/row",
           "indexed", "ratio");
    for (size_t i = 0; i < FILTER_COUNT; i++) {
        indexed[i] = time_count(collection, FILTERS[i], &again);
        printf("%-44.44s %9" PRIu64 " %10.3f %10.4f %8.1f%s\n", FILTERS[i], count[i],
               plain[i] / (double)rows, indexed[i] / (double)rows, plain[i] / indexed[i],
               again == count[i] ? "" : "  DIFFERENT COUNT");
    }
    kith_collection_release(collection);
    kith_close(db);
}

/* ------------------------------------------------------------------ typed paths */

#define MEMORY_ROWS  (1 << 18)
#define MEMORY_CHUNK 65536

struct memory {
    int64_t *n;
    struct kith_str *json;
    char *text;
    bool typed;
};

static int memory_get(void *ctx, size_t field, size_t number, struct chunk *out)
{
    const struct memory *m = ctx;
    size_t first = number * MEMORY_CHUNK;
    *out = (struct chunk){ .type = field <= 1 ? KITH_INT64 : KITH_JSON, .rows = MEMORY_CHUNK };
    if (field <= 1) {
        out->width = sizeof *m->n;
        out->data = (const uint8_t *)(m->n + first);
    } else {
        out->strs = m->json + first;
    }
    return 0;
}

static int memory_typed(void *ctx, size_t field, struct kith_str path, size_t number,
                        struct chunk *out, bool *rest)
{
    (void)path;
    const struct memory *m = ctx;
    if (!m->typed) return KITH_EUNSUPPORTED;
    *rest = false;
    return memory_get(ctx, field - 1, number, out);
}

static double time_filter(struct memory *m, const struct schema *schema, const char *text)
{
    struct chunk_source source = { .ctx = m, .rows = MEMORY_ROWS, .chunk_rows = MEMORY_CHUNK,
                                   .get = memory_get, .typed = memory_typed };
    struct kith_error err = { 0 };
    struct arena arena;
    struct bitset out;
    struct filter *filter = NULL;
    double best = 1e18;
    arena_init(&arena);
    must(filter_compile(text, NULL, schema, &arena, &filter, &err), text, &err);
    if (bitset_init(&out, MEMORY_ROWS, false) != 0) exit(1);
    for (int i = 0; i < ROUNDS; i++) {
        double from = now_ns();
        must(filter_evaluate(filter, &source, NULL, &out, NULL, NULL, &err), text, &err);
        double took = now_ns() - from;
        if (took < best) best = took;
    }
    bitset_release(&out);
    arena_release(&arena);
    return best / MEMORY_ROWS;
}

static void typed_paths(void)
{
    static const char *const forms[][2] = {
        { "n < 1000", "di < 1000" },           { "n == 17", "di == 17" },
        { "n + 1 > 999000", "di + 1 > 999000" }, { "not (n > 5)", "not (di > 5)" },
        { "n in [1, 70, 900]", "di in [1, 70, 900]" },
    };
    struct memory m = { .n = malloc(MEMORY_ROWS * sizeof *m.n),
                        .json = malloc(MEMORY_ROWS * sizeof *m.json),
                        .text = malloc((size_t)MEMORY_ROWS * LONGEST) };
    struct kith_schema given = KITH_SCHEMA_INIT;
    struct schema schema;
    struct kith_error err = { 0 };
    struct rng rng;
    given.fields = FIELDS;
    given.field_count = 2;
    given.dynamic = true;
    if (!m.n || !m.json || !m.text) exit(1);
    must(schema_from_public(&given, &schema, &err), "schema", &err);
    rng_init(&rng, 8);
    for (size_t i = 0; i < MEMORY_ROWS; i++) {
        m.n[i] = (int64_t)rng_below(&rng, 1000000);
        m.json[i] = printed(m.text + i * LONGEST, "{\"di\":", (uint64_t)m.n[i], "}");
    }
    printf("\n%-24s %10s %10s %10s %8s\n", "columns in memory, ns/row", "column", "typed", "text",
           "typed/column");
    for (size_t i = 0; i < sizeof forms / sizeof *forms; i++) {
        double column = time_filter(&m, &schema, forms[i][0]);
        m.typed = true;
        double typed = time_filter(&m, &schema, forms[i][1]);
        m.typed = false;
        double text = time_filter(&m, &schema, forms[i][1]);
        printf("%-24s %10.3f %10.3f %10.3f %8.2f\n", forms[i][1], column, typed, text,
               typed / column);
    }
    schema_release(&schema);
    free(m.n);
    free(m.json);
    free(m.text);
}

int main(int argc, char **argv)
{
    size_t rows = argc > 1 ? strtoull(argv[1], NULL, 10) : 1000000;
    char folder[256];
    snprintf(folder, sizeof folder, "%s/predicate-bench-%llu", argc > 2 ? argv[2] : "/tmp",
             (unsigned long long)now_ns());
    counts(folder, rows);
    typed_paths();
    printf("\nleft in %s\n", folder);
    return 0;
}
