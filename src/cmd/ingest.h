/*
 * From the columns of a foreign file to the fields of a collection: the plan (which column or
 * number becomes which field), the schema of a new collection, and the conversion of batches.
 *
 * The primary key is the column named by `id_column`, else a column "id" of integers or text, else
 * the row's number in the file plus `first_id` in a field "id"; with auto_id the engine makes it.
 * One thread at a time.
 */
#ifndef KITH_CMD_INGEST_H
#define KITH_CMD_INGEST_H

#include <kith/kith.h>

#include "base/buffer.h"
#include "base/error.h"
#include "import/import.h"

struct ingest_options {
    const char *id_column;   /* NULL: see above */
    bool auto_id;
    uint64_t first_id;
    const char *vector_name; /* NULL: as in the file; renames the only vector column */
    const char *label_name;  /* NULL: no labels */
    enum kith_metric metric; /* 0: what the file says, else L2 */
};

enum ingest_source { INGEST_ROW_NUMBER, INGEST_LABEL, INGEST_COLUMN, INGEST_ENGINE };

struct ingest_field {
    enum ingest_source source;
    size_t column;           /* INGEST_COLUMN: which of the file */
    enum import_kind kind;   /* INGEST_COLUMN: how it comes */
    struct kith_field field; /* how it goes; the name borrows `name` */
    char name[IMPORT_NAME_MAX + 1];
    struct buffer values;    /* owns: converted values of a batch */
    struct buffer valid;     /* owns */
};

struct ingest {
    struct ingest_field *fields; /* owns; [0] is the primary key */
    size_t count;
    uint64_t first_id;
    struct kith_column *columns; /* owns: what ingest_batch hands out */
};

/* A plan for files of this description. */
KITH_NODISCARD int ingest_plan(struct ingest *ingest, const struct import_description *description,
                               const struct ingest_options *options, struct kith_error *err);
void ingest_release(struct ingest *ingest); /* accepts a zeroed struct */
/* Fields as kith_collection_create takes them: *fields is the caller's to mem_free and its names
 * borrow the plan. Rows of a key that is there are ignored, so an import can be repeated. */
KITH_NODISCARD int ingest_schema(const struct ingest *ingest, struct kith_schema *out,
                                 struct kith_field **fields, struct kith_error *err);
/* Fits the plan to a collection that is there: types and the name of an only vector field. */
KITH_NODISCARD int ingest_fit(struct ingest *ingest, const struct kith_schema *schema,
                              const struct ingest_options *options, struct kith_error *err);
/* Rows [0, rows) of a batch as the engine takes them. `labels` has `rows` elements, or is NULL
 * without a label field. *out borrows until the next call, and the batch's memory. */
KITH_NODISCARD int ingest_batch(struct ingest *ingest, const struct import_batch *batch,
                                size_t rows, const struct kith_str *labels, struct kith_batch *out,
                                struct kith_error *err);
/* The primary keys of what ingest_batch made; false when the engine makes them. */
bool ingest_keys(const struct ingest *ingest, const struct kith_batch *batch,
                 struct kith_keys *out);

#endif
