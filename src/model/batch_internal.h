/*
 * What the batch files share: the checks of a column's values.
 */
#ifndef KITH_MODEL_BATCH_INTERNAL_H
#define KITH_MODEL_BATCH_INTERNAL_H

#include "model/batch.h"

/* Bytes from one row's cell to the next in a column's data. */
static inline size_t batch_cell(const struct schema_field *field)
{
    return field->width > 0 ? field->width : sizeof(struct kith_str);
}

/* Brings a given column to its normal form: full length, nulls filled, values checked. given->data
 * is not NULL when it holds a row. out's field, type and dim are set too. */
KITH_NODISCARD int batch_take_column(const struct schema *schema, size_t number,
                                     const struct kith_column *given, size_t rows,
                                     struct arena *arena, struct kith_column *out,
                                     struct kith_error *err);

/* Checks every valid row of a full-length column against the field. Booleans other than 0 and 1 are
 * rewritten: column->data then points into the arena. */
KITH_NODISCARD int batch_check_values(const struct schema *schema, size_t number, size_t rows,
                                      struct arena *arena, struct kith_column *column,
                                      struct kith_error *err);

#endif
