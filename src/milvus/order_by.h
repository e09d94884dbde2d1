/*
 * Orders that a client asks for: `order_by_fields` is "price:desc,name:asc", also with a third part
 * nulls_first or nulls_last. A name is a scalar field, a key of the dynamic field or a path below
 * one ("user['score']").
 *
 * Null, and a key that is not there, comes before every value in both directions unless it is said
 * otherwise. Values of one JSON key may be of several kinds: booleans, then numbers, then texts,
 * then the rest by their bytes. What is equal keeps the order that it had.
 */
#ifndef KITH_MILVUS_ORDER_BY_H
#define KITH_MILVUS_ORDER_BY_H

#include "milvus/field_path.h"
#include "milvus/milvus_data.h"

#define ORDER_TERMS_MAX 16

enum cell_kind { /* in the order in which kinds sort */
    CELL_NULL,
    CELL_BOOL,   /* in number */
    CELL_NUMBER, /* in real; integers in number too */
    CELL_TEXT,
    CELL_OTHER /* arrays and objects of JSON: their text */
};
struct cell_value { /* one value of a row, as it is compared */
    enum cell_kind kind;
    bool integer;
    int64_t number;
    double real;
    struct kith_str text; /* borrows from the column, or in the arena */
};

struct order_term {
    const char *name; /* as it was asked */
    bool descending, nulls_last;
    struct field_path path; /* its head is a column of the engine's result */
};
struct milvus_order { /* in the arena */
    struct order_term terms[ORDER_TERMS_MAX];
    size_t count;
};

/* Names and directions only: nothing is looked up. */
MilvusStatus *order_by_split(struct milvus_call *call, const char *text, struct milvus_order *out);
/* The columns that the terms need; refuses names and types that cannot be ordered by. */
MilvusStatus *order_by_resolve(struct milvus_call *call, const struct milvus_collection *collection,
                               struct milvus_order *order);
/* `output` and the columns of the order; in the arena. KITH_ENOMEM. */
KITH_NODISCARD int order_by_output(struct milvus_call *call, const struct milvus_order *order,
                                   const struct kith_output *output, struct kith_output *out);

/* cell_value.c: the value of a cell, which of JSON is its text. */
void cell_value_read(const struct kith_column *column, size_t row, struct cell_value *out);
/* A text with escapes goes into the arena. KITH_ENOMEM. */
KITH_NODISCARD int cell_value_of_json(const struct json_value *value, struct arena *arena,
                                  struct cell_value *out);
/* Texts into the arena, so that they outlive the column. KITH_ENOMEM. */
KITH_NODISCARD int cell_value_keep(struct cell_value *value, struct arena *arena);
int texts_compare(struct kith_str a, struct kith_str b); /* by bytes, then by length */
int cell_value_compare(const struct cell_value *a, const struct cell_value *b);

/* order->count values of a row. KITH_ENOMEM; KITH_EINVAL: a column is not in the result. */
KITH_NODISCARD int order_by_values(const struct milvus_order *order,
                                   const struct kith_result *result, size_t row,
                                   struct arena *arena, struct cell_value *out);
int order_by_compare(const struct milvus_order *order, const struct cell_value *a,
                     const struct cell_value *b);
/* Sorts `rows`, which are rows of the result, by their values; equal ones stay as they lie. */
KITH_NODISCARD int order_by_sort(const struct milvus_order *order,
                                 const struct kith_result *result, struct arena *arena,
                                 uint32_t *rows, size_t count);

#endif
