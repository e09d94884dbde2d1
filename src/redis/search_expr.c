/* See search_expr.h: from a text to a tree, by recursive descent over the operators' levels. */
#include "redis/search_expr.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

struct expr_reader {
    struct arena *arena;
    struct expr *expr;
    const char *start, *at, *end;
    unsigned depth, nodes;
    char *error;
    size_t error_cap;
};

static int fail(struct expr_reader *in, const char *what)
{
    const size_t left = (size_t)(in->end - in->at);
    if (!in->error[0])
        (void)snprintf(in->error, in->error_cap, "%s at offset %zu near '%.*s'", what,
                       (size_t)(in->at - in->start), (int)(left > 40 ? 40 : left), in->at);
    return KITH_EINVAL;
}

static void blanks(struct expr_reader *in)
{
    while (in->at < in->end && *in->at && strchr(" \t\r\n", *in->at)) in->at++;
}

static bool take(struct expr_reader *in, const char *text)
{
    const size_t len = strlen(text);
    blanks(in);
    if ((size_t)(in->end - in->at) < len || memcmp(in->at, text, len) != 0) return false;
    in->at += len;
    return true;
}

static int new_node(struct expr_reader *in, enum expr_op op, size_t children,
                    struct expr_node **out)
{
    if (++in->nodes > EXPR_NODES_MAX) return fail(in, "Expression too long");
    struct expr_node *node =
        arena_zalloc(in->arena, sizeof *node + children * sizeof(struct expr_node *));
    if (!node) return KITH_ENOMEM;
    node->op = op;
    node->count = children;
    *out = node;
    return 0;
}

static int read_or(struct expr_reader *in, struct expr_node **out);

/* ---- leaves ---- */

static bool is_name(char c)
{
    const unsigned char u = (unsigned char)c;
    return u >= 0x80 || u == '_' || u == '.' || (u >= '0' && u <= '9') ||
           ((u | 32) >= 'a' && (u | 32) <= 'z');
}

static struct kith_str read_name(struct expr_reader *in)
{
    const char *start = in->at;
    while (in->at < in->end && is_name(*in->at)) in->at++;
    return (struct kith_str){start, (size_t)(in->at - start)};
}

static int read_property(struct expr_reader *in, struct expr_node **out)
{
    const struct kith_str name = read_name(in);
    struct expr *expr = in->expr;
    size_t place = 0;
    if (name.len == 0) return fail(in, "Syntax error: a name is expected");
    while (place < expr->name_count && !str_same(expr->names[place], name)) place++;
    if (place == EXPR_NAMES_MAX) return fail(in, "Too many names in an expression");
    if (place == expr->name_count) expr->names[expr->name_count++] = name;
    const int rc = new_node(in, EXPR_NAME, 0, out);
    if (rc == 0) (*out)->name = place;
    return rc;
}

static int read_text(struct expr_reader *in, char quote, struct expr_node **out)
{
    const char *end = in->at;
    size_t len = 0;
    while (end < in->end && *end != quote) end += *end == '\\' && end + 1 < in->end ? 2 : 1;
    if (end >= in->end) return fail(in, "Syntax error: a quote is not closed");
    char *text = arena_alloc(in->arena, (size_t)(end - in->at) + 1);
    if (!text) return KITH_ENOMEM;
    for (; in->at < end; in->at++) {
        if (*in->at == '\\') in->at++;
        text[len++] = *in->at;
    }
    in->at++;
    const int rc = new_node(in, EXPR_VALUE, 0, out);
    if (rc == 0) (*out)->value = expr_of_text((struct kith_str){text, len});
    return rc;
}

static int read_number(struct expr_reader *in, struct expr_node **out)
{
    const char *start = in->at;
    double number;
    while (in->at < in->end && ((*in->at >= '0' && *in->at <= '9') || *in->at == '.')) in->at++;
    if (in->at < in->end && (*in->at | 32) == 'e') {
        in->at++;
        if (in->at < in->end && (*in->at == '-' || *in->at == '+')) in->at++;
        while (in->at < in->end && *in->at >= '0' && *in->at <= '9') in->at++;
    }
    if (!text_double((struct kith_str){start, (size_t)(in->at - start)}, &number)) {
        in->at = start;
        return fail(in, "Syntax error: a number is expected");
    }
    const int rc = new_node(in, EXPR_VALUE, 0, out);
    if (rc == 0) (*out)->value = expr_of_number(number);
    return rc;
}

static int read_arguments(struct expr_reader *in, const struct expr_function *function,
                          struct expr_node **out)
{
    struct expr_node *args[EXPR_ARGUMENTS_MAX];
    size_t count = 0;
    while (!take(in, ")")) {
        if (count == EXPR_ARGUMENTS_MAX) return fail(in, "Too many arguments of a function");
        if (count && !take(in, ",")) return fail(in, "Syntax error");
        const int rc = read_or(in, &args[count]);
        if (rc) return rc;
        count++;
    }
    if (count < function->least || count > function->most)
        return fail(in, "Invalid number of arguments for function");
    const int rc = new_node(in, EXPR_CALL, count, out);
    if (rc) return rc;
    (*out)->function = function;
    if (count) memcpy((*out)->children, args, count * sizeof *args);
    return 0;
}

static int read_call(struct expr_reader *in, struct expr_node **out)
{
    const struct kith_str name = read_name(in);
    if (!take(in, "(")) {
        if (str_is(name, "null")) return new_node(in, EXPR_VALUE, 0, out);
        double number;
        if (!str_is(name, "inf") || !text_double(name, &number)) return fail(in, "Syntax error");
        const int rc = new_node(in, EXPR_VALUE, 0, out);
        if (rc == 0) (*out)->value = expr_of_number(number);
        return rc;
    }
    const struct expr_function *function = expr_function_of(name);
    if (!function) {
        if (!in->error[0])
            (void)snprintf(in->error, in->error_cap, "Unknown function name '%.*s'",
                           (int)(name.len > 60 ? 60 : name.len), name.data);
        return KITH_EINVAL;
    }
    return read_arguments(in, function, out);
}

static int read_leaf(struct expr_reader *in, struct expr_node **out)
{
    blanks(in);
    if (in->at == in->end) return fail(in, "Syntax error");
    const char c = *in->at;
    if (take(in, "(")) {
        const int rc = read_or(in, out);
        return rc ? rc : take(in, ")") ? 0 : fail(in, "Syntax error");
    }
    if (c == '"' || c == '\'') {
        in->at++;
        return read_text(in, c, out);
    }
    if (take(in, "@")) return read_property(in, out);
    if ((c >= '0' && c <= '9') || c == '.') return read_number(in, out);
    return is_name(c) ? read_call(in, out) : fail(in, "Syntax error");
}

/* ---- operators ---- */

static int read_power(struct expr_reader *in, struct expr_node **out);

/* Every nesting comes through here: brackets, arguments, signs and powers. */
static int read_unary(struct expr_reader *in, struct expr_node **out)
{
    if (++in->depth > EXPR_DEPTH_MAX) return fail(in, "Syntax error: nested too deep");
    blanks(in);
    int rc;
    const bool minus = take(in, "-");
    if (minus || (in->at < in->end && *in->at == '!')) {
        if (!minus) in->at++;
        rc = new_node(in, minus ? EXPR_MINUS : EXPR_NOT, 1, out);
        if (rc == 0) rc = minus ? read_power(in, &(*out)->children[0])
                                : read_unary(in, &(*out)->children[0]);
    } else {
        (void)take(in, "+");
        rc = read_leaf(in, out);
    }
    in->depth--;
    return rc;
}

static int pair(struct expr_reader *in, enum expr_op op, struct expr_node **left,
                struct expr_node **right)
{
    struct expr_node *node = NULL;
    const int rc = new_node(in, op, 2, &node);
    if (rc) return rc;
    node->children[0] = *left;
    *left = node;
    *right = NULL;
    return 0;
}

static int read_power(struct expr_reader *in, struct expr_node **out)
{
    struct expr_node *right;
    int rc = read_unary(in, out);
    if (rc || !take(in, "^")) return rc;
    if (++in->depth > EXPR_DEPTH_MAX) return fail(in, "Syntax error: nested too deep");
    rc = pair(in, EXPR_POW, out, &right);
    if (rc == 0) rc = read_power(in, &(*out)->children[1]);
    in->depth--;
    return rc;
}

/* Operators that bind equally, from weakest to strongest; the longer sign first. */
struct level {
    const char *sign;
    enum expr_op op;
};
#define LEVELS 5u
static const struct level levels[LEVELS + 1][5] = {
    {{"||", EXPR_OR}},
    {{"&&", EXPR_AND}},
    {{"==", EXPR_EQ}, {"!=", EXPR_NE}},
    {{"<=", EXPR_LE}, {">=", EXPR_GE}, {"<", EXPR_LT}, {">", EXPR_GT}},
    {{"+", EXPR_ADD}, {"-", EXPR_SUB}},
    {{"*", EXPR_MUL}, {"/", EXPR_DIV}, {"%", EXPR_MOD}},
};

static const struct level *sign_here(struct expr_reader *in, size_t level)
{
    for (size_t i = 0; i < 5 && levels[level][i].sign; i++)
        if (take(in, levels[level][i].sign)) return &levels[level][i];
    return NULL;
}

static int read_level(struct expr_reader *in, size_t level, struct expr_node **out)
{
    const struct level *sign;
    int rc = level == LEVELS ? read_power(in, out) : read_level(in, level + 1, out);
    while (rc == 0 && (sign = sign_here(in, level)) != NULL) {
        struct expr_node *right;
        rc = pair(in, sign->op, out, &right);
        if (rc == 0)
            rc = level == LEVELS ? read_power(in, &right) : read_level(in, level + 1, &right);
        if (rc == 0) (*out)->children[1] = right;
    }
    return rc;
}

static int read_or(struct expr_reader *in, struct expr_node **out)
{
    return read_level(in, 0, out);
}

int expr_parse(struct arena *arena, struct kith_str text, struct expr *out, char *error,
               size_t error_cap)
{
    struct expr_reader in = {.arena = arena, .expr = out, .start = text.data, .at = text.data,
                             .end = text.data + text.len, .error = error, .error_cap = error_cap};
    *out = (struct expr){0};
    error[0] = 0;
    if (text.len > EXPR_TEXT_MAX) return fail(&in, "Expression too long");
    const int rc = read_or(&in, &out->root);
    if (rc) return rc;
    blanks(&in);
    return in.at == in.end ? 0 : fail(&in, "Syntax error");
}
