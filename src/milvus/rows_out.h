/*
 * Rows of the engine into columns of the wire, written straight into the reply: every message's
 * size is computed first, then its bytes are put once, in order.
 */
#ifndef KITH_MILVUS_ROWS_OUT_H
#define KITH_MILVUS_ROWS_OUT_H

#include "milvus/milvus_data.h"
#include "proto/wire.h"

/* FieldData: bytes of the message; `memo` keeps the sizes of its parts for the put that follows. */
struct rows_column_size {
    size_t values;  /* of the packed run, or of all entries */
    size_t array;   /* of LongArray, StringArray, ...; of a vector member that is bytes: values */
    size_t field;   /* of ScalarField, VectorField */
    size_t valid;   /* of valid_data */
    size_t whole;
};
void rows_column_measure(const struct milvus_column *column, const struct milvus_page *page,
                         struct rows_column_size *out);
void rows_column_put(struct buffer *out, uint32_t number, const struct milvus_column *column,
                     const struct milvus_page *page, const struct rows_column_size *size);
/* All columns of a page, as field `number` each. KITH_ENOMEM. */
struct rows_page_size {
    struct rows_column_size *columns;
    size_t whole; /* with heads */
};
KITH_NODISCARD int rows_page_measure(const struct milvus_page *page, uint32_t number,
                                     struct arena *arena, struct rows_page_size *out);
void rows_page_put(struct buffer *out, uint32_t number, const struct milvus_page *page,
                   const struct rows_page_size *size);

/* IDs. */
size_t rows_keys_size(const struct kith_keys *keys);
void rows_keys_put(struct buffer *out, uint32_t number, const struct kith_keys *keys);

/* Status as field 1, written only when it is a failure: success has no bytes. */
void rows_status_put(struct buffer *out, const MilvusStatus *status);

/* MutationResult of Insert, Upsert, Delete. */
void rows_mutation_put(struct buffer *out, struct milvus_call *call,
                       const struct milvus_mutation *mutation);

/* SearchResults. rows_hits.c */
void rows_hits_put(struct buffer *reply, struct milvus_call *call,
                   const struct milvus_collection *collection, const char *asked_name,
                   const struct milvus_hits *hits);
/* The same as parts of a milvus_frame; the pointers are to struct milvus_hits. */
void rows_put_hits(struct buffer *reply, struct milvus_call *call,
                   const struct milvus_collection *collection, const char *asked_name,
                   const void *hits);
void rows_release_hits(void *hits);

static inline uint8_t *rows_varint(uint8_t *to, uint64_t value)
{
    while (value >= 0x80) {
        *to++ = (uint8_t)(value | 0x80);
        value >>= 7;
    }
    *to++ = (uint8_t)value;
    return to;
}

/* Who calls which collection: database, privilege, then the collection, NULL with a status or with
 * *rc for the transport. data_call.c */
struct milvus_collection *milvus_data_begin(struct milvus_call *call, const char *rpc,
                                            const char *database, const char *collection,
                                            MilvusStatus **refused, int *rc);
/* Ends a raw call: KITH_ENOMEM when the reply could not be written. Counts the outcome. */
int milvus_data_end(struct milvus_call *call, const char *kind,
                    const struct milvus_collection *collection, const MilvusStatus *refused,
                    const struct buffer *reply);

/* A data RPC whose request is unpacked: what is its own between the beginning and the end. */
struct milvus_frame {
    const char *rpc, *kind; /* kind: "search", "query" or "mutation", as it is counted */
    const ProtobufCMessageDescriptor *request;
    MilvusStatus *(*run)(struct milvus_call *call, const struct milvus_collection *collection,
                         const void *request, void *found);
    void (*put)(struct buffer *reply, struct milvus_call *call,
                const struct milvus_collection *collection, const char *asked_name,
                const void *found);
    void (*release)(void *found);
};
/* found is zeroed. 0, KITH_EINVAL: no such message, or what milvus_data_begin and _end say. */
KITH_NODISCARD int milvus_frame_run(struct milvus_call *call, const struct milvus_frame *frame,
                                    struct kith_str request, void *found, struct buffer *reply);

#endif
