/*
 * Comparisons of times: `f + INTERVAL 'P1M' < ISO '2025-01-01'`, mirrored ones and chains.
 *
 * A day has 24 hours here (everything is UTC), so an interval without months only moves the
 * bounds, and the comparison is one of integers on the column. Months differ in length and are cut
 * to the last day, so order is not kept (31 January 01:00 and 30 January 02:00 plus a month): these
 * rows are moved one by one. A sum beyond int64 is unknown.
 */
#include "model/timestamptz.h"
#include "query/filter_special.h"

static int quoted_error(const struct checker *checker, const struct node *node, const char *what,
                        struct kith_str text)
{
    return filter_error(checker->err, node->at, "%s: '%.*s'", what,
                        (int)(text.len < FILTER_EXCERPT_BYTES ? text.len : FILTER_EXCERPT_BYTES),
                        text.data);
}

static int time_operand(struct checker *checker, const struct node *node, struct operand *out)
{
    int rc = filter_operand(checker, node->children[0], out);
    if (rc != 0) return rc;
    if (out->form != OPERAND_FIELD || out->type != KITH_TIMESTAMPTZ)
        return filter_error(checker->err, node->at,
                            "field '%.*s' is not a Timestamptz field, its type is %s",
                            (int)(node->children[0]->path.name.len),
                            node->children[0]->path.name.data, operand_type_name(out));
    out->type = KITH_INT64; /* as it is stored */
    return 0;
}

static int time_shift(struct checker *checker, const struct node *node,
                         struct time_interval *out)
{
    *out = (struct time_interval){ 0, 0 };
    if (node->literal.kind != LITERAL_STRING) return 0;
    if (!time_interval_parse(node->literal.s, out))
        return quoted_error(checker, node, "invalid interval string", node->literal.s);
    if (node->negated) { /* both are at least 0 */
        out->months = -out->months;
        out->micros = -out->micros;
    }
    return 0;
}

static int time_constant(struct checker *checker, const struct node *iso, struct bound *out)
{
    int64_t micros;
    if (!timestamptz_parse(iso->literal.s, 0, &micros))
        return quoted_error(checker, iso, "invalid timestamp string", iso->literal.s);
    out->given = true;
    out->value = (struct literal){ .kind = LITERAL_INT, .integer = micros,
                                   .number = (double)micros };
    return 0;
}

/* Moves the constant to the other side; false: it leaves int64. */
static bool move_bound(struct bound *bound, int64_t micros)
{
    if (!bound->given) return true;
    if (__builtin_sub_overflow(bound->value.integer, micros, &bound->value.integer)) return false;
    bound->value.number = (double)bound->value.integer;
    return true;
}

static int plan_time(struct checker *checker, const struct operand *left,
                     const struct time_interval *interval, const struct plan *bounds,
                     struct expr *out)
{
    struct time_leaf *leaf = arena_zalloc(checker->arena, sizeof *leaf);
    struct plan *plan = check_plan_new(checker, PLAN_TIME, out);
    if (!leaf || !plan) return check_no_memory(checker);
    *leaf = (struct time_leaf){ interval->months, interval->micros };
    plan->left = *left;
    plan->time = leaf;
    plan->low = bounds->low;
    plan->high = bounds->high;
    plan->negated = bounds->negated;
    plan->special = checker->special_count++;
    return 0;
}

/* The constants as the bounds of a comparison or of a chain. */
static int time_bounds(struct checker *checker, const struct node *node, struct plan *out)
{
    struct bound first = { 0 }, second = { 0 };
    int rc = time_constant(checker, node->children[1], &first);
    if (rc == 0 && node->count > 2) rc = time_constant(checker, node->children[2], &second);
    if (rc != 0) return rc;
    bool low = node->op == TOKEN_GT || node->op == TOKEN_GE;
    bool equal = node->op == TOKEN_EQ || node->op == TOKEN_NE;
    first.inclusive = node->op != TOKEN_GT && node->op != TOKEN_LT;
    second.inclusive = node->op2 == TOKEN_LE || node->op2 == TOKEN_GE;
    out->low = low || equal ? first : second;
    out->high = low ? second : first;
    out->negated = node->op == TOKEN_NE;
    return 0;
}

int check_time(struct checker *checker, const struct node *node, struct expr *out)
{
    struct operand left;
    struct time_interval interval;
    struct plan bounds = { 0 };
    int rc = time_operand(checker, node, &left);
    if (rc == 0) rc = time_shift(checker, node, &interval);
    if (rc == 0) rc = time_bounds(checker, node, &bounds);
    if (rc != 0) return rc;
    bool chain = node->count > 2;
    if (chain && (bounds.low.value.integer > bounds.high.value.integer ||
                  (bounds.low.value.integer == bounds.high.value.integer &&
                   !(bounds.low.inclusive && bounds.high.inclusive))))
        return filter_error(checker->err, node->op_at,
                            "invalid range: lowerbound is greater than upperbound");
    struct plan moved = bounds;
    if (interval.months != 0 || !move_bound(&moved.low, interval.micros) ||
        !move_bound(&moved.high, interval.micros))
        return plan_time(checker, &left, &interval, &bounds, out);
    if (chain) return check_chain_bounds(checker, node, &left, &moved.low, &moved.high, out);
    const struct bound *bound = moved.low.given ? &moved.low : &moved.high;
    return check_bounds(checker, &left, node->op, &bound->value, out);
}

static bool beyond(const struct bound *bound, int64_t value, int side)
{
    if (!bound->given) return false;
    int64_t limit = bound->value.integer;
    return value == limit ? !bound->inclusive : (value > limit) == (side > 0);
}

int time_test(const struct plan *plan, int64_t micros)
{
    const struct time_interval interval = { plan->time->months, plan->time->micros };
    int64_t moved;
    if (!timestamptz_add(micros, &interval, &moved)) return -1;
    return !beyond(&plan->low, moved, -1) && !beyond(&plan->high, moved, 1);
}
