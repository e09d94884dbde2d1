/*
 * Which partitions a filter can have rows in: `key == c` or `key in [...]` on the partition key,
 * alone or as one of the terms of an `and`, names the values, and a row lies in the partition that
 * the hash of its value says. Anything else leaves all of them.
 */
#include "query/filter_internal.h"
#include "query/plan_partitions.h"

static bool names_values(const struct filter *filter, const struct plan *plan, size_t field)
{
    const bool equal = plan->kind == PLAN_BOUNDS && plan->equal;
    return !plan->negated && (equal || plan->kind == PLAN_TERMS) &&
           plan->left.form == OPERAND_FIELD && operand_is_plain(&plan->left) &&
           filter->fields[plan->left.slot] == field;
}

static const struct plan *find_term(const struct filter *filter, size_t field)
{
    const struct plan *root = filter->root;
    if (names_values(filter, root, field)) return root;
    for (size_t i = 0; root->kind == PLAN_AND && i < root->count; i++)
        if (names_values(filter, root->children[i], field)) return root->children[i];
    return NULL;
}

/* The value as the column holds it; false: it has none of that kind. */
static bool value_key(const struct literal *value, enum kith_type type, struct key *out)
{
    if (type == KITH_VARCHAR && value->kind == LITERAL_STRING) *out = key_text(value->s);
    else if (type == KITH_INT64 && value->kind == LITERAL_INT) *out = key_int(value->integer);
    else return false;
    return true;
}

static size_t add_partition(uint32_t *ids, size_t count, uint32_t id)
{
    for (size_t i = 0; i < count; i++)
        if (ids[i] == id) return count;
    ids[count] = id;
    return count + 1;
}

int plan_partitions_of(const struct filter *filter, const struct schema *schema,
                       struct arena *arena, const uint32_t **out, size_t *count)
{
    *out = NULL;
    *count = 0;
    if (schema->partition_key == SIZE_MAX || filter->sampled) return 0;
    const struct plan *term = find_term(filter, schema->partition_key);
    if (!term) return 0;
    const bool one = term->kind == PLAN_BOUNDS;
    const struct literal *values = one ? &term->low.value : term->values;
    const size_t given = one ? 1 : term->value_count;
    uint32_t *ids = arena_alloc_array(arena, schema->key_partitions + 1u, sizeof *ids);
    if (!ids) return KITH_ENOMEM;
    size_t found = 0;
    for (size_t i = 0; i < given; i++) {
        struct key key;
        if (!value_key(&values[i], schema->fields[schema->partition_key].type, &key)) return 0;
        found = add_partition(ids, found, (uint32_t)(key_hash(key) % schema->key_partitions));
    }
    if (found == 0 || found >= schema->key_partitions) return 0;
    *out = ids;
    *count = found;
    return 0;
}
