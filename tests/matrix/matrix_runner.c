/*
 * The C side of the filter matrix (run.py): loads rows.jsonl of a folder into a new database there
 * and compares the rows of every filter in filters.jsonl with what the oracle said, in each phase
 * of the data. Exit status 1 and the first differences of a phase on standard output when any
 * differ.
 *
 * The fields are those of generate.py; a row's place in the file is its key. Indexes that this
 * build does not have yet are skipped by name.
 */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <kith/kith.h>

#include "base/arena.h"
#include "base/buffer.h"
#include "base/json.h"

#define ROWS_MAX 20000
#define SHOWN    5

static const struct kith_field FIELDS[] = {
#define FIELD .size = sizeof(struct kith_field)
    { FIELD, .name = "id", .type = KITH_INT64, .flags = KITH_FIELD_PRIMARY },
    { FIELD, .name = "flag", .type = KITH_BOOL, .flags = KITH_FIELD_NULLABLE },
    { FIELD, .name = "i8", .type = KITH_INT8, .flags = KITH_FIELD_NULLABLE },
    { FIELD, .name = "i16", .type = KITH_INT16, .flags = KITH_FIELD_NULLABLE },
    { FIELD, .name = "i32", .type = KITH_INT32, .flags = KITH_FIELD_NULLABLE },
    { FIELD, .name = "i64", .type = KITH_INT64, .flags = KITH_FIELD_NULLABLE },
    { FIELD, .name = "n32", .type = KITH_INT32 },
    { FIELD, .name = "f", .type = KITH_FLOAT, .flags = KITH_FIELD_NULLABLE },
    { FIELD, .name = "d", .type = KITH_DOUBLE, .flags = KITH_FIELD_NULLABLE },
    { FIELD, .name = "s", .type = KITH_VARCHAR, .flags = KITH_FIELD_NULLABLE },
    { FIELD, .name = "sn", .type = KITH_VARCHAR },
    { FIELD, .name = "j", .type = KITH_JSON, .flags = KITH_FIELD_NULLABLE },
    { FIELD, .name = "ai", .type = KITH_ARRAY, .flags = KITH_FIELD_NULLABLE,
      .element_type = KITH_INT64, .max_capacity = 16 },
    { FIELD, .name = "as", .type = KITH_ARRAY, .element_type = KITH_VARCHAR, .max_capacity = 16,
      .max_length = 100 },
    { FIELD, .name = "ad", .type = KITH_ARRAY, .flags = KITH_FIELD_NULLABLE,
      .element_type = KITH_DOUBLE, .max_capacity = 16 },
    { FIELD, .name = "ab", .type = KITH_ARRAY, .element_type = KITH_BOOL, .max_capacity = 16 },
    { FIELD, .name = "t", .type = KITH_VARCHAR, .flags = KITH_FIELD_NULLABLE, .analyzer = "{}",
      .enable_match = true },
    { FIELD, .name = "ts", .type = KITH_TIMESTAMPTZ, .flags = KITH_FIELD_NULLABLE },
    { FIELD, .name = "g", .type = KITH_GEOMETRY, .flags = KITH_FIELD_NULLABLE },
    { FIELD, .name = "v", .type = KITH_FLOAT_VECTOR, .dim = 2 },
};
#define FIELD_COUNT (sizeof FIELDS / sizeof *FIELDS)
#define META        FIELD_COUNT /* one more column: the dynamic keys */

static struct arena kept_memory; /* everything that is read, to the end */

static _Noreturn void die(const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    vprintf(fmt, args);
    va_end(args);
    printf("\n");
    exit(2);
}

static void must(int rc, const char *what, const struct kith_error *err)
{
    if (rc != 0) die("%s: %s", what, err->text);
}

/* ------------------------------------------------------------------ rows */

struct rows {
    char *text; /* JSON values point into it */
    size_t count;
    uint8_t *fixed[FIELD_COUNT + 1]; /* 8 bytes a row at most, in the type's width */
    struct kith_str *strs[FIELD_COUNT + 1];
    uint8_t *valid[FIELD_COUNT + 1];
};

static char *load(const char *folder, const char *name, size_t *len)
{
    char path[4096];
    if (snprintf(path, sizeof path, "%s/%s", folder, name) >= (int)sizeof path) die("long path");
    FILE *file = fopen(path, "rb");
    if (!file || fseek(file, 0, SEEK_END) != 0) die("cannot read %s", path);
    long size = ftell(file);
    char *text = arena_alloc(&kept_memory, (size_t)size + 1);
    if (!text || fseek(file, 0, SEEK_SET) != 0 ||
        fread(text, 1, (size_t)size, file) != (size_t)size)
        die("cannot read %s", path);
    fclose(file);
    *len = (size_t)size;
    return text;
}

static size_t width_of(enum kith_type type)
{
    switch (type) {
    case KITH_BOOL: case KITH_INT8: return 1;
    case KITH_INT16: return 2;
    case KITH_INT32: case KITH_FLOAT: return 4;
    case KITH_INT64: case KITH_DOUBLE: case KITH_TIMESTAMPTZ: case KITH_FLOAT_VECTOR: return 8;
    default: return 0;
    }
}

static void put_number(void *at, enum kith_type type, const struct json_value *value)
{
    int64_t i = value->kind == JSON_BOOL ? value->boolean : value->integer;
    float f = (float)value->number;
    switch (type) {
    case KITH_FLOAT: memcpy(at, &f, sizeof f); break;
    case KITH_DOUBLE: memcpy(at, &value->number, sizeof value->number); break;
    default: memcpy(at, &i, width_of(type)); break; /* little-endian */
    }
}

static struct kith_str kept(struct buffer *buffer)
{
    char *text = arena_alloc(&kept_memory, buffer->len + 1);
    if (!text || buffer_failed(buffer)) die("no memory");
    if (buffer->len > 0) memcpy(text, buffer->data, buffer->len);
    struct kith_str out = { text, buffer->len };
    buffer_release(buffer);
    return out;
}

static struct kith_str unquoted(const struct json_value *value)
{
    struct buffer buffer;
    buffer_init(&buffer);
    if (json_unescape(value, &buffer) != 0) die("bad string");
    return kept(&buffer);
}

static struct kith_str packed(const struct json_value *list, enum kith_type element)
{
    struct buffer buffer;
    struct json_iter iter;
    struct json_value item;
    uint8_t number[8];
    buffer_init(&buffer);
    json_iter_init(&iter, list);
    while (json_iter_next(&iter, NULL, &item) == 1) {
        if (element == KITH_VARCHAR) {
            struct kith_str text = unquoted(&item);
            buffer_put_u32(&buffer, (uint32_t)text.len);
            buffer_put(&buffer, text.data, text.len);
        } else {
            put_number(number, element, &item);
            buffer_put(&buffer, number, width_of(element));
        }
    }
    return kept(&buffer);
}

static enum kith_type type_of(size_t field)
{
    return field == META ? KITH_JSON : FIELDS[field].type;
}

static void put_cell(struct rows *rows, size_t field, const struct json_value *value)
{
    enum kith_type type = type_of(field);
    size_t row = rows->count, width = width_of(type);
    rows->valid[field][row] = value->kind != JSON_NULL;
    if (value->kind == JSON_NULL) return;
    if (type == KITH_JSON)
        rows->strs[field][row] = (struct kith_str){ value->text, value->len };
    else if (type == KITH_ARRAY)
        rows->strs[field][row] = packed(value, FIELDS[field].element_type);
    else if (width > 0) put_number(rows->fixed[field] + row * width, type, value);
    else rows->strs[field][row] = unquoted(value);
}

static void put_row(struct rows *rows, const struct json_value *object)
{
    for (size_t f = 0; f <= FIELD_COUNT; f++) {
        const char *name = f == META ? "$meta" : FIELDS[f].name;
        struct json_step step = { .key = name, .key_len = strlen(name) };
        struct json_value value;
        if (json_find(object->text, object->len, &step, 1, &value) == 0) put_cell(rows, f, &value);
    }
    float vector[2] = { (float)rows->count, 1 };
    memcpy(rows->fixed[FIELD_COUNT - 1] + 8 * rows->count, vector, sizeof vector);
    rows->valid[FIELD_COUNT - 1][rows->count] = 1;
    rows->count++;
}

static void load_rows(struct rows *rows, const char *folder)
{
    size_t len, used;
    rows->text = load(folder, "rows.jsonl", &len);
    for (size_t f = 0; f <= FIELD_COUNT; f++) {
        rows->fixed[f] = arena_zalloc(&kept_memory, (size_t)ROWS_MAX * 8);
        rows->strs[f] = arena_zalloc(&kept_memory, ROWS_MAX * sizeof(struct kith_str));
        rows->valid[f] = arena_zalloc(&kept_memory, ROWS_MAX);
        if (!rows->fixed[f] || !rows->strs[f] || !rows->valid[f]) die("no memory");
    }
    for (size_t at = 0; at < len; at += used + 1) {
        struct json_value object;
        if (rows->count == ROWS_MAX) die("more than %d rows", ROWS_MAX);
        if (json_read(rows->text + at, len - at, &object, &used, NULL) != 0) die("bad row");
        put_row(rows, &object);
    }
}

/* Rows [first, first + count) as columns. */
static void write_rows(struct kith_collection *collection, const struct rows *rows, size_t first,
                       size_t count, bool again)
{
    struct kith_column columns[FIELD_COUNT + 1];
    struct kith_error err = { 0 };
    for (size_t f = 0; f <= FIELD_COUNT; f++) {
        size_t width = width_of(type_of(f));
        bool nullable = f < FIELD_COUNT && (FIELDS[f].flags & KITH_FIELD_NULLABLE);
        columns[f] = (struct kith_column){
            .field = f == META ? "$meta" : FIELDS[f].name,
            .data = width > 0 ? (const void *)(rows->fixed[f] + first * width)
                              : (const void *)(rows->strs[f] + first),
            .valid = nullable ? rows->valid[f] + first : NULL,
        };
    }
    struct kith_batch batch = { .size = sizeof batch, .rows = count, .columns = columns,
                                .column_count = FIELD_COUNT + 1 };
    int rc = again ? kith_upsert(collection, &batch, NULL, NULL, &err)
                   : kith_insert(collection, &batch, NULL, NULL, &err);
    must(rc, "writing rows", &err);
}

/* ------------------------------------------------------------------ filters */

struct wanted {
    char *text; /* NUL-terminated */
    uint8_t *rows; /* one byte a row */
};
struct matrix {
    const char *folder;
    struct rows rows;
    struct wanted *filters;
    size_t count;
    struct kith_db *db;
    struct kith_collection *collection;
    size_t wrong, phases;
};

static void put_filter(struct matrix *matrix, const struct json_value *object)
{
    struct json_step text = { .key = "filter", .key_len = 6 };
    struct json_step rows = { .key = "rows", .key_len = 4 };
    struct json_value value, item;
    struct json_iter iter;
    struct wanted *wanted = &matrix->filters[matrix->count++];
    if (json_find(object->text, object->len, &text, 1, &value) != 0) die("bad filter");
    struct kith_str plain = unquoted(&value);
    wanted->text = arena_strndup(&kept_memory, plain.data, plain.len);
    wanted->rows = arena_zalloc(&kept_memory, matrix->rows.count);
    if (!wanted->text || !wanted->rows) die("no memory");
    if (json_find(object->text, object->len, &rows, 1, &value) != 0) die("bad filter");
    json_iter_init(&iter, &value);
    while (json_iter_next(&iter, NULL, &item) == 1) wanted->rows[item.integer] = 1;
}

static void load_filters(struct matrix *matrix)
{
    size_t len, used, lines = 0;
    char *text = load(matrix->folder, "filters.jsonl", &len);
    for (size_t i = 0; i < len; i++) lines += text[i] == '\n';
    matrix->filters = arena_zalloc(&kept_memory, (lines + 1) * sizeof *matrix->filters);
    if (!matrix->filters) die("no memory");
    for (size_t at = 0; at < len; at += used + 1) {
        struct json_value object;
        if (json_read(text + at, len - at, &object, &used, NULL) != 0) die("bad filter");
        put_filter(matrix, &object);
    }
}

/* -1: as wanted; else the first row that is not. */
static int64_t first_difference(const struct matrix *matrix, const struct wanted *wanted,
                                const struct kith_result *result, bool *got)
{
    static uint8_t seen[ROWS_MAX];
    const int64_t *ids = result->columns[0].data;
    memset(seen, 0, matrix->rows.count);
    for (size_t i = 0; i < result->rows; i++) seen[ids[i]]++;
    for (size_t i = 0; i < matrix->rows.count; i++)
        if (seen[i] != wanted->rows[i]) {
            *got = seen[i];
            return (int64_t)i;
        }
    return -1;
}

static bool check_filter(const struct matrix *matrix, const struct wanted *wanted, bool show)
{
    struct kith_query_opts opts = KITH_QUERY_OPTS_INIT;
    struct kith_result *result = NULL;
    struct kith_error err = { 0 };
    bool got = false;
    opts.filter = wanted->text;
    if (kith_query(matrix->collection, &opts, NULL, &result, &err) != 0) {
        if (show) printf("  refused: %s\n    %s\n", wanted->text, err.text);
        return false;
    }
    int64_t row = first_difference(matrix, wanted, result, &got);
    kith_result_free(result);
    if (row >= 0 && show)
        printf("  row %" PRId64 " %s: %s\n", row, got ? "should not pass" : "is missing",
               wanted->text);
    return row < 0;
}

static void run_phase(struct matrix *matrix, const char *name)
{
    size_t wrong = 0;
    struct timespec from, to;
    clock_gettime(CLOCK_MONOTONIC, &from);
    for (size_t i = 0; i < matrix->count; i++)
        wrong += !check_filter(matrix, &matrix->filters[i], wrong < SHOWN);
    clock_gettime(CLOCK_MONOTONIC, &to);
    double s = (double)(to.tv_sec - from.tv_sec) + (double)(to.tv_nsec - from.tv_nsec) / 1e9;
    printf("%-28s %zu of %zu filters differ (%.2f s)\n", name, wrong, matrix->count, s);
    fflush(stdout);
    matrix->wrong += wrong;
    matrix->phases++;
}

/* ------------------------------------------------------------------ phases */

static void open_database(struct matrix *matrix)
{
    char path[4096];
    struct kith_error err = { 0 };
    struct kith_open_opts opts = KITH_OPEN_OPTS_INIT;
    struct kith_schema schema = KITH_SCHEMA_INIT;
    opts.sync = KITH_SYNC_NO;
    opts.no_threads = true;
    schema.fields = FIELDS;
    schema.field_count = FIELD_COUNT;
    schema.dynamic = true;
    if (snprintf(path, sizeof path, "%s/db", matrix->folder) >= (int)sizeof path) die("long path");
    must(kith_open(path, &opts, &matrix->db, &err), "opening", &err);
    must(kith_collection_get_or_create(matrix->db, NULL, "matrix", &schema, &matrix->collection,
                                       &err), "collection", &err);
}

static void close_database(struct matrix *matrix)
{
    kith_collection_release(matrix->collection);
    kith_close(matrix->db);
}

static void flush_rows(struct matrix *matrix)
{
    struct kith_error err = { 0 };
    must(kith_flush(matrix->collection, NULL, &err), "flush", &err);
}

struct index_case {
    const char *kind; /* NULL: AUTO */
    const char *field;
    const char *params;
};
static const struct index_case INDEXES[] = {
#define PATH(path, cast) "{\"json_path\": \"" path "\", \"json_cast_type\": \"" cast "\"}"
    { "STL_SORT", "i8", NULL }, { "STL_SORT", "i16", NULL }, { "STL_SORT", "i32", NULL },
    { "STL_SORT", "i64", NULL }, { "STL_SORT", "n32", NULL }, { "STL_SORT", "f", NULL },
    { "STL_SORT", "d", NULL }, { "STL_SORT", "s", NULL }, { "STL_SORT", "ts", NULL },
    { "INVERTED", "flag", NULL }, { "INVERTED", "i8", NULL }, { "INVERTED", "i16", NULL },
    { "INVERTED", "i32", NULL }, { "INVERTED", "i64", NULL }, { "INVERTED", "n32", NULL },
    { "INVERTED", "f", NULL }, { "INVERTED", "d", NULL }, { "INVERTED", "s", NULL },
    { "INVERTED", "sn", NULL }, { "INVERTED", "ai", NULL }, { "INVERTED", "as", NULL },
    { "INVERTED", "ad", NULL }, { "INVERTED", "ab", NULL },
    { "INVERTED", "j", PATH("j[\\\"k\\\"]", "double") },
    { "INVERTED", "j", PATH("j[\\\"s\\\"]", "varchar") },
    { "INVERTED", "j", PATH("j[\\\"o\\\"][\\\"x\\\"]", "double") },
    { "INVERTED", "j", PATH("j[\\\"l\\\"]", "array_double") },
    { "INVERTED", "$meta", PATH("di", "double") },
    { "INVERTED", "$meta", PATH("ds", "varchar") },
    { "INVERTED", "$meta", PATH("db", "bool") },
    { "BITMAP", "flag", NULL }, { "BITMAP", "i8", NULL }, { "BITMAP", "i16", NULL },
    { "BITMAP", "i32", NULL }, { "BITMAP", "i64", NULL }, { "BITMAP", "s", NULL },
    { "BITMAP", "sn", NULL }, { "BITMAP", "ai", NULL }, { "BITMAP", "as", NULL },
    { "BITMAP", "ab", NULL },
    { "Trie", "s", NULL }, { "Trie", "sn", NULL },
    { "NGRAM", "s", "{\"min_gram\": 2, \"max_gram\": 3}" },
    { "NGRAM", "sn", "{\"min_gram\": 1, \"max_gram\": 2}" },
    { "NGRAM", "j", "{\"json_path\": \"j[\\\"s\\\"]\", \"json_cast_type\": \"varchar\", "
                    "\"min_gram\": 2, \"max_gram\": 3}" },
    { "RTREE", "g", NULL },
    { "TEXT", "t", NULL },
    { NULL, "flag", NULL }, { NULL, "i32", NULL }, { NULL, "i64", NULL }, { NULL, "f", NULL },
    { NULL, "d", NULL }, { NULL, "s", NULL }, { NULL, "sn", NULL }, { NULL, "ai", NULL },
    { NULL, "as", NULL }, { NULL, "ts", NULL },
};
#define INDEX_COUNT (sizeof INDEXES / sizeof *INDEXES)

static bool same_kind(const struct index_case *a, const struct index_case *b)
{
    return a->kind == b->kind || (a->kind && b->kind && strcmp(a->kind, b->kind) == 0);
}

/* Makes the index; its name is its number. */
static bool make_index(struct matrix *matrix, size_t number, struct kith_error *err)
{
    const struct index_case *one = &INDEXES[number];
    struct kith_index_params params = KITH_INDEX_PARAMS_INIT;
    char name[32];
    snprintf(name, sizeof name, "index%zu", number);
    params.kind = one->kind;
    params.params = one->params;
    params.name = name;
    return kith_index_create(matrix->collection, one->field, &params, err) == 0;
}

/* What is compared with an index must have one: built for every row. */
static void expect_built(struct matrix *matrix)
{
    struct kith_collection_info *info = NULL;
    struct kith_error err = { 0 };
    must(kith_collection_describe(matrix->collection, &info, &err), "describe", &err);
    for (size_t i = 0; i < info->index_count; i++) {
        const struct kith_index_info *one = &info->indexes[i];
        if (one->indexed_rows == one->total_rows || strcmp(one->field, "v") == 0) continue;
        printf("  %s on %s: %" PRIu64 " of %" PRIu64 " rows are indexed\n", one->kind, one->field,
               one->indexed_rows, one->total_rows);
        matrix->wrong++;
    }
    kith_collection_info_free(info);
}

/* All cases of the kind of INDEXES[first]; returns where the next kind begins. */
static size_t index_phase(struct matrix *matrix, size_t first)
{
    bool made[INDEX_COUNT] = { false };
    char name[64];
    size_t end = first, count = 0;
    struct kith_error err = { 0 };
    const char *kind = INDEXES[first].kind ? INDEXES[first].kind : "AUTO";
    for (; end < INDEX_COUNT && same_kind(&INDEXES[first], &INDEXES[end]); end++)
        count += made[end] = make_index(matrix, end, &err);
    if (count < end - first)
        printf("%s: %zu of %zu indexes are refused: %s\n", kind, end - first - count, end - first,
               err.text);
    if (count == 0) return end;
    flush_rows(matrix);
    expect_built(matrix);
    snprintf(name, sizeof name, "%s on %zu fields", kind, count);
    run_phase(matrix, name);
    for (size_t i = first; i < end; i++) {
        snprintf(name, sizeof name, "index%zu", i);
        if (made[i]) must(kith_index_drop(matrix->collection, name, &err), name, &err);
    }
    return end;
}

static void run_phases(struct matrix *matrix)
{
    const struct rows *rows = &matrix->rows;
    struct kith_error err = { 0 };
    open_database(matrix);
    write_rows(matrix->collection, rows, 0, rows->count, false);
    run_phase(matrix, "growing");
    flush_rows(matrix);
    run_phase(matrix, "sealed");
    write_rows(matrix->collection, rows, rows->count / 3, rows->count / 4, true);
    run_phase(matrix, "sealed and growing");
    flush_rows(matrix);
    close_database(matrix);
    open_database(matrix);
    run_phase(matrix, "two segments, reopened");
    must(kith_compact(matrix->collection, NULL, &err), "compact", &err);
    for (size_t at = 0; at < INDEX_COUNT;) at = index_phase(matrix, at);
    run_phase(matrix, "compacted, indexes dropped");
    close_database(matrix);
}

int main(int argc, char **argv)
{
    static struct matrix matrix;
    if (argc != 2) die("usage: matrix_runner FOLDER");
    matrix.folder = argv[1];
    arena_init(&kept_memory);
    load_rows(&matrix.rows, argv[1]);
    load_filters(&matrix);
    run_phases(&matrix);
    if (matrix.wrong > 0) printf("%zu differences\n", matrix.wrong);
    arena_release(&kept_memory);
    return matrix.wrong > 0;
}
