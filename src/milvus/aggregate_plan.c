/*
 * What a query with aggregates asks for. Texts of output fields are `op(field)`, with blanks where
 * one likes and the operation in any case; everything else has to be one of the grouping fields.
 */
#include <string.h>
#include <strings.h>

#include "milvus/query_aggregate.h"

/* ---- names ---- */

static const char *blanks(const char *text)
{
    while (*text == ' ' || *text == '\t') text++;
    return text;
}

/* "sum( price )": the operation, and the name between the brackets. */
static bool read_call(const char *text, enum aggregate_op *op, const char **name, size_t *len)
{
    static const char *const names[] = { "", "count", "sum", "min", "max", "avg" };
    text = blanks(text);
    for (size_t i = 1; i < sizeof names / sizeof names[0]; i++) {
        const size_t word = strlen(names[i]);
        if (strncasecmp(text, names[i], word) != 0) continue;
        const char *at = blanks(text + word);
        if (*at != '(') continue;
        at = blanks(at + 1);
        *name = at;
        *len = strcspn(at, " \t()");
        at = blanks(at + *len);
        *op = (enum aggregate_op)i;
        return *at == ')' && *blanks(at + 1) == 0;
    }
    return false;
}

bool query_is_aggregate(const struct milvus_query *query)
{
    enum aggregate_op op;
    const char *name;
    size_t len;
    for (size_t i = 0; i < query->output_count; i++)
        if (read_call(query->output[i], &op, &name, &len)) return true;
    return query->group_by != NULL;
}

static bool same_name(const char *a, const char *b)
{
    enum aggregate_op op_a, op_b;
    const char *name_a, *name_b;
    size_t len_a, len_b;
    if (!read_call(a, &op_a, &name_a, &len_a)) return strcmp(a, b) == 0;
    return read_call(b, &op_b, &name_b, &len_b) && op_a == op_b && len_a == len_b &&
           memcmp(name_a, name_b, len_a) == 0;
}

/* ---- items ---- */

static const char *type_name(const MilvusField *field)
{
    const ProtobufCEnumValue *type = protobuf_c_enum_descriptor_get_value(
        &milvus__proto__schema__data_type__descriptor, (int)field->data_type);
    return type ? type->name : "?";
}

static bool is_integer(int type) { return type >= KITH_INT8 && type <= KITH_INT64; }

static bool allowed(enum aggregate_op op, int type)
{
    const bool number = is_integer(type) || type == KITH_FLOAT || type == KITH_DOUBLE;
    const bool ordered = type == KITH_VARCHAR || type == KITH_TIMESTAMPTZ;
    switch (op) {
    case AGGREGATE_COUNT: return true;
    case AGGREGATE_SUM:
    case AGGREGATE_AVG: return number;
    case AGGREGATE_MIN:
    case AGGREGATE_MAX: return number || ordered;
    case AGGREGATE_VALUE: break;
    }
    return is_integer(type) || ordered || type == KITH_BOOL;
}

static enum kith_type result_type(const struct aggregate *item)
{
    const int type = item->field ? (int)item->field->data_type : 0;
    switch (item->op) {
    case AGGREGATE_COUNT: return KITH_INT64;
    case AGGREGATE_AVG: return KITH_DOUBLE;
    case AGGREGATE_SUM: return is_integer(type) ? KITH_INT64 : KITH_DOUBLE;
    case AGGREGATE_VALUE:
    case AGGREGATE_MIN:
    case AGGREGATE_MAX: break;
    }
    return (enum kith_type)type;
}

static MilvusStatus *unfit(struct milvus_call *call, const struct aggregate *item)
{
    static const char *const names[] = { "group by", "count", "sum", "min", "max", "avg" };
    if (item->op == AGGREGATE_VALUE)
        return milvus_status(call, MILVUS_INVALID,
                             "group by field %s has unsupported data type %s: invalid parameter",
                             item->field->name, type_name(item->field));
    return milvus_status(call, MILVUS_INVALID,
                         "aggregation operator %s does not support data type %s: invalid parameter",
                         names[item->op], type_name(item->field));
}

static MilvusStatus *add_item(struct querying *q, struct aggregate_plan *plan,
                              const struct aggregate *item)
{
    if (plan->count == AGGREGATE_ITEMS_MAX)
        return milvus_status(q->call, MILVUS_INVALID,
                             "more than %d output and grouping fields: invalid parameter",
                             AGGREGATE_ITEMS_MAX);
    if (item->field && milvus_field_computed(q->collection, item->field))
        return milvus_status(q->call, MILVUS_PLAIN, "not allowed to retrieve raw data of field %s",
                             item->field->name);
    if (item->field && !allowed(item->op, (int)item->field->data_type))
        return unfit(q->call, item);
    struct aggregate *kept = &plan->items[plan->count++];
    *kept = *item;
    kept->type = result_type(item);
    if (item->field) plan->fields[plan->field_count++] = item->field->name;
    return NULL;
}

static MilvusStatus *find_field(struct querying *q, const char *name, size_t len,
                                const MilvusField **out)
{
    const char *copy = arena_strndup(q->call->arena, name, len);
    if (!copy) return milvus_no_memory(q->call);
    *out = milvus_field_find(q->collection, copy);
    if (*out) return NULL;
    return milvus_status(q->call, MILVUS_PLAIN,
                         "field %.255s not exist: aggregates and groups are of fields of the "
                         "schema",
                         copy);
}

static MilvusStatus *add_output(struct querying *q, struct aggregate_plan *plan, const char *name)
{
    struct aggregate item = { .name = name };
    MilvusStatus *refused = NULL;
    const char *field;
    size_t len;
    const bool call = read_call(name, &item.op, &field, &len);
    const bool star = call && len == 1 && *field == '*';
    if (star && item.op != AGGREGATE_COUNT)
        return milvus_status(q->call, MILVUS_INVALID,
                             "%.255s: only count takes a star: invalid parameter", name);
    if (!call) {
        item.op = AGGREGATE_VALUE;
        field = blanks(name);
        len = strlen(field);
    }
    if (!star) refused = find_field(q, field, len, &item.field);
    return refused ? refused : add_item(q, plan, &item);
}

/* ---- groups, and what has to belong to them ---- */

static MilvusStatus *add_group(struct querying *q, struct aggregate_plan *plan, const char *name,
                               size_t len)
{
    struct aggregate item = { .op = AGGREGATE_VALUE, .grouping = true };
    MilvusStatus *refused = find_field(q, name, len, &item.field);
    if (refused) return refused;
    plan->grouped = true;
    item.name = item.field->name;
    for (size_t i = 0; i < plan->count; i++) {
        if (plan->items[i].op != AGGREGATE_VALUE || plan->items[i].field != item.field) continue;
        plan->items[i].grouping = true;
        return NULL;
    }
    return add_item(q, plan, &item);
}

static MilvusStatus *add_groups(struct querying *q, struct aggregate_plan *plan)
{
    MilvusStatus *refused = NULL;
    for (const char *at = q->query->group_by; at && *at && !refused;) {
        at += strspn(at, " ,");
        const size_t len = strcspn(at, " ,");
        if (len) refused = add_group(q, plan, at, len);
        at += len;
    }
    for (size_t i = 0; !refused && i < plan->count; i++)
        if (plan->items[i].op == AGGREGATE_VALUE && !plan->items[i].grouping)
            refused = milvus_status(q->call, MILVUS_INVALID,
                                    "output field %.255s is neither an aggregate nor one of the "
                                    "group_by_fields: invalid parameter",
                                    plan->items[i].name);
    return refused;
}

static MilvusStatus *add_order(struct querying *q, struct aggregate_plan *plan)
{
    MilvusStatus *refused = NULL;
    for (size_t t = 0; !refused && t < q->order.count; t++) {
        const char *name = q->order.terms[t].name;
        size_t i = 0;
        while (i < plan->count && !same_name(plan->items[i].name, name)) i++;
        plan->terms[t] = i;
        if (i < plan->count) continue;
        refused = add_output(q, plan, name);
        if (!refused && plan->items[i].op == AGGREGATE_VALUE)
            refused = milvus_status(q->call, MILVUS_INVALID,
                                    "order_by field '%.255s' is neither an aggregate nor one of "
                                    "the group_by_fields: invalid parameter",
                                    name);
    }
    return refused;
}

MilvusStatus *aggregate_plan_make(struct querying *q, struct aggregate_plan *plan)
{
    MilvusStatus *refused = NULL;
    memset(plan, 0, sizeof *plan);
    for (size_t i = 0; !refused && i < q->query->output_count; i++)
        refused = add_output(q, plan, q->query->output[i]);
    plan->shown = plan->count;
    if (!refused) refused = add_groups(q, plan);
    if (!refused && plan->shown == 0) plan->shown = plan->count; /* the groups themselves */
    return refused ? refused : add_order(q, plan);
}
