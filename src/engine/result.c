/*
 * Building results: copies the asked-for columns of a list of places into one arena that belongs to
 * the result, so that segments are free to go as soon as the call returns.
 */
#include <string.h>

#include "base/alloc.h"
#include "base/json.h"
#include "engine/engine.h"

struct result_owner { /* the public struct first: freeing casts back */
    struct kith_result result;
    struct arena arena;
};

int result_new(struct result_builder *out, struct kith_error *err)
{
    struct result_owner *owner = mem_zalloc(sizeof *owner);
    if (!owner) return error_set(err, KITH_ENOMEM, "result: no memory");
    arena_init(&owner->arena);
    owner->result.complete = true;
    owner->result.query_count = 1;
    out->result = &owner->result;
    out->arena = &owner->arena;
    return 0;
}

void kith_result_free(struct kith_result *result)
{
    if (!result) return;
    struct result_owner *owner = (struct result_owner *)result;
    arena_release(&owner->arena);
    mem_free(owner);
}

struct filling {
    struct result_builder *builder;
    const struct schema *schema;
    const struct view *view;
    const struct place *places;
    size_t count;
    struct kith_column *columns;
    size_t column_count;
    size_t column_cap;
};

/* One row of a field: of a sealed segment the pages of that row are verified, not of its chunk. */
static int load_cell(const struct filling *filling, size_t field, const struct place *place,
                     struct chunk *chunk, size_t *at)
{
    struct segment *segment = filling->view->version->segments[place->segment];
    int rc = segment_cell(segment, field, place->row, chunk, at);
    if (rc) segment_set_damaged(segment);
    return rc;
}

static int copy_str(struct arena *arena, struct kith_str from, struct kith_str *to)
{
    char *bytes = arena_strndup(arena, from.data, from.len);
    if (!bytes) return KITH_ENOMEM;
    *to = (struct kith_str){ bytes, from.len };
    return 0;
}

static struct kith_column *add_column(struct filling *filling, const char *name,
                                      enum kith_type type, uint32_t dim)
{
    if (filling->column_count == filling->column_cap) return NULL;
    struct kith_column *column = &filling->columns[filling->column_count++];
    *column = (struct kith_column){ .type = type, .dim = dim };
    column->field = arena_strndup(filling->builder->arena, name, strlen(name));
    return column->field ? column : NULL;
}

static int fill_field(struct filling *filling, size_t field)
{
    const struct schema_field *f = &filling->schema->fields[field];
    struct arena *arena = filling->builder->arena;
    struct kith_column *column = add_column(filling, f->name, f->type, f->dim);
    size_t width = f->width ? f->width : sizeof(struct kith_str);
    size_t bytes;
    if (!column || !size_mul(filling->count + 1, width, &bytes)) return KITH_ENOMEM;
    uint8_t *data = arena_alloc_aligned(arena, bytes, 16);
    uint8_t *valid = f->flags & KITH_FIELD_NULLABLE ? arena_zalloc(arena, filling->count + 1)
                                                    : NULL;
    if (!data || (f->flags & KITH_FIELD_NULLABLE && !valid)) return KITH_ENOMEM;
    struct chunk chunk;
    for (size_t i = 0; i < filling->count; i++) {
        size_t at;
        int rc = load_cell(filling, field, &filling->places[i], &chunk, &at);
        if (rc) return rc;
        if (valid) valid[i] = chunk_valid(&chunk, at);
        if (f->width && !chunk.data) /* vectors that the segment lacks */
            memset(data + i * width, 0, width);
        else if (f->width)
            memcpy(data + i * width, chunk.data + at * width, width);
        else if (copy_str(arena, chunk_str(&chunk, at), &((struct kith_str *)(void *)data)[i]))
            return KITH_ENOMEM;
    }
    column->data = data;
    column->valid = valid;
    return 0;
}

/* A key of the dynamic field, as a JSON column; null where the row lacks it. */
static int fill_dynamic(struct filling *filling, const char *name)
{
    struct arena *arena = filling->builder->arena;
    struct kith_column *column = add_column(filling, name, KITH_JSON, 0);
    struct kith_str *data = arena_zalloc(arena, (filling->count + 1) * sizeof *data);
    uint8_t *valid = arena_zalloc(arena, filling->count + 1);
    if (!column || !data || !valid) return KITH_ENOMEM;
    struct json_step step = { .key = name, .key_len = strlen(name) };
    struct chunk chunk;
    for (size_t i = 0; i < filling->count; i++) {
        size_t at;
        int rc = load_cell(filling, filling->schema->meta, &filling->places[i], &chunk, &at);
        if (rc) return rc;
        struct kith_str text = chunk_str(&chunk, at);
        struct json_value value;
        if (json_find(text.data, text.len, &step, 1, &value)) continue;
        valid[i] = 1;
        if (copy_str(arena, (struct kith_str){value.text, value.len}, &data[i])) return KITH_ENOMEM;
    }
    column->data = data;
    column->valid = valid;
    return 0;
}

static bool has_column(const struct filling *filling, const char *name)
{
    for (size_t i = 0; i < filling->column_count; i++)
        if (strcmp(filling->columns[i].field, name) == 0) return true;
    return false;
}

static int fill_named(struct filling *filling, const char *name, struct kith_error *err)
{
    int rc = 0;
    if (strcmp(name, "*") == 0) {
        for (size_t f = 0; rc == 0 && f < filling->schema->field_count; f++)
            if (!type_is_vector(filling->schema->fields[f].type) &&
                !filling->schema->fields[f].dropped &&
                !has_column(filling, filling->schema->fields[f].name))
                rc = fill_field(filling, f);
        return rc;
    }
    if (has_column(filling, name)) return 0;
    size_t field = schema_find(filling->schema, name, strlen(name));
    if (field != SIZE_MAX && !schema_field_stored(&filling->schema->fields[field]))
        return error_set(err, KITH_EINVAL, "not allowed to retrieve raw data of field %s", name);
    if (field != SIZE_MAX) return fill_field(filling, field);
    if (filling->schema->meta != SIZE_MAX) return fill_dynamic(filling, name);
    return error_set(err, KITH_EINVAL, "output field '%s' not in schema", name);
}

int result_fill(struct result_builder *builder, const struct view *view,
                const struct kith_output *output, const struct place *places, size_t count,
                struct kith_error *err)
{
    struct filling filling = { .builder = builder, .schema = view_schema(view), .view = view,
                               .places = places, .count = count };
    filling.column_cap = output->count + filling.schema->field_count + 1;
    filling.columns = arena_zalloc(builder->arena, filling.column_cap * sizeof *filling.columns);
    size_t *offsets = arena_zalloc(builder->arena, 2 * sizeof *offsets);
    if (!filling.columns || !offsets) return error_set(err, KITH_ENOMEM, "result: no memory");
    struct kith_error why = { 0 };
    int rc = fill_field(&filling, filling.schema->primary);
    for (size_t i = 0; rc == 0 && i < output->count; i++)
        rc = fill_named(&filling, output->fields[i], &why);
    if (rc == KITH_ENOMEM) return error_set(err, rc, "result: no memory for %zu rows", count);
    if (rc == KITH_ECORRUPT)
        return error_set(err, rc,
                         "a page that holds the result is damaged; run kith check on the database");
    if (rc) {
        if (err) *err = why;
        return rc;
    }
    offsets[1] = count;
    builder->result->rows = count;
    builder->result->offsets = offsets;
    builder->result->columns = filling.columns;
    builder->result->column_count = filling.column_count;
    return 0;
}
