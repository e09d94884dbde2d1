/*
 * Aligned text output; see table.h.
 */
#include "cmd/table.h"

#include <string.h>

#include "base/endian.h"

#define CELL_WIDTH_MAX 60 /* a longer cell pushes the rest of its own row only */

void table_init(struct table *table, size_t columns, bool bold)
{
    *table = (struct table){0};
    buffer_init(&table->text);
    buffer_init(&table->cells);
    table->columns = columns < TABLE_COLUMNS_MAX ? columns : TABLE_COLUMNS_MAX;
    table->bold = bold;
}

void table_release(struct table *table)
{
    buffer_release(&table->text);
    buffer_release(&table->cells);
}

void table_cell(struct table *table, const char *text, size_t len)
{
    size_t from = table->text.len;
    buffer_put(&table->text, text, len);
    for (size_t i = from; i < table->text.len; i++) {
        if (table->text.data[i] < 0x20 || table->text.data[i] == 0x7f) table->text.data[i] = ' ';
    }
    buffer_put_u64(&table->cells, table->text.len);
}

void table_cell_text(struct table *table, const char *text)
{
    table_cell(table, text, strlen(text));
}

static const uint8_t *cell_at(const struct table *table, size_t index, size_t *len)
{
    size_t from = index ? (size_t)le64_get(table->cells.data + (index - 1) * 8) : 0;
    *len = (size_t)le64_get(table->cells.data + index * 8) - from;
    return table->text.data + from;
}

static size_t width_of(const uint8_t *text, size_t len)
{
    size_t width = 0;
    for (size_t i = 0; i < len; i++) width += (text[i] & 0xc0) != 0x80;
    return width;
}

static void measure(const struct table *table, size_t cells, size_t *widths)
{
    for (size_t i = 0; i < cells; i++) {
        size_t len, *widest = &widths[i % table->columns];
        const uint8_t *text = cell_at(table, i, &len);
        size_t width = width_of(text, len);
        if (width > CELL_WIDTH_MAX) width = CELL_WIDTH_MAX;
        if (width > *widest) *widest = width;
    }
}

static void blanks(size_t count, FILE *out)
{
    for (size_t i = 0; i < count; i++) fputc(' ', out);
}

static void print_row(const struct table *table, size_t row, const size_t *widths, FILE *out)
{
    for (size_t c = 0; c < table->columns; c++) {
        size_t len;
        const uint8_t *text = cell_at(table, row * table->columns + c, &len);
        size_t width = width_of(text, len);
        size_t pad = width < widths[c] ? widths[c] - width : 0;
        if (c) blanks(2, out);
        if (table->right[c]) blanks(pad, out);
        if (len) fwrite(text, 1, len, out);
        if (!table->right[c] && c + 1 < table->columns) blanks(pad, out);
    }
    fputc('\n', out);
}

/* Keeps the heading, so that the next part has the columns at least as wide. */
static void keep_heading(struct table *table)
{
    table->text.len = (size_t)le64_get(table->cells.data + (table->columns - 1) * 8);
    table->cells.len = table->columns * 8;
}

int table_print(struct table *table, FILE *out)
{
    size_t widths[TABLE_COLUMNS_MAX] = {0};
    if (buffer_failed(&table->text) || buffer_failed(&table->cells)) return KITH_ENOMEM;
    size_t cells = table->cells.len / 8;
    size_t rows = table->columns ? cells / table->columns : 0;
    if (!rows) return 0;
    measure(table, rows * table->columns, widths);
    if (!table->headed) {
        if (table->bold) fputs("\x1b[1m", out);
        print_row(table, 0, widths, out);
        if (table->bold) fputs("\x1b[0m", out);
        table->headed = true;
    }
    for (size_t row = 1; row < rows; row++) print_row(table, row, widths, out);
    keep_heading(table);
    return 0;
}
