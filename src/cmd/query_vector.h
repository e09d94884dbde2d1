/*
 * The vector that a search starts from: written on the command line, taken from a row of a file,
 * or from a row that is in the collection.
 */
#ifndef KITH_CMD_QUERY_VECTOR_H
#define KITH_CMD_QUERY_VECTOR_H

#include <kith/kith.h>

#include "base/buffer.h"
#include "base/error.h"
#include "import/import.h"

struct query_vector {
    struct buffer bytes;    /* owns */
    struct kith_str sparse; /* borrows bytes */
    enum kith_type type;    /* how the bytes are laid out: for kith_search_opts.query_type */
    const void *data;       /* borrows bytes or sparse: for kith_search_opts.queries */
};

void query_vector_release(struct query_vector *vector); /* accepts a zeroed struct */

/* "[0.5, 1, ...]", or for sparse fields {"7": 0.5, ...}; of binary fields the bits or the bytes. */
KITH_NODISCARD int query_vector_parse(struct query_vector *vector, const struct kith_field *field,
                                      const char *text, struct kith_error *err);
/* Row `row` of the first vector column of a file of any format that import reads. */
KITH_NODISCARD int query_vector_from_file(struct query_vector *vector,
                                          const struct kith_field *field, const char *path,
                                          enum import_format format, uint64_t row,
                                          struct kith_error *err);
/* The stored vector of row 0 of a result's column. */
KITH_NODISCARD int query_vector_from_column(struct query_vector *vector,
                                            const struct kith_column *column,
                                            struct kith_error *err);

#endif
