/*
 * The rules of functions: fields that the engine fills from another.
 *
 * There is one kind, BM25: a VarChar with an analyzer goes in, a SparseFloatVector comes out, which
 * no batch carries and of which nothing is stored; searches of it read the words of the input. Its
 * metric is BM25 whatever was given. A field is the output of at most one function, which bounds
 * their number by that of vector fields. Structs of callers are read with their own `size`.
 */
#include <stddef.h>
#include <string.h>

#include "base/alloc.h"
#include "model/field_internal.h"
#include "model/limits.h"

static int no_memory(struct kith_error *err)
{
    return error_set(err, KITH_ENOMEM, "no memory for a schema");
}

static int copy_name(struct schema *out, struct schema_function *made, const char *name,
                     struct kith_error *err)
{
    if (!name_valid(name)) {
        return error_set(err, KITH_EINVAL,
                         "function number %zu: a name is 1 to %d bytes of UTF-8 "
                         "without control characters",
                         out->function_count, LIMIT_NAME_BYTES);
    }
    for (size_t i = 0; i < out->function_count; i++) {
        if (strcmp(out->functions[i].name, name) == 0) {
            return error_set(err, KITH_EINVAL, "function '%s' is there twice", name);
        }
    }
    made->name = mem_strdup(name);
    return made->name ? 0 : no_memory(err);
}

static int find_field(const struct schema *schema, const struct schema_function *function,
                      const char *role, const char *name, size_t *out, struct kith_error *err)
{
    *out = name ? schema_find(schema, name, strlen(name)) : SIZE_MAX;
    if (*out != SIZE_MAX && *out != schema->meta) return 0;
    return error_set(err, KITH_EINVAL, "function '%s': its %s '%s' is no field of the schema",
                     function->name, role, name ? name : "");
}

static int check_input(const struct schema *schema, const struct schema_function *function,
                       struct kith_error *err)
{
    const struct schema_field *const field = &schema->fields[function->input];
    if (field->type != KITH_VARCHAR) {
        return error_set(err, KITH_EINVAL, "function '%s': its input '%s' is %s, not VarChar",
                         function->name, field->name, type_name(field->type));
    }
    if (field->analyzer) return 0;
    return error_set(err, KITH_EINVAL, "function '%s': its input '%s' has no analyzer",
                     function->name, field->name);
}

static int check_output(const struct schema *schema, const struct schema_function *function,
                        struct kith_error *err)
{
    const struct schema_field *const field = &schema->fields[function->output];
    if (field->type != KITH_SPARSE_VECTOR) {
        return error_set(err, KITH_EINVAL,
                         "function '%s': its output '%s' is %s, not SparseFloatVector",
                         function->name, field->name, type_name(field->type));
    }
    if (field->flags & (unsigned)KITH_FIELD_NULLABLE) {
        return error_set(err, KITH_EINVAL, "function '%s': its output '%s' cannot be nullable",
                         function->name, field->name);
    }
    if (field->bm25_of == SIZE_MAX) return 0;
    return error_set(err, KITH_EINVAL, "function '%s': its output '%s' is that of another function",
                     function->name, field->name);
}

static int add_function(const struct kith_function *given, struct schema *out,
                        struct kith_error *err)
{
    struct schema_function *const made = &out->functions[out->function_count];
    int rc = copy_name(out, made, given->name, err);
    if (rc) return rc;
    out->function_count++; /* released with the schema from here */
    if (given->kind != KITH_FUNCTION_BM25) {
        return error_set(err, KITH_EINVAL, "function '%s': there is no kind %d", made->name,
                         (int)given->kind);
    }
    made->kind = given->kind;
    rc = find_field(out, made, "input", given->input, &made->input, err);
    if (!rc) rc = find_field(out, made, "output", given->output, &made->output, err);
    if (!rc) rc = check_input(out, made, err);
    if (!rc) rc = check_output(out, made, err);
    if (rc) return rc;
    out->fields[made->output].bm25_of = made->input;
    out->fields[made->output].metric = KITH_BM25;
    return 0;
}

/* The metric BM25 means something only where a function fills the field. */
static int check_metrics(const struct schema *schema, struct kith_error *err)
{
    for (size_t i = 0; i < schema->field_count; i++) {
        const struct schema_field *const field = &schema->fields[i];
        if (field->metric != KITH_BM25 || field->bm25_of != SIZE_MAX) continue;
        return error_set(err, KITH_EINVAL,
                         "field '%s': the metric BM25 is for the output of a BM25 function",
                         field->name);
    }
    return 0;
}

int functions_from_public(const struct kith_schema *given, struct schema *out,
                          struct kith_error *err)
{
    const size_t count = given->function_count;
    if (count > 0 && !given->functions) {
        return error_set(err, KITH_EINVAL, "%zu functions are counted and none is given", count);
    }
    if (count > LIMIT_FUNCTIONS) {
        return error_set(err, KITH_ELIMIT, "%zu functions, and at most %d are allowed", count,
                         LIMIT_FUNCTIONS);
    }
    const size_t size = count > 0 ? given->functions[0].size : sizeof(struct kith_function);
    if (size < sizeof(struct kith_function) || size % _Alignof(struct kith_function) != 0) {
        return error_set(err, KITH_EINVAL,
                         "set the size of a function to sizeof(struct kith_function)");
    }
    out->functions = mem_zalloc_array(count + 1, sizeof *out->functions);
    if (!out->functions) return no_memory(err);
    int rc = 0;
    for (size_t i = 0; i < count && rc == 0; i++) {
        struct kith_function function;
        memcpy(&function, (const char *)given->functions + i * size, sizeof function);
        rc = add_function(&function, out, err);
    }
    return rc ? rc : check_metrics(out, err);
}

void functions_release(struct schema *schema)
{
    for (size_t i = 0; i < schema->function_count; i++) mem_free(schema->functions[i].name);
    mem_free(schema->functions);
}
