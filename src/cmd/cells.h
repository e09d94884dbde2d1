/*
 * The values of a result, one at a time, for a person (vectors shortened, text as it is) or as
 * JSON.
 */
#ifndef KITH_CMD_CELLS_H
#define KITH_CMD_CELLS_H

#include <kith/kith.h>

#include "base/buffer.h"
#include "cmd/table.h"

struct cells_column {
    const struct kith_column *column; /* borrows */
    enum kith_type element;           /* of an ARRAY, from the schema */
};

/* `schema` says what the elements of arrays are. */
struct cells_column cells_column(const struct kith_column *column,
                                 const struct kith_schema *schema);
void cells_text(const struct cells_column *cells, size_t row, struct buffer *out);
void cells_json(const struct cells_column *cells, size_t row, struct buffer *out);

/* A result's row as the members of a JSON object, without braces: "id":7,"word":"king". A search's
 * distance comes second. */
void cells_json_row(const struct kith_result *result, const struct kith_schema *schema, size_t row,
                    struct buffer *out);

/* Adds a result's rows to a table that cells_heading() began. */
void cells_heading(struct table *table, const struct kith_result *result, bool bold);
void cells_rows(struct table *table, const struct kith_result *result,
                const struct kith_schema *schema);

#endif
