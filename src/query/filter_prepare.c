/*
 * From a checked plan to its fast side, once when a filter is compiled: nodes get numbers, leaves
 * learn under how many negations they stand, what their loops, questions and costs are.
 */
#include <stdio.h>

#include "query/filter_leaf.h"

struct preparation {
    struct filter *filter;
    struct arena *arena;
    size_t children; /* numbered so far */
};

/* ------------------------------------------------------------------ paths as pointers */

static bool looks_like_index(const struct json_step *step)
{
    for (size_t i = 0; i < step->key_len; i++)
        if (step->key[i] < '0' || step->key[i] > '9') return false;
    return step->key_len > 0;
}

#define INDEX_DIGITS 9
#define INDEX_MAX    1000000000u /* one past */

static size_t pointer_put(char *out, const struct json_step *step)
{
    size_t len = 0;
    out[len++] = '/';
    if (!step->key) return len + (size_t)snprintf(out + len, INDEX_DIGITS + 1, "%zu", step->index);
    for (size_t i = 0; i < step->key_len; i++) {
        char c = step->key[i];
        bool escaped = c == '~' || c == '/';
        if (escaped) out[len++] = '~';
        out[len++] = c == '~' ? '0' : c == '/' ? '1' : c;
    }
    return len;
}

/* Digits in a pointer are a place in an array; a path with the key "0" has no pointer. */
static int make_pointer(const struct operand *operand, struct arena *arena, struct leaf *leaf)
{
    size_t room = 1, len = 0;
    leaf->fits_path = operand->form == OPERAND_JSON;
    for (size_t i = 0; leaf->fits_path && i < operand->step_count; i++) {
        const struct json_step *step = &operand->steps[i];
        leaf->fits_path = step->key ? !looks_like_index(step) : step->index < INDEX_MAX;
        room += 2 * step->key_len + 1 + INDEX_DIGITS + 1;
    }
    if (!leaf->fits_path) return 0;
    char *text = arena_alloc(arena, room);
    if (!text) return KITH_ENOMEM;
    for (size_t i = 0; i < operand->step_count; i++)
        len += pointer_put(text + len, &operand->steps[i]);
    text[len] = '\0';
    leaf->pointer = (struct kith_str){ text, len };
    return 0;
}

/* ------------------------------------------------------------------ tests */

/* A pattern without signs is an equality, one with a run at its end alone a front. */
static int like_test(const struct like *like, struct arena *arena, struct column_test *out)
{
    size_t len = 0;
    while (len < like->count && like->items[len] < LIKE_ONE) len++;
    bool front = len + 1 == like->count && like->items[len] == LIKE_RUN;
    out->loop = LOOP_LIKE;
    out->like = like;
    if (len < like->count && !front) return 0;
    struct kith_str *text = arena_alloc(arena, sizeof *text);
    char *bytes = arena_alloc(arena, len + 1);
    if (!text || !bytes) return KITH_ENOMEM;
    for (size_t i = 0; i < len; i++) bytes[i] = (char)(unsigned char)like->items[i];
    *text = (struct kith_str){ bytes, len };
    out->loop = front ? LOOP_TEXT_FRONT : LOOP_TEXT_EQUAL;
    out->texts = text;
    out->count = 1;
    return 0;
}

static int make_test(const struct plan *plan, enum kith_type type, struct arena *arena,
                     struct column_test *out)
{
    *out = (struct column_test){ .loop = LOOP_UNKNOWN, .type = type };
    if (plan->left.length) return 0; /* a single value has no length */
    switch (plan->kind) {
    case PLAN_BOUNDS: test_of_bounds(plan, type, out); break;
    case PLAN_TERMS: return test_of_terms(plan, type, arena, out);
    case PLAN_NEVER: out->loop = LOOP_NEVER; break;
    case PLAN_LIKE: return type == KITH_VARCHAR ? like_test(&plan->like, arena, out) : 0;
    default: break;
    }
    return 0;
}

static bool column_has_loops(const struct plan *plan)
{
    enum kith_type type = plan->left.type;
    bool kind = plan->kind == PLAN_BOUNDS || plan->kind == PLAN_TERMS ||
                plan->kind == PLAN_NEVER || plan->kind == PLAN_LIKE;
    return kind && plan->left.form == OPERAND_FIELD && !plan->left.length &&
           (type_is_integral(type) || type_is_number(type) || type == KITH_VARCHAR);
}

static bool path_has_loops(const struct plan *plan)
{
    return plan->left.form == OPERAND_JSON && plan->left.step_count > 0 &&
           (plan->kind == PLAN_BOUNDS || plan->kind == PLAN_TERMS || plan->kind == PLAN_NEVER ||
            plan->kind == PLAN_LIKE || plan->kind == PLAN_EXISTS || plan->kind == PLAN_CONTAINS);
}

static int make_tests(const struct plan *plan, struct arena *arena, struct leaf *leaf)
{
    static const enum kith_type types[TYPED_COUNT] = {
        [TYPED_INT] = KITH_INT64, [TYPED_DOUBLE] = KITH_DOUBLE,
        [TYPED_BOOL] = KITH_BOOL, [TYPED_TEXT] = KITH_VARCHAR,
    };
    if (column_has_loops(plan)) return make_test(plan, plan->left.type, arena, &leaf->test);
    if (!path_has_loops(plan)) return 0;
    struct column_test *typed = arena_alloc_array(arena, TYPED_COUNT, sizeof *typed);
    int rc = typed ? 0 : KITH_ENOMEM;
    for (size_t i = 0; rc == 0 && i < TYPED_COUNT; i++)
        rc = make_test(plan, types[i], arena, &typed[i]);
    leaf->typed = typed;
    return rc;
}

/* ------------------------------------------------------------------ costs and shares */

static double loop_cost(const struct column_test *test)
{
    switch (test->loop) {
    case LOOP_RANGE: return 0.6;
    case LOOP_ARITHMETIC: return 1.5;
    case LOOP_MODULO: return 6;
    case LOOP_INTEGERS: return 2;
    case LOOP_TEXT_EQUAL: return 1;
    case LOOP_FLOATS: case LOOP_TEXT_RANGE: case LOOP_TEXT_FRONT: return 5;
    case LOOP_TEXTS: return 10;
    case LOOP_LIKE: return 20;
    default: return 0.1;
    }
}

static double leaf_cost(const struct plan *plan, const struct leaf *leaf)
{
    bool json = plan->left.form == OPERAND_JSON;
    switch (plan->kind) {
    case PLAN_NULL: return 0.1;
    case PLAN_SAMPLE: return 3;
    case PLAN_COLUMNS: return columns_have_loop(plan) ? 2 : 50;
    case PLAN_TIME: return 20;
    case PLAN_MATCH: case PLAN_GEOMETRY: return 2000;
    default: return leaf->test.loop != LOOP_NONE ? loop_cost(&leaf->test) : json ? 150 : 40;
    }
}

static double leaf_share(const struct plan *plan)
{
    double among = 0.05 * (double)plan->value_count;
    double share = 0.1;
    switch (plan->kind) {
    case PLAN_NEVER: share = 0; break;
    case PLAN_BOUNDS: share = plan->equal ? 0.05 : 0.4; break;
    case PLAN_TERMS: share = among < 0.5 ? among : 0.5; break;
    case PLAN_COLUMNS: case PLAN_EXISTS: case PLAN_TIME: share = 0.5; break;
    case PLAN_SAMPLE: share = (double)plan->share / 18446744073709551616.0; break;
    default: break;
    }
    return plan->negated ? 1 - share : share;
}

/* ------------------------------------------------------------------ the walk */

static int prepare_leaf(struct preparation *p, struct plan *plan, bool negative)
{
    struct leaf *leaf = arena_zalloc(p->arena, sizeof *leaf);
    if (!leaf) return KITH_ENOMEM;
    plan->leaf = leaf;
    leaf->needs_no = negative != plan->negated;
    int rc = plan->kind == PLAN_SAMPLE ? 0 : make_pointer(&plan->left, p->arena, leaf);
    if (rc == 0 && plan->kind != PLAN_SAMPLE) rc = make_tests(plan, p->arena, leaf);
    if (!leaf->needs_no && leaf->test.loop == LOOP_RANGE) leaf->test.partly = false;
    if (rc == 0) rc = probe_of_leaf(p->filter, plan, leaf, p->arena);
    leaf->cost = leaf_cost(plan, leaf);
    leaf->share = leaf_share(plan);
    return rc;
}

/* Depth is bounded by the parser's. */
static int prepare(struct preparation *p, struct plan *plan, bool negative)
{
    plan->number = p->filter->node_count++;
    if (plan->kind != PLAN_AND && plan->kind != PLAN_OR && plan->kind != PLAN_NOT)
        return prepare_leaf(p, plan, negative);
    plan->first_child = p->children;
    p->children += plan->count;
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < plan->count; i++)
        rc = prepare(p, plan->children[i], negative != (plan->kind == PLAN_NOT));
    return rc;
}

int filter_prepare(struct filter *filter, struct plan *root, struct arena *arena)
{
    struct preparation p = { .filter = filter, .arena = arena };
    filter->node_count = 0;
    int rc = prepare(&p, root, false);
    filter->child_count = p.children;
    return rc;
}
