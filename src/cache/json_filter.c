/* See json_filter.h. */
#include "cache/json_filter.h"

#include <stdlib.h>
#include <string.h>

#define NUMBER_BYTES_MAX 64u

struct filter {
    const char *at, *end;
    struct json_node *root, *node; /* NULL: the text is checked only */
    unsigned nesting, depth;
    uint64_t *left;  /* values that may be looked at */
    const char *why; /* it is no filter */
    int rc;
};

enum comparison {
    COMPARE_EQ, COMPARE_NE, COMPARE_LE, COMPARE_GE, COMPARE_LT, COMPARE_GT, NO_COMPARISON
};

struct operand {
    struct json_node literal; /* a text keeps its escapes and borrows */
    bool is_path, escaped;
    struct json_matches found; /* owns; of a path */
};

static bool fail(struct filter *in, const char *why)
{
    if (!in->why) in->why = why;
    return false;
}

static void blanks(struct filter *in)
{
    while (in->at < in->end && *in->at && strchr(" \t\r\n", *in->at)) in->at++;
}

static bool take(struct filter *in, const char *text)
{
    const size_t len = strlen(text);
    blanks(in);
    if ((size_t)(in->end - in->at) < len || memcmp(in->at, text, len) != 0) return false;
    in->at += len;
    return true;
}

/* ---- operands ---- */

static bool read_text(struct filter *in, struct operand *out)
{
    const char quote = *in->at++, *start = in->at;
    while (in->at < in->end && *in->at != quote) {
        if (*in->at == '\\') {
            out->escaped = true;
            if (++in->at == in->end) break;
            if (*in->at == 'u') return fail(in, "\\u in filters is not supported");
        }
        in->at++;
    }
    if (in->at >= in->end) return fail(in, "a quote is not closed");
    const size_t len = (size_t)(in->at++ - start);
    if (len > UINT32_MAX) return fail(in, "a text is too long");
    out->literal = (struct json_node){.kind = JSON_STRING, .count = (uint32_t)len};
    memcpy(&out->literal.text, &start, sizeof start); /* it is only read */
    return true;
}

static bool read_number(struct filter *in, struct operand *out)
{
    char copy[NUMBER_BYTES_MAX], *stop;
    size_t len = 0;
    while (in->at < in->end && *in->at && strchr("+-.0123456789eE", *in->at) &&
           len + 1 < sizeof copy)
        copy[len++] = *in->at++;
    copy[len] = 0;
    out->literal.kind = JSON_DOUBLE;
    out->literal.number = strtod(copy, &stop);
    return (len && !*stop) || fail(in, "a value or a path is expected in a filter");
}

static bool read_path(struct filter *in, struct operand *out)
{
    struct json_path path;
    struct json_node *from = *in->at++ == '$' ? in->root : in->node;
    if (in->nesting > JSON_PATH_NESTING_MAX) return fail(in, "filters are nested too deep");
    const char *why = json_path_parse_inner(&in->at, in->end, in->nesting, &path);
    out->is_path = true;
    if (why) return fail(in, why);
    if (from && in->rc == 0)
        in->rc = json_path_select_below(in->root, from, &path, in->left, &out->found);
    return true;
}

static bool read_operand(struct filter *in, struct operand *out)
{
    *out = (struct operand){.literal = {.kind = JSON_NULL}};
    blanks(in);
    if (in->at == in->end) return fail(in, "a filter ends early");
    if (*in->at == '@' || *in->at == '$') return read_path(in, out);
    if (*in->at == '"' || *in->at == '\'') return read_text(in, out);
    if (take(in, "null")) return true;
    out->literal.kind = JSON_BOOL;
    if (take(in, "false")) return true;
    out->literal.boolean = take(in, "true");
    return out->literal.boolean || read_number(in, out);
}

/* ---- comparisons ---- */

static char unescaped(char c)
{
    static const char from[] = "bfnrt", to[] = "\b\f\n\r\t";
    const char *at = strchr(from, c);
    return at && c ? to[at - from] : c;
}

/* -1, 0, 1: a text with escapes beside one without. */
static int compare_escaped(const struct json_node *a, const struct json_node *b)
{
    uint32_t i = 0, j = 0;
    while (i < a->count && j < b->count) {
        char c = a->text[i++];
        if (c == '\\') c = unescaped(a->text[i++]);
        const unsigned char x = (unsigned char)c, y = (unsigned char)b->text[j++];
        if (x != y) return x < y ? -1 : 1;
    }
    return (i < a->count) - (j < b->count);
}

static int compare_texts(const struct json_node *a, const struct json_node *b)
{
    const uint32_t len = a->count < b->count ? a->count : b->count;
    const int order = len ? memcmp(a->text, b->text, len) : 0;
    return order ? order : (a->count > b->count) - (a->count < b->count);
}

static bool is_number(const struct json_node *node)
{
    return node->kind == JSON_INT || node->kind == JSON_DOUBLE;
}

static double number_of(const struct json_node *node)
{
    return node->kind == JSON_INT ? (double)node->integer : node->number;
}

/* 0: equal; -1, 1: less, greater; 2: there is no order, they are not equal. */
static int compare(const struct json_node *a, bool a_escaped, const struct json_node *b,
                   bool b_escaped)
{
    if (is_number(a) && is_number(b)) {
        if (a->kind == JSON_INT && b->kind == JSON_INT)
            return (a->integer > b->integer) - (a->integer < b->integer);
        return (number_of(a) > number_of(b)) - (number_of(a) < number_of(b));
    }
    if (a->kind != b->kind) return 2;
    if (a->kind == JSON_NULL) return 0;
    if (a->kind == JSON_BOOL) return a->boolean == b->boolean ? 0 : 2;
    if (a->kind == JSON_STRING) {
        if (a_escaped) return compare_escaped(a, b);
        return b_escaped ? -compare_escaped(b, a) : compare_texts(a, b);
    }
    return json_node_equal(a, b) ? 0 : 2; /* containers have no order */
}

static bool holds(enum comparison how, int order)
{
    switch (how) {
    case COMPARE_EQ: return order == 0;
    case COMPARE_NE: return order != 0;
    case COMPARE_LE: return order == 0 || order < 0;
    case COMPARE_GE: return order == 0 || order == 1;
    case COMPARE_LT: return order < 0;
    case COMPARE_GT: return order == 1;
    case NO_COMPARISON: break;
    }
    return false;
}

static int sign(int order) { return order == 2 ? 2 : (order > 0) - (order < 0); }

/* False: too many values were looked at. */
static bool may_look(struct filter *in, uint64_t cost)
{
    if (in->rc == 0 && *in->left < cost) in->rc = KITH_ELIMIT;
    if (in->rc) return false;
    *in->left -= cost;
    return true;
}

static bool compare_all(struct filter *in, const struct operand *a, enum comparison how,
                        const struct operand *b)
{
    const size_t lefts = a->is_path ? a->found.count : 1;
    const size_t rights = b->is_path ? b->found.count : 1;
    if (!in->left) return false; /* checked only */
    if (!lefts || !rights) return how == COMPARE_NE && lefts != rights; /* nothing is nothing */
    for (size_t i = 0; i < lefts; i++)
        for (size_t j = 0; j < rights; j++) {
            const struct json_node *x = a->is_path ? a->found.items[i].node : &a->literal;
            const struct json_node *y = b->is_path ? b->found.items[j].node : &b->literal;
            if (!may_look(in, 1 + (uint64_t)json_node_children(x))) return false;
            if (holds(how, sign(compare(x, a->escaped, y, b->escaped)))) return true;
        }
    return false;
}

static enum comparison read_comparison(struct filter *in)
{
    static const char *const signs[NO_COMPARISON] = {"==", "!=", "<=", ">=", "<", ">"};
    int at = 0;
    while (at < NO_COMPARISON && !take(in, signs[at])) at++;
    return (enum comparison)at;
}

static bool test(struct filter *in)
{
    struct operand a, b = {0};
    bool yes = false;
    if (read_operand(in, &a)) {
        const enum comparison how = read_comparison(in);
        if (how != NO_COMPARISON) yes = read_operand(in, &b) && compare_all(in, &a, how, &b);
        else if (take(in, "=~")) fail(in, "=~ in filters is not supported");
        else if (a.is_path) yes = a.found.count > 0;
        else yes = a.literal.kind == JSON_BOOL && a.literal.boolean;
    }
    json_matches_release(&a.found);
    json_matches_release(&b.found);
    return yes;
}

/* ---- operators ---- */

static bool any(struct filter *in);

static bool negated(struct filter *in)
{
    bool yes;
    if (++in->depth > JSON_FILTER_DEPTH_MAX) {
        fail(in, "filters are nested too deep");
        yes = false;
    } else if (take(in, "!")) {
        yes = !negated(in);
    } else if (take(in, "(")) {
        yes = any(in);
        if (!take(in, ")")) fail(in, "a parenthesis is not closed");
    } else {
        yes = test(in);
    }
    in->depth--;
    return yes;
}

static bool all(struct filter *in)
{
    bool yes = negated(in);
    while (!in->why && take(in, "&&")) yes = negated(in) && yes;
    return yes;
}

static bool any(struct filter *in)
{
    bool yes = all(in);
    while (!in->why && take(in, "||")) yes = all(in) || yes;
    return yes;
}

const char *json_filter_check(const char **at, const char *end, unsigned nesting)
{
    struct filter in = {.at = *at, .end = end, .nesting = nesting};
    (void)any(&in);
    *at = in.at;
    return in.why;
}

int json_filter_test(struct kith_str text, struct json_node *root, struct json_node *node,
                     uint64_t *left)
{
    struct filter in = {.at = text.data, .end = text.data + text.len, .root = root, .node = node,
                        .left = left};
    const bool yes = any(&in);
    return in.rc ? in.rc : yes;
}
