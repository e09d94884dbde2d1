/*
 * Which column becomes which field; see ingest.h.
 */
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "cmd/cmd.h"
#include "cmd/ingest.h"
#include "model/schema.h"

void ingest_release(struct ingest *ingest)
{
    for (size_t i = 0; i < ingest->count; i++) {
        buffer_release(&ingest->fields[i].values);
        buffer_release(&ingest->fields[i].valid);
    }
    mem_free(ingest->fields);
    mem_free(ingest->columns);
    *ingest = (struct ingest){0};
}

static enum kith_type natural_type(enum import_kind kind)
{
    switch (kind) {
    case IMPORT_I64: return KITH_INT64;
    case IMPORT_F64: return KITH_DOUBLE;
    case IMPORT_BOOL: return KITH_BOOL;
    case IMPORT_STRING: return KITH_VARCHAR;
    case IMPORT_JSON: return KITH_JSON;
    case IMPORT_VECTOR_F32:
    case IMPORT_VECTOR_U8:
    case IMPORT_VECTOR_I32: return KITH_FLOAT_VECTOR;
    case IMPORT_VECTOR_I8: return KITH_INT8_VECTOR;
    }
    return KITH_JSON;
}

/* Text files may have gaps anywhere; the others have a value in every row. */
static bool may_have_gaps(const struct import_description *description)
{
    return description->format == IMPORT_JSONL || description->format == IMPORT_CSV;
}

static enum kith_metric metric_of(const struct import_description *description,
                                  const struct ingest_options *options)
{
    if (options->metric) return options->metric;
    if (strcmp(description->distance, "angular") == 0) return KITH_COSINE;
    if (strcmp(description->distance, "dot") == 0) return KITH_IP;
    return KITH_L2;
}

static struct ingest_field *add_field(struct ingest *ingest, const char *name,
                                      enum ingest_source source, enum kith_type type)
{
    struct ingest_field *field = &ingest->fields[ingest->count++];
    *field = (struct ingest_field){.source = source, .field = KITH_FIELD_INIT};
    snprintf(field->name, sizeof field->name, "%s", name);
    field->field.name = field->name;
    field->field.type = type;
    buffer_init(&field->values);
    buffer_init(&field->valid);
    return field;
}

static bool can_be_key(enum import_kind kind)
{
    return kind == IMPORT_I64 || kind == IMPORT_STRING;
}

/* *out is the column of the primary key, or column_count when no column is. */
static int find_key(const struct import_description *description,
                    const struct ingest_options *options, size_t *out, struct kith_error *err)
{
    const char *name = options->id_column ? options->id_column : "id";
    size_t c = 0;
    while (c < description->column_count && strcmp(description->columns[c].name, name) != 0) c++;
    if (c < description->column_count && !can_be_key(description->columns[c].kind)) {
        return error_set(err, KITH_EINVAL, "column '%s' holds %s; a primary key is an integer or a "
                         "text: choose another with --id", name,
                         import_kind_name(description->columns[c].kind));
    }
    if (options->id_column && c == description->column_count) {
        return error_set(err, KITH_ENOTFOUND, "--id: the file has no column '%s'", name);
    }
    if (c < description->column_count && options->auto_id) {
        return error_set(err, KITH_EINVAL, "the file has its own key column 'id'; leave --auto-id "
                         "out to use it, or rename the column");
    }
    *out = c;
    return 0;
}

static void add_key(struct ingest *ingest, const struct import_description *description,
                    const struct ingest_options *options, size_t key)
{
    struct ingest_field *field;
    if (key < description->column_count) {
        const struct import_column *column = &description->columns[key];
        field = add_field(ingest, column->name, INGEST_COLUMN, natural_type(column->kind));
        field->column = key;
        field->kind = column->kind;
    } else {
        field = add_field(ingest, "id", options->auto_id ? INGEST_ENGINE : INGEST_ROW_NUMBER,
                          KITH_INT64);
    }
    field->field.flags = KITH_FIELD_PRIMARY | (options->auto_id ? KITH_FIELD_AUTO_ID : 0u);
}

static void add_column(struct ingest *ingest, const struct import_description *description,
                       const struct ingest_options *options, size_t c)
{
    const struct import_column *column = &description->columns[c];
    enum kith_type type = natural_type(column->kind);
    bool vector = type_is_vector(type);
    const char *name = vector && options->vector_name ? options->vector_name : column->name;
    struct ingest_field *field = add_field(ingest, name, INGEST_COLUMN, type);
    field->column = c;
    field->kind = column->kind;
    field->field.dim = column->dim;
    if (vector) {
        field->field.metric = metric_of(description, options);
    } else if (may_have_gaps(description)) {
        field->field.flags = KITH_FIELD_NULLABLE;
    }
}

static int check_plan(const struct ingest *ingest, struct kith_error *err)
{
    size_t vectors = 0;
    for (size_t i = 0; i < ingest->count; i++) {
        vectors += type_is_vector(ingest->fields[i].field.type);
        for (size_t j = 0; j < i; j++) {
            if (strcmp(ingest->fields[i].name, ingest->fields[j].name) != 0) continue;
            return error_set(err, KITH_EEXISTS, "two fields would be named '%s'; rename one with "
                             "--vector-name or --label-name", ingest->fields[i].name);
        }
    }
    if (vectors) return 0;
    return error_set(err, KITH_EINVAL, "the file has no column of vectors; a vector is an array of "
                     "numbers, like [0.1, 0.2], of one length in all rows");
}

int ingest_plan(struct ingest *ingest, const struct import_description *description,
                const struct ingest_options *options, struct kith_error *err)
{
    size_t key = 0;
    int rc = find_key(description, options, &key, err);
    if (rc) return rc;
    size_t most = description->column_count + 2; /* and a key, and labels */
    struct ingest plan = {.first_id = options->first_id};
    plan.fields = mem_zalloc_array(most, sizeof *plan.fields);
    plan.columns = mem_zalloc_array(most, sizeof *plan.columns);
    if (!plan.fields || !plan.columns) {
        ingest_release(&plan);
        return error_set(err, KITH_ENOMEM, "no memory for %zu columns", most);
    }
    add_key(&plan, description, options, key);
    if (options->label_name) add_field(&plan, options->label_name, INGEST_LABEL, KITH_VARCHAR);
    for (size_t c = 0; c < description->column_count; c++) {
        if (c != key) add_column(&plan, description, options, c);
    }
    rc = check_plan(&plan, err);
    if (rc) {
        ingest_release(&plan);
        return rc;
    }
    *ingest = plan;
    return 0;
}

int ingest_schema(const struct ingest *ingest, struct kith_schema *out, struct kith_field **fields,
                  struct kith_error *err)
{
    struct kith_field *list = mem_zalloc_array(ingest->count, sizeof *list);
    if (!list) return error_set(err, KITH_ENOMEM, "no memory for %zu fields", ingest->count);
    for (size_t i = 0; i < ingest->count; i++) list[i] = ingest->fields[i].field;
    *out = (struct kith_schema)KITH_SCHEMA_INIT;
    out->fields = list;
    out->field_count = ingest->count;
    out->on_duplicate = KITH_DUPLICATE_IGNORE;
    *fields = list;
    return 0;
}

/* ---- a collection that is there ---- */

static bool converts(const struct ingest_field *from, enum kith_type to)
{
    if (from->source == INGEST_LABEL) return to == KITH_VARCHAR;
    if (from->source != INGEST_COLUMN) return to == KITH_INT64;
    switch (from->kind) {
    case IMPORT_I64: return to >= KITH_INT8 && to <= KITH_DOUBLE;
    case IMPORT_F64: return to == KITH_FLOAT || to == KITH_DOUBLE;
    case IMPORT_BOOL: return to == KITH_BOOL;
    case IMPORT_STRING: return to == KITH_VARCHAR;
    case IMPORT_JSON: return to == KITH_JSON;
    case IMPORT_VECTOR_F32:
    case IMPORT_VECTOR_U8:
    case IMPORT_VECTOR_I8:
    case IMPORT_VECTOR_I32:
        return to == KITH_FLOAT_VECTOR || to == KITH_FLOAT16_VECTOR ||
               to == KITH_BFLOAT16_VECTOR || to == KITH_INT8_VECTOR;
    }
    return false;
}

static const char *only_vector_field(const struct kith_schema *schema)
{
    const char *name = NULL;
    for (size_t i = 0; i < schema->field_count; i++) {
        if (!type_is_vector(schema->fields[i].type)) continue;
        if (name) return NULL;
        name = schema->fields[i].name;
    }
    return name;
}

static int fit_field(struct ingest_field *mine, const struct kith_schema *schema, bool requested,
                     struct kith_error *err)
{
    const struct kith_field *theirs = cmd_find_field(schema, mine->name);
    if (!theirs) {
        return error_set(err, KITH_ENOTFOUND, "the collection has no field '%s'; import into "
                         "another --collection, or leave the column out of the file", mine->name);
    }
    if ((mine->field.flags ^ theirs->flags) & (KITH_FIELD_PRIMARY | KITH_FIELD_AUTO_ID)) {
        return error_set(err, KITH_EINVAL, "the collection and this import have different primary "
                         "keys ('%s' is one of them); see --id and --auto-id", mine->name);
    }
    if (!converts(mine, theirs->type) ||
        (type_is_vector(theirs->type) && theirs->dim != mine->field.dim)) {
        return error_set(err, KITH_EDIM, "field '%s' is %s(%u) in the collection and %s(%u) in the "
                         "file", mine->name, type_name(theirs->type), theirs->dim,
                         type_name(mine->field.type), mine->field.dim);
    }
    if (requested && type_is_vector(theirs->type) && mine->field.metric != theirs->metric) {
        return error_set(err, KITH_EINVAL, "field '%s' is searched by %s; leave --metric out, or "
                         "import into another --collection", mine->name,
                         metric_name(theirs->metric));
    }
    mine->field.type = theirs->type;
    mine->field.metric = theirs->metric;
    return 0;
}

int ingest_fit(struct ingest *ingest, const struct kith_schema *schema,
               const struct ingest_options *options, struct kith_error *err)
{
    const char *vector = options->vector_name ? NULL : only_vector_field(schema);
    size_t vectors = 0;
    for (size_t i = 0; i < ingest->count; i++)
        vectors += type_is_vector(ingest->fields[i].field.type);
    for (size_t i = 0; i < ingest->count; i++) {
        struct ingest_field *field = &ingest->fields[i];
        if (vector && vectors == 1 && type_is_vector(field->field.type)) {
            snprintf(field->name, sizeof field->name, "%s", vector);
        }
        int rc = fit_field(field, schema, options->metric != 0, err);
        if (rc) return rc;
    }
    return 0;
}
