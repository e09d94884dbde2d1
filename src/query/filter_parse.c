/*
 * The tree of the whole language, by precedence climbing.
 *
 * Tightest first: primaries with `is null` and `like` behind them; `**`; unary + - ~ ! not;
 * * / %; + -; shifts; in; chains `a < f <= b`; relations; equality; & ^ |; and; or. Binary
 * operators associate to the left. So `not a == 1` is `(not a) == 1`, which the check refuses, and
 * `not a like "x%"` needs no parentheses. Runs of `and` (or `or`) become one node with many
 * children, so a filter of a thousand terms is not a thousand levels deep.
 *
 * Depth, nodes and the nesting of the parser itself are bounded by model/limits.h.
 */
#include <string.h>

#include "model/limits.h"
#include "query/filter_internal.h"

enum level { /* larger binds tighter */
    LEVEL_NONE, LEVEL_OR, LEVEL_AND, LEVEL_BIT_OR, LEVEL_BIT_XOR, LEVEL_BIT_AND, LEVEL_EQUALITY,
    LEVEL_RELATION, LEVEL_CHAIN, LEVEL_IN, LEVEL_SHIFT, LEVEL_SUM, LEVEL_PRODUCT, LEVEL_UNARY,
    LEVEL_POWER, LEVEL_PRIMARY
};

#define AHEAD 3 /* tokens needed to tell a chain from a relation */

struct parser {
    struct lexer *lexer;
    struct lexeme ahead[AHEAD]; /* ahead[0] is next; never read beyond an error or the end */
    size_t nodes;
    unsigned nesting;
};

static int parse_expr(struct parser *parser, enum level least, struct node **out);

/* ------------------------------------------------------------------ tokens and nodes */

static const struct lexeme *next(const struct parser *parser) { return &parser->ahead[0]; }

static int advance(struct parser *parser)
{
    parser->ahead[0] = parser->ahead[1];
    parser->ahead[1] = parser->ahead[2];
    return lexer_next(parser->lexer, &parser->ahead[2]);
}

static int unexpected(const struct parser *parser, const char *expected)
{
    const struct lexeme *token = next(parser);
    if (token->kind == TOKEN_END)
        return lexer_error(parser->lexer, token->at, "mismatched input '<EOF>' expecting %s",
                           expected);
    size_t len = token->end - token->at;
    return lexer_error(parser->lexer, token->at, "mismatched input '%.*s' expecting %s",
                       (int)(len < 64 ? len : 64), parser->lexer->text + token->at, expected);
}

static int expect(struct parser *parser, enum filter_token kind, const char *name)
{
    return next(parser)->kind == kind ? advance(parser) : unexpected(parser, name);
}

static int no_memory(const struct parser *parser)
{
    return error_set(parser->lexer->err, KITH_ENOMEM, "no memory for the filter");
}

static int node_new(struct parser *parser, enum node_kind kind, size_t at, struct node **out)
{
    if (++parser->nodes > LIMIT_FILTER_NODES)
        return filter_error(parser->lexer->err, at, "filter of more than %d parts",
                            LIMIT_FILTER_NODES);
    struct node *node = arena_zalloc(parser->lexer->arena, sizeof *node);
    if (!node) return no_memory(parser);
    node->kind = kind;
    node->at = at;
    node->end = at;
    node->depth = 1;
    *out = node;
    return 0;
}

static int too_deep(const struct parser *parser, size_t at)
{
    return filter_error(parser->lexer->err, at, "filter nested deeper than %d levels",
                        LIMIT_FILTER_DEPTH);
}

/* Appends a child; room is doubled at powers of two. */
static int node_add(struct parser *parser, struct node *node, struct node *child)
{
    if ((node->count & (node->count - 1)) == 0) {
        size_t cap = node->count == 0 ? 1 : 2 * node->count;
        struct node **grown = arena_alloc_array(parser->lexer->arena, cap, sizeof(struct node *));
        if (!grown) return no_memory(parser);
        if (node->count > 0) memcpy(grown, node->children, node->count * sizeof *grown);
        node->children = grown;
    }
    node->children[node->count++] = child;
    if (child->depth + 1 > node->depth) node->depth = child->depth + 1;
    if (child->at < node->at) node->at = child->at;
    if (child->end > node->end) node->end = child->end;
    return node->depth > LIMIT_FILTER_DEPTH ? too_deep(parser, child->at) : 0;
}

/* ------------------------------------------------------------------ primaries */

static int parse_leaf(struct parser *parser, enum node_kind kind, struct node **out)
{
    const struct lexeme *token = next(parser);
    int rc = node_new(parser, kind, token->at, out);
    if (rc != 0) return rc;
    (*out)->literal = token->literal;
    (*out)->overflow = token->overflow;
    (*out)->path = token->path;
    (*out)->end = token->end;
    return advance(parser);
}

/* The parts of a list or of a call, through the closing sign. */
static int parse_items(struct parser *parser, struct node *node, enum filter_token close,
                       const char *name)
{
    int rc = 0;
    while (rc == 0 && next(parser)->kind != close) {
        struct node *item = NULL;
        rc = parse_expr(parser, LEVEL_OR, &item);
        if (rc == 0) rc = node_add(parser, node, item);
        if (rc != 0 || next(parser)->kind == close) break;
        rc = expect(parser, TOKEN_COMMA, name);
    }
    node->end = next(parser)->end;
    return rc != 0 ? rc : expect(parser, close, name);
}

static int parse_list(struct parser *parser, struct node **out)
{
    int rc = node_new(parser, NODE_LIST, next(parser)->at, out);
    if (rc == 0) rc = advance(parser);
    return rc != 0 ? rc : parse_items(parser, *out, TOKEN_LIST_CLOSE, "',' or ']'");
}

static int parse_parentheses(struct parser *parser, struct node **out)
{
    int rc = advance(parser);
    if (rc == 0) rc = parse_expr(parser, LEVEL_OR, out);
    return rc != 0 ? rc : expect(parser, TOKEN_CLOSE, "')'");
}

/* Behind an argument: minimum_should_match=2, threshold=3. */
static int parse_named(struct parser *parser, struct node **argument)
{
    struct node *named = NULL, *value = NULL, *name = *argument;
    if (name->kind != NODE_PATH || name->path.count > 0) return unexpected(parser, "',' or ')'");
    int rc = node_new(parser, NODE_NAMED, name->at, &named);
    if (rc == 0) rc = advance(parser);
    if (rc == 0) rc = parse_expr(parser, LEVEL_OR, &value);
    if (rc != 0) return rc;
    named->path = name->path;
    *argument = named;
    return node_add(parser, named, value);
}

static int parse_arguments(struct parser *parser, struct node *call)
{
    int rc = expect(parser, TOKEN_OPEN, "'('");
    while (rc == 0 && next(parser)->kind != TOKEN_CLOSE) {
        struct node *argument = NULL;
        rc = parse_expr(parser, LEVEL_OR, &argument);
        if (rc == 0 && next(parser)->kind == TOKEN_ASSIGN) rc = parse_named(parser, &argument);
        if (rc == 0) rc = node_add(parser, call, argument);
        if (rc != 0 || next(parser)->kind == TOKEN_CLOSE) break;
        rc = expect(parser, TOKEN_COMMA, "',' or ')'");
    }
    if (rc != 0) return rc;
    call->end = next(parser)->end;
    return expect(parser, TOKEN_CLOSE, "')'");
}

static int parse_call(struct parser *parser, struct node **out)
{
    int rc = node_new(parser, NODE_CALL, next(parser)->at, out);
    if (rc != 0) return rc;
    (*out)->call = next(parser)->call;
    (*out)->op_at = next(parser)->end; /* the end of its name */
    rc = advance(parser);
    return rc != 0 ? rc : parse_arguments(parser, *out);
}

static int parse_exists(struct parser *parser, struct node **out)
{
    struct node *operand = NULL;
    int rc = node_new(parser, NODE_EXISTS, next(parser)->at, out);
    if (rc == 0) rc = advance(parser);
    if (rc == 0) rc = parse_expr(parser, LEVEL_PRIMARY, &operand);
    return rc != 0 ? rc : node_add(parser, *out, operand);
}

static int parse_unary(struct parser *parser, struct node **out)
{
    struct node *operand = NULL;
    int rc = node_new(parser, NODE_UNARY, next(parser)->at, out);
    if (rc != 0) return rc;
    (*out)->op = next(parser)->kind;
    (*out)->op_at = next(parser)->at;
    rc = advance(parser);
    if (rc == 0) rc = parse_expr(parser, LEVEL_UNARY, &operand);
    return rc != 0 ? rc : node_add(parser, *out, operand);
}

/* ------------------------------------------------------------------ times */

static bool upward(enum filter_token kind) { return kind == TOKEN_LT || kind == TOKEN_LE; }
static bool relation(enum filter_token kind)
{
    return upward(kind) || kind == TOKEN_GT || kind == TOKEN_GE;
}

static bool comparison(enum filter_token kind)
{
    return relation(kind) || kind == TOKEN_EQ || kind == TOKEN_NE;
}

/* `f + interval`, `f < iso`: such a comparison is one primary, so that `not` stands in front. */
static bool time_follows(const struct parser *parser)
{
    enum filter_token sign = parser->ahead[1].kind, word = parser->ahead[2].kind;
    return ((sign == TOKEN_ADD || sign == TOKEN_SUB) && word == TOKEN_INTERVAL) ||
           (comparison(sign) && word == TOKEN_ISO);
}

static int parse_time_field(struct parser *parser, struct node *node)
{
    struct node *field = NULL;
    if (next(parser)->kind != TOKEN_PATH) return unexpected(parser, "a field");
    int rc = parse_leaf(parser, NODE_PATH, &field);
    if (rc == 0) rc = node_add(parser, node, field);
    enum filter_token sign = next(parser)->kind;
    if (rc != 0 || (sign != TOKEN_ADD && sign != TOKEN_SUB)) return rc;
    node->negated = sign == TOKEN_SUB;
    rc = advance(parser);
    if (rc == 0) rc = expect(parser, TOKEN_INTERVAL, "'interval'");
    if (rc != 0) return rc;
    node->literal = next(parser)->literal;
    node->end = next(parser)->end;
    return expect(parser, TOKEN_STRING, "a duration in quotes");
}

static int parse_iso(struct parser *parser, struct node **out)
{
    int rc = expect(parser, TOKEN_ISO, "'iso'");
    if (rc == 0 && next(parser)->kind != TOKEN_STRING) rc = unexpected(parser, "a time in quotes");
    return rc != 0 ? rc : parse_leaf(parser, NODE_LITERAL, out);
}

static int parse_comparison(struct parser *parser, enum filter_token *op)
{
    *op = next(parser)->kind;
    return comparison(*op) ? advance(parser) : unexpected(parser, "a comparison");
}

/* iso 'a' < f + interval 'd', and behind it perhaps < iso 'b'. */
static int parse_time_mirrored(struct parser *parser, struct node *node)
{
    struct node *first = NULL, *second = NULL;
    enum filter_token op = TOKEN_END;
    int rc = parse_iso(parser, &first);
    if (rc == 0) rc = parse_comparison(parser, &op);
    if (rc == 0) rc = parse_time_field(parser, node);
    if (rc == 0) rc = node_add(parser, node, first);
    if (rc != 0) return rc;
    node->op = filter_mirrored(op);
    enum filter_token op2 = next(parser)->kind;
    if (!relation(op) || !relation(op2) || upward(op) != upward(op2) ||
        parser->ahead[1].kind != TOKEN_ISO)
        return 0;
    node->op2 = op2;
    rc = advance(parser);
    if (rc == 0) rc = parse_iso(parser, &second);
    return rc != 0 ? rc : node_add(parser, node, second);
}

static int parse_time(struct parser *parser, struct node **out)
{
    struct node *iso = NULL;
    int rc = node_new(parser, NODE_TIME, next(parser)->at, out);
    if (rc != 0) return rc;
    (*out)->op_at = (*out)->at;
    if (next(parser)->kind == TOKEN_ISO) return parse_time_mirrored(parser, *out);
    rc = parse_time_field(parser, *out);
    if (rc == 0) rc = parse_comparison(parser, &(*out)->op);
    if (rc == 0) rc = parse_iso(parser, &iso);
    return rc != 0 ? rc : node_add(parser, *out, iso);
}

static int parse_primary(struct parser *parser, struct node **out)
{
    switch (next(parser)->kind) {
    case TOKEN_BOOL: case TOKEN_INT: case TOKEN_FLOAT: case TOKEN_STRING:
        return parse_leaf(parser, NODE_LITERAL, out);
    case TOKEN_PATH:
        return time_follows(parser) ? parse_time(parser, out) : parse_leaf(parser, NODE_PATH, out);
    case TOKEN_TEMPLATE: return parse_leaf(parser, NODE_TEMPLATE, out);
    case TOKEN_ELEMENT: return parse_leaf(parser, NODE_ELEMENT, out);
    case TOKEN_LIST_OPEN: return parse_list(parser, out);
    case TOKEN_OPEN: return parse_parentheses(parser, out);
    case TOKEN_CALL: return parse_call(parser, out);
    case TOKEN_EXISTS: return parse_exists(parser, out);
    case TOKEN_ISO: return parse_time(parser, out);
    case TOKEN_ADD: case TOKEN_SUB: case TOKEN_BIT_NOT: case TOKEN_NOT:
        return parse_unary(parser, out);
    default: return unexpected(parser, "an expression");
    }
}

/* ------------------------------------------------------------------ operators */

static enum level binary_level(enum filter_token kind)
{
    switch (kind) {
    case TOKEN_POW: return LEVEL_POWER;
    case TOKEN_MUL: case TOKEN_DIV: case TOKEN_MOD: return LEVEL_PRODUCT;
    case TOKEN_ADD: case TOKEN_SUB: return LEVEL_SUM;
    case TOKEN_SHL: case TOKEN_SHR: return LEVEL_SHIFT;
    case TOKEN_LT: case TOKEN_LE: case TOKEN_GT: case TOKEN_GE: return LEVEL_RELATION;
    case TOKEN_EQ: case TOKEN_NE: return LEVEL_EQUALITY;
    case TOKEN_BIT_AND: return LEVEL_BIT_AND;
    case TOKEN_BIT_XOR: return LEVEL_BIT_XOR;
    case TOKEN_BIT_OR: return LEVEL_BIT_OR;
    case TOKEN_AND: return LEVEL_AND;
    case TOKEN_OR: return LEVEL_OR;
    default: return LEVEL_NONE;
    }
}

/* `< f <=`: the middle of a chain is a path, and both signs point the same way. */
static bool chain_follows(const struct parser *parser)
{
    enum filter_token first = parser->ahead[0].kind, second = parser->ahead[2].kind;
    return relation(first) && parser->ahead[1].kind == TOKEN_PATH && relation(second) &&
           upward(first) == upward(second);
}

static enum level operator_level(const struct parser *parser)
{
    switch (next(parser)->kind) {
    case TOKEN_IS_NULL: case TOKEN_IS_NOT_NULL: case TOKEN_LIKE: return LEVEL_PRIMARY;
    case TOKEN_IN: return LEVEL_IN;
    case TOKEN_NOT: return parser->ahead[1].kind == TOKEN_IN ? LEVEL_IN : LEVEL_NONE;
    default: return chain_follows(parser) ? LEVEL_CHAIN : binary_level(next(parser)->kind);
    }
}

static int parse_null_test(struct parser *parser, struct node *left, struct node **out)
{
    struct lexeme token = *next(parser);
    if (left->kind != NODE_PATH) return unexpected(parser, "an operator");
    enum node_kind kind = token.kind == TOKEN_IS_NULL ? NODE_IS_NULL : NODE_IS_NOT_NULL;
    int rc = node_new(parser, kind, left->at, out);
    if (rc == 0) rc = node_add(parser, *out, left);
    if (rc != 0) return rc;
    (*out)->end = token.end;
    return advance(parser);
}

static int parse_like(struct parser *parser, struct node *left, struct node **out)
{
    int rc = node_new(parser, NODE_LIKE, left->at, out);
    if (rc == 0) rc = node_add(parser, *out, left);
    if (rc == 0) rc = advance(parser);
    if (rc != 0) return rc;
    if (next(parser)->kind != TOKEN_STRING) return unexpected(parser, "a pattern in quotes");
    (*out)->literal = next(parser)->literal;
    (*out)->end = next(parser)->end;
    return advance(parser);
}

static int parse_in(struct parser *parser, struct node *left, struct node **out)
{
    struct node *right = NULL;
    int rc = node_new(parser, NODE_IN, left->at, out);
    if (rc == 0) rc = node_add(parser, *out, left);
    if (rc != 0) return rc;
    (*out)->negated = next(parser)->kind == TOKEN_NOT;
    if ((*out)->negated) rc = advance(parser);
    if (rc == 0) rc = advance(parser);
    if (rc == 0) rc = parse_expr(parser, LEVEL_IN + 1, &right);
    return rc != 0 ? rc : node_add(parser, *out, right);
}

static int parse_chain(struct parser *parser, struct node *left, struct node **out)
{
    struct node *middle = NULL, *right = NULL;
    int rc = node_new(parser, NODE_CHAIN, left->at, out);
    if (rc != 0) return rc;
    (*out)->op = next(parser)->kind;
    (*out)->op_at = next(parser)->at;
    rc = advance(parser);
    if (rc == 0) rc = parse_leaf(parser, NODE_PATH, &middle);
    if (rc != 0) return rc;
    (*out)->op2 = next(parser)->kind;
    rc = advance(parser);
    if (rc == 0) rc = parse_expr(parser, LEVEL_CHAIN + 1, &right);
    if (rc == 0) rc = node_add(parser, *out, left);
    if (rc == 0) rc = node_add(parser, *out, middle);
    return rc != 0 ? rc : node_add(parser, *out, right);
}

/* Joins a run of the same connective into the node on the left, unless it was in parentheses. */
static int parse_binary(struct parser *parser, enum level level, bool open, struct node *left,
                        struct node **out)
{
    enum filter_token op = next(parser)->kind;
    bool joins = open && left->kind == NODE_BINARY && left->op == op &&
                 (op == TOKEN_AND || op == TOKEN_OR);
    struct node *node = left, *right = NULL;
    int rc = 0;
    if (!joins) {
        rc = node_new(parser, NODE_BINARY, left->at, &node);
        if (rc != 0) return rc;
        node->op = op;
        node->op_at = next(parser)->at;
        rc = node_add(parser, node, left);
    }
    if (rc == 0) rc = advance(parser);
    if (rc == 0) rc = parse_expr(parser, level + 1, &right);
    if (rc == 0) rc = node_add(parser, node, right);
    *out = node;
    return rc;
}

static int parse_operator(struct parser *parser, enum level level, bool open, struct node **node)
{
    switch (next(parser)->kind) {
    case TOKEN_IS_NULL: case TOKEN_IS_NOT_NULL: return parse_null_test(parser, *node, node);
    case TOKEN_LIKE: return parse_like(parser, *node, node);
    case TOKEN_IN: case TOKEN_NOT: return parse_in(parser, *node, node);
    default: break;
    }
    if (level == LEVEL_CHAIN) return parse_chain(parser, *node, node);
    return parse_binary(parser, level, open, *node, node);
}

static int parse_expr(struct parser *parser, enum level least, struct node **out)
{
    struct node *node = NULL;
    bool open = false; /* the node is a run of this loop */
    if (++parser->nesting > LIMIT_FILTER_DEPTH) return too_deep(parser, next(parser)->at);
    int rc = parse_primary(parser, &node);
    while (rc == 0) {
        enum level level = operator_level(parser);
        if (level == LEVEL_NONE || level < least) break;
        rc = parse_operator(parser, level, open, &node);
        open = true;
    }
    parser->nesting--;
    *out = node;
    return rc;
}

int filter_parse(struct lexer *lexer, struct node **out)
{
    struct parser parser = { .lexer = lexer };
    for (size_t i = 0; i < AHEAD; i++) {
        int rc = advance(&parser);
        if (rc != 0) return rc;
    }
    struct node *node = NULL;
    int rc = parse_expr(&parser, LEVEL_OR, &node);
    if (rc == 0 && next(&parser)->kind != TOKEN_END) {
        const struct lexeme *token = next(&parser);
        size_t len = lexer->len < FILTER_EXCERPT_BYTES ? lexer->len : FILTER_EXCERPT_BYTES;
        rc = filter_error(lexer->err, token->at, "invalid expression: %.*s", (int)len,
                          lexer->text);
    }
    if (rc == 0) *out = node;
    return rc;
}
