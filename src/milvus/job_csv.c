/*
 * Rows of CSV files (RFC 4180): the first record names fields, or keys of the dynamic field. Cells
 * become values of a JSON row by the type of their field: numbers and texts as strings, which are
 * read as what the field wants; arrays, vectors and JSON as they stand.
 *
 * Options: sep (one character, a comma), nullkey (the text of a null where the field may have none;
 * empty).
 */
#include <string.h>
#include <strings.h>

#include "base/alloc.h"
#include "milvus/job.h"

enum { COLUMNS_MAX = 256 };

struct csv_column {
    char *name;               /* owns */
    const MilvusField *field; /* NULL: a key of the dynamic field */
    bool meta;                /* the dynamic object itself */
};

struct csv_rows {
    struct job_text text; /* first */
    struct csv_column columns[COLUMNS_MAX];
    size_t column_count;
    char separator;
    const char *null_text; /* borrows */
    struct buffer cell;    /* owns: one cell without its quotes */
};

static int malformed(struct kith_error *err, const char *what)
{
    return error_set(err, KITH_EINVAL, "%s", what);
}

static void csv_release(struct job_text *text)
{
    struct csv_rows *csv = (struct csv_rows *)text;
    for (size_t i = 0; i < csv->column_count; i++) mem_free(csv->columns[i].name);
    buffer_release(&csv->cell);
}

/* A quoted cell, whose first quote was taken. */
static int take_quoted(struct csv_rows *csv, struct kith_error *err)
{
    struct job_text *text = &csv->text;
    for (;; text->pos++) {
        const int c = job_text_peek(text, 0, err);
        if (c < -1) return c;
        if (c == -1) return malformed(err, "a quoted cell does not end");
        if (c == '"') {
            if (job_text_peek(text, 1, err) != '"') break;
            text->pos++;
        }
        buffer_put_u8(&csv->cell, (uint8_t)c);
        if (csv->cell.len > JOB_ROW_BYTES_MAX) return malformed(err, "a cell is too large");
    }
    text->pos++;
    return 0;
}

static bool ends_cell(const struct csv_rows *csv, int c)
{
    return c == -1 || c == '\n' || c == '\r' || c == (unsigned char)csv->separator;
}

/* The next cell into csv->cell; *last: the record ends behind it. */
static int take_cell(struct csv_rows *csv, bool *last, bool *quoted, struct kith_error *err)
{
    struct job_text *text = &csv->text;
    int c = job_text_peek(text, 0, err);
    buffer_clear(&csv->cell);
    *quoted = c == '"';
    if (*quoted) {
        text->pos++;
        const int rc = take_quoted(csv, err);
        if (rc) return rc;
        c = job_text_peek(text, 0, err);
        if (c >= -1 && !ends_cell(csv, c)) return malformed(err, "text stands behind a quote");
    }
    for (; c >= 0 && !ends_cell(csv, c); c = job_text_peek(text, 0, err)) {
        buffer_put_u8(&csv->cell, (uint8_t)c);
        text->pos++;
    }
    if (c < -1) return c;
    if (csv->cell.len > JOB_ROW_BYTES_MAX) return malformed(err, "a cell is too large");
    if (buffer_failed(&csv->cell)) return error_set(err, KITH_ENOMEM, "no memory for a cell");
    *last = c != (unsigned char)csv->separator;
    text->pos += c >= 0;
    if (c == '\r' && job_text_peek(text, 0, err) == '\n') text->pos++;
    if (utf8_valid((const char *)csv->cell.data, csv->cell.len)) return 0;
    return malformed(err, "it is not UTF-8");
}

static const char *cell_text(const struct csv_rows *csv)
{
    return csv->cell.len ? (const char *)csv->cell.data : "";
}

/* ---- the header ---- */

static int find_column(struct csv_rows *csv, struct csv_column *column, struct kith_error *err)
{
    const MilvusSchema *schema = csv->text.collection->record->schema;
    column->field = milvus_field_find(csv->text.collection, column->name);
    column->meta = !column->field && strcmp(column->name, "$meta") == 0;
    for (struct csv_column *other = csv->columns; other < column; other++)
        if (strcmp(other->name, column->name) == 0)
            return error_set(err, KITH_EINVAL, "the header names %.200s twice", column->name);
    if (column->field || schema->enable_dynamic_field) return 0;
    return error_set(err, KITH_EINVAL, "the header names %.200s, which is no field",
                     column->name);
}

static int read_header(struct csv_rows *csv, struct kith_error *err)
{
    bool last = false, quoted, bom = true;
    static const uint8_t mark[] = { 0xef, 0xbb, 0xbf };
    for (size_t i = 0; bom && i < sizeof mark; i++)
        bom = job_text_peek(&csv->text, i, err) == mark[i];
    if (bom) csv->text.pos += sizeof mark;
    while (!last) {
        if (csv->column_count == COLUMNS_MAX) return malformed(err, "too many columns");
        int rc = take_cell(csv, &last, &quoted, err);
        if (rc) return rc;
        struct csv_column *column = &csv->columns[csv->column_count];
        if (memchr(cell_text(csv), 0, csv->cell.len)) return malformed(err, "a name has a NUL");
        column->name = mem_strndup(cell_text(csv), csv->cell.len);
        if (!column->name) return error_set(err, KITH_ENOMEM, "no memory for a header");
        csv->column_count++;
        if ((rc = find_column(csv, column, err))) return rc;
    }
    return 0;
}

/* ---- rows ---- */

static bool may_lack(const MilvusField *field)
{
    return field->nullable || field->default_value;
}

static bool is_json(const struct csv_rows *csv)
{
    return csv->cell.len > 0 && json_validate(cell_text(csv), csv->cell.len, NULL) == 0;
}

static void put_string(struct csv_rows *csv, struct buffer *out)
{
    json_write_string(out, cell_text(csv), csv->cell.len);
}

static void put_bool(struct csv_rows *csv, struct buffer *out)
{
    char word[8] = "";
    bool yes;
    if (csv->cell.len < sizeof word) memcpy(word, cell_text(csv), csv->cell.len);
    if (milvus_parse_bool(word, &yes)) rest_raw(out, yes ? "true" : "false");
    else put_string(csv, out);
}

static void put_value(struct csv_rows *csv, const MilvusField *field, struct buffer *out)
{
    const int type = field ? (int)field->data_type : KITH_JSON;
    if (type == KITH_BOOL) {
        put_bool(csv, out);
        return;
    }
    const bool stands = type == KITH_JSON || type == KITH_ARRAY || type >= KITH_BINARY_VECTOR;
    if (stands && is_json(csv)) buffer_put(out, csv->cell.data, csv->cell.len);
    else put_string(csv, out);
}

static void put_key(struct buffer *out, const char *name)
{
    rest_comma(out);
    json_write_string(out, name, strlen(name));
    buffer_put_u8(out, ':');
}

/* The members of an object. */
static int put_members(struct csv_rows *csv, struct buffer *out, struct kith_error *err)
{
    size_t from = 0, to = csv->cell.len;
    const char *at = cell_text(csv);
    if (to == 0) return 0;
    if (!is_json(csv)) return malformed(err, "$meta is no JSON object");
    while (at[from] == ' ' || at[from] == '\t' || at[from] == '\n' || at[from] == '\r') from++;
    while (at[to - 1] == ' ' || at[to - 1] == '\t' || at[to - 1] == '\n' || at[to - 1] == '\r')
        to--;
    if (at[from] != '{') return malformed(err, "$meta is no JSON object");
    struct json_value object;
    struct json_iter iter;
    struct json_value key, value;
    size_t used;
    const int rc = json_read(at + from, to - from, &object, &used, err);
    if (rc) return rc;
    json_iter_init(&iter, &object);
    while (json_iter_next(&iter, &key, &value) == 1) {
        rest_comma(out);
        buffer_put(out, key.text, key.len);
        buffer_put_u8(out, ':');
        buffer_put(out, value.text, value.len);
    }
    return 0;
}

static int put_cell(struct csv_rows *csv, const struct csv_column *column, bool quoted,
                    struct buffer *out, struct kith_error *err)
{
    const size_t len = strlen(csv->null_text);
    const bool null = !quoted && csv->cell.len == len &&
                      memcmp(cell_text(csv), csv->null_text, len) == 0;
    if (null && (!column->field || may_lack(column->field))) return 0;
    if (column->meta) return put_members(csv, out, err);
    put_key(out, column->name);
    put_value(csv, column->field, out);
    return 0;
}

static int next_row(struct job_text *text, struct buffer *out, bool *found, struct kith_error *err)
{
    struct csv_rows *csv = (struct csv_rows *)text;
    bool last = false, quoted = false;
    int c;
    while ((c = job_text_peek(text, 0, err)) == '\n' || c == '\r') text->pos++;
    *found = c >= 0;
    if (c < 0) return c == -1 ? 0 : c;
    buffer_put_u8(out, '{');
    for (size_t i = 0; i < csv->column_count; i++) {
        int rc = last ? malformed(err, "it has fewer cells than the header")
                      : take_cell(csv, &last, &quoted, err);
        if (rc == 0) rc = put_cell(csv, &csv->columns[i], quoted, out, err);
        if (rc) return rc;
    }
    if (!last) return malformed(err, "it has more cells than the header");
    buffer_put_u8(out, '}');
    return 0;
}

static int read_options(struct csv_rows *csv, const struct job_source *source,
                        struct kith_error *err)
{
    const char *sep = milvus_pair_get(source->options, source->option_count, "sep");
    const char *null = milvus_pair_get(source->options, source->option_count, "nullkey");
    csv->separator = sep && *sep ? *sep : ',';
    csv->null_text = null ? null : "";
    if (!sep || (strlen(sep) == 1 && !strchr("\"\n\r", *sep))) return 0;
    return malformed(err, "the option sep is one character, not a quote or the end of a line");
}

int job_csv_open(const struct job_source *source, struct job_rows **out, struct kith_error *err)
{
    struct csv_rows *csv = mem_zalloc(sizeof *csv);
    if (!csv) return error_set(err, KITH_ENOMEM, "no memory to read a file");
    csv->text.row = next_row;
    csv->text.release = csv_release;
    buffer_init(&csv->cell);
    int rc = job_text_open(source, &csv->text, err);
    if (rc == 0) rc = read_options(csv, source, err);
    if (rc == 0) rc = read_header(csv, err);
    if (rc) job_text_ops.close(&csv->text.rows);
    else *out = &csv->text.rows;
    return rc;
}
