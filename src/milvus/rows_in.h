/*
 * Columns of the wire (FieldData, section 7 of the protocol) into columns of the engine.
 *
 * A message is walked twice: once for its heads (rows_request_read: which columns, where), once a
 * column for its values, which are used where they lie when they are aligned and laid out as the
 * engine wants them. What has to be made (strings' slices, integers out of varints) is in the
 * arena.
 */
#ifndef KITH_MILVUS_ROWS_IN_H
#define KITH_MILVUS_ROWS_IN_H

#include "milvus/milvus_data.h"
#include "proto/wire.h"

struct rows_head { /* of one FieldData; borrows */
    int type;
    struct kith_str name;
    int64_t id;
    bool dynamic;
    struct kith_str scalars, vectors; /* messages; empty when absent */
    struct kith_str message;          /* all of it */
    bool has_valid;
};

struct rows_request { /* InsertRequest or UpsertRequest; texts in the arena */
    const char *database, *collection, *partition;
    uint64_t rows;
    uint64_t schema_timestamp;
    bool partial;
    struct rows_head *heads;
    size_t head_count;
    struct milvus_field_op *ops;
    size_t op_count;
};
/* KITH_EINVAL: no such message; KITH_ENOMEM. */
KITH_NODISCARD int rows_request_read(struct kith_str bytes, bool upsert, struct arena *arena,
                                     struct rows_request *out);

/* All columns against the schema, in the arena. */
MilvusStatus *rows_in_columns(struct milvus_call *call, const struct milvus_collection *collection,
                              const struct rows_request *request, struct milvus_rows *out);

/* ---- between the files of rows_in ---- */

struct rows_in { /* one column on its way */
    struct milvus_call *call;
    const struct milvus_collection *collection;
    const MilvusField *field; /* NULL: $meta */
    const char *name;
    const struct rows_head *head;
    size_t rows;  /* of the request */
    size_t wanted; /* values: valid rows */
    const uint8_t *valid;
    struct kith_column *out;
};
/* The values do not fit the number of rows? */
MilvusStatus *rows_in_count(const struct rows_in *in, size_t count);
MilvusStatus *rows_in_malformed(const struct rows_in *in);
MilvusStatus *rows_in_scalars(struct rows_in *in, int type);
MilvusStatus *rows_in_vectors(struct rows_in *in, int type);
/* One ScalarField into packed elements. rows_in_array.c */
MilvusStatus *rows_in_arrays(struct rows_in *in, struct kith_str array_array);

/* A packed run of field `number` in a message: in place when there is one, gathered in the arena
 * when it was split or not packed. element: what an unpacked one is. KITH_EINVAL, KITH_ENOMEM. */
KITH_NODISCARD int rows_run(struct kith_str message, uint32_t number, enum wire_type element,
                            struct arena *arena, struct kith_str *out);
/* Repeated bytes of field `number`, as slices. */
KITH_NODISCARD int rows_slices(struct kith_str message, uint32_t number, struct arena *arena,
                               struct kith_str **out, size_t *count);
/* The last member of a oneof: its number and bytes; number 0: none. KITH_EINVAL. */
KITH_NODISCARD int rows_member(struct kith_str message, uint32_t *number, struct kith_str *inner);
/* PlaceholderGroup, and a SearchRequest without its collection. handle_search.c */
KITH_NODISCARD int rows_placeholders(struct kith_str group, struct arena *arena,
                                     struct milvus_vectors *out);
MilvusStatus *rows_search_read(struct milvus_call *call,
                               const Milvus__Proto__Milvus__SearchRequest *in,
                               struct milvus_search *out);
/* WKB into WKT, appended to out. KITH_EINVAL, KITH_ENOMEM. wkb.c */
KITH_NODISCARD int wkb_to_wkt(struct kith_str wkb, struct buffer *out);

#endif
