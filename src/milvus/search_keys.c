/*
 * Search by primary keys: the rows' own vectors (or texts, below BM25) are the queries.
 */
#include <stdio.h>
#include <string.h>

#include "milvus/search_internal.h"

static MilvusStatus *check_repeats(struct milvus_call *call, const struct kith_keys *keys)
{
    struct map seen;
    int rc = 0;
    bool repeated = false;
    map_init(&seen);
    for (size_t i = 0; rc == 0 && !repeated && i < keys->count; i++) {
        const void *key = keys->ints ? (const void *)&keys->ints[i] : keys->strings[i].data;
        const size_t len = keys->ints ? sizeof *keys->ints : keys->strings[i].len;
        repeated = map_get(&seen, key, len, NULL);
        if (!repeated) rc = map_put(&seen, key, len, 1);
    }
    map_release(&seen);
    if (rc) return milvus_no_memory(call);
    return repeated ? milvus_status(call, MILVUS_INVALID,
                                    "duplicate IDs found in search request: invalid parameter")
                    : NULL;
}

static MilvusStatus *missing(struct milvus_call *call, const struct kith_keys *keys,
                             const uint8_t *found)
{
    char list[1024];
    size_t len = 0;
    for (size_t i = 0; i < keys->count && len < sizeof list - 80; i++) {
        if (found[i]) continue;
        const char *blank = len ? " " : "";
        const int added =
            keys->ints ? snprintf(list + len, sizeof list - len, "%s%lld", blank,
                                  (long long)keys->ints[i])
                       : snprintf(list + len, sizeof list - len, "%s%.*s", blank,
                                  keys->strings[i].len > 60 ? 60 : (int)keys->strings[i].len,
                                  keys->strings[i].data);
        len += (size_t)added;
    }
    list[len] = '\0';
    return milvus_status(call, MILVUS_INVALID,
                         "some of the provided primary key IDs do not exist: missing IDs = [%s]: "
                         "invalid parameter",
                         list);
}

/* The text behind the output of a function. */
static const char *input_of(const struct milvus_collection *collection, const char *output)
{
    const MilvusSchema *schema = collection->record->schema;
    for (size_t i = 0; i < schema->n_functions; i++) {
        const Milvus__Proto__Schema__FunctionSchema *function = schema->functions[i];
        for (size_t j = 0; j < function->n_output_field_names; j++)
            if (strcmp(function->output_field_names[j], output) == 0 &&
                function->n_input_field_names)
                return function->input_field_names[0];
    }
    return output;
}

static size_t cell_bytes(const struct kith_column *column)
{
    switch (column->type) {
    case KITH_BINARY_VECTOR: return column->dim / 8;
    case KITH_FLOAT16_VECTOR:
    case KITH_BFLOAT16_VECTOR: return (size_t)column->dim * 2;
    case KITH_INT8_VECTOR: return column->dim;
    default: return (size_t)column->dim * 4;
    }
}

static MilvusStatus *lay(struct milvus_call *call, const struct kith_column *column, size_t rows,
                         struct milvus_vectors *out)
{
    const bool texts = column->type == KITH_VARCHAR || column->type == KITH_SPARSE_VECTOR;
    struct kith_str *values = arena_alloc_array(call->arena, rows + 1, sizeof *values);
    if (!values) return milvus_no_memory(call);
    for (size_t i = 0; i < rows; i++) {
        if (column->valid && !column->valid[i])
            return milvus_status(call, MILVUS_INVALID,
                                 "a row of the provided primary keys has no vector: invalid "
                                 "parameter");
        values[i] = texts ? ((const struct kith_str *)column->data)[i]
                          : (struct kith_str){ (const char *)column->data + i * cell_bytes(column),
                                               cell_bytes(column) };
    }
    *out = (struct milvus_vectors){ .type = (int)column->type, .values = values, .count = rows };
    return NULL;
}

MilvusStatus *search_vectors_of_keys(struct milvus_call *call,
                                     const struct milvus_collection *collection,
                                     const struct milvus_search *search,
                                     struct milvus_vectors *out, struct kith_result **held)
{
    struct milvus_target target;
    struct kith_error err = { 0 };
    MilvusStatus *refused =
        milvus_target_find(call, collection, search->field, search->metric, &target);
    if (!refused) refused = check_repeats(call, search->by_keys);
    if (refused) return refused;
    const char *field = input_of(collection, target.field->name);
    const struct kith_output output = { .fields = &field, .count = 1 };
    const int rc = kith_get(collection->handle, search->by_keys, &output, call->call, held, &err);
    if (rc) return milvus_error(call, rc, &err);
    if ((*held)->rows != search->by_keys->count)
        return missing(call, search->by_keys, (*held)->found);
    return lay(call, &(*held)->columns[(*held)->column_count - 1], (*held)->rows, out);
}
