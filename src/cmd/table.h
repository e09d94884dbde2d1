/*
 * Aligned text output: rows of cells are collected, then printed under a heading, every column as
 * wide as its widest cell up to a maximum. Widths are in code points. One thread at a time.
 */
#ifndef KITH_CMD_TABLE_H
#define KITH_CMD_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "base/buffer.h"

#define TABLE_COLUMNS_MAX 64 /* more are left out of the text form; --json has them all */

struct table {
    struct buffer text;  /* owns: the cells' bytes, one after the other */
    struct buffer cells; /* owns: a u64 end offset in text for each cell */
    size_t columns;
    bool right[TABLE_COLUMNS_MAX]; /* aligned right: numbers */
    bool bold;           /* the heading, on a terminal */
    bool headed;         /* the heading was printed */
};

/* The first row is the heading. `columns` above the maximum is cut to it. */
void table_init(struct table *table, size_t columns, bool bold);
void table_release(struct table *table); /* accepts a zeroed struct */
/* Cells go left to right, row after row; those past the last column of a row are the caller's to
 * leave out. Control characters are shown as blanks. */
void table_cell(struct table *table, const char *text, size_t len);
void table_cell_text(struct table *table, const char *text);
/* Prints what was collected and empties it but for the heading, which is printed once.
 * KITH_ENOMEM when cells were lost. */
KITH_NODISCARD int table_print(struct table *table, FILE *out);

#endif
