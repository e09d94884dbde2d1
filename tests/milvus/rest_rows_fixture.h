/*
 * A collection that exists only as a schema, and a request without an exchange: what the files that
 * read and write rows need. For tests and fuzzing.
 */
#ifndef KITH_TESTS_REST_ROWS_FIXTURE_H
#define KITH_TESTS_REST_ROWS_FIXTURE_H

#include <string.h>

#include "milvus/rest.h"
#include "proto/wire.h"

enum { FIXTURE_FIELDS = 6 };

struct rest_fixture {
    struct arena arena;
    struct buffer out;
    MilvusSchema schema;
    MilvusField fields[FIXTURE_FIELDS];
    MilvusField *field_list[FIXTURE_FIELDS];
    MilvusPair dim, *dims[1];
    Kith__Door__CollectionRecord record;
    struct milvus_collection collection;
    struct rest rest;
};

/* id Int64, n Int8, x Double, t VarChar, v FloatVector(2), s SparseFloatVector; dynamic. */
static inline void fixture_init(struct rest_fixture *f)
{
    static const struct {
        const char *name;
        int type;
    } fields[FIXTURE_FIELDS] = { { "id", KITH_INT64 },        { "n", KITH_INT8 },
                                 { "x", KITH_DOUBLE },        { "t", KITH_VARCHAR },
                                 { "v", KITH_FLOAT_VECTOR }, { "s", KITH_SPARSE_VECTOR } };
    memset(f, 0, sizeof *f);
    arena_init(&f->arena);
    buffer_init(&f->out);
    milvus__proto__schema__collection_schema__init(&f->schema);
    for (size_t i = 0; i < FIXTURE_FIELDS; i++) {
        milvus__proto__schema__field_schema__init(&f->fields[i]);
        f->fields[i].name = (char *)(uintptr_t)fields[i].name;
        f->fields[i].data_type = (Milvus__Proto__Schema__DataType)fields[i].type;
        f->field_list[i] = &f->fields[i];
    }
    milvus__proto__common__key_value_pair__init(&f->dim);
    f->dim.key = (char *)(uintptr_t)"dim";
    f->dim.value = (char *)(uintptr_t)"2";
    f->dims[0] = &f->dim;
    f->fields[0].is_primary_key = true;
    f->fields[4].type_params = f->dims;
    f->fields[4].n_type_params = 1;
    f->schema.fields = f->field_list;
    f->schema.n_fields = FIXTURE_FIELDS;
    f->schema.enable_dynamic_field = true;
    kith__door__collection_record__init(&f->record);
    f->record.schema = &f->schema;
    f->collection.record = &f->record;
    f->collection.primary = &f->fields[0];
    f->rest.call.arena = &f->arena;
    f->rest.call.database = "default";
    f->rest.out = &f->out;
}

static inline void fixture_reset(struct rest_fixture *f)
{
    f->rest.failed = false;
    buffer_clear(&f->out);
    arena_reset(&f->arena);
}

static inline void fixture_release(struct rest_fixture *f)
{
    buffer_release(&f->out);
    arena_release(&f->arena);
}

/* The columns of an InsertRequest as rows. Requests leave out what is null and replies do not, so
 * this is for columns without nulls. */
static inline void fixture_render(struct rest_fixture *f, const struct buffer *bytes, size_t count)
{
    struct rest_rows *rows;
    struct wire wire;
    struct wire_field field;
    int rc = rest_rows_new(&f->rest, &rows);
    wire_init(&wire, bytes->len ? (const void *)bytes->data : "", bytes->len);
    while (rc == 0 && wire_next(&wire, &field) == 1)
        if (field.number == 5) rc = rest_rows_add(rows, field.data, field.len);
    rest_raw(&f->out, "[");
    for (size_t i = 0; rc == 0 && i < count; i++) {
        rest_comma(&f->out);
        rest_raw(&f->out, "{");
        rc = rest_rows_put(rows, NULL, &f->out);
        rest_raw(&f->out, "}");
    }
    rest_raw(&f->out, "]");
    if (rc) f->rest.failed = true;
}

#endif
