/*
 * st_equals, st_touches, ... (field, "WKT"): the field is the left side of the relation.
 *
 * The constant is read when the filter is compiled, for its errors and its envelope, and prepared
 * again by each evaluation, because a prepared geometry belongs to one thread.
 */
#include "query/filter_special.h"

static size_t argument_count(enum geometry_relation relation)
{
    return relation == GEOMETRY_ISVALID ? 1 : relation == GEOMETRY_DWITHIN ? 3 : 2;
}

static int geometry_field(struct checker *checker, const struct node *node, struct operand *out)
{
    if (node->kind != NODE_PATH) return check_error(checker, node, "a field expected, but got");
    int rc = filter_operand(checker, node, out);
    if (rc != 0) return rc;
    if (out->form == OPERAND_FIELD && out->type == KITH_GEOMETRY) return 0;
    return check_error(checker, node,
                       "geometry operations are only supported on geometry fields, but got");
}

static int geometry_metres(struct checker *checker, const struct node *node, double *out)
{
    struct expr metres = { 0 };
    int rc = filter_check_expr(checker, node, &metres);
    if (rc != 0) return rc;
    if (metres.class != EXPR_LITERAL || !literal_is_number(&metres.literal) ||
        !(metres.literal.number >= 0))
        return check_error(checker, node,
                           "the distance must be a non-negative number of metres, but got");
    *out = metres.literal.number;
    return 0;
}

static int geometry_constant(struct checker *checker, const struct node *node,
                             struct geometry_leaf *leaf)
{
    struct kith_error why = { 0 };
    struct geometry_matcher *matcher = NULL;
    if (node->kind != NODE_LITERAL || node->literal.kind != LITERAL_STRING)
        return check_error(checker, node, "WKT in quotes expected, but got");
    leaf->constant.wkt = node->literal.s;
    int rc = geometry_matcher_new(&leaf->constant, &matcher, &why);
    if (rc == KITH_EINVAL)
        return filter_error(checker->err, node->at, "invalid WKT %.*s: %s",
                            (int)(node->end - node->at < FILTER_EXCERPT_BYTES
                                      ? node->end - node->at : FILTER_EXCERPT_BYTES),
                            checker->text + node->at, why.text);
    if (rc != 0) return error_set_at(checker->err, rc, node->at, "%s", why.text);
    leaf->boxed = geometry_matcher_box(matcher, leaf->box);
    geometry_matcher_free(matcher);
    return 0;
}

int check_geometry(struct checker *checker, const struct node *node, struct expr *out)
{
    enum geometry_relation relation =
        (enum geometry_relation)((int)node->call - (int)CALL_GEOMETRY);
    struct operand operand;
    if (!geometry_supported())
        return check_refused(checker, node, "is not supported: this build has no GEOS");
    if (node->count != argument_count(relation))
        return filter_error(checker->err, node->at, "%zu arguments expected, got %zu",
                            argument_count(relation), node->count);
    int rc = geometry_field(checker, node->children[0], &operand);
    if (rc != 0) return rc;
    struct geometry_leaf *leaf = arena_zalloc(checker->arena, sizeof *leaf);
    struct plan *plan = check_plan_new(checker, PLAN_GEOMETRY, out);
    if (!leaf || !plan) return check_no_memory(checker);
    leaf->constant.relation = relation;
    if (relation == GEOMETRY_DWITHIN)
        rc = geometry_metres(checker, node->children[2], &leaf->constant.metres);
    if (rc == 0 && node->count > 1) rc = geometry_constant(checker, node->children[1], leaf);
    if (rc != 0) return rc;
    plan->left = operand;
    plan->geometry = leaf;
    plan->special = checker->special_count++;
    return 0;
}

int geometry_test(struct geometry_matcher **state, const struct geometry_leaf *leaf,
                  struct kith_str wkt, int *result)
{
    int rc = *state ? 0 : geometry_matcher_new(&leaf->constant, state, NULL);
    if (rc == 0) *result = geometry_matcher_test(*state, wkt);
    return rc;
}
