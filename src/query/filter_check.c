/*
 * The tree against a schema: names, types, constants; the result is a plan.
 *
 * Every node becomes a constant, an operand (a column, a place in it, one arithmetic step on it)
 * or a predicate. Comparisons are checked in filter_compare, the other leaves in filter_terms;
 * here are constants, connectives, and what all of them share.
 */
#include "query/filter_leaf.h"

int check_no_memory(const struct checker *checker)
{
    return error_set(checker->err, KITH_ENOMEM, "no memory for the filter");
}

/* "what: text of the node" at the node. */
int check_error(const struct checker *checker, const struct node *node, const char *what)
{
    size_t len = node->end - node->at;
    return filter_error(checker->err, node->at, "%s: %.*s", what,
                        (int)(len < FILTER_EXCERPT_BYTES ? len : FILTER_EXCERPT_BYTES),
                        checker->text + node->at);
}

/* Exactly `what`. */
int check_plain_error(const struct checker *checker, const struct node *node, const char *what)
{
    return filter_error(checker->err, node->at, "%s", what);
}

/* A form that is known and not built: "element_filter is not supported". */
int check_refused(const struct checker *checker, const struct node *node, const char *what)
{
    size_t end = node->kind == NODE_CALL ? node->op_at : node->end, len = end - node->at;
    return error_set_at(checker->err, KITH_EUNSUPPORTED, node->at, "%.*s %s",
                        (int)(len < FILTER_EXCERPT_BYTES ? len : FILTER_EXCERPT_BYTES),
                        checker->text + node->at, what);
}

struct plan *check_plan_new(struct checker *checker, enum plan_kind kind, struct expr *out)
{
    struct plan *plan = arena_zalloc(checker->arena, sizeof *plan);
    if (!plan) return NULL;
    plan->kind = kind;
    plan->depth = 1;
    out->class = EXPR_PREDICATE;
    out->plan = plan;
    return plan;
}

const char *expr_type_name(const struct expr *expr)
{
    static const enum kith_type types[] = { KITH_BOOL, KITH_INT64, KITH_DOUBLE, KITH_VARCHAR,
                                            KITH_ARRAY };
    if (expr->class == EXPR_OPERAND) return operand_type_name(&expr->operand);
    return type_name(expr->class == EXPR_LITERAL ? types[expr->literal.kind] : KITH_BOOL);
}

int check_cannot_cast(const struct checker *checker, const struct node *node, const char *type)
{
    size_t len = node->end - node->at;
    return filter_error(checker->err, node->at, "cannot cast value to %s, value: %.*s", type,
                        (int)(len < FILTER_EXCERPT_BYTES ? len : FILTER_EXCERPT_BYTES),
                        checker->text + node->at);
}
bool operand_is_plain(const struct operand *operand)
{
    return operand->arith == TOKEN_END && !operand->length;
}

bool operand_is_array(const struct operand *operand)
{
    return operand->form == OPERAND_FIELD && operand->type == KITH_ARRAY && !operand->length;
}

/* The type a constant beside this operand has to fit. */
enum kith_type operand_compared_type(const struct operand *operand)
{
    enum kith_type type = operand_value_type(operand);
    if (operand->arith == TOKEN_END || type == KITH_JSON) return type;
    return operand->arith_float ? KITH_DOUBLE : KITH_INT64;
}

/* The list as the array's elements are stored. */
int check_cast_items(struct checker *checker, const struct node *node, enum kith_type element,
                      struct literal *list)
{
    struct literal *items = arena_alloc_array(checker->arena, list->count + 1, sizeof *items);
    if (!items) return check_no_memory(checker);
    for (size_t i = 0; i < list->count; i++)
        if (!literal_cast(&list->items[i], element, &items[i]))
            return check_cannot_cast(checker, node, type_name(element));
    list->items = items;
    return 0;
}

/* ------------------------------------------------------------------ constants and operands */

static int check_list(struct checker *checker, const struct node *node, struct expr *out)
{
    struct literal *items = arena_alloc_array(checker->arena, node->count + 1, sizeof *items);
    if (!items) return check_no_memory(checker);
    for (size_t i = 0; i < node->count; i++) {
        const struct node *child = node->children[i];
        struct expr item = { 0 };
        int rc = filter_check_expr(checker, child, &item);
        if (rc != 0) return rc;
        size_t len = child->end - child->at;
        if (item.class != EXPR_LITERAL)
            return filter_error(checker->err, child->at,
                                "value '%.*s' in list cannot be a non-const expression",
                                (int)(len < FILTER_EXCERPT_BYTES ? len : FILTER_EXCERPT_BYTES),
                                checker->text + child->at);
        items[i] = item.literal;
    }
    out->class = EXPR_LITERAL;
    out->literal = (struct literal){ .kind = LITERAL_LIST, .items = items, .count = node->count };
    return 0;
}

static int check_literal(struct checker *checker, const struct node *node, struct expr *out)
{
    if (node->overflow) return check_error(checker, node, "integer out of range");
    out->class = EXPR_LITERAL;
    out->literal = node->literal;
    return 0;
}

/* Vectors have a name here but no values to compare. */
static int usable(struct checker *checker, const struct node *node, const struct operand *operand)
{
    enum kith_type type = operand->type;
    if (!type_is_vector(type)) return 0;
    return filter_error(checker->err, node->at, "filter on a field of type %s is not supported",
                        type_name(type));
}

static int check_path(struct checker *checker, const struct node *node, struct expr *out)
{
    out->class = EXPR_OPERAND;
    int rc = filter_operand(checker, node, &out->operand);
    return rc != 0 ? rc : usable(checker, node, &out->operand);
}

/* ------------------------------------------------------------------ connectives */

static int add_child(struct checker *checker, struct plan *plan, size_t cap, struct plan *child)
{
    if (!plan->children) {
        plan->children = arena_alloc_array(checker->arena, cap, sizeof(struct plan *));
        if (!plan->children) return check_no_memory(checker);
    }
    plan->children[plan->count++] = child;
    if (child->depth + 1 > plan->depth) plan->depth = child->depth + 1;
    plan->sampled |= child->sampled;
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
    struct plan *plan = check_plan_new(checker, conjunction ? PLAN_AND : PLAN_OR, out);
    if (!plan) return check_no_memory(checker);
    for (size_t i = 0; i < node->count; i++) {
        struct expr child = { 0 };
        int rc = filter_check_expr(checker, node->children[i], &child);
        if (rc != 0) return rc;
        if (i == 0) constant = child.class == EXPR_LITERAL;
        if (constant && child.class == EXPR_LITERAL && child.literal.kind == LITERAL_BOOL) {
            value = conjunction ? value && child.literal.boolean : value || child.literal.boolean;
            continue;
        }
        if (constant || child.class != EXPR_PREDICATE) return connective_error(checker, node);
        bool last = conjunction && i + 1 == node->count;
        rc = check_sample_place(checker, node->children[i], child.plan, last);
        if (rc == 0) rc = add_child(checker, plan, node->count, child.plan);
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
        rc = filter_check_expr(checker, child, &operand);
    }
    if (rc != 0) return rc;
    out->class = EXPR_LITERAL;
    if (operand.class == EXPR_LITERAL)
        return filter_fold_unary(checker, node, &operand.literal, &out->literal);
    if (node->op == TOKEN_BIT_NOT) return check_error(checker, node, "BitNot is not supported");
    if (node->op != TOKEN_NOT)
        return check_error(checker, node, "sign can only be applied on constants");
    if (operand.class != EXPR_PREDICATE)
        return check_plain_error(checker, node,
                                 "not op can only be applied on boolean expression");
    rc = check_sample_place(checker, child, operand.plan, false);
    if (rc != 0) return rc;
    struct plan *plan = check_plan_new(checker, PLAN_NOT, out);
    if (!plan) return check_no_memory(checker);
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
    if (unsupported(node->op)) return check_error(checker, node, unsupported(node->op));
    struct expr a = { 0 }, b = { 0 };
    int rc = filter_check_expr(checker, node->children[0], &a);
    if (rc == 0) rc = filter_check_expr(checker, node->children[1], &b);
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

static int check_call(struct checker *checker, const struct node *node, struct expr *out)
{
    switch (node->call) {
    case CALL_CONTAINS: case CALL_CONTAINS_ALL: case CALL_CONTAINS_ANY:
        return check_contains(checker, node, out);
    case CALL_LENGTH: return check_length(checker, node, out);
    case CALL_TEXT_MATCH: case CALL_PHRASE_MATCH: return check_match(checker, node, out);
    case CALL_SAMPLE: return check_sample(checker, node, out);
    case CALL_REFUSED: return check_refused(checker, node, "is not supported");
    default: return check_geometry(checker, node, out);
    }
}

int filter_check_expr(struct checker *checker, const struct node *node, struct expr *out)
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
    case NODE_CALL: return check_call(checker, node, out);
    case NODE_TEMPLATE: return check_template(checker, node, out);
    case NODE_TIME: return check_time(checker, node, out);
    case NODE_ELEMENT: return check_refused(checker, node, "is not supported");
    case NODE_NAMED: break;
    }
    return check_error(checker, node, "unexpected argument");
}

/* `key == c` and `key in [...]`: the constants are the only candidates. */
static int primary_keys(struct checker *checker, struct filter *out)
{
    const struct plan *plan = out->root;
    bool equal = plan->kind == PLAN_BOUNDS && plan->equal;
    bool on_key = plan->left.form == OPERAND_FIELD && operand_is_plain(&plan->left) &&
                  !plan->negated && (equal || plan->kind == PLAN_TERMS);
    if (!on_key || checker->fields[plan->left.slot] != checker->schema->primary) return 0;
    const struct literal *values = equal ? &plan->low.value : plan->values;
    size_t count = equal ? 1 : plan->value_count;
    struct key *keys = arena_alloc_array(checker->arena, count, sizeof *keys);
    if (!keys) return check_no_memory(checker);
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
    int rc = filter_check_expr(checker, root, &expr);
    if (rc != 0) return rc;
    size_t len = root->end - root->at;
    if (expr.class != EXPR_PREDICATE)
        return filter_error(checker->err, root->at,
                            "predicate is not a boolean expression: %.*s, data type: %s",
                            (int)(len < FILTER_EXCERPT_BYTES ? len : FILTER_EXCERPT_BYTES),
                            checker->text + root->at, expr_type_name(&expr));
    *out = (struct filter){ .root = expr.plan, .fields = checker->fields,
                            .types = checker->types, .field_count = checker->field_count,
                            .special_count = checker->special_count,
                            .sampled = expr.plan->sampled };
    if (filter_prepare(out, expr.plan, checker->arena) != 0) return check_no_memory(checker);
    return primary_keys(checker, out);
}
