/*
 * Schemas made of other schemas: a field more, a metric that was open set, a field dropped.
 *
 * Each builds the public form of the one it is given, fields that were dropped among the others so
 * that numbers stay, changes it, and goes through schema_from_public with it. What the public form
 * does not say, which metrics are open and which fields were dropped, is carried beside it.
 */
#include <stddef.h>
#include <string.h>

#include "base/alloc.h"
#include "model/field_internal.h"
#include "model/limits.h"

static int check_added(const struct schema *schema, const struct kith_field *field,
                       struct kith_error *err)
{
    if (!name_valid(field->name)) {
        return error_set(err, KITH_EINVAL, "a field's name is 1 to %d bytes of UTF-8",
                         LIMIT_NAME_BYTES);
    }
    if (schema_find(schema, field->name, strlen(field->name)) != SIZE_MAX) {
        return error_set(err, KITH_EEXISTS, "field '%s' already exists", field->name);
    }
    if (field->flags & ~(unsigned)KITH_FIELD_NULLABLE) {
        return error_set(err, KITH_EINVAL, "field '%s': a key cannot be added", field->name);
    }
    const bool nullable = field->flags != 0;
    if (nullable || (field->default_value.type && !type_is_vector(field->type))) return 0;
    return error_set(err, KITH_EINVAL, "added field '%s' must be nullable%s", field->name,
                     type_is_vector(field->type) ? "" : " or have a default value");
}

static int no_memory(struct kith_error *err)
{
    return error_set(err, KITH_ENOMEM, "no memory for a schema");
}

/* The public form does not say which metrics are open. */
static void copy_open(const struct schema *from, struct schema *to)
{
    for (size_t i = 0; i < from->field_count; i++) {
        to->fields[i].metric_open = from->fields[i].metric_open;
    }
}

/* One a field, and room for one more. NULL: no memory. */
static bool *dropped_of(const struct schema *schema)
{
    bool *const dropped = mem_zalloc_array(schema->field_count + 1, sizeof *dropped);
    for (size_t i = 0; dropped && i < schema->field_count; i++) {
        dropped[i] = schema->fields[i].dropped;
    }
    return dropped;
}

/* A schema of the public form of `schema`, which the caller has changed. */
static int make(const struct schema *schema, const struct kith_schema *given, const bool *dropped,
                struct schema *out, struct kith_error *err)
{
    const int rc = schema_from_public_dropped(given, dropped, out, err);
    if (rc == 0) copy_open(schema, out);
    return rc;
}

int schema_set_metric(const struct schema *schema, size_t number, enum kith_metric metric,
                      struct schema *out, struct kith_error *err)
{
    const struct schema_field *const field = &schema->fields[number];
    if (!field->metric_open) {
        return error_set(err, KITH_EINVAL, "the metric of field '%s' is %s, set by its schema",
                         field->name, metric_name(field->metric));
    }
    struct kith_schema given = {0};
    bool *const dropped = dropped_of(schema);
    int rc = dropped ? schema_to_public_whole(schema, &given) : KITH_ENOMEM;
    if (rc == 0) {
        struct kith_field *const fields = (struct kith_field *)(uintptr_t)given.fields; /* ours */
        fields[number].metric = metric;
        rc = make(schema, &given, dropped, out, err);
    } else {
        rc = no_memory(err);
    }
    schema_public_release(&given);
    mem_free(dropped);
    return rc;
}

static bool function_uses(const struct schema *schema, size_t field)
{
    for (size_t i = 0; i < schema->function_count; i++) {
        const struct schema_function *const f = &schema->functions[i];
        if (f->input == field || f->output == field) return true;
    }
    return false;
}

static int check_dropped(const struct schema *schema, size_t number, struct kith_error *err)
{
    const struct schema_field *const field = &schema->fields[number];
    const char *what = NULL;
    if (number == schema->primary) what = "the primary key";
    if (number == schema->partition_key) what = "the partition key";
    if (number == schema->meta) what = "the dynamic field";
    if (function_uses(schema, number)) what = "read or filled by a function";
    if (!what) return 0;
    return error_set(err, KITH_EINVAL, "field '%s' cannot be dropped: it is %s", field->name, what);
}

int schema_drop_field(const struct schema *schema, size_t number, struct schema *out,
                      struct kith_error *err)
{
    int rc = check_dropped(schema, number, err);
    if (rc) return rc;
    struct kith_schema given = {0};
    bool *const dropped = dropped_of(schema);
    rc = dropped ? schema_to_public_whole(schema, &given) : KITH_ENOMEM;
    if (rc == 0) {
        dropped[number] = true;
        rc = make(schema, &given, dropped, out, err);
    } else {
        rc = no_memory(err);
    }
    schema_public_release(&given);
    mem_free(dropped);
    return rc;
}

/* `wide` and `dropped` have room for all fields of `old`, and the new one. */
static int widen(const struct schema *schema, const struct kith_schema *old,
                 const struct kith_field *field, struct kith_field *wide, const bool *dropped,
                 struct schema *out, struct kith_error *err)
{
    memcpy(wide, old->fields, old->field_count * sizeof *wide);
    wide[old->field_count] = *field;
    struct kith_schema given = *old;
    given.fields = wide;
    given.field_count++;
    return make(schema, &given, dropped, out, err);
}

int schema_add_field(const struct schema *schema, const struct kith_field *given,
                     struct schema *out, struct kith_error *err)
{
    if (!given || given->size < offsetof(struct kith_field, flags)) {
        return error_set(err, KITH_EINVAL, "set the size of a field to sizeof(struct kith_field)");
    }
    struct kith_field field;
    schema_copy_sized(&field, sizeof field, given, given->size);
    field.size = sizeof field;
    int rc = check_added(schema, &field, err);
    if (rc) return rc;
    struct kith_schema old = {0};
    struct kith_field *const wide = mem_zalloc_array(schema->field_count + 1, sizeof *wide);
    bool *const dropped = dropped_of(schema);
    rc = wide && dropped ? schema_to_public_whole(schema, &old) : KITH_ENOMEM;
    rc = rc ? no_memory(err) : widen(schema, &old, &field, wide, dropped, out, err);
    schema_public_release(&old);
    mem_free(dropped);
    mem_free(wide);
    return rc;
}
