/*
 * A schema handed out: equality, and a deep copy in the public form.
 *
 * Everything in the copy is on the heap and owned by it, though the public struct says const: the
 * fields array, each name, analyzer and text of a default, the functions, and the description. The
 * hidden field is shown at its place, with KITH_FIELD_DYNAMIC.
 */
#include "model/schema.h"

#include <string.h>

#include "base/alloc.h"

static bool text_equal(struct kith_str a, struct kith_str b)
{
    return a.len == b.len && (a.len == 0 || memcmp(a.data, b.data, a.len) == 0);
}

/* By bits, so that -0.0 and 0.0 differ: they are different defaults. */
static bool value_equal(const struct kith_value *a, const struct kith_value *b)
{
    return a->type == b->type && a->i == b->i && memcmp(&a->d, &b->d, sizeof a->d) == 0 &&
           text_equal(a->s, b->s);
}

static bool analyzer_equal(const struct schema_field *a, const struct schema_field *b)
{
    if (a->enable_match != b->enable_match || !a->analyzer != !b->analyzer) return false;
    return !a->analyzer || strcmp(a->analyzer, b->analyzer) == 0;
}

/* One that is open is whatever the other says. */
static bool metric_equal(const struct schema_field *a, const struct schema_field *b)
{
    return a->metric == b->metric || a->metric_open || b->metric_open;
}

static bool field_equal(const struct schema_field *a, const struct schema_field *b)
{
    if (a->dropped || b->dropped) { /* of one that was dropped only its shape is left */
        return a->type == b->type && a->dim == b->dim && a->element_type == b->element_type;
    }
    return strcmp(a->name, b->name) == 0 && a->type == b->type && a->flags == b->flags &&
           a->dim == b->dim && a->max_length == b->max_length &&
           a->max_capacity == b->max_capacity && a->element_type == b->element_type &&
           metric_equal(a, b) && analyzer_equal(a, b) &&
           value_equal(&a->default_value, &b->default_value);
}

/* By names: numbers of fields differ where one was dropped. */
static bool functions_equal(const struct schema *a, const struct schema *b)
{
    if (a->function_count != b->function_count) return false;
    for (size_t i = 0; i < a->function_count; i++) {
        const struct schema_function *const f = &a->functions[i];
        const struct schema_function *const g = &b->functions[i];
        if (strcmp(f->name, g->name) != 0 || f->kind != g->kind ||
            strcmp(a->fields[f->input].name, b->fields[g->input].name) != 0 ||
            strcmp(a->fields[f->output].name, b->fields[g->output].name) != 0) {
            return false;
        }
    }
    return true;
}

static bool heads_equal(const struct schema *a, const struct schema *b)
{
    return a->on_duplicate == b->on_duplicate && a->key_partitions == b->key_partitions &&
           strcmp(a->description, b->description) == 0 && functions_equal(a, b);
}

/* The next field from `i` on that somebody who knows the names sees. */
static size_t next_shown(const struct schema *schema, size_t i)
{
    while (i < schema->field_count && (i == schema->meta || schema->fields[i].dropped)) i++;
    return i;
}

bool schema_equal(const struct schema *a, const struct schema *b)
{
    if ((a->meta == SIZE_MAX) != (b->meta == SIZE_MAX)) return false;
    size_t i = next_shown(a, 0);
    size_t j = next_shown(b, 0);
    while (i < a->field_count && j < b->field_count) {
        if (!field_equal(&a->fields[i], &b->fields[j])) return false;
        i = next_shown(a, i + 1);
        j = next_shown(b, j + 1);
    }
    return i == a->field_count && j == b->field_count && heads_equal(a, b);
}

bool schema_extends(const struct schema *wider, const struct schema *schema)
{
    if (wider->field_count < schema->field_count || wider->meta != schema->meta) return false;
    for (size_t i = 0; i < schema->field_count; i++) {
        if (schema->fields[i].dropped && !wider->fields[i].dropped) return false;
        if (!field_equal(&wider->fields[i], &schema->fields[i])) return false;
    }
    return heads_equal(wider, schema);
}

static int copy_field(const struct schema_field *field, struct kith_field *out)
{
    out->size = sizeof *out;
    out->type = field->type;
    out->flags = field->flags;
    out->dim = field->dim;
    out->max_length = field->max_length;
    out->max_capacity = field->max_capacity;
    out->element_type = field->element_type;
    out->metric = field->metric;
    out->default_value = field->default_value;
    out->default_value.s.data = NULL;
    out->name = mem_strdup(field->name);
    if (!out->name) return KITH_ENOMEM;
    out->enable_match = field->enable_match;
    out->analyzer = field->analyzer ? mem_strdup(field->analyzer) : NULL;
    if (field->analyzer && !out->analyzer) return KITH_ENOMEM;
    if (!field->default_value.s.data) return 0;
    out->default_value.s.data =
        mem_strndup(field->default_value.s.data, field->default_value.s.len);
    return out->default_value.s.data ? 0 : KITH_ENOMEM;
}

static int copy_functions(const struct schema *schema, struct kith_schema *out)
{
    if (schema->function_count == 0) return 0;
    struct kith_function *const functions =
        mem_zalloc_array(schema->function_count, sizeof *functions);
    if (!functions) return KITH_ENOMEM;
    out->functions = functions;
    out->function_count = schema->function_count;
    for (size_t i = 0; i < schema->function_count; i++) {
        const struct schema_function *const from = &schema->functions[i];
        functions[i] = (struct kith_function){
            .size = sizeof functions[i],
            .name = mem_strdup(from->name),
            .kind = from->kind,
            .input = mem_strdup(schema->fields[from->input].name),
            .output = mem_strdup(schema->fields[from->output].name)};
        if (!functions[i].name || !functions[i].input || !functions[i].output) return KITH_ENOMEM;
    }
    return 0;
}

static int copy_schema(const struct schema *schema, bool whole, struct kith_schema *out)
{
    struct kith_field *const fields = mem_zalloc_array(schema->field_count, sizeof *fields);
    struct kith_schema made = {.size = sizeof made,
                               .fields = fields,
                               .description = mem_strdup(schema->description),
                               .dynamic = schema->meta != SIZE_MAX,
                               .on_duplicate = schema->on_duplicate,
                               .key_partitions = schema->key_partitions};
    int rc = fields && made.description ? 0 : KITH_ENOMEM;
    for (size_t i = 0; rc == 0 && i < schema->field_count; i++) {
        if (schema->fields[i].dropped && !whole) continue;
        rc = copy_field(&schema->fields[i], &fields[made.field_count++]);
    }
    if (rc == 0) rc = copy_functions(schema, &made);
    if (rc) {
        schema_public_release(&made);
    } else {
        *out = made;
    }
    return rc;
}

int schema_to_public(const struct schema *schema, struct kith_schema *out)
{
    return copy_schema(schema, false, out);
}

int schema_to_public_whole(const struct schema *schema, struct kith_schema *out)
{
    return copy_schema(schema, true, out);
}

/* The public struct says const for its readers; this copy is ours to free. */
static void free_const(const void *ptr)
{
    void *owned;
    memcpy(&owned, &ptr, sizeof owned);
    mem_free(owned);
}

void schema_public_release(struct kith_schema *schema)
{
    for (size_t i = 0; i < schema->field_count; i++) {
        free_const(schema->fields[i].name);
        free_const(schema->fields[i].default_value.s.data);
        free_const(schema->fields[i].analyzer);
    }
    for (size_t i = 0; i < schema->function_count; i++) {
        free_const(schema->functions[i].name);
        free_const(schema->functions[i].input);
        free_const(schema->functions[i].output);
    }
    free_const(schema->functions);
    free_const(schema->fields);
    free_const(schema->description);
    memset(schema, 0, sizeof *schema);
}
