/*
 * Comparisons and the one arithmetic step an operand may have.
 *
 * A comparison with a constant becomes bounds, low <= x <= high, where `==` has both the same, and
 * `!=` is `==` with true and false exchanged (unknown stays unknown). What they are in the type of
 * a column is filter_bounds.c.
 */
#include "query/filter_internal.h"

static int cannot_compare(const struct checker *checker, const struct node *node,
                          const struct expr *a, const struct expr *b)
{
    return filter_error(checker->err, node->op_at,
                        "comparisons between %s and %s are not supported", expr_type_name(a),
                        expr_type_name(b));
}

/* ------------------------------------------------------------------ arithmetic */

static int check_arithmetic_types(struct checker *checker, const struct node *node,
                                  const struct operand *operand, const struct literal *by)
{
    enum kith_type type = operand_value_type(operand);
    bool json = type == KITH_JSON, divides = node->op == TOKEN_DIV || node->op == TOKEN_MOD;
    if (!json && !type_is_number(type))
        return check_error(checker, node, "arithmetic can only be applied on numbers");
    if (!literal_is_number(by))
        return check_error(checker, node, "arithmetic can only be applied on numbers");
    if (node->op == TOKEN_MOD &&
        (by->kind != LITERAL_INT || (!json && !type_is_integer(type))))
        return check_plain_error(checker, node, "modulo can only apply on integer types");
    if (divides && by->number == 0)
        return check_plain_error(checker, node, "division or modulus by zero");
    return 0;
}

int check_arithmetic(struct checker *checker, const struct node *node, struct expr *a,
                            struct expr *b, struct expr *out)
{
    if (a->class == EXPR_PREDICATE || b->class == EXPR_PREDICATE)
        return check_error(checker, node, "arithmetic can only be applied on numbers");
    if (node->op == TOKEN_POW)
        return check_error(checker, node, "power can only apply on constants");
    if (a->class == EXPR_OPERAND && b->class == EXPR_OPERAND)
        return check_plain_error(checker, node, "not supported to do arithmetic operations between "
                           "multiple fields");
    bool reversed = a->class == EXPR_LITERAL;
    const struct expr *operand = reversed ? b : a, *by = reversed ? a : b;
    if (operand->operand.arith != TOKEN_END)
        return check_plain_error(checker, node,
                                 "complicated arithmetic operations are not supported");
    if (reversed && node->op != TOKEN_ADD && node->op != TOKEN_MUL)
        return check_plain_error(checker, node, "module field is not yet supported");
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

int check_bounds(struct checker *checker, const struct operand *left, enum filter_token op,
                 const struct literal *value, struct expr *out)
{
    struct plan *plan = check_plan_new(checker, PLAN_BOUNDS, out);
    if (!plan) return check_no_memory(checker);
    plan->left = *left;
    plan->equal = op == TOKEN_EQ || op == TOKEN_NE;
    plan->negated = op == TOKEN_NE;
    bool low = plan->equal || op == TOKEN_GT || op == TOKEN_GE;
    bool high = plan->equal || op == TOKEN_LT || op == TOKEN_LE;
    bool inclusive = op != TOKEN_GT && op != TOKEN_LT;
    if (low) plan->low = (struct bound){ true, inclusive, *value };
    if (high) plan->high = (struct bound){ true, inclusive, *value };
    return 0;
}

/* ------------------------------------------------------------------ comparisons */

static int compare_constant(struct checker *checker, const struct node *node,
                            const struct expr *a, const struct expr *b, struct expr *out)
{
    bool swapped = a->class == EXPR_LITERAL;
    const struct expr *left = swapped ? b : a, *value = swapped ? a : b;
    enum filter_token op = swapped ? filter_mirrored(node->op) : node->op;
    const struct operand *operand = &left->operand;
    struct literal cast = value->literal;
    bool list = cast.kind == LITERAL_LIST, equality = op == TOKEN_EQ || op == TOKEN_NE;
    if (list && !equality)
        return filter_error(checker->err, node->op_at, "can not comparisons array fields directly");
    if (operand_is_array(operand)) {
        if (!list) return cannot_compare(checker, node, left, value);
        int rc = check_cast_items(checker, value->node, operand->element, &cast);
        return rc != 0 ? rc : check_bounds(checker, operand, op, &cast, out);
    }
    enum kith_type type = operand_compared_type(operand);
    if (!literal_cast(&value->literal, type, &cast))
        return check_cannot_cast(checker, value->node, type_name(type));
    return check_bounds(checker, operand, op, &cast, out);
}

static bool comparable(enum kith_type a, enum kith_type b)
{
    return (a == b && a != KITH_GEOMETRY) || (type_is_number(a) && type_is_number(b));
}

static int compare_columns(struct checker *checker, const struct node *node, const struct expr *a,
                           const struct expr *b, struct expr *out)
{
    if (a->operand.arith != TOKEN_END || b->operand.arith != TOKEN_END)
        return check_plain_error(checker, node, "not supported to do arithmetic operations between "
                           "multiple fields");
    enum kith_type left = operand_value_type(&a->operand), right = operand_value_type(&b->operand);
    if (left == KITH_JSON || right == KITH_JSON)
        return check_plain_error(checker, node,
                                 "two column comparison with JSON type is not supported");
    if (operand_is_array(&a->operand) || operand_is_array(&b->operand))
        return filter_error(checker->err, node->op_at, "can not comparisons array fields directly");
    if (!comparable(left, right)) return cannot_compare(checker, node, a, b);
    struct plan *plan = check_plan_new(checker, PLAN_COLUMNS, out);
    if (!plan) return check_no_memory(checker);
    plan->left = a->operand;
    plan->right = b->operand;
    plan->op = node->op;
    if (left == KITH_TIMESTAMPTZ) plan->left.type = plan->right.type = KITH_INT64;
    return 0;
}

int check_comparison(struct checker *checker, const struct node *node, struct expr *a,
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
    int rc = filter_check_expr(checker, node, &side);
    if (rc != 0) return rc;
    if (side.class != EXPR_LITERAL) return check_error(checker, node, what);
    if (side.literal.kind == LITERAL_BOOL)
        return check_plain_error(checker, node, "invalid range operations on boolean expr");
    enum kith_type type = operand_compared_type(operand);
    if (side.literal.kind == LITERAL_LIST || !literal_cast(&side.literal, type, &out->value))
        return check_plain_error(checker, node, "invalid range operations");
    out->given = true;
    return 0;
}

int check_chain_bounds(struct checker *checker, const struct node *node,
                       const struct operand *left, const struct bound *low,
                       const struct bound *high, struct expr *out)
{
    int order;
    if (!literal_compare(&low->value, &high->value, &order))
        return check_plain_error(checker, node, "invalid range operations");
    if (order > 0 || (order == 0 && !(low->inclusive && high->inclusive)))
        return filter_error(checker->err, node->op_at,
                            "invalid range: lowerbound is greater than upperbound");
    struct plan *plan = check_plan_new(checker, PLAN_BOUNDS, out);
    if (!plan) return check_no_memory(checker);
    plan->left = *left;
    plan->low = *low;
    plan->high = *high;
    return 0;
}

int check_chain(struct checker *checker, const struct node *node, struct expr *out)
{
    bool up = node->op == TOKEN_LT || node->op == TOKEN_LE;
    struct expr middle = { 0 };
    struct bound low = { 0 }, high = { 0 };
    int rc = filter_check_expr(checker, node->children[1], &middle);
    if (rc != 0) return rc;
    if (operand_value_type(&middle.operand) == KITH_BOOL)
        return check_plain_error(checker, node, "invalid range operations on boolean expr");
    rc = check_chain_bound(checker, node->children[up ? 0 : 2],
                           "lowerbound cannot be a non-const expression", &middle.operand, &low);
    if (rc == 0)
        rc = check_chain_bound(checker, node->children[up ? 2 : 0],
                               "upperbound cannot be a non-const expression", &middle.operand,
                               &high);
    if (rc != 0) return rc;
    low.inclusive = (up ? node->op : node->op2) == (up ? TOKEN_LE : TOKEN_GE);
    high.inclusive = (up ? node->op2 : node->op) == (up ? TOKEN_LE : TOKEN_GE);
    return check_chain_bounds(checker, node, &middle.operand, &low, &high, out);
}
