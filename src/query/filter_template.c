/*
 * Templates: `{name}` stands for the value of that name in a JSON object, a scalar or a list.
 *
 * The object is read when the first template is met, into names in order; values become constants
 * as if they had been written in the filter. Texts are copied into the arena, so that the object
 * may go when the filter is compiled.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "query/filter_internal.h"

struct entry {
    struct kith_str name;
    struct json_value value; /* borrows from params */
    size_t number;           /* the last one of equal names counts */
};

struct template_table {
    struct entry *entries; /* ascending */
    size_t count;
};

static int bad_params(const struct checker *checker)
{
    return error_set(checker->err, KITH_EINVAL, "the values of templates are not a JSON object");
}

static int name_order(struct kith_str a, struct kith_str b)
{
    if (a.len != b.len) return a.len < b.len ? -1 : 1;
    return a.len > 0 ? memcmp(a.data, b.data, a.len) : 0;
}

static int entry_order(const void *a, const void *b)
{
    const struct entry *left = a, *right = b;
    int order = name_order(left->name, right->name);
    return order != 0 ? order : left->number < right->number ? -1 : 1;
}

/* ------------------------------------------------------------------ reading the object */

/* The text of a JSON string, in the arena. */
static int copy_string(struct checker *checker, const struct json_value *json,
                       struct kith_str *out)
{
    const char *from = json->text + 1;
    size_t len = json->len - 2;
    struct buffer buffer;
    buffer_init(&buffer);
    if (json->has_escapes) {
        if (json_unescape(json, &buffer) != 0 || buffer_failed(&buffer)) {
            buffer_release(&buffer);
            return check_no_memory(checker);
        }
        from = (const char *)buffer.data;
        len = buffer.len;
    }
    char *kept = arena_strndup(checker->arena, len > 0 ? from : "", len);
    buffer_release(&buffer);
    if (!kept) return check_no_memory(checker);
    *out = (struct kith_str){ kept, len };
    return 0;
}

static int read_entries(struct checker *checker, const struct json_value *object,
                        struct template_table *table)
{
    struct json_iter iter;
    struct json_value key;
    size_t cap = 0;
    json_iter_init(&iter, object);
    for (struct json_value value; json_iter_next(&iter, &key, &value) == 1; table->count++) {
        if (table->count == cap) {
            cap = cap == 0 ? 8 : 2 * cap;
            struct entry *grown = arena_alloc_array(checker->arena, cap, sizeof *grown);
            if (!grown) return check_no_memory(checker);
            if (table->count > 0)
                memcpy(grown, table->entries, table->count * sizeof *grown);
            table->entries = grown;
        }
        struct entry *entry = &table->entries[table->count];
        *entry = (struct entry){ .value = value, .number = table->count };
        int rc = copy_string(checker, &key, &entry->name);
        if (rc != 0) return rc;
    }
    if (table->count > 1) qsort(table->entries, table->count, sizeof *table->entries, entry_order);
    return 0;
}

static int read_table(struct checker *checker)
{
    struct template_table *table = arena_zalloc(checker->arena, sizeof *table);
    struct json_value object;
    size_t used;
    if (!table) return check_no_memory(checker);
    if (checker->params && *checker->params) {
        size_t len = strlen(checker->params);
        if (json_validate(checker->params, len, NULL) != 0 ||
            json_read(checker->params, len, &object, &used, NULL) != 0 ||
            object.kind != JSON_OBJECT)
            return bad_params(checker);
        int rc = read_entries(checker, &object, table);
        if (rc != 0) return rc;
    }
    checker->templates = table;
    return 0;
}

static const struct entry *find_entry(const struct template_table *table, struct kith_str name)
{
    size_t from = 0, to = table->count;
    while (from < to) { /* the first one behind the name */
        size_t middle = from + (to - from) / 2;
        if (name_order(table->entries[middle].name, name) <= 0) from = middle + 1;
        else to = middle;
    }
    if (from == 0 || name_order(table->entries[from - 1].name, name) != 0) return NULL;
    return &table->entries[from - 1];
}

/* ------------------------------------------------------------------ values */

static int not_a_value(const struct checker *checker, const struct node *node)
{
    return check_error(checker, node, "the value of a template must be a Bool, a number, a text or "
                       "a list of such, but not that of");
}

static int value_of(struct checker *checker, const struct node *node,
                    const struct json_value *json, struct literal *out);

/* As deep as JSON_DEPTH_MAX at most: the object was validated. */
static int list_of(struct checker *checker, const struct node *node, const struct json_value *json,
                   struct literal *out)
{
    struct json_iter iter;
    struct json_value item;
    size_t count = 0, i = 0;
    json_iter_init(&iter, json);
    while (json_iter_next(&iter, NULL, &item) == 1) count++;
    struct literal *items = arena_alloc_array(checker->arena, count + 1, sizeof *items);
    if (!items) return check_no_memory(checker);
    json_iter_init(&iter, json);
    for (; i < count && json_iter_next(&iter, NULL, &item) == 1; i++) {
        int rc = value_of(checker, node, &item, &items[i]);
        if (rc != 0) return rc;
    }
    *out = (struct literal){ .kind = LITERAL_LIST, .items = items, .count = i };
    return 0;
}

static int value_of(struct checker *checker, const struct node *node,
                    const struct json_value *json, struct literal *out)
{
    *out = (struct literal){ .kind = LITERAL_INT, .integer = json->integer,
                             .number = json->number, .boolean = json->boolean };
    switch (json->kind) {
    case JSON_INT: return 0;
    case JSON_BOOL: out->kind = LITERAL_BOOL; return 0;
    case JSON_DOUBLE:
        out->kind = LITERAL_FLOAT;
        return isfinite(json->number) ? 0 : not_a_value(checker, node);
    case JSON_STRING: out->kind = LITERAL_STRING; return copy_string(checker, json, &out->s);
    case JSON_ARRAY: return list_of(checker, node, json, out);
    default: return not_a_value(checker, node);
    }
}

int check_template(struct checker *checker, const struct node *node, struct expr *out)
{
    struct kith_str name = node->path.name;
    int rc = checker->templates ? 0 : read_table(checker);
    if (rc != 0) return rc;
    const struct entry *entry = find_entry(checker->templates, name);
    if (!entry)
        return filter_error(checker->err, node->at,
                            "the value of expression template variable name {%.*s} is not found",
                            (int)(name.len < 255 ? name.len : 255), name.data);
    out->class = EXPR_LITERAL;
    return value_of(checker, node, &entry->value, &out->literal);
}
