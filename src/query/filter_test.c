/*
 * One row's value against one leaf of the plan: true, false or unknown. A value of another kind
 * than the constant (JSON only) is unknown.
 */
#include <math.h>

#include "query/filter_internal.h"

enum { TEST_FALSE = 0, TEST_TRUE = 1, TEST_UNKNOWN = -1 };

static bool not_a_number(const struct literal *literal)
{
    return literal->kind == LITERAL_FLOAT && isnan(literal->number);
}

static bool array_equals(const struct row_value *value, const struct literal *list)
{
    struct array_iter iter;
    struct literal item;
    size_t i = 0;
    int order;
    array_iter_init(&iter, value->packed, value->element);
    for (; array_iter_next(&iter, &item); i++)
        if (i == list->count || !literal_compare(&item, &list->items[i], &order) || order != 0)
            return false;
    return i == list->count;
}

static int equals_list(const struct row_value *value, const struct literal *list)
{
    if (value->kind == VALUE_ARRAY) return array_equals(value, list);
    if (value->kind != VALUE_JSON_LIST) return TEST_UNKNOWN;
    return json_equals_literal(&value->json, list);
}

static int equals(const struct row_value *value, const struct literal *literal)
{
    int order;
    if (literal->kind == LITERAL_LIST) return equals_list(value, literal);
    if (value->kind != VALUE_LITERAL) return TEST_UNKNOWN;
    if (not_a_number(&value->literal) && literal_is_number(literal)) return TEST_FALSE;
    if (!literal_compare(&value->literal, literal, &order)) return TEST_UNKNOWN;
    return order == 0;
}

/* One side; a NaN is below and above nothing. */
static int within_bound(const struct literal *value, const struct bound *bound, int side)
{
    int order;
    if (not_a_number(value) && literal_is_number(&bound->value)) return TEST_FALSE;
    if (!literal_compare(value, &bound->value, &order)) return TEST_UNKNOWN;
    return order == 0 ? bound->inclusive : order * side > 0;
}

static int test_bounds(const struct plan *plan, const struct row_value *value)
{
    if (plan->equal) return equals(value, &plan->low.value);
    if (value->kind != VALUE_LITERAL) return TEST_UNKNOWN;
    int low = TEST_TRUE, high = TEST_TRUE;
    if (plan->low.given) low = within_bound(&value->literal, &plan->low, 1);
    if (low == TEST_UNKNOWN) return low;
    if (plan->high.given) high = within_bound(&value->literal, &plan->high, -1);
    return high == TEST_UNKNOWN ? high : low == TEST_TRUE && high == TEST_TRUE;
}

static int search_terms(const struct plan *plan, const struct literal *value)
{
    size_t from = 0, to = plan->value_count;
    int order;
    if (not_a_number(value)) return TEST_FALSE;
    if (!literal_compare(value, &plan->values[0], &order)) return TEST_UNKNOWN;
    while (from < to) {
        size_t middle = from + (to - from) / 2;
        (void)literal_compare(value, &plan->values[middle], &order);
        if (order == 0) return TEST_TRUE;
        if (order < 0) to = middle;
        else from = middle + 1;
    }
    return TEST_FALSE;
}

/* Unknown when the value compares with none of them. */
static int test_terms(const struct plan *plan, const struct row_value *value)
{
    int result = TEST_UNKNOWN;
    if (plan->sorted && value->kind == VALUE_LITERAL) return search_terms(plan, &value->literal);
    for (size_t i = 0; i < plan->value_count; i++) {
        int one = equals(value, &plan->values[i]);
        if (one == TEST_TRUE) return one;
        if (one == TEST_FALSE) result = one;
    }
    return result;
}

static bool has(const struct row_value *value, const struct literal *literal)
{
    struct array_iter iter;
    struct literal item;
    int order;
    if (value->kind == VALUE_JSON_LIST) return json_list_has(&value->json, literal);
    array_iter_init(&iter, value->packed, value->element);
    while (array_iter_next(&iter, &item))
        if (literal_compare(&item, literal, &order) && order == 0) return true;
    return false;
}

static int test_contains(const struct plan *plan, const struct row_value *value)
{
    if (value->kind != VALUE_JSON_LIST && value->kind != VALUE_ARRAY) return TEST_UNKNOWN;
    for (size_t i = 0; i < plan->value_count; i++)
        if (has(value, &plan->values[i]) != plan->all) return !plan->all;
    return plan->all;
}

static int test_columns(const struct plan *plan, const struct row_value *left,
                        const struct row_value *right)
{
    int order;
    if (left->kind != VALUE_LITERAL || right->kind != VALUE_LITERAL) return TEST_UNKNOWN;
    if (not_a_number(&left->literal) || not_a_number(&right->literal))
        return plan->op == TOKEN_NE;
    if (!literal_compare(&left->literal, &right->literal, &order)) return TEST_UNKNOWN;
    switch (plan->op) {
    case TOKEN_EQ: return order == 0;
    case TOKEN_NE: return order != 0;
    case TOKEN_LT: return order < 0;
    case TOKEN_LE: return order <= 0;
    case TOKEN_GT: return order > 0;
    default: return order >= 0;
    }
}

int plan_test(const struct plan *plan, const struct row_value *left, const struct row_value *right)
{
    if (left->kind == VALUE_NONE) return TEST_UNKNOWN;
    switch (plan->kind) {
    case PLAN_NEVER: return TEST_FALSE;
    case PLAN_BOUNDS: return test_bounds(plan, left);
    case PLAN_TERMS: return test_terms(plan, left);
    case PLAN_CONTAINS: return test_contains(plan, left);
    case PLAN_COLUMNS: return test_columns(plan, left, right);
    case PLAN_LIKE:
        if (left->kind != VALUE_LITERAL || left->literal.kind != LITERAL_STRING)
            return TEST_UNKNOWN;
        return like_matches(&plan->like, left->literal.s);
    default: return TEST_UNKNOWN;
    }
}
