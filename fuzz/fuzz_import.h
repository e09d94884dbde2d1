/*
 * What must hold of any file that an import reader opens, shared by the fuzz_import_* targets:
 * batches are no larger than asked for and inside what the description says (every byte is read,
 * so that the sanitizers see it), rows add up, a known number of rows is the number read, text is
 * UTF-8, and reading again from the first batch's end gives the same number of rows.
 */
#ifndef KITH_FUZZ_IMPORT_H
#define KITH_FUZZ_IMPORT_H

#include <stdlib.h>

#include "base/json.h"
#include "fuzz.h"
#include "import/import.h"

#define ROWS_MAX 5000 /* of one input: keeps it quick */

static inline void touch_bytes(const void *bytes, size_t len)
{
    static volatile uint8_t sink;
    const uint8_t *at = bytes;
    for (size_t i = 0; i < len; i++) sink = (uint8_t)(sink ^ at[i]);
}

static inline size_t row_bytes(const struct import_column *column)
{
    switch (column->kind) {
    case IMPORT_I64:
    case IMPORT_F64: return 8;
    case IMPORT_BOOL: return 1;
    case IMPORT_VECTOR_F32:
    case IMPORT_VECTOR_I32: return (size_t)column->dim * 4;
    default: return column->dim;
    }
}

static inline void check_column(const struct import_column *column,
                                const struct import_values *values, size_t rows)
{
    if (values->nulls) touch_bytes(values->nulls, rows);
    if (column->kind != IMPORT_STRING && column->kind != IMPORT_JSON) {
        touch_bytes(values->values, rows * row_bytes(column));
        return;
    }
    const struct import_text *texts = values->values;
    for (size_t i = 0; i < rows; i++) {
        bool null = values->nulls && values->nulls[i];
        MUST(utf8_valid(texts[i].text, texts[i].len));
        if (column->kind == IMPORT_JSON && !null) {
            MUST(json_validate(texts[i].text, texts[i].len, NULL) == 0);
        }
    }
}

/* Reads to the end or the first error; the rows read. */
static inline uint64_t read_all(struct import_reader *reader, size_t step, int *rc)
{
    const struct import_description *about = import_describe(reader);
    uint64_t from = import_position(reader).row;
    struct import_batch batch;
    while ((*rc = import_next(reader, step, &batch, NULL)) == 0 && batch.rows) {
        MUST(batch.rows <= step);
        for (size_t i = 0; i < about->column_count; i++) {
            check_column(&about->columns[i], &batch.columns[i], batch.rows);
        }
        MUST(import_position(reader).row == batch.first_row + batch.rows);
        MUST(import_position(reader).offset <= about->bytes);
        if (import_position(reader).row > ROWS_MAX) break;
    }
    return import_position(reader).row - from;
}

static inline int fuzz_import(const uint8_t *data, size_t size, enum import_format format)
{
    const struct import_options options = {.format = format};
    struct import_reader *reader;
    int rc;
    if (import_open_bytes(data, size, "input", &options, &reader, NULL)) return 0;
    struct import_batch batch;
    if (import_next(reader, 3, &batch, NULL) == 0) {
        struct import_position at = import_position(reader);
        uint64_t first = read_all(reader, 7, &rc);
        uint64_t known = import_describe(reader)->rows;
        if (rc == 0 && known != IMPORT_ROWS_UNKNOWN && known <= ROWS_MAX) {
            MUST(at.row + first == known);
        }
        int again;
        MUST(import_seek(reader, at, NULL) == 0);
        MUST(read_all(reader, 7, &again) == first && again == rc);
    }
    import_close(reader);
    return 0;
}

#endif
