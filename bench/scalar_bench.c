/*
 * A range over an int64 column of 1,000,000 rows: the index against the scan of the column, in one
 * process, interleaved.
 *
 *     scalar_bench [rows]
 *
 * For each share of rows: microseconds of the probe (with clearing the bitset, which the asker
 * does), of filter_evaluate on a source without an index, and their ratio; each the median of 15
 * rounds. Then one term, a prefix and an n-gram pattern over texts, and the time of builds.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/rng.h"
#include "index/scalar_index.h"
#include "os/os.h"
#include "query/filter.h"

#define ROUNDS 15

static double now_us(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

struct table {
    struct schema schema;
    size_t rows;
    int64_t *ints;
    struct kith_str *texts;
    char *bytes;
    struct chunk_source source;
};

enum { FIELD_ID, FIELD_TEXT, FIELD_VECTOR };

static int table_get(void *ctx, size_t field, size_t number, struct chunk *out)
{
    struct table *t = ctx;
    const size_t first = number * t->source.chunk_rows, left = t->rows - first;
    *out = (struct chunk){ .type = t->schema.fields[field].type,
                           .width = t->schema.fields[field].width,
                           .rows = left < t->source.chunk_rows ? left : t->source.chunk_rows };
    if (field == FIELD_ID) out->data = (const uint8_t *)(t->ints + first);
    else out->strs = t->texts + first;
    return 0;
}

#define TEXT_BYTES 24

static void table_make(struct table *t, size_t rows)
{
    static const char *const names[] = { "amber", "birch", "cedar", "dahlia", "elder", "fern" };
    const struct kith_field fields[] = {
        { .size = sizeof *fields, .name = "id", .type = KITH_INT64, .flags = KITH_FIELD_PRIMARY },
        { .size = sizeof *fields, .name = "s", .type = KITH_VARCHAR },
        { .size = sizeof *fields, .name = "v", .type = KITH_FLOAT_VECTOR, .dim = 4 },
    };
    const struct kith_schema schema = { .size = sizeof schema, .fields = fields,
                                        .field_count = 3 };
    struct rng rng;
    rng_init(&rng, 1);
    if (schema_from_public(&schema, &t->schema, NULL)) abort();
    t->rows = rows;
    t->ints = malloc(rows * sizeof *t->ints);
    t->texts = malloc(rows * sizeof *t->texts);
    t->bytes = malloc(rows * TEXT_BYTES);
    if (!t->ints || !t->texts || !t->bytes) abort();
    for (size_t i = 0; i < rows; i++) {
        char *text = t->bytes + i * TEXT_BYTES;
        t->ints[i] = (int64_t)rng_below(&rng, 1000000);
        const int len = snprintf(text, TEXT_BYTES, "%s %05u", names[rng_below(&rng, 6)],
                                 (unsigned)rng_below(&rng, 100000));
        t->texts[i] = (struct kith_str){ text, (size_t)len };
    }
    t->source = (struct chunk_source){ .ctx = t, .rows = rows, .chunk_rows = 65536,
                                       .get = table_get };
}

struct built {
    struct index_image image;
    struct index_view_section views[INDEX_SECTIONS_MAX];
    struct scalar_index_params params;
    struct scalar_index *index;
};

static void build(struct built *b, const char *kind, struct table *t, size_t field)
{
    const struct scalar_index_ops *ops = scalar_index_ops_find(kind);
    const struct index_job job = { .os = os_real(), .threads = 1 };
    const double start = now_us();
    *b = (struct built){ .params = { .field = &t->schema.fields[field] } };
    if (ops->build(&t->source, field, &b->params, &job, &b->image, NULL)) abort();
    const double built = now_us();
    size_t bytes = 0;
    for (size_t i = 0; i < b->image.count; i++) {
        b->views[i].id = b->image.sections[i].id;
        b->views[i].bytes.data = b->image.sections[i].data;
        b->views[i].bytes.len = b->image.sections[i].len;
        bytes += b->image.sections[i].len;
    }
    if (ops->open(os_real(), b->views, b->image.count, t->rows, &b->params, &b->index, NULL))
        abort();
    printf("%-9s %-7s built in %6.0f ms, %5.1f bytes a row\n", kind, b->params.field->name,
           (built - start) / 1e3, (double)bytes / (double)t->rows);
}

static int by_value(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double median(double *times)
{
    qsort(times, ROUNDS, sizeof *times, by_value);
    return times[ROUNDS / 2];
}

static void compare(struct table *t, const struct built *b, const char *text,
                    const struct probe *probe)
{
    struct arena arena;
    struct filter *filter;
    struct bitset scanned, found;
    double scan[ROUNDS], ask[ROUNDS];
    arena_init(&arena);
    if (filter_compile(text, NULL, &t->schema, &arena, &filter, NULL) ||
        bitset_init(&scanned, t->rows, false) || bitset_init(&found, t->rows, false)) {
        abort();
    }
    struct probe_answer answer = { .yes = &found };
    for (int round = 0; round < ROUNDS; round++) {
        const double start = now_us();
        if (filter_evaluate(filter, &t->source, NULL, &scanned, NULL, NULL, NULL)) abort();
        const double middle = now_us();
        bitset_fill(&found, false);
        if (b->index->ops->probe(b->index, probe, &answer)) abort();
        ask[round] = now_us() - middle;
        scan[round] = middle - start;
    }
    const size_t rows = bitset_count(&scanned);
    if (answer.exact && bitset_count(&found) != rows) abort();
    const double s = median(scan), a = median(ask);
    printf("%-44s %8zu rows  scan %8.1f us  index %8.1f us  ratio %6.1f\n", text, rows, s, a,
           s / a);
    bitset_release(&scanned);
    bitset_release(&found);
    arena_release(&arena);
}

static void ranges(struct table *t)
{
    struct built b;
    build(&b, "STL_SORT", t, FIELD_ID);
    for (int64_t width = 10; width <= 1000000; width *= 10) {
        char text[100];
        const int64_t low = width < 1000000 ? 345678 * (width < 600000) : 0;
        snprintf(text, sizeof text, "%" PRId64 " <= id < %" PRId64, low, low + width);
        const struct probe probe = { .kind = PROBE_RANGE, .has_low = true, .has_high = true,
                                     .low_inclusive = true,
                                     .low = { .type = KITH_INT64, .i = low },
                                     .high = { .type = KITH_INT64, .i = low + width } };
        compare(t, &b, text, &probe);
    }
    b.index->ops->close(b.index);
    index_image_release(os_real(), &b.image);
}

static void pattern(struct table *t, const char *kind, const char *text)
{
    struct built b;
    uint16_t like[100];
    char filter[120];
    size_t n = 0;
    for (; text[n]; n++) like[n] = text[n] == '%' ? PROBE_LIKE_RUN : (unsigned char)text[n];
    const struct probe probe = { .kind = PROBE_LIKE, .like = like, .like_count = n };
    snprintf(filter, sizeof filter, "s like '%s'", text);
    build(&b, kind, t, FIELD_TEXT);
    compare(t, &b, filter, &probe);
    b.index->ops->close(b.index);
    index_image_release(os_real(), &b.image);
}

int main(int argc, char **argv)
{
    struct table t = { .rows = 0 };
    table_make(&t, argc > 1 ? (size_t)strtoull(argv[1], NULL, 10) : 1000000);
    ranges(&t);
    pattern(&t, "TRIE", "cedar 012%");
    pattern(&t, "NGRAM", "%r 012%");
    free(t.ints);
    free(t.texts);
    free(t.bytes);
    schema_release(&t.schema);
    return 0;
}
