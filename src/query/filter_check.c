/*
 * The tree against a schema: names, types, constants; the result is a plan.
 *
 * Every node becomes a constant, an operand (a column, a place in it, one arithmetic step on it)
 * or a predicate. Comparisons with a constant all become bounds, low <= x <= high, where `==` has
 * both the same, and `!=` is `==` with true and false exchanged (unknown stays unknown).
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "query/filter_internal.h"

#define EXCERPT_BYTES 160

static int check_expr(struct checker *checker, const struct node *node, struct expr *out);

static int no_memory(const struct checker *checker)
{
    return error_set(checker->err, KITH_ENOMEM, "no memory for the filter");
}

/* "what: text of the node" at the node. */
static int error_about(const struct checker *checker, const struct node *node, const char *what)
{
    size_t len = node->end - node->at;
    return filter_error(checker->err, node->at, "%s: %.*s", what,
                        (int)(len < EXCERPT_BYTES ? len : EXCERPT_BYTES),
                        checker->text + node->at);
}

static struct plan *plan_new(struct checker *checker, enum plan_kind kind, struct expr *out)
{
    struct plan *plan = arena_zalloc(checker->arena, sizeof *plan);
    if (!plan) return NULL;
    plan->kind = kind;
    plan->depth = 1;
    out->class = EXPR_PREDICATE;
    out->plan = plan;
    return plan;
}

static const char *expr_type_name(const struct expr *expr)
{
    static const enum kith_type types[] = { KITH_BOOL, KITH_INT64, KITH_DOUBLE, KITH_VARCHAR,
                                            KITH_ARRAY };
    if (expr->class == EXPR_OPERAND) return operand_type_name(&expr->operand);
    return type_name(expr->class == EXPR_LITERAL ? types[expr->literal.kind] : KITH_BOOL);
}

static int cannot_compare(const struct checker *checker, const struct node *node,
                          const struct expr *a, const struct expr *b)
{
    return filter_error(checker->err, node->op_at,
                        "comparisons between %s and %s are not supported", expr_type_name(a),
                        expr_type_name(b));
}

static int cannot_cast(const struct checker *checker, const struct node *node, const char *type)
{
    size_t len = node->end - node->at;
    return filter_error(checker->err, node->at, "cannot cast value to %s, value: %.*s", type,
                        (int)(len < EXCERPT_BYTES ? len : EXCERPT_BYTES),
                        checker->text + node->at);
}

/* ------------------------------------------------------------------ constants and operands */

static int check_list(struct checker *checker, const struct node *node, struct expr *out)
{
    struct literal *items = arena_alloc_array(checker->arena, node->count + 1, sizeof *items);
    if (!items) return no_memory(checker);
    for (size_t i = 0; i < node->count; i++) {
        const struct node *child = node->children[i];
        struct expr item = { 0 };
        int rc = check_expr(checker, child, &item);
        if (rc != 0) return rc;
        size_t len = child->end - child->at;
        if (item.class != EXPR_LITERAL)
            return filter_error(checker->err, child->at,
                                "value '%.*s' in list cannot be a non-const expression",
                                (int)(len < EXCERPT_BYTES ? len : EXCERPT_BYTES),
                                checker->text + child->at);
        items[i] = item.literal;
    }
    out->class = EXPR_LITERAL;
    out->literal = (struct literal){ .kind = LITERAL_LIST, .items = items, .count = node->count };
    return 0;
}

static int check_literal(struct checker *checker, const struct node *node, struct expr *out)
{
    if (node->overflow) return error_about(checker, node, "integer out of range");
    out->class = EXPR_LITERAL;
    out->literal = node->literal;
    return 0;
}

/* Vectors and reserved types have a name here but no values to compare. */
static int usable(struct checker *checker, const struct node *node, const struct operand *operand)
{
    enum kith_type type = operand->type;
    if (!type_is_vector(type) && type != KITH_GEOMETRY && type != KITH_TIMESTAMPTZ) return 0;
    return filter_error(checker->err, node->at, "filter on a field of type %s is not supported",
                        type_name(type));
}

static int check_path(struct checker *checker, const struct node *node, struct expr *out)
{
    out->class = EXPR_OPERAND;
    int rc = filter_operand(checker, node, &out->operand);
    return rc != 0 ? rc : usable(checker, node, &out->operand);
}

/* ------------------------------------------------------------------ arithmetic */

static bool plain(const struct operand *operand)
{
    return operand->arith == TOKEN_END && !operand->length;
}

static int check_arithmetic_types(struct checker *checker, const struct node *node,
                                  const struct operand *operand, const struct literal *by)
{
    enum kith_type type = operand_value_type(operand);
    bool json = type == KITH_JSON, divides = node->op == TOKEN_DIV || node->op == TOKEN_MOD;
    if (!json && !type_is_number(type))
        return error_about(checker, node, "arithmetic can only be applied on numbers");
    if (!literal_is_number(by))
        return error_about(checker, node, "arithmetic can only be applied on numbers");
    if (node->op == TOKEN_MOD &&
        (by->kind != LITERAL_INT || (!json && !type_is_integer(type))))
        return error_about(checker, node, "modulo can only apply on integer types");
    if (divides && by->number == 0)
        return error_about(checker, node, "division or modulus by zero");
    return 0;
}

static int check_arithmetic(struct checker *checker, const struct node *node, struct expr *a,
                            struct expr *b, struct expr *out)
{
    if (a->class == EXPR_PREDICATE || b->class == EXPR_PREDICATE)
        return error_about(checker, node, "arithmetic can only be applied on numbers");
    if (node->op == TOKEN_POW)
        return error_about(checker, node, "power can only apply on constants");
    if (a->class == EXPR_OPERAND && b->class == EXPR_OPERAND)
        return error_about(checker, node, "not supported to do arithmetic operations between "
                           "multiple fields");
    bool reversed = a->class == EXPR_LITERAL;
    const struct expr *operand = reversed ? b : a, *by = reversed ? a : b;
    if (operand->operand.arith != TOKEN_END)
        return error_about(checker, node, "complicated arithmetic operations are not supported");
    if (reversed && node->op != TOKEN_ADD && node->op != TOKEN_MUL)
        return error_about(checker, node, "module field is not yet supported");
    int rc = check_arithmetic_types(checker, node, &operand->operand, &by->literal);
    if (rc != 0) return rc;
    enum kith_type type = operand_value_type(&operand->operand);
    out->class = EXPR_OPERAND;
    out->operand = operand->operand;
    out->operand.arith = node->op;
    out->operand.by = by->literal;
    out->operand.arith_float = by->literal.kind == LITERAL_FLOAT || type == KITH_FLOAT ||
                               type == KITH_DOUBLE;
    return 0;
}

/* ------------------------------------------------------------------ bounds */

/* The type a constant beside this operand has to fit. */
static enum kith_type compared_type(const struct operand *operand)
{
    enum kith_type type = operand_value_type(operand);
    if (operand->arith == TOKEN_END || type == KITH_JSON) return type;
    return operand->arith_float ? KITH_DOUBLE : KITH_INT64;
}

static void int_range(struct plan *plan)
{
    const struct bound *low = &plan->low, *high = &plan->high;
    bool boolean = plan->left.type == KITH_BOOL, empty = false;
    int64_t from = boolean ? low->value.boolean : low->value.integer;
    int64_t to = boolean ? high->value.boolean : high->value.integer;
    if (!low->given) from = INT64_MIN;
    else if (!low->inclusive) empty |= __builtin_add_overflow(from, (int64_t)1, &from);
    if (!high->given) to = INT64_MAX;
    else if (!high->inclusive) empty |= __builtin_sub_overflow(to, (int64_t)1, &to);
    plan->int_low = from;
    plan->int_high = to;
    if (empty || from > to) plan->kind = PLAN_NEVER;
}

static double next_value(enum kith_type type, double from, double towards)
{
    if (type == KITH_FLOAT) return (double)nextafterf((float)from, (float)towards);
    return nextafter(from, towards);
}

static void float_range(struct plan *plan)
{
    const struct bound *low = &plan->low, *high = &plan->high;
    double inf = (double)INFINITY;
    double from = low->given ? low->value.number : -inf,
           to = high->given ? high->value.number : inf;
    bool empty = (low->given && !low->inclusive && from == inf) ||
                 (high->given && !high->inclusive && to == -inf);
    if (low->given && !low->inclusive) from = next_value(plan->left.type, from, inf);
    if (high->given && !high->inclusive) to = next_value(plan->left.type, to, -inf);
    plan->float_low = from;
    plan->float_high = to;
    if (empty || from > to) plan->kind = PLAN_NEVER;
}

/* Whole columns of numbers are compared by typed loops over an inclusive range. */
static void bounds_done(struct plan *plan)
{
    const struct operand *left = &plan->left;
    if (left->form != OPERAND_FIELD || !plain(left)) return;
    if (type_is_integer(left->type) || left->type == KITH_BOOL) int_range(plan);
    else if (left->type == KITH_FLOAT || left->type == KITH_DOUBLE) float_range(plan);
    else return;
    plan->ranged = plan->kind == PLAN_BOUNDS;
}

static int plan_bounds(struct checker *checker, const struct operand *left, enum filter_token op,
                       const struct literal *value, struct expr *out)
{
    struct plan *plan = plan_new(checker, PLAN_BOUNDS, out);
    if (!plan) return no_memory(checker);
    plan->left = *left;
    plan->equal = op == TOKEN_EQ || op == TOKEN_NE;
    plan->negated = op == TOKEN_NE;
    bool low = plan->equal || op == TOKEN_GT || op == TOKEN_GE;
    bool high = plan->equal || op == TOKEN_LT || op == TOKEN_LE;
    bool inclusive = op != TOKEN_GT && op != TOKEN_LT;
    if (low) plan->low = (struct bound){ true, inclusive, *value };
    if (high) plan->high = (struct bound){ true, inclusive, *value };
    bounds_done(plan);
    return 0;
}

/* ------------------------------------------------------------------ comparisons */

static enum filter_token mirrored(enum filter_token op)
{
    switch (op) {
    case TOKEN_LT: return TOKEN_GT;
    case TOKEN_LE: return TOKEN_GE;
    case TOKEN_GT: return TOKEN_LT;
    case TOKEN_GE: return TOKEN_LE;
    default: return op;
    }
}

static bool whole_array(const struct operand *operand)
{
    return operand->form == OPERAND_FIELD && operand->type == KITH_ARRAY && !operand->length;
}

/* The list as the array's elements are stored. */
static int cast_items(struct checker *checker, const struct node *node, enum kith_type element,
                      struct literal *list)
{
    struct literal *items = arena_alloc_array(checker->arena, list->count + 1, sizeof *items);
    if (!items) return no_memory(checker);
    for (size_t i = 0; i < list->count; i++)
        if (!literal_cast(&list->items[i], element, &items[i]))
            return cannot_cast(checker, node, type_name(element));
    list->items = items;
    return 0;
}

static int compare_constant(struct checker *checker, const struct node *node,
                            const struct expr *a, const struct expr *b, struct expr *out)
{
    bool swapped = a->class == EXPR_LITERAL;
    const struct expr *left = swapped ? b : a, *value = swapped ? a : b;
    enum filter_token op = swapped ? mirrored(node->op) : node->op;
    const struct operand *operand = &left->operand;
    struct literal cast = value->literal;
    bool list = cast.kind == LITERAL_LIST, equality = op == TOKEN_EQ || op == TOKEN_NE;
    if (list && !equality)
        return filter_error(checker->err, node->op_at, "can not comparisons array fields directly");
    if (whole_array(operand)) {
        if (!list) return cannot_compare(checker, node, left, value);
        int rc = cast_items(checker, value->node, operand->element, &cast);
        return rc != 0 ? rc : plan_bounds(checker, operand, op, &cast, out);
    }
    enum kith_type type = compared_type(operand);
    if (!literal_cast(&value->literal, type, &cast))
        return cannot_cast(checker, value->node, type_name(type));
    return plan_bounds(checker, operand, op, &cast, out);
}

static bool comparable(enum kith_type a, enum kith_type b)
{
    return a == b || (type_is_number(a) && type_is_number(b));
}

static int compare_columns(struct checker *checker, const struct node *node, const struct expr *a,
                           const struct expr *b, struct expr *out)
{
    if (a->operand.arith != TOKEN_END || b->operand.arith != TOKEN_END)
        return error_about(checker, node, "not supported to do arithmetic operations between "
                           "multiple fields");
    enum kith_type left = operand_value_type(&a->operand), right = operand_value_type(&b->operand);
    if (left == KITH_JSON || right == KITH_JSON)
        return error_about(checker, node, "two column comparison with JSON type is not supported");
    if (whole_array(&a->operand) || whole_array(&b->operand))
        return filter_error(checker->err, node->op_at, "can not comparisons array fields directly");
    if (!comparable(left, right)) return cannot_compare(checker, node, a, b);
    struct plan *plan = plan_new(checker, PLAN_COLUMNS, out);
    if (!plan) return no_memory(checker);
    plan->left = a->operand;
    plan->right = b->operand;
    plan->op = node->op;
    return 0;
}

static int check_comparison(struct checker *checker, const struct node *node, struct expr *a,
                            struct expr *b, struct expr *out)
{
    if (a->class == EXPR_PREDICATE || b->class == EXPR_PREDICATE)
        return cannot_compare(checker, node, a, b);
    if (a->class == EXPR_OPERAND && b->class == EXPR_OPERAND)
        return compare_columns(checker, node, a, b, out);
    return compare_constant(checker, node, a, b, out);
}

static int check_chain_bound(struct checker *checker, const struct node *node, const char *what,
                             const struct operand *operand, struct bound *out)
{
    struct expr side = { 0 };
    int rc = check_expr(checker, node, &side);
    if (rc != 0) return rc;
    if (side.class != EXPR_LITERAL) return error_about(checker, node, what);
    if (side.literal.kind == LITERAL_BOOL)
        return error_about(checker, node, "invalid range operations on boolean expr");
    enum kith_type type = compared_type(operand);
    if (side.literal.kind == LITERAL_LIST || !literal_cast(&side.literal, type, &out->value))
        return error_about(checker, node, "invalid range operations");
    out->given = true;
    return 0;
}

static int check_chain(struct checker *checker, const struct node *node, struct expr *out)
{
    bool up = node->op == TOKEN_LT || node->op == TOKEN_LE;
    struct expr middle = { 0 };
    struct bound low = { 0 }, high = { 0 };
    int order = 0, rc = check_expr(checker, node->children[1], &middle);
    if (rc != 0) return rc;
    if (operand_value_type(&middle.operand) == KITH_BOOL)
        return error_about(checker, node, "invalid range operations on boolean expr");
    rc = check_chain_bound(checker, node->children[up ? 0 : 2],
                           "lowerbound cannot be a non-const expression", &middle.operand, &low);
    if (rc == 0)
        rc = check_chain_bound(checker, node->children[up ? 2 : 0],
                               "upperbound cannot be a non-const expression", &middle.operand,
                               &high);
    if (rc != 0) return rc;
    low.inclusive = (up ? node->op : node->op2) == (up ? TOKEN_LE : TOKEN_GE);
    high.inclusive = (up ? node->op2 : node->op) == (up ? TOKEN_LE : TOKEN_GE);
    if (!literal_compare(&low.value, &high.value, &order))
        return error_about(checker, node, "invalid range operations");
    if (order > 0 || (order == 0 && !(low.inclusive && high.inclusive)))
        return filter_error(checker->err, node->op_at,
                            "invalid range: lowerbound is greater than upperbound");
    struct plan *plan = plan_new(checker, PLAN_BOUNDS, out);
    if (!plan) return no_memory(checker);
    plan->left = middle.operand;
    plan->low = low;
    plan->high = high;
    bounds_done(plan);
    return 0;
}

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

static int cast_terms(struct checker *checker, const struct node *list, enum kith_type type,
                      const struct literal *from, struct literal *to)
{
    for (size_t i = 0; i < from->count; i++) {
        const struct node *item = list->children[i];
        size_t len = item->end - item->at;
        if (!literal_cast(&from->items[i], type, &to[i]))
            return filter_error(checker->err, item->at,
                                "value '%.*s' in list cannot be casted to %s",
                                (int)(len < EXCERPT_BYTES ? len : EXCERPT_BYTES),
                                checker->text + item->at, type_name(type));
    }
    return 0;
}

static int check_in(struct checker *checker, const struct node *node, struct expr *out)
{
    const struct node *list = node->children[1];
    struct expr left = { 0 }, right = { 0 };
    int rc = check_expr(checker, node->children[0], &left);
    if (rc != 0) return rc;
    if (left.class == EXPR_LITERAL)
        return error_about(checker, node->children[0],
                           "'term' can only be used on non-const expression, but got");
    if (left.class == EXPR_PREDICATE || !plain(&left.operand))
        return error_about(checker, node->children[0],
                           "'term' can only be used on single field, but got");
    if (list->kind != NODE_LIST)
        return error_about(checker, list, "the right-hand side of 'in' must be a list, but got");
    rc = check_expr(checker, list, &right);
    if (rc != 0) return rc;
    struct plan *plan = plan_new(checker, list->count > 0 ? PLAN_TERMS : PLAN_NEVER, out);
    struct literal *values = arena_alloc_array(checker->arena, list->count + 1, sizeof *values);
    if (!plan || !values) return no_memory(checker);
    plan->left = left.operand;
    plan->negated = node->negated;
    plan->value_count = list->count;
    rc = cast_terms(checker, list, operand_value_type(&left.operand), &right.literal, values);
    if (rc == 0) sort_terms(plan, values);
    return rc;
}

/* The constants of a contains: one, or those of the list. */
static int contains_values(struct checker *checker, const struct node *node,
                           const struct operand *operand, const struct expr *given,
                           struct plan *plan)
{
    struct literal one = given->literal, list = one;
    if (node->call == CALL_CONTAINS) {
        struct literal *kept = arena_alloc(checker->arena, sizeof *kept);
        if (!kept) return no_memory(checker);
        *kept = one;
        list = (struct literal){ .kind = LITERAL_LIST, .items = kept, .count = 1 };
    }
    if (operand->type == KITH_ARRAY) {
        int rc = cast_items(checker, given->node, operand->element, &list);
        if (rc != 0) return rc;
    }
    plan->values = list.items;
    plan->value_count = list.count;
    plan->all = node->call == CALL_CONTAINS_ALL;
    return 0;
}

static int check_contains(struct checker *checker, const struct node *node, struct expr *out)
{
    struct expr first = { 0 }, second = { 0 };
    if (node->count != 2) return error_about(checker, node, "two arguments expected");
    int rc = check_expr(checker, node->children[0], &first);
    if (rc == 0) rc = check_expr(checker, node->children[1], &second);
    if (rc != 0) return rc;
    const struct operand *operand = &first.operand;
    if (first.class != EXPR_OPERAND || !plain(operand) ||
        (operand->form != OPERAND_JSON && !whole_array(operand)))
        return error_about(
            checker, node->children[0],
            "contains operation are only supported on json or array fields now, got");
    if (node->call != CALL_CONTAINS &&
        (second.class != EXPR_LITERAL || second.literal.kind != LITERAL_LIST))
        return error_about(checker, node->children[1], node->call == CALL_CONTAINS_ALL ?
                           "ContainsAll operation element must be an array" :
                           "ContainsAny operation element must be an array");
    if (second.class != EXPR_LITERAL)
        return error_about(checker, node->children[1], "contains takes a constant, but got");
    struct plan *plan = plan_new(checker, PLAN_CONTAINS, out);
    if (!plan) return no_memory(checker);
    plan->left = *operand;
    return contains_values(checker, node, operand, &second, plan);
}

static int check_length(struct checker *checker, const struct node *node, struct expr *out)
{
    if (node->count != 1) return error_about(checker, node, "one argument expected");
    int rc = check_expr(checker, node->children[0], out);
    if (rc != 0) return rc;
    if (out->class != EXPR_OPERAND || !plain(&out->operand) ||
        (out->operand.form != OPERAND_JSON && !whole_array(&out->operand)))
        return error_about(checker, node->children[0], "array_length operation are only supported "
                           "on json or array fields now, got");
    out->operand.length = true;
    return 0;
}

/* ------------------------------------------------------------------ like, is null, exists */

static int check_like(struct checker *checker, const struct node *node, struct expr *out)
{
    struct expr left = { 0 };
    int rc = check_expr(checker, node->children[0], &left);
    if (rc != 0) return rc;
    if (left.class != EXPR_OPERAND || !plain(&left.operand))
        return error_about(checker, node, "like operation on complicated expr is unsupported");
    enum kith_type type = operand_value_type(&left.operand);
    if (type != KITH_VARCHAR && type != KITH_JSON)
        return error_about(checker, node,
                           "like operation on non-string or no-json field is unsupported");
    struct plan *plan = plan_new(checker, PLAN_LIKE, out);
    if (!plan || like_compile(checker->arena, node->literal.s, &plan->like) != 0)
        return no_memory(checker);
    plan->left = left.operand;
    return 0;
}

/* A path in JSON is null when it does not exist; a column when its row is null. */
static int check_null(struct checker *checker, const struct node *node, struct expr *out)
{
    struct operand operand;
    int rc = filter_operand(checker, node->children[0], &operand);
    if (rc != 0) return rc;
    if (type_is_vector(operand.type))
        return filter_error(checker->err, node->at,
                            "IsNull/IsNotNull operations are not supported on vector fields");
    bool inside = operand.form == OPERAND_ELEMENT ||
                  (operand.form == OPERAND_JSON && operand.step_count > 0);
    struct plan *plan = plan_new(checker, inside ? PLAN_EXISTS : PLAN_NULL, out);
    if (!plan) return no_memory(checker);
    plan->left = operand;
    plan->negated = (node->kind == NODE_IS_NULL) == inside;
    return 0;
}

static int check_exists(struct checker *checker, const struct node *node, struct expr *out)
{
    struct expr operand = { 0 };
    int rc = check_expr(checker, node->children[0], &operand);
    if (rc != 0) return rc;
    if (operand.class != EXPR_OPERAND || operand.operand.form != OPERAND_JSON ||
        !plain(&operand.operand))
        return filter_error(checker->err, node->at,
                            "exists operations are only supportted on json field, got:%s",
                            expr_type_name(&operand));
    struct plan *plan = plan_new(checker, PLAN_EXISTS, out);
    if (!plan) return no_memory(checker);
    plan->left = operand.operand;
    return 0;
}

/* ------------------------------------------------------------------ connectives */

static int add_child(struct checker *checker, struct plan *plan, size_t cap, struct plan *child)
{
    if (!plan->children) {
        plan->children = arena_alloc_array(checker->arena, cap, sizeof(struct plan *));
        if (!plan->children) return no_memory(checker);
    }
    plan->children[plan->count++] = child;
    if (child->depth + 1 > plan->depth) plan->depth = child->depth + 1;
    return 0;
}

static int connective_error(const struct checker *checker, const struct node *node)
{
    return filter_error(checker->err, node->op_at,
                        "'%s' can only be used between boolean expressions",
                        node->op == TOKEN_AND ? "and" : "or");
}

/* Constants fold only among themselves: beside a predicate a constant is an error. */
static int check_connective(struct checker *checker, const struct node *node, struct expr *out)
{
    bool conjunction = node->op == TOKEN_AND, value = conjunction, constant = true;
    struct plan *plan = plan_new(checker, conjunction ? PLAN_AND : PLAN_OR, out);
    if (!plan) return no_memory(checker);
    for (size_t i = 0; i < node->count; i++) {
        struct expr child = { 0 };
        int rc = check_expr(checker, node->children[i], &child);
        if (rc != 0) return rc;
        if (i == 0) constant = child.class == EXPR_LITERAL;
        if (constant && child.class == EXPR_LITERAL && child.literal.kind == LITERAL_BOOL) {
            value = conjunction ? value && child.literal.boolean : value || child.literal.boolean;
            continue;
        }
        if (constant || child.class != EXPR_PREDICATE) return connective_error(checker, node);
        rc = add_child(checker, plan, node->count, child.plan);
        if (rc != 0) return rc;
    }
    if (constant) {
        out->class = EXPR_LITERAL;
        out->literal = (struct literal){ .kind = LITERAL_BOOL, .boolean = value };
    }
    return 0;
}

static int check_unary(struct checker *checker, const struct node *node, struct expr *out)
{
    const struct node *child = node->children[0];
    struct expr operand = { 0 };
    int rc = 0;
    if (node->op == TOKEN_SUB && child->kind == NODE_LITERAL && child->overflow) {
        operand = (struct expr){ .class = EXPR_LITERAL, .literal = child->literal };
    } else {
        rc = check_expr(checker, child, &operand);
    }
    if (rc != 0) return rc;
    out->class = EXPR_LITERAL;
    if (operand.class == EXPR_LITERAL)
        return filter_fold_unary(checker, node, &operand.literal, &out->literal);
    if (node->op == TOKEN_BIT_NOT) return error_about(checker, node, "BitNot is not supported");
    if (node->op != TOKEN_NOT)
        return error_about(checker, node, "sign can only be applied on constants");
    if (operand.class != EXPR_PREDICATE)
        return error_about(checker, node, "not op can only be applied on boolean expression");
    struct plan *plan = plan_new(checker, PLAN_NOT, out);
    if (!plan) return no_memory(checker);
    return add_child(checker, plan, 1, operand.plan);
}

static const char *unsupported(enum filter_token op)
{
    switch (op) {
    case TOKEN_BIT_AND: return "BitAnd is not supported";
    case TOKEN_BIT_OR: return "BitOr is not supported";
    case TOKEN_BIT_XOR: return "BitXor is not supported";
    case TOKEN_SHL: case TOKEN_SHR: return "shift is not supported";
    default: return NULL;
    }
}

static int check_binary(struct checker *checker, const struct node *node, struct expr *out)
{
    if (node->op == TOKEN_AND || node->op == TOKEN_OR) return check_connective(checker, node, out);
    if (unsupported(node->op)) return error_about(checker, node, unsupported(node->op));
    struct expr a = { 0 }, b = { 0 };
    int rc = check_expr(checker, node->children[0], &a);
    if (rc == 0) rc = check_expr(checker, node->children[1], &b);
    if (rc != 0) return rc;
    if (a.class == EXPR_LITERAL && b.class == EXPR_LITERAL) {
        out->class = EXPR_LITERAL;
        return filter_fold_binary(checker, node, &a.literal, &b.literal, &out->literal);
    }
    switch (node->op) {
    case TOKEN_EQ: case TOKEN_NE: case TOKEN_LT: case TOKEN_LE: case TOKEN_GT: case TOKEN_GE:
        return check_comparison(checker, node, &a, &b, out);
    default: return check_arithmetic(checker, node, &a, &b, out);
    }
}

static int check_expr(struct checker *checker, const struct node *node, struct expr *out)
{
    out->node = node;
    switch (node->kind) {
    case NODE_LITERAL: return check_literal(checker, node, out);
    case NODE_LIST: return check_list(checker, node, out);
    case NODE_PATH: return check_path(checker, node, out);
    case NODE_UNARY: return check_unary(checker, node, out);
    case NODE_BINARY: return check_binary(checker, node, out);
    case NODE_CHAIN: return check_chain(checker, node, out);
    case NODE_IN: return check_in(checker, node, out);
    case NODE_LIKE: return check_like(checker, node, out);
    case NODE_IS_NULL: case NODE_IS_NOT_NULL: return check_null(checker, node, out);
    case NODE_EXISTS: return check_exists(checker, node, out);
    case NODE_CALL:
        return node->call == CALL_LENGTH ? check_length(checker, node, out)
                                         : check_contains(checker, node, out);
    case NODE_REFUSED: break;
    }
    return error_about(checker, node, "not supported in filters yet");
}

/* `key == c` and `key in [...]`: the constants are the only candidates. */
static int primary_keys(struct checker *checker, struct filter *out)
{
    const struct plan *plan = out->root;
    bool equal = plan->kind == PLAN_BOUNDS && plan->equal;
    bool on_key = plan->left.form == OPERAND_FIELD && plain(&plan->left) && !plan->negated &&
                  (equal || plan->kind == PLAN_TERMS);
    if (!on_key || checker->fields[plan->left.slot] != checker->schema->primary) return 0;
    const struct literal *values = equal ? &plan->low.value : plan->values;
    size_t count = equal ? 1 : plan->value_count;
    struct key *keys = arena_alloc_array(checker->arena, count, sizeof *keys);
    if (!keys) return no_memory(checker);
    for (size_t i = 0; i < count; i++)
        keys[i] = values[i].kind == LITERAL_STRING ? key_text(values[i].s)
                                                   : key_int(values[i].integer);
    out->keys = keys;
    out->key_count = count;
    return 0;
}

int filter_check(struct checker *checker, const struct node *root, struct filter *out)
{
    struct expr expr = { 0 };
    int rc = check_expr(checker, root, &expr);
    if (rc != 0) return rc;
    size_t len = root->end - root->at;
    if (expr.class != EXPR_PREDICATE)
        return filter_error(checker->err, root->at,
                            "predicate is not a boolean expression: %.*s, data type: %s",
                            (int)(len < EXCERPT_BYTES ? len : EXCERPT_BYTES),
                            checker->text + root->at, expr_type_name(&expr));
    *out = (struct filter){ .root = expr.plan, .fields = checker->fields,
                            .types = checker->types, .field_count = checker->field_count };
    return primary_keys(checker, out);
}
