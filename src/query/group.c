/*
 * Grouping of one query: see group.h.
 *
 * Widening: each round asks for four times as many rows, because nobody knows how values lie among
 * distances; what the rounds before the last cost is at most a third of it. A row's value is read
 * from its column, once a round.
 */
#include "query/group.h"

#include <string.h>

#include "base/alloc.h"
#include "base/map.h"

struct grouping {
    const struct search_binding *binding;
    const struct group_by *group;
    struct map numbers;  /* value -> its group's number */
    uint32_t *sizes;     /* owns: rows of each group so far */
    size_t opened, full;
    struct buffer value;
};

/* ------------------------------------------------------------------ values */

/* Numbers by value, so that 1 and 1.0 of JSON are one group; texts without their escapes. */
static int put_json(const struct group_by *group, struct kith_str text, struct buffer *out)
{
    struct json_value value;
    if (json_find(text.data, text.len, group->steps, group->step_count, &value) ||
        value.kind == JSON_NULL)
        return 0;
    buffer_put_u8(out, (uint8_t)(value.kind == JSON_DOUBLE ? JSON_INT : value.kind));
    switch (value.kind) {
    case JSON_BOOL: buffer_put_u8(out, value.boolean); break;
    case JSON_INT: buffer_put_f64(out, value.number); buffer_put_u64(out, (uint64_t)value.integer);
        break;
    case JSON_DOUBLE: buffer_put_f64(out, value.number);
        buffer_put_u64(out, value.number >= -0x1p63 && value.number < 0x1p63
                                ? (uint64_t)(int64_t)value.number : 0);
        break;
    case JSON_STRING: return json_unescape(&value, out);
    default: buffer_put(out, value.text, value.len); break;
    }
    return buffer_failed(out) ? KITH_ENOMEM : 0;
}

int group_value(const struct group_by *group, const struct segment *segment, size_t row,
                struct buffer *out)
{
    struct chunk chunk;
    size_t at;
    int rc = segment_cell(segment, group->field, row, &chunk, &at);
    if (rc) return rc;
    if (!chunk_valid(&chunk, at)) return 0;
    if (chunk.type == KITH_JSON) return put_json(group, chunk_str(&chunk, at), out);
    buffer_put_u8(out, 1); /* apart from null, which has no bytes */
    if (chunk.width) {
        buffer_put(out, chunk.data + at * chunk.width, chunk.width);
    } else {
        struct kith_str text = chunk_str(&chunk, at);
        buffer_put(out, text.data, text.len);
    }
    return buffer_failed(out) ? KITH_ENOMEM : 0;
}

/* ------------------------------------------------------------------ names */

static int unknown(const char *text, struct kith_error *err)
{
    return error_set(err, KITH_EINVAL,
                     "groupBy field not found in schema: field not found[field=%s]", text);
}

/* ["key"], ['key'] or [0] behind the name. */
static int parse_step(const char **at, struct arena *arena, struct json_step *step)
{
    const char *p = *at + 1;
    if (*p == '"' || *p == '\'') {
        const char *end = strchr(p + 1, *p);
        if (!end || end[1] != ']') return KITH_EINVAL;
        step->key_len = (size_t)(end - p - 1);
        step->key = arena_strndup(arena, p + 1, step->key_len);
        *at = end + 2;
        return step->key ? 0 : KITH_ENOMEM;
    }
    size_t digits = strspn(p, "0123456789");
    if (digits == 0 || digits > 9 || p[digits] != ']') return KITH_EINVAL;
    step->key = NULL;
    step->index = 0;
    for (size_t i = 0; i < digits; i++) step->index = step->index * 10 + (size_t)(p[i] - '0');
    *at = p + digits + 1;
    return 0;
}

static int parse_steps(const char *text, struct arena *arena, struct json_step *steps,
                       size_t *count)
{
    while (*text) {
        if (*text != '[') return KITH_EINVAL;
        int rc = parse_step(&text, arena, &steps[*count]);
        if (rc) return rc;
        (*count)++;
    }
    return 0;
}

static int check_type(const struct schema_field *field, const char *text, bool path,
                      struct kith_error *err)
{
    switch (field->type) {
    case KITH_BOOL: case KITH_INT8: case KITH_INT16: case KITH_INT32: case KITH_INT64:
    case KITH_VARCHAR: case KITH_TIMESTAMPTZ:
        if (!path) return 0;
        return error_set(err, KITH_EINVAL, "'%s': field '%s' is no JSON", text, field->name);
    case KITH_JSON: return 0;
    default:
        return error_set(err, KITH_EINVAL,
                         "rows cannot be grouped by field '%s' of type %s; use a whole number, "
                         "a text, a bool, a time or a path in JSON", field->name,
                         type_name(field->type));
    }
}

int group_by_parse(const char *text, const struct schema *schema, struct arena *arena,
                   struct group_by **out, struct kith_error *err)
{
    const size_t name = strcspn(text, "["), len = strlen(text);
    struct group_by *group = arena_zalloc(arena, sizeof *group);
    struct json_step *steps = arena_alloc_array(arena, len + 1, sizeof *steps);
    if (!group || !steps) return error_set(err, KITH_ENOMEM, "grouping: no memory");
    group->steps = steps;
    group->field = schema_find(schema, text, name);
    if (group->field == SIZE_MAX) { /* a key of the dynamic field */
        if (schema->meta == SIZE_MAX || name == 0) return unknown(text, err);
        group->field = schema->meta;
        const char *key = arena_strndup(arena, text, name);
        if (!key) return error_set(err, KITH_ENOMEM, "grouping: no memory");
        steps[group->step_count++] = (struct json_step){ .key = key, .key_len = name };
    }
    int rc = parse_steps(text + name, arena, steps, &group->step_count);
    if (rc == KITH_EINVAL) return unknown(text, err);
    if (rc) return error_set(err, rc, "grouping: no memory");
    rc = check_type(&schema->fields[group->field], text, group->step_count > 0, err);
    if (rc == 0) *out = group;
    return rc;
}

/* ------------------------------------------------------------------ groups */

/* Whether the row is kept; its group's number in *number. */
static int take_row(struct grouping *grouping, const struct place *place, size_t *number,
                    bool *kept)
{
    const struct group_by *group = grouping->group;
    uintptr_t known;
    *kept = false;
    buffer_clear(&grouping->value);
    int rc = group_value(group, grouping->binding->rows->segments[place->segment], place->row,
                         &grouping->value);
    if (rc) return rc;
    const void *bytes = grouping->value.len ? (const void *)grouping->value.data : "";
    if (!map_get(&grouping->numbers, bytes, grouping->value.len, &known)) {
        if (grouping->opened == group->limit) return 0;
        known = grouping->opened;
        rc = map_put(&grouping->numbers, bytes, grouping->value.len, known);
        if (rc) return rc;
        grouping->opened++;
    }
    *number = known;
    if (grouping->sizes[known] == group->size) return 0;
    if (++grouping->sizes[known] == group->size) grouping->full++;
    *kept = true;
    return 0;
}

/* Keeps in `found` the rows of groups from number `skip` on, in place. */
static int collect(struct grouping *grouping, size_t skip, struct search_found *found)
{
    size_t kept = 0;
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < found->count; i++) {
        size_t number = 0;
        bool keep;
        rc = take_row(grouping, &found->places[i], &number, &keep);
        if (rc == 0 && keep && number >= skip) found->places[kept++] = found->places[i];
    }
    found->count = kept;
    return rc;
}

static int group_round(struct grouping *grouping, size_t skip, struct search_found *found)
{
    map_release(&grouping->numbers);
    map_init(&grouping->numbers);
    memset(grouping->sizes, 0, grouping->group->limit * sizeof *grouping->sizes);
    grouping->opened = grouping->full = 0;
    return collect(grouping, skip, found);
}

static bool satisfied(const struct grouping *grouping)
{
    const struct group_by *group = grouping->group;
    return group->strict ? grouping->full == group->limit : grouping->opened == group->limit;
}

static int group_rounds(struct grouping *grouping, const struct search_query *query, size_t skip,
                        struct search_threads threads, struct search_found *found,
                        struct kith_error *err)
{
    const struct search_binding *binding = grouping->binding;
    size_t depth = grouping->group->limit * grouping->group->size * 2;
    for (;; depth *= 4) {
        if (depth > binding->total) depth = binding->total;
        int rc = execute_search(binding, query, depth, threads, found, err);
        if (rc) return rc;
        const bool all = depth == binding->total || found->count < depth;
        rc = group_round(grouping, skip, found);
        if (rc == KITH_ECORRUPT)
            return error_set(err, rc, "a page that holds the grouping field is damaged");
        if (rc) return error_set(err, rc, "grouping: no memory");
        if (all || satisfied(grouping)) return 0;
        mem_free(found->places);
        found->places = NULL;
        found->count = 0;
    }
}

int group_search(const struct search_binding *binding, const struct search_query *query,
                 const struct group_by *group, size_t skip, struct search_threads threads,
                 struct search_found *found, struct kith_error *err)
{
    struct grouping grouping = { .binding = binding, .group = group };
    map_init(&grouping.numbers);
    buffer_init(&grouping.value);
    grouping.sizes = mem_zalloc_array(group->limit, sizeof *grouping.sizes);
    int rc = grouping.sizes ? group_rounds(&grouping, query, skip, threads, found, err)
                            : error_set(err, KITH_ENOMEM, "grouping: no memory");
    map_release(&grouping.numbers);
    buffer_release(&grouping.value);
    mem_free(grouping.sizes);
    return rc;
}
