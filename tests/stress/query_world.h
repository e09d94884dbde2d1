/*
 * The world of test_queries.c: the rows as they should be, the collection that holds them, writes
 * to both, indexes that come and go, and a writer with a partition of its own.
 */
#ifndef KITH_TESTS_QUERY_WORLD_H
#define KITH_TESTS_QUERY_WORLD_H

#include <math.h>
#include <pthread.h>
#include <stdatomic.h>

#include "stress/query_filters.h"

#define ROWS_MAX   8000
#define GRAPH_ROWS 4500 /* a segment of so many gets a graph */
#define BATCH_MAX  400
#define FILTER_MAX 2048
#define NODES_MAX  32
#define NOISE_ID   ((int64_t)1 << 40)

static struct row *rows; /* by id */
static size_t row_count;
static struct kith_db *db;
static struct kith_collection *collection;
static struct rng rng;
static enum kith_metric metric, bit_metric;
static atomic_bool stopping;
static atomic_int noise_rc;
static uint64_t asked, found_near, wanted_near;

/* What a search or a query is asked with. */
static const char *const mine[] = {"_default"};
static char text[FILTER_MAX];
static struct model_filter nodes[NODES_MAX];
static struct model_filter *filter;

#define WRONG(...)                                                  \
    do {                                                            \
        (void)fprintf(stderr, "filter: %s\n", filter ? text : "-"); \
        fail_msg(__VA_ARGS__);                                      \
    } while (0)

static bool matches(const struct row *row)
{
    return row->live && (!filter || model_test(filter, row) == 1);
}

static size_t count_matches(void)
{
    size_t count = 0;
    for (size_t i = 0; i < row_count; i++) count += matches(&rows[i]);
    return count;
}

/* Tells one row in which the answers differ. */
static void tell_difference(const struct kith_query_opts *opts)
{
    struct kith_result *result = NULL;
    bool *got = calloc(ROWS_MAX, 1);
    OK(kith_query(collection, opts, NULL, &result, &why));
    const int64_t *ids = result->columns[0].data;
    for (size_t i = 0; i < result->rows; i++)
        if (ids[i] >= 0 && ids[i] < ROWS_MAX) got[ids[i]] = true;
    for (size_t i = 0; i < row_count; i++) {
        if (got[i] == matches(&rows[i])) continue;
        (void)fprintf(stderr,
                      "row %zu of %zu passes: %d; j %s, $meta %s, title '%s', s '%s'\n"
                      "i8 %d i32 %d i64 %" PRId64 " f %g d %.17g nulls %u\n",
                      i, row_count, got[i], rows[i].j, rows[i].meta, rows[i].title, rows[i].s,
                      rows[i].i8, rows[i].i32, rows[i].i64, (double)rows[i].f, rows[i].d,
                      rows[i].nulls);
        break;
    }
    kith_result_free(result);
    free(got);
}

/* A random filter, or none. What the language refuses is not asked. */
static const char *next_filter(bool may_be_none)
{
    filter = NULL;
    if (may_be_none && pick(&rng, 4) == 0) return NULL;
    for (;;) {
        size_t used = 0;
        uint64_t count;
        struct kith_error why = {0};
        filter = model_random(nodes, &used, (unsigned)pick(&rng, 4), &rng);
        (void)model_text(filter, text, 0);
        struct kith_query_opts opts = KITH_QUERY_OPTS_INIT;
        opts.filter = text;
        opts.partitions = mine;
        opts.partition_count = 1;
        const int rc = kith_count_matching(collection, &opts, NULL, &count, &why);
        if (rc == KITH_EFILTER) continue;
        if (rc) WRONG("count: %d %s", rc, why.text);
        if (count != count_matches()) {
            tell_difference(&opts);
            WRONG("%zu rows match, counted %" PRIu64, count_matches(), count);
        }
        asked++;
        return text;
    }
}

/* ---- writes ---- */

struct columns { /* of one batch */
    int64_t id[BATCH_MAX];
    uint8_t flag[BATCH_MAX];
    int8_t i8[BATCH_MAX];
    int32_t i32[BATCH_MAX];
    int64_t i64[BATCH_MAX];
    float f[BATCH_MAX];
    double d[BATCH_MAX];
    struct kith_str s[BATCH_MAX], j[BATCH_MAX], meta[BATCH_MAX], title[BATCH_MAX], ai[BATCH_MAX],
        sparse[BATCH_MAX];
    uint8_t valid[5][BATCH_MAX];
    float v[BATCH_MAX][MODEL_DIM];
    uint8_t bits[BATCH_MAX][MODEL_BITS / 8];
};

static struct kith_str str(const char *from) { return (struct kith_str){from, strlen(from)}; }

static void fill_column(struct columns *c, size_t at, const struct row *row)
{
    c->id[at] = row->id;
    c->flag[at] = row->flag;
    c->i8[at] = row->i8;
    c->i32[at] = row->i32;
    c->i64[at] = row->i64;
    c->f[at] = row->f;
    c->d[at] = row->d;
    c->s[at] = str(row->s);
    c->j[at] = str(row->j);
    c->meta[at] = str(row->meta);
    c->title[at] = str(row->title);
    c->ai[at] = (struct kith_str){(const char *)row->items, row->item_count * sizeof(int64_t)};
    c->sparse[at] = (struct kith_str){(const char *)row->sparse, row->sparse_count * 8};
    for (unsigned n = 0; n < 5; n++) c->valid[n][at] = !((row->nulls >> n) & 1);
    memcpy(c->v[at], row->v, sizeof row->v);
    memcpy(c->bits[at], row->bits, sizeof row->bits);
}

static int write_rows(const struct row *from, size_t count, bool upsert, const char *partition,
                      struct kith_error *why)
{
    struct columns *c = calloc(1, sizeof *c);
    for (size_t i = 0; i < count; i++) fill_column(c, i, &from[i]);
    const struct kith_column columns[] = {{.field = "id", .data = c->id},
                                          {.field = "flag", .data = c->flag},
                                          {.field = "i8", .data = c->i8},
                                          {.field = "i32", .data = c->i32, .valid = c->valid[0]},
                                          {.field = "i64", .data = c->i64, .valid = c->valid[1]},
                                          {.field = "f", .data = c->f, .valid = c->valid[2]},
                                          {.field = "d", .data = c->d},
                                          {.field = "s", .data = c->s, .valid = c->valid[3]},
                                          {.field = "j", .data = c->j, .valid = c->valid[4]},
                                          {.field = "$meta", .data = c->meta},
                                          {.field = "title", .data = c->title},
                                          {.field = "ai", .data = c->ai},
                                          {.field = "v", .data = c->v},
                                          {.field = "bits", .data = c->bits},
                                          {.field = "sparse", .data = c->sparse}};
    struct kith_batch batch = KITH_BATCH_INIT;
    batch.rows = count;
    batch.columns = columns;
    batch.column_count = sizeof columns / sizeof *columns;
    batch.partition = partition;
    const int rc = upsert ? kith_upsert(collection, &batch, NULL, NULL, why)
                          : kith_insert(collection, &batch, NULL, NULL, why);
    free(c);
    return rc;
}

static void insert_some(void)
{
    size_t count = 1 + pick(&rng, BATCH_MAX);
    struct kith_error why = {0};
    if (count > ROWS_MAX - row_count) count = ROWS_MAX - row_count;
    if (count == 0) return;
    for (size_t i = 0; i < count; i++)
        model_row(&rows[row_count + i], (int64_t)(row_count + i), &rng);
    const int rc = write_rows(rows + row_count, count, false, NULL, &why);
    if (rc) fail_msg("insert: %d %s", rc, why.text);
    row_count += count;
}

static void upsert_some(void)
{
    struct kith_error why = {0};
    if (row_count == 0) return;
    const size_t from = pick(&rng, row_count);
    size_t count = 1 + pick(&rng, 40);
    if (count > row_count - from) count = row_count - from;
    for (size_t i = 0; i < count; i++) model_row(&rows[from + i], (int64_t)(from + i), &rng);
    const int rc = write_rows(rows + from, count, true, NULL, &why);
    if (rc) fail_msg("upsert: %d %s", rc, why.text);
}

static void delete_some(void)
{
    if (pick(&rng, 3) == 0) { /* by a filter that leaves some */
        if (!next_filter(false) || count_matches() * 3 > row_count) return;
        struct kith_query_opts opts = KITH_QUERY_OPTS_INIT;
        opts.filter = text;
        opts.partitions = mine;
        opts.partition_count = 1;
        struct kith_written written = {0};
        OK(kith_delete_matching(collection, &opts, NULL, &written, &why));
        if (written.deleted != count_matches()) WRONG("deleted %" PRIu64, written.deleted);
        for (size_t i = 0; i < row_count; i++)
            if (matches(&rows[i])) rows[i].live = false;
        kith_written_free(&written);
        return;
    }
    int64_t ids[50];
    for (size_t i = 0; i < 50; i++) ids[i] = (int64_t)pick(&rng, row_count + 1);
    const struct kith_keys keys = {.count = 50, .ints = ids};
    OK(kith_delete(collection, &keys, NULL, NULL, &why));
    for (size_t i = 0; i < 50; i++)
        if ((size_t)ids[i] < row_count) rows[ids[i]].live = false;
}

/* Rows of another partition, that no checked query may see. */
static void *make_noise(void *ctx)
{
    struct rng own;
    struct row *batch = calloc(20, sizeof *batch);
    rng_init(&own, *(const uint64_t *)ctx);
    for (int64_t id = NOISE_ID; !atomic_load(&stopping) && id < NOISE_ID + 20000; id += 10) {
        struct kith_error why = {0};
        for (int64_t i = 0; i < 20; i++) model_row(&batch[i], id + i, &own);
        const int rc = write_rows(batch, 20, true, "noise", &why);
        if (rc) {
            (void)fprintf(stderr, "noise: %d %s\n", rc, why.text);
            atomic_store(&noise_rc, rc);
            break;
        }
        (void)usleep(2000);
    }
    free(batch);
    return NULL;
}

/* ---- indexes ---- */

static const struct {
    const char *field, *kind, *name, *params;
} indexes[] = {
    {"i8", "BITMAP", NULL, NULL},
    {"i32", "STL_SORT", NULL, NULL},
    {"i64", "INVERTED", NULL, NULL},
    {"f", "STL_SORT", NULL, NULL},
    {"d", "INVERTED", NULL, NULL},
    {"s", "TRIE", NULL, NULL},
    {"s", "NGRAM", "grams", "{\"min_gram\":1,\"max_gram\":2}"},
    {"flag", NULL, NULL, NULL},
    {"ai", "INVERTED", NULL, NULL},
    {"title", "INVERTED", NULL, NULL},
    {"j", "INVERTED", "jx", "{\"json_path\":\"j[\\\"x\\\"]\",\"json_cast_type\":\"double\"}"},
    {"j", "INVERTED", "jy", "{\"json_path\":\"/n/y\",\"json_cast_type\":\"double\"}"},
    {"j", "INVERTED", "js", "{\"json_path\":\"/a~1b\",\"json_cast_type\":\"varchar\"}"},
    {"$meta", "INVERTED", "jc", "{\"json_path\":\"color\",\"json_cast_type\":\"varchar\"}"},
};
#define INDEXES (sizeof indexes / sizeof *indexes)

static void change_index(void)
{
    const size_t i = pick(&rng, INDEXES);
    struct kith_error why = {0};
    int rc;
    if (pick(&rng, 3)) {
        struct kith_index_params params = KITH_INDEX_PARAMS_INIT;
        params.kind = indexes[i].kind;
        params.name = indexes[i].name;
        params.params = indexes[i].params;
        rc = kith_index_create(collection, indexes[i].field, &params, &why);
    } else {
        rc =
            kith_index_drop(collection, indexes[i].name ? indexes[i].name : indexes[i].field, &why);
        if (rc == KITH_ENOTFOUND) rc = 0;
    }
    if (rc) fail_msg("index %s on %s: %d %s", indexes[i].kind, indexes[i].field, rc, why.text);
}

#endif
