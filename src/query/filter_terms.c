/*
 * The leaves that are not comparisons: in, contains, array_length, like, is null, exists.
 */
#include <stdio.h>
#include <stdlib.h>

#include "query/filter_internal.h"

/* ------------------------------------------------------------------ in, contains */

static int order_terms(const void *a, const void *b)
{
    int order = 0;
    (void)literal_compare(a, b, &order);
    return order;
}

/* Values of one comparable kind are sorted, for binary search. */
static void sort_terms(struct plan *plan, struct literal *values)
{
    int order;
    plan->values = values;
    plan->sorted = plan->value_count > 0;
    for (size_t i = 0; i < plan->value_count && plan->sorted; i++)
        plan->sorted = literal_compare(&values[0], &values[i], &order);
    if (plan->sorted) qsort(values, plan->value_count, sizeof *values, order_terms);
}

/* Items of a template have no text of their own in the filter: their values stand for it. */
static int bad_term(struct checker *checker, const struct node *list, size_t i,
                    const struct literal *value, enum kith_type type)
{
    const struct node *item = list->kind == NODE_LIST ? list->children[i] : list;
    char shown[FILTER_EXCERPT_BYTES];
    if (list->kind == NODE_LIST) {
        size_t len = item->end - item->at, most = sizeof shown - 1;
        (void)snprintf(shown, sizeof shown, "%.*s", (int)(len < most ? len : most),
                       checker->text + item->at);
    } else {
        literal_show(value, shown, sizeof shown);
    }
    return filter_error(checker->err, item->at, "value '%s' in list cannot be casted to %s", shown,
                        type_name(type));
}

static int cast_terms(struct checker *checker, const struct node *list, enum kith_type type,
                      const struct literal *from, struct literal *to)
{
    for (size_t i = 0; i < from->count; i++)
        if (!literal_cast(&from->items[i], type, &to[i]))
            return bad_term(checker, list, i, &from->items[i], type);
    return 0;
}

/* The list on the right, written out or of a template. */
static int check_term_list(struct checker *checker, const struct node *node, struct expr *out)
{
    bool template = node->kind == NODE_TEMPLATE;
    if (node->kind != NODE_LIST && !template)
        return check_error(checker, node, "the right-hand side of 'in' must be a list, but got");
    int rc = filter_check_expr(checker, node, out);
    if (rc != 0 || out->literal.kind == LITERAL_LIST) return rc;
    return filter_error(checker->err, node->at,
                        "the value of term expression template variable {%.*s} is not array",
                        (int)(node->path.name.len < 255 ? node->path.name.len : 255),
                        node->path.name.data);
}

static int plan_terms(struct checker *checker, const struct node *node,
                      const struct operand *left, const struct literal *list, struct expr *out)
{
    struct plan *plan = check_plan_new(checker, list->count > 0 ? PLAN_TERMS : PLAN_NEVER, out);
    struct literal *values = arena_alloc_array(checker->arena, list->count + 1, sizeof *values);
    if (!plan || !values) return check_no_memory(checker);
    plan->left = *left;
    plan->negated = node->negated;
    plan->value_count = list->count;
    int rc = cast_terms(checker, node->children[1], operand_value_type(left), list, values);
    if (rc != 0 || list->count == 0) return rc;
    sort_terms(plan, values);
    return 0;
}

int check_in(struct checker *checker, const struct node *node, struct expr *out)
{
    struct expr left = { 0 }, right = { 0 };
    int rc = filter_check_expr(checker, node->children[0], &left);
    if (rc != 0) return rc;
    if (left.class == EXPR_LITERAL)
        return check_error(checker, node->children[0],
                           "'term' can only be used on non-const expression, but got");
    if (left.class == EXPR_PREDICATE || !operand_is_plain(&left.operand))
        return check_error(checker, node->children[0],
                           "'term' can only be used on single field, but got");
    rc = check_term_list(checker, node->children[1], &right);
    return rc != 0 ? rc : plan_terms(checker, node, &left.operand, &right.literal, out);
}

/* The constants of a contains: one, or those of the list. */
static int contains_values(struct checker *checker, const struct node *node,
                           const struct operand *operand, const struct expr *given,
                           struct plan *plan)
{
    struct literal one = given->literal, list = one;
    if (node->call == CALL_CONTAINS) {
        struct literal *kept = arena_alloc(checker->arena, sizeof *kept);
        if (!kept) return check_no_memory(checker);
        *kept = one;
        list = (struct literal){ .kind = LITERAL_LIST, .items = kept, .count = 1 };
    }
    if (operand->type == KITH_ARRAY) {
        int rc = check_cast_items(checker, given->node, operand->element, &list);
        if (rc != 0) return rc;
    }
    plan->values = list.items;
    plan->value_count = list.count;
    plan->all = node->call == CALL_CONTAINS_ALL;
    return 0;
}

int check_contains(struct checker *checker, const struct node *node, struct expr *out)
{
    struct expr first = { 0 }, second = { 0 };
    if (node->count != 2) return check_error(checker, node, "two arguments expected");
    int rc = filter_check_expr(checker, node->children[0], &first);
    if (rc == 0) rc = filter_check_expr(checker, node->children[1], &second);
    if (rc != 0) return rc;
    const struct operand *operand = &first.operand;
    if (first.class != EXPR_OPERAND || !operand_is_plain(operand) ||
        (operand->form != OPERAND_JSON && !operand_is_array(operand)))
        return check_error(
            checker, node->children[0],
            "contains operation are only supported on json or array fields now, got");
    if (node->call != CALL_CONTAINS &&
        (second.class != EXPR_LITERAL || second.literal.kind != LITERAL_LIST))
        return check_plain_error(checker, node->children[1], node->call == CALL_CONTAINS_ALL ?
                                 "ContainsAll operation element must be an array" :
                                 "ContainsAny operation element must be an array");
    if (second.class != EXPR_LITERAL)
        return check_error(checker, node->children[1], "contains takes a constant, but got");
    struct plan *plan = check_plan_new(checker, PLAN_CONTAINS, out);
    if (!plan) return check_no_memory(checker);
    plan->left = *operand;
    return contains_values(checker, node, operand, &second, plan);
}

int check_length(struct checker *checker, const struct node *node, struct expr *out)
{
    if (node->count != 1) return check_error(checker, node, "one argument expected");
    int rc = filter_check_expr(checker, node->children[0], out);
    if (rc != 0) return rc;
    if (out->class != EXPR_OPERAND || !operand_is_plain(&out->operand) ||
        (out->operand.form != OPERAND_JSON && !operand_is_array(&out->operand)))
        return check_error(checker, node->children[0], "array_length operation are only supported "
                           "on json or array fields now, got");
    out->operand.length = true;
    return 0;
}

/* ------------------------------------------------------------------ like, is null, exists */

int check_like(struct checker *checker, const struct node *node, struct expr *out)
{
    struct expr left = { 0 };
    int rc = filter_check_expr(checker, node->children[0], &left);
    if (rc != 0) return rc;
    if (left.class != EXPR_OPERAND || !operand_is_plain(&left.operand))
        return check_plain_error(checker, node,
                                 "like operation on complicated expr is unsupported");
    enum kith_type type = operand_value_type(&left.operand);
    if (type != KITH_VARCHAR && type != KITH_JSON)
        return check_plain_error(checker, node,
                                 "like operation on non-string or no-json field is unsupported");
    struct plan *plan = check_plan_new(checker, PLAN_LIKE, out);
    if (!plan || like_compile(checker->arena, node->literal.s, &plan->like) != 0)
        return check_no_memory(checker);
    plan->left = left.operand;
    return 0;
}

/* A path in JSON is null when it does not exist; a column when its row is null. */
int check_null(struct checker *checker, const struct node *node, struct expr *out)
{
    struct operand operand;
    int rc = filter_operand(checker, node->children[0], &operand);
    if (rc != 0) return rc;
    if (type_is_vector(operand.type))
        return filter_error(checker->err, node->at,
                            "IsNull/IsNotNull operations are not supported on vector fields");
    bool inside = operand.form == OPERAND_ELEMENT ||
                  (operand.form == OPERAND_JSON && operand.step_count > 0);
    struct plan *plan = check_plan_new(checker, inside ? PLAN_EXISTS : PLAN_NULL, out);
    if (!plan) return check_no_memory(checker);
    plan->left = operand;
    plan->negated = (node->kind == NODE_IS_NULL) == inside;
    return 0;
}

int check_exists(struct checker *checker, const struct node *node, struct expr *out)
{
    struct expr operand = { 0 };
    int rc = filter_check_expr(checker, node->children[0], &operand);
    if (rc != 0) return rc;
    if (operand.class != EXPR_OPERAND || operand.operand.form != OPERAND_JSON ||
        !operand_is_plain(&operand.operand))
        return filter_error(checker->err, node->at,
                            "exists operations are only supportted on json field, got:%s",
                            expr_type_name(&operand));
    struct plan *plan = check_plan_new(checker, PLAN_EXISTS, out);
    if (!plan) return check_no_memory(checker);
    plan->left = operand.operand;
    return 0;
}
