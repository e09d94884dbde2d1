/*
 * What a path means: a field of the schema, an element of an array, a place in a JSON column, or a
 * key of the dynamic field when the schema has one and no field of that name.
 */
#include <string.h>

#include "query/filter_internal.h"

bool type_is_integer(enum kith_type type)
{
    return type == KITH_INT8 || type == KITH_INT16 || type == KITH_INT32 || type == KITH_INT64;
}

bool type_is_number(enum kith_type type)
{
    return type_is_integer(type) || type == KITH_FLOAT || type == KITH_DOUBLE;
}

enum kith_type operand_value_type(const struct operand *operand)
{
    if (operand->length) return KITH_INT64;
    return operand->form == OPERAND_ELEMENT ? operand->element : operand->type;
}

const char *operand_type_name(const struct operand *operand)
{
    return type_name(operand_value_type(operand));
}

static int no_memory(const struct checker *checker)
{
    return error_set(checker->err, KITH_ENOMEM, "no memory for the filter");
}

/* The slot of a schema field, a new one when this filter has not used it yet. */
static int field_slot(struct checker *checker, size_t field, size_t *slot)
{
    for (*slot = 0; *slot < checker->field_count; (*slot)++)
        if (checker->fields[*slot] == field) return 0;
    if (checker->field_count == checker->field_cap) {
        size_t cap = checker->field_cap == 0 ? 4 : 2 * checker->field_cap;
        size_t *fields = arena_alloc_array(checker->arena, cap, sizeof *fields);
        enum kith_type *types = arena_alloc_array(checker->arena, cap, sizeof *types);
        if (!fields || !types) return no_memory(checker);
        if (checker->field_count > 0) {
            memcpy(fields, checker->fields, checker->field_count * sizeof *fields);
            memcpy(types, checker->types, checker->field_count * sizeof *types);
        }
        checker->fields = fields;
        checker->types = types;
        checker->field_cap = cap;
    }
    checker->fields[*slot] = field;
    checker->types[*slot] = checker->schema->fields[field].type;
    checker->field_count++;
    return 0;
}

/* name["a"][0] of a dynamic schema is $meta["name"]["a"][0]. */
static int dynamic_key(struct checker *checker, const struct node *node, struct operand *out)
{
    const struct path *path = &node->path;
    struct json_step *steps = arena_alloc_array(checker->arena, path->count + 1, sizeof *steps);
    if (!steps) return no_memory(checker);
    steps[0] = (struct json_step){ .key = path->name.data, .key_len = path->name.len };
    if (path->count > 0) memcpy(steps + 1, path->steps, path->count * sizeof *steps);
    *out = (struct operand){ .form = OPERAND_JSON, .type = KITH_JSON, .steps = steps,
                             .step_count = path->count + 1 };
    return field_slot(checker, checker->schema->meta, &out->slot);
}

static int array_parts(struct checker *checker, const struct node *node, struct operand *out)
{
    const struct path *path = &node->path;
    if (path->count == 0) return 0;
    if (path->steps[0].key)
        return filter_error(checker->err, node->at,
                            "can only access array field with integer index");
    if (path->count > 1)
        return filter_error(checker->err, node->at, "%s data type not supported accessed with []",
                            type_name(out->element));
    out->form = OPERAND_ELEMENT;
    out->index = path->steps[0].index;
    return 0;
}

int filter_operand(struct checker *checker, const struct node *node, struct operand *out)
{
    const struct path *path = &node->path;
    const struct schema *schema = checker->schema;
    int len = (int)(path->name.len < 255 ? path->name.len : 255);
    size_t number = schema_find(schema, path->name.data, path->name.len);
    if (number == SIZE_MAX && schema->meta != SIZE_MAX) return dynamic_key(checker, node, out);
    if (number == SIZE_MAX)
        return filter_error(checker->err, node->at, "field %.*s not exist", len, path->name.data);
    const struct schema_field *field = &schema->fields[number];
    *out = (struct operand){ .form = OPERAND_FIELD, .type = field->type,
                             .element = field->element_type };
    int rc = field_slot(checker, number, &out->slot);
    if (rc != 0) return rc;
    if (field->type == KITH_JSON) {
        out->form = OPERAND_JSON;
        out->steps = path->steps;
        out->step_count = path->count;
        return 0;
    }
    if (field->type == KITH_ARRAY) return array_parts(checker, node, out);
    if (path->count > 0)
        return filter_error(checker->err, node->at, "%s data type not supported accessed with []",
                            type_name(field->type));
    if (field->type == KITH_TEXT)
        return filter_error(checker->err, node->at,
                            "filter on text field (%.*s) is not supported yet", len,
                            path->name.data);
    return 0;
}
