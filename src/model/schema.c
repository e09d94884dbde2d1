/*
 * The rules of a whole schema: counts, names that differ, exactly one primary key, at most one
 * partition key, and the hidden field of a dynamic schema. Rules of one field are in field.c, those
 * of functions in schema_function.c.
 *
 * schema_from_public is the only way to make a schema: schema_decode and the edits of
 * schema_edit.c build the public form and come through here too, so nothing read from a file is
 * less checked than what a caller gives.
 * Structs of callers are read with their own `size`, and as zero past it.
 */
#include "model/schema.h"

#include <stddef.h>
#include <string.h>

#include "base/alloc.h"
#include "base/json.h"
#include "base/map.h"
#include "model/field_internal.h"
#include "model/limits.h"

#define KEY_PARTITIONS_DEFAULT 16

void schema_copy_sized(void *to, size_t to_size, const void *from, size_t from_size)
{
    memset(to, 0, to_size);
    memcpy(to, from, from_size < to_size ? from_size : to_size);
}

static int read_field(const struct kith_schema *given, size_t number, struct kith_field *out,
                      struct kith_error *err)
{
    const size_t size = given->fields[0].size; /* the caller's stride */
    const char *const at = (const char *)given->fields + number * size;
    schema_copy_sized(out, sizeof *out, at, size);
    if (out->size == size) return 0;
    return error_set(err, KITH_EINVAL, "field number %zu: its size is not that of the first field",
                     number);
}

/* What schema_to_public wrote for the hidden field may be given back; it only says where it is. */
static bool is_hidden(const struct kith_field *field, const struct kith_schema *given)
{
    return given->dynamic && field->flags == (unsigned)KITH_FIELD_DYNAMIC &&
           field->type == KITH_JSON && field->name && strcmp(field->name, SCHEMA_META_FIELD) == 0;
}

static int add_hidden(struct schema *out, struct kith_error *err)
{
    struct schema_field *const field = &out->fields[out->field_count];
    out->meta = out->field_count++;
    field->name = mem_strdup(SCHEMA_META_FIELD);
    char *const empty = mem_strdup("{}");
    field->default_value = (struct kith_value){.type = KITH_JSON, .s = {empty, 2}};
    field->type = KITH_JSON;
    field->flags = KITH_FIELD_DYNAMIC;
    field->bm25_of = SIZE_MAX;
    if (field->name && empty) return 0;
    return error_set(err, KITH_ENOMEM, "no memory for a schema");
}

static int add_fields(const struct kith_schema *given, const bool *dropped, struct schema *out,
                      struct kith_error *err)
{
    for (size_t i = 0; i < given->field_count; i++) {
        struct kith_field field;
        int rc = read_field(given, i, &field, err);
        if (rc) return rc;
        if (is_hidden(&field, given) && out->meta == SIZE_MAX) {
            rc = add_hidden(out, err);
            if (rc) return rc;
            continue;
        }
        out->field_count++;
        rc = field_from_public(&field, i, &out->fields[out->field_count - 1], err);
        if (rc) return rc;
        if (dropped && dropped[i]) field_drop(&out->fields[i]);
    }
    return given->dynamic && out->meta == SIZE_MAX ? add_hidden(out, err) : 0;
}

static int check_names_differ(const struct schema *schema, struct kith_error *err)
{
    struct map names;
    map_init(&names);
    int rc = 0;
    for (size_t i = 0; i < schema->field_count && rc == 0; i++) {
        const char *const name = schema->fields[i].name;
        if (schema->fields[i].dropped) continue;
        if (map_get(&names, name, strlen(name), NULL)) {
            rc = error_set(err, KITH_EINVAL, "field '%s' is there twice", name);
        } else if (map_put(&names, name, strlen(name), i)) {
            rc = error_set(err, KITH_ENOMEM, "no memory for a schema");
        }
    }
    map_release(&names);
    return rc;
}

/* The one field with the flag into *number, which stays SIZE_MAX when there is none. */
static int find_flagged(const struct schema *schema, enum kith_field_flag flag, const char *what,
                        size_t *number, struct kith_error *err)
{
    *number = SIZE_MAX;
    for (size_t i = 0; i < schema->field_count; i++) {
        if (!(schema->fields[i].flags & (unsigned)flag)) continue;
        if (*number != SIZE_MAX) {
            return error_set(err, KITH_EINVAL, "field '%s': there is another %s",
                             schema->fields[i].name, what);
        }
        *number = i;
    }
    return 0;
}

static int check_vector_count(const struct schema *schema, struct kith_error *err)
{
    size_t count = 0;
    for (size_t i = 0; i < schema->field_count; i++) {
        count += type_is_vector(schema->fields[i].type) && !schema->fields[i].dropped;
    }
    if (count <= LIMIT_VECTOR_FIELDS) return 0;
    return error_set(err, KITH_ELIMIT, "%zu vector fields, and at most %d are allowed", count,
                     LIMIT_VECTOR_FIELDS);
}

static int resolve_partitions(struct schema *schema, struct kith_error *err)
{
    if (schema->partition_key == SIZE_MAX) {
        if (schema->key_partitions == 0) return 0;
        return error_set(err, KITH_EINVAL, "key_partitions is given without a partition key");
    }
    if (schema->key_partitions == 0) schema->key_partitions = KEY_PARTITIONS_DEFAULT;
    if (schema->key_partitions <= LIMIT_PARTITIONS) return 0;
    return error_set(err, KITH_ELIMIT, "key_partitions %u is not in 1..%d", schema->key_partitions,
                     LIMIT_PARTITIONS);
}

static int check_whole(struct schema *schema, struct kith_error *err)
{
    int rc = check_names_differ(schema, err);
    if (rc) return rc;
    rc = find_flagged(schema, KITH_FIELD_PRIMARY, "primary key", &schema->primary, err);
    if (rc) return rc;
    if (schema->primary == SIZE_MAX) {
        return error_set(err, KITH_EINVAL,
                         "no field is the primary key; flag one Int64 or VarChar");
    }
    rc = find_flagged(schema, KITH_FIELD_PARTITION_KEY, "partition key", &schema->partition_key,
                      err);
    if (rc) return rc;
    rc = check_vector_count(schema, err);
    return rc ? rc : resolve_partitions(schema, err);
}

static int copy_description(const char *given, struct schema *out, struct kith_error *err)
{
    const char *const text = given ? given : "";
    const size_t len = strnlen(text, LIMIT_TEXT_BYTES + 1);
    if (len > LIMIT_TEXT_BYTES) {
        return error_set(err, KITH_ELIMIT, "the description is longer than %d bytes",
                         LIMIT_TEXT_BYTES);
    }
    if (!utf8_valid(text, len)) {
        return error_set(err, KITH_EINVAL, "the description is not valid UTF-8");
    }
    out->description = mem_strdup(text);
    return out->description ? 0 : error_set(err, KITH_ENOMEM, "no memory for a schema");
}

static int check_counts(const struct kith_schema *given, struct kith_error *err)
{
    if (given->field_count == 0 || !given->fields) {
        return error_set(err, KITH_EINVAL, "a schema has at least one field, its primary key");
    }
    if (given->field_count > LIMIT_FIELDS) {
        return error_set(err, KITH_ELIMIT, "%zu fields, and at most %d are allowed",
                         given->field_count, LIMIT_FIELDS);
    }
    const size_t size = given->fields[0].size;
    if (size < offsetof(struct kith_field, flags) || size % _Alignof(struct kith_field) != 0) {
        return error_set(err, KITH_EINVAL, "set the size of a field to sizeof(struct kith_field)");
    }
    const unsigned duplicate = (unsigned)given->on_duplicate;
    if (duplicate <= (unsigned)KITH_DUPLICATE_ALLOW) return 0;
    return error_set(err, KITH_EINVAL, "there is no on_duplicate policy %u", duplicate);
}

static int fill(const struct kith_schema *given, const bool *dropped, struct schema *out,
                struct kith_error *err)
{
    int rc = check_counts(given, err);
    if (rc) return rc;
    out->meta = SIZE_MAX;
    out->key_partitions = given->key_partitions;
    out->on_duplicate = given->on_duplicate;
    if (out->on_duplicate == KITH_DUPLICATE_DEFAULT) out->on_duplicate = KITH_DUPLICATE_ERROR;
    out->fields = mem_zalloc_array(given->field_count + 1, sizeof *out->fields);
    if (!out->fields) return error_set(err, KITH_ENOMEM, "no memory for a schema");
    if ((rc = copy_description(given->description, out, err)) != 0) return rc;
    if ((rc = add_fields(given, dropped, out, err)) != 0) return rc;
    if (out->field_count > LIMIT_FIELDS) {
        return error_set(err, KITH_ELIMIT, "%d fields and \"%s\": at most %d are allowed",
                         LIMIT_FIELDS, SCHEMA_META_FIELD, LIMIT_FIELDS);
    }
    if ((rc = check_whole(out, err)) != 0) return rc;
    return functions_from_public(given, out, err);
}

int schema_from_public_dropped(const struct kith_schema *given, const bool *dropped,
                               struct schema *out, struct kith_error *err)
{
    if (!given || given->size < offsetof(struct kith_schema, description)) {
        return error_set(err, KITH_EINVAL,
                         "set the size of a schema to sizeof(struct kith_schema)");
    }
    struct kith_schema known;
    struct schema made = {0};
    schema_copy_sized(&known, sizeof known, given, given->size);
    int rc = fill(&known, dropped, &made, err);
    if (rc) {
        schema_release(&made);
        return rc;
    }
    *out = made;
    return 0;
}

int schema_from_public(const struct kith_schema *given, struct schema *out, struct kith_error *err)
{
    return schema_from_public_dropped(given, NULL, out, err);
}

bool schema_field_fillable(const struct schema_field *field)
{
    return field->dropped || (field->flags & (unsigned)KITH_FIELD_NULLABLE) != 0 ||
           field->default_value.type != 0;
}

void schema_release(struct schema *schema)
{
    for (size_t i = 0; i < schema->field_count; i++) field_release(&schema->fields[i]);
    functions_release(schema);
    mem_free(schema->fields);
    mem_free(schema->description);
    memset(schema, 0, sizeof *schema);
}

size_t schema_find(const struct schema *schema, const char *name, size_t len)
{
    for (size_t i = 0; i < schema->field_count; i++) {
        const char *const have = schema->fields[i].name;
        if (schema->fields[i].dropped) continue;
        if (strlen(have) == len && memcmp(have, name, len) == 0) return i;
    }
    return SIZE_MAX;
}
