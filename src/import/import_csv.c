/*
 * CSV after RFC 4180: comma, cells in "..." may hold commas, line breaks and doubled quotes. The
 * first record names the columns; every other one has as many cells.
 *
 * A cell is read as JSON where the whole of it is a JSON number, true, false, an array or an
 * object; so 007, .5 and NaN are strings. Kinds are inferred from the first IMPORT_SAMPLE_ROWS
 * records; a column of different kinds is a string. An empty cell without quotes is null, "" is
 * the empty string. Blank lines are skipped when there is more than one column.
 */
#include <string.h>

#include "base/alloc.h"
#include "import/import_internal.h"

struct cell {
    size_t offset, len; /* in csv->text */
    bool quoted;
};

struct csv {
    struct import_lines lines;
    struct buffer text;  /* owns: the cells of a record without their quotes */
    struct cell *cells;  /* owns; IMPORT_COLUMNS_MAX */
    size_t count;        /* cells of the record */
    struct import_position first; /* after the header */
};

static unsigned long long line_of(const struct import_reader *reader)
{
    return reader->position.line;
}

static int bad_record(const struct import_reader *reader, const char *problem,
                      struct kith_error *err)
{
    return error_set_at(err, KITH_EINVAL, reader->position.row, "%s: line %llu: %s",
                        reader->path, line_of(reader), problem);
}

/* Takes a cell that starts with a quote; NULL when the quotes do not match. */
static const char *quoted_cell(struct buffer *out, const char *pos, const char *end)
{
    for (pos++; pos < end; pos++) {
        const char *quote = memchr(pos, '"', (size_t)(end - pos));
        if (!quote) return NULL;
        buffer_put(out, pos, (size_t)(quote - pos));
        pos = quote + 1;
        if (pos == end || *pos == ',') return pos;
        if (*pos != '"') return NULL;
        buffer_put_u8(out, '"');
    }
    return NULL;
}

static int split(struct import_reader *reader, const char *text, size_t len,
                 struct kith_error *err)
{
    struct csv *csv = reader->state;
    const char *pos = text, *end = text + len;
    buffer_clear(&csv->text);
    csv->count = 0;
    for (;;) {
        if (csv->count == IMPORT_COLUMNS_MAX) return bad_record(reader, "too many cells", err);
        struct cell *cell = &csv->cells[csv->count++];
        *cell = (struct cell){csv->text.len, 0, pos < end && *pos == '"'};
        if (cell->quoted) {
            pos = quoted_cell(&csv->text, pos, end);
            if (!pos) {
                return bad_record(reader, "a quoted cell does not end; double its quotes", err);
            }
        } else {
            const char *comma = memchr(pos, ',', (size_t)(end - pos));
            const char *stop = comma ? comma : end;
            if (memchr(pos, '"', (size_t)(stop - pos))) {
                return bad_record(reader, "a quote inside a cell; quote the whole cell", err);
            }
            buffer_put(&csv->text, pos, (size_t)(stop - pos));
            pos = stop;
        }
        cell->len = csv->text.len - cell->offset;
        if (pos == end) break;
        pos++; /* the comma */
    }
    return buffer_failed(&csv->text) ? import_no_memory(reader, err) : 0;
}

static const char *cell_text(const struct csv *csv, const struct cell *cell)
{
    return csv->text.data ? (const char *)csv->text.data + cell->offset : "";
}

/* Splits the next record into csv->cells. */
static int next_record(struct import_reader *reader, bool *found, struct kith_error *err)
{
    struct csv *csv = reader->state;
    const char *text = NULL;
    size_t len = 0;
    do {
        int rc = import_lines_next(reader, &csv->lines, &text, &len, found, err);
        if (rc || !*found) return rc;
    } while (len == 0 && reader->description.column_count != 1);
    if (!utf8_valid(text, len)) return bad_record(reader, "is not UTF-8; convert the file", err);
    return split(reader, text, len, err);
}

static int data_record(struct import_reader *reader, bool *found, struct kith_error *err)
{
    const struct csv *csv = reader->state;
    int rc = next_record(reader, found, err);
    if (rc || !*found || csv->count == reader->description.column_count) return rc;
    return error_set_at(err, KITH_EINVAL, reader->position.row,
                        "%s: line %llu has %zu cells, the header %zu; quote cells with commas",
                        reader->path, line_of(reader), csv->count,
                        reader->description.column_count);
}

static bool is_null(const struct cell *cell) { return cell->len == 0 && !cell->quoted; }

/* false: the cell is plain text. */
static bool cell_json(const struct csv *csv, const struct cell *cell, struct json_value *value)
{
    const char *text = cell_text(csv, cell);
    size_t used;
    if (cell->len == 0 || strchr("-0123456789tf[{", text[0]) == NULL || text[0] == 0) return false;
    return json_read(text, cell->len, value, &used, NULL) == 0 && used == cell->len;
}

static struct import_guess guess_cell(const struct csv *csv, const struct cell *cell)
{
    struct json_value value;
    if (is_null(cell)) return (struct import_guess){0};
    if (!cell_json(csv, cell, &value)) return (struct import_guess){true, IMPORT_STRING, 0};
    return import_guess_json(&value);
}

static int infer(struct import_reader *reader, struct import_guess *guesses,
                 struct kith_error *err)
{
    const struct csv *csv = reader->state;
    size_t count = reader->description.column_count;
    for (int row = 0; row < IMPORT_SAMPLE_ROWS; row++) {
        bool found;
        int rc = data_record(reader, &found, err);
        if (rc) return rc;
        if (!found) break;
        for (size_t i = 0; i < count; i++) {
            guesses[i] = import_guess_merge(guesses[i], guess_cell(csv, &csv->cells[i]),
                                            IMPORT_STRING);
        }
    }
    for (size_t i = 0; i < count; i++) {
        reader->columns[i].kind = guesses[i].known ? guesses[i].kind : IMPORT_STRING;
        reader->columns[i].dim = guesses[i].known ? guesses[i].dim : 0;
    }
    return 0;
}

static int read_header(struct import_reader *reader, struct kith_error *err)
{
    const struct csv *csv = reader->state;
    bool found;
    int rc = next_record(reader, &found, err);
    if (rc) return rc;
    if (!found) return bad_record(reader, "is empty; a header row is needed", err);
    for (size_t i = 0; i < csv->count; i++) {
        const char *name = cell_text(csv, &csv->cells[i]);
        size_t len = csv->cells[i].len;
        if (len == 0 || memchr(name, 0, len)) {
            return bad_record(reader, "the header has a column without a name", err);
        }
        for (size_t j = 0; j < i; j++) {
            const char *have = reader->columns[j].name;
            if (strncmp(have, name, len) == 0 && have[len] == 0) {
                return bad_record(reader, "the header has a name twice; rename one", err);
            }
        }
        rc = import_add_column(reader, name, len, IMPORT_STRING, 0, err);
        if (rc) return rc;
    }
    return 0;
}

static int store_cell(struct import_reader *reader, size_t i, struct kith_error *err)
{
    const struct csv *csv = reader->state;
    const struct cell *cell = &csv->cells[i];
    const struct import_column *column = &reader->columns[i];
    struct json_value value;
    if (is_null(cell)) return import_store_null(&reader->stores[i], column), 0;
    if (column->kind == IMPORT_STRING) {
        return import_store_text(&reader->stores[i], cell_text(csv, cell), cell->len), 0;
    }
    int rc = KITH_EINVAL;
    if (cell_json(csv, cell, &value)) {
        rc = import_store_json(&reader->stores[i], column, &value);
    }
    if (rc == 0 || rc == KITH_ENOMEM) return rc ? import_no_memory(reader, err) : 0;
    return error_set_at(err, KITH_EINVAL, reader->position.row,
                        "%s: line %llu: '%.64s' is no %s as in the first %d rows; make it one "
                        "or leave it empty", reader->path, line_of(reader), column->name,
                        import_kind_name(column->kind), IMPORT_SAMPLE_ROWS);
}

static int csv_next(struct import_reader *reader, size_t max_rows, struct kith_error *err)
{
    size_t bytes = 0;
    for (size_t row = 0; row < max_rows && bytes < IMPORT_BATCH_BYTES; row++) {
        bool found;
        int rc = data_record(reader, &found, err);
        if (rc || !found) return rc;
        bytes = 0;
        for (size_t i = 0; i < reader->description.column_count; i++) {
            rc = store_cell(reader, i, err);
            if (rc) return rc;
            bytes += import_store_bytes(&reader->stores[i]);
        }
        reader->position.row++;
    }
    return 0;
}

static int csv_seek(struct import_reader *reader, struct import_position to,
                    struct kith_error *err)
{
    struct csv *csv = reader->state;
    if (to.offset < csv->first.offset) {
        return error_set(err, KITH_EINVAL, "%s: position %llu is inside the header; start again",
                         reader->path, (unsigned long long)to.offset);
    }
    import_lines_seek(&csv->lines, to.offset);
    return 0;
}

static void csv_close(struct import_reader *reader)
{
    struct csv *csv = reader->state;
    import_lines_release(&csv->lines);
    buffer_release(&csv->text);
    mem_free(csv->cells);
    mem_free(csv);
}

static const struct import_ops csv_ops = {csv_next, csv_seek, csv_close};

int import_open_csv(struct import_reader *reader, struct kith_error *err)
{
    struct csv *csv = mem_zalloc(sizeof *csv);
    if (!csv) return import_no_memory(reader, err);
    csv->lines.quoted = true;
    reader->state = csv;
    reader->ops = &csv_ops;
    csv->cells = mem_zalloc_array(IMPORT_COLUMNS_MAX, sizeof *csv->cells);
    if (!csv->cells) return import_no_memory(reader, err);
    int rc = read_header(reader, err);
    if (rc) return rc;
    csv->first = reader->position;
    struct import_guess *guesses = mem_zalloc_array(csv->count, sizeof *guesses);
    if (!guesses) return import_no_memory(reader, err);
    rc = infer(reader, guesses, err);
    mem_free(guesses);
    if (rc) return rc;
    reader->position = csv->first;
    import_lines_seek(&csv->lines, csv->first.offset);
    return 0;
}
