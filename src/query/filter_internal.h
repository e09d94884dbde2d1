/*
 * What the filter files share: tokens, the tree, the checked plan, and values of rows.
 *
 * Text becomes tokens (filter_lex), tokens a tree of the whole language (filter_parse), the tree
 * a plan for one schema (filter_check, with names in filter_names and constants in filter_fold),
 * and the plan bitsets (filter_eval). Everything lives in the arena given to filter_compile.
 */
#ifndef KITH_QUERY_FILTER_INTERNAL_H
#define KITH_QUERY_FILTER_INTERNAL_H

#include "base/json.h"
#include "model/key.h"
#include "query/filter.h"
#include "query/geometry.h"

/* ------------------------------------------------------------------ text and tree */

enum filter_token {
    TOKEN_END, TOKEN_BOOL, TOKEN_INT, TOKEN_FLOAT, TOKEN_STRING, TOKEN_PATH, TOKEN_CALL,
    TOKEN_IS_NULL, TOKEN_IS_NOT_NULL, TOKEN_EXISTS, TOKEN_LIKE, TOKEN_IN, TOKEN_INTERVAL,
    TOKEN_ISO, TOKEN_TEMPLATE, TOKEN_ELEMENT, TOKEN_OPEN, TOKEN_CLOSE, TOKEN_LIST_OPEN,
    TOKEN_LIST_CLOSE, TOKEN_COMMA, TOKEN_ASSIGN, TOKEN_AND, TOKEN_OR, TOKEN_NOT, TOKEN_EQ,
    TOKEN_NE, TOKEN_LT, TOKEN_LE, TOKEN_GT, TOKEN_GE, TOKEN_ADD, TOKEN_SUB, TOKEN_MUL, TOKEN_DIV,
    TOKEN_MOD, TOKEN_POW, TOKEN_SHL, TOKEN_SHR, TOKEN_BIT_AND, TOKEN_BIT_XOR, TOKEN_BIT_OR,
    TOKEN_BIT_NOT
};

enum filter_call {
    CALL_CONTAINS, CALL_CONTAINS_ALL, CALL_CONTAINS_ANY, CALL_LENGTH, CALL_TEXT_MATCH,
    CALL_PHRASE_MATCH, CALL_SAMPLE,
    CALL_REFUSED, /* parsed, then refused by name */
    CALL_GEOMETRY /* and behind it one for each enum geometry_relation */
};

/* Also the form of a constant: numbers, text and lists. */
enum literal_kind { LITERAL_BOOL, LITERAL_INT, LITERAL_FLOAT, LITERAL_STRING, LITERAL_LIST };

struct literal {
    enum literal_kind kind;
    bool boolean;
    int64_t integer;
    double number;       /* of LITERAL_INT too */
    struct kith_str s;   /* LITERAL_STRING; in the arena or in the filter's text */
    const struct literal *items; /* LITERAL_LIST */
    size_t count;
};

struct path { /* an identifier with its parts */
    struct kith_str name;
    const struct json_step *steps;
    size_t count;
};

struct lexeme {
    enum filter_token kind;
    size_t at, end; /* byte offsets in the text */
    bool overflow;  /* TOKEN_INT: 2^63, legal behind a minus only */
    enum filter_call call;
    struct literal literal;
    struct path path;
};

enum node_kind {
    NODE_LITERAL, NODE_LIST, NODE_PATH, NODE_UNARY, NODE_BINARY, /* op is the token's kind */
    NODE_CHAIN, /* children: lower side, path, upper side as written; op and op2 */
    NODE_IN, NODE_LIKE, NODE_IS_NULL, NODE_IS_NOT_NULL, NODE_EXISTS, NODE_CALL,
    NODE_TEMPLATE, /* path.name */
    NODE_NAMED,    /* name=value in a call: path.name, one child */
    NODE_TIME,     /* children: the field, a text behind ISO, for chains another one; op and op2 as
                      with the field on the left; literal is the interval's text, or none */
    NODE_ELEMENT   /* $[name] */
};

struct node {
    enum node_kind kind;
    enum filter_token op, op2;
    enum filter_call call;
    bool negated;  /* NODE_IN: not in; NODE_TIME: the interval is taken away */
    bool overflow; /* as in struct lexeme */
    unsigned depth;
    size_t at, end; /* of its text, without parentheses around it */
    size_t op_at;
    struct literal literal;
    struct path path;
    struct node **children;
    size_t count;
};

struct lexer {
    const char *text; /* borrows */
    size_t len, pos;
    struct arena *arena;
    struct kith_error *err;
};

/* The character at pos + ahead; NUL behind the end. */
static inline char lexer_peek(const struct lexer *lexer, size_t ahead)
{
    return ahead < lexer->len - lexer->pos ? lexer->text[lexer->pos + ahead] : '\0';
}

static inline bool lexer_is_digit(char c) { return c >= '0' && c <= '9'; }
static inline bool lexer_is_name_start(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}
static inline bool lexer_is_name(char c) { return lexer_is_name_start(c) || lexer_is_digit(c); }

/* "line 1:<column> <text>": what is wrong with the form of the filter. Returns KITH_EFILTER. */
int lexer_error(const struct lexer *lexer, size_t at, const char *fmt, ...) KITH_PRINTF(3, 4);
/* filter_literal.c: from the opening quote through the closing one; a number of any form. */
KITH_NODISCARD int lexer_quoted(struct lexer *lexer, struct kith_str *out);
KITH_NODISCARD int lexer_raw_quoted(struct lexer *lexer, struct kith_str *out); /* no escapes */
KITH_NODISCARD int lexer_number(struct lexer *lexer, struct lexeme *out);
int lexer_no_memory(const struct lexer *lexer);
KITH_NODISCARD int lexer_next(struct lexer *lexer, struct lexeme *out);
KITH_NODISCARD int filter_parse(struct lexer *lexer, struct node **out);
/* `a op b` is `b mirrored a`. */
static inline enum filter_token filter_mirrored(enum filter_token op)
{
    switch (op) {
    case TOKEN_LT: return TOKEN_GT;
    case TOKEN_LE: return TOKEN_GE;
    case TOKEN_GT: return TOKEN_LT;
    case TOKEN_GE: return TOKEN_LE;
    default: return op;
    }
}

/* The text is exactly what fmt makes, the place is err.position. Returns KITH_EFILTER. */
int filter_error(struct kith_error *err, size_t at, const char *fmt, ...) KITH_PRINTF(3, 4);

/* ------------------------------------------------------------------ the plan */

enum operand_form {
    OPERAND_FIELD,   /* the value of a column, whole */
    OPERAND_JSON,    /* below the root of a JSON column, or its root */
    OPERAND_ELEMENT, /* one element of an array column */
};

struct operand {
    enum operand_form form;
    size_t slot;         /* of filter.fields */
    enum kith_type type; /* of the column */
    enum kith_type element; /* ARRAY columns */
    bool nullable;
    const struct json_step *steps;
    size_t step_count;
    size_t index;
    bool length;           /* the number of elements of it */
    enum filter_token arith; /* TOKEN_END: none */
    bool arith_float;
    struct literal by;
};

struct like { /* a pattern in items: a byte to match, any one character, any run */
    const uint16_t *items;
    size_t count;
    size_t prefix; /* literal bytes in front */
};
#define LIKE_ONE 0x100
#define LIKE_RUN 0x101

enum plan_kind {
    PLAN_AND, PLAN_OR, PLAN_NOT,
    PLAN_NEVER,     /* false for every row that has a value */
    PLAN_BOUNDS,    /* low <= x <= high, either one optional */
    PLAN_COLUMNS,   /* left op right */
    PLAN_TERMS,     /* x is one of values */
    PLAN_LIKE, PLAN_NULL, PLAN_EXISTS, PLAN_CONTAINS,
    PLAN_SAMPLE,    /* a share of the rows; reads no column: left is not set */
    /* Special leaves: special_test for one row. */
    PLAN_TIME,      /* a TIMESTAMPTZ column moved by months, within bounds */
    PLAN_GEOMETRY, PLAN_MATCH
};

struct time_leaf { /* of PLAN_TIME: the bounds are the plan's */
    int64_t months, micros; /* added to the value, months first */
};

struct match_term {
    struct kith_str text;
    uint32_t position;
};

struct match_leaf { /* text_match and phrase_match */
    bool phrase;
    struct kith_str words;          /* as given: the pattern of a probe */
    const struct match_term *terms; /* match: distinct and ascending; phrase: in order */
    size_t count;
    uint32_t least; /* match */
    uint32_t slop;  /* phrase */
    const char *analyzer; /* of the field; borrows from the schema */
};

struct geometry_leaf {
    struct geometry_constant constant;
    /* Rows whose envelope does not meet the box cannot match: the box of a probe. */
    bool boxed;
    double box[4];
};

struct bound {
    bool given, inclusive;
    struct literal value;
};

struct plan {
    enum plan_kind kind;
    enum filter_token op; /* PLAN_COLUMNS */
    bool negated;         /* true and false change places; unknown stays */
    bool equal;           /* PLAN_BOUNDS: low and high are the same value */
    bool all;             /* PLAN_CONTAINS: every value, else any */
    struct plan **children;
    size_t count;
    struct operand left, right;
    struct bound low, high;
    const struct literal *values;
    size_t value_count;
    bool sorted;           /* PLAN_TERMS: values of one kind, ascending */
    unsigned depth;        /* levels of plans below and with this one */
    struct like like;
    bool sampled;          /* PLAN_SAMPLE somewhere in it */
    uint64_t share;        /* PLAN_SAMPLE: rows whose hash is below it pass */
    size_t special;        /* special leaves: which of filter.special_count */
    const struct time_leaf *time;
    const struct match_leaf *match;
    const struct geometry_leaf *geometry;
    size_t number;           /* of the node; filter_leaf.h from here */
    size_t first_child;      /* of a run, in evaluation.order */
    const struct leaf *leaf; /* NULL: a connective */
};

static inline bool plan_is_special(const struct plan *plan) { return plan->kind >= PLAN_TIME; }

struct filter {
    const struct plan *root;
    const size_t *fields; /* schema field numbers by slot */
    const enum kith_type *types;
    size_t field_count;
    const struct key *keys; /* NULL: not a filter on the primary key alone */
    size_t key_count;
    size_t special_count;
    bool sampled; /* has a random_sample */
    uint64_t seed;
    size_t node_count, child_count; /* of the plan */
};

struct template_table;

struct checker {
    const char *text; /* borrows */
    const char *params; /* borrows; NULL: none */
    struct template_table *templates; /* made when the first template is met */
    const struct schema *schema;
    struct arena *arena;
    struct kith_error *err;
    size_t *fields; /* in the arena, grown by doubling */
    enum kith_type *types;
    size_t field_count, field_cap;
    size_t special_count;
};

enum expr_class { EXPR_LITERAL, EXPR_OPERAND, EXPR_PREDICATE };

struct expr { /* what a checked node is */
    enum expr_class class;
    const struct node *node;
    struct literal literal;
    struct operand operand;
    struct plan *plan;
};

KITH_NODISCARD int filter_check(struct checker *checker, const struct node *root,
                                struct filter *out);
/* filter_check.c: what the checks share. check_error says "what: text of the node", at the node. */
#define FILTER_EXCERPT_BYTES 400
KITH_NODISCARD int filter_check_expr(struct checker *checker, const struct node *node,
                                     struct expr *out);
int check_no_memory(const struct checker *checker);
int check_error(const struct checker *checker, const struct node *node, const char *what);
int check_plain_error(const struct checker *checker, const struct node *node, const char *what);
int check_refused(const struct checker *checker, const struct node *node, const char *what);
int check_cannot_cast(const struct checker *checker, const struct node *node, const char *type);
/* Makes *out a predicate. NULL: no memory. */
struct plan *check_plan_new(struct checker *checker, enum plan_kind kind, struct expr *out);
/* The list's items as an array of `element` stores them. */
KITH_NODISCARD int check_cast_items(struct checker *checker, const struct node *node,
                                    enum kith_type element, struct literal *list);
const char *expr_type_name(const struct expr *expr);
bool operand_is_plain(const struct operand *operand); /* neither arithmetic nor a length */
bool operand_is_array(const struct operand *operand); /* a whole ARRAY column */
enum kith_type operand_compared_type(const struct operand *operand);
/* filter_compare.c */
KITH_NODISCARD int check_arithmetic(struct checker *checker, const struct node *node,
                                    struct expr *a, struct expr *b, struct expr *out);
KITH_NODISCARD int check_comparison(struct checker *checker, const struct node *node,
                                    struct expr *a, struct expr *b, struct expr *out);
KITH_NODISCARD int check_chain(struct checker *checker, const struct node *node,
                               struct expr *out);
/* filter_terms.c */
KITH_NODISCARD int check_in(struct checker *checker, const struct node *node, struct expr *out);
KITH_NODISCARD int check_contains(struct checker *checker, const struct node *node,
                                  struct expr *out);
KITH_NODISCARD int check_length(struct checker *checker, const struct node *node,
                                struct expr *out);
KITH_NODISCARD int check_like(struct checker *checker, const struct node *node, struct expr *out);
KITH_NODISCARD int check_null(struct checker *checker, const struct node *node, struct expr *out);
KITH_NODISCARD int check_exists(struct checker *checker, const struct node *node,
                                struct expr *out);
/* low <= x <= high, or its negation, by op and value. */
KITH_NODISCARD int check_bounds(struct checker *checker, const struct operand *left,
                                enum filter_token op, const struct literal *value,
                                struct expr *out);
/* Both bounds of a chain whose sides are constants of one kind. */
KITH_NODISCARD int check_chain_bounds(struct checker *checker, const struct node *node,
                                      const struct operand *left, const struct bound *low,
                                      const struct bound *high, struct expr *out);
/* filter_template.c, filter_time.c, filter_geometry.c, filter_text.c */
KITH_NODISCARD int check_template(struct checker *checker, const struct node *node,
                                  struct expr *out);
KITH_NODISCARD int check_time(struct checker *checker, const struct node *node, struct expr *out);
KITH_NODISCARD int check_geometry(struct checker *checker, const struct node *node,
                                  struct expr *out);
KITH_NODISCARD int check_match(struct checker *checker, const struct node *node, struct expr *out);
/* filter_sample.c */
KITH_NODISCARD int check_sample(struct checker *checker, const struct node *node,
                                struct expr *out);
/* Refuses a sampled child where a random_sample may not be. */
KITH_NODISCARD int check_sample_place(const struct checker *checker, const struct node *node,
                                      const struct plan *child, bool allowed);
/* filter_names.c: what a path means in the schema. */
KITH_NODISCARD int filter_operand(struct checker *checker, const struct node *path,
                                  struct operand *out);
const char *operand_type_name(const struct operand *operand);
/* The type that constants have to fit: the element's below an index, INT64 for lengths. */
enum kith_type operand_value_type(const struct operand *operand);
bool type_is_integer(enum kith_type type);
bool type_is_number(enum kith_type type);
/* filter_fold.c: constants. */
KITH_NODISCARD int filter_fold_unary(struct checker *checker, const struct node *node,
                                     const struct literal *a, struct literal *out);
KITH_NODISCARD int filter_fold_binary(struct checker *checker, const struct node *node,
                                      const struct literal *a, const struct literal *b,
                                      struct literal *out);
/* Casts to what a type is compared with; false: it does not fit. */
bool literal_cast(const struct literal *from, enum kith_type type, struct literal *out);
bool literal_is_number(const struct literal *literal);
/* A short text of it, for errors. */
void literal_show(const struct literal *literal, char *out, size_t room);
/* -1, 0, 1; two numbers, by value across kinds. */
int number_compare(bool a_float, int64_t a_int, double a_double, bool b_float, int64_t b_int,
                   double b_double);
/* false: of kinds that do not compare. *order is as above. */
bool literal_compare(const struct literal *a, const struct literal *b, int *order);
/* filter_like.c */
KITH_NODISCARD int like_compile(struct arena *arena, struct kith_str pattern, struct like *out);
bool like_matches(const struct like *like, struct kith_str text);

/* ------------------------------------------------------------------ evaluation */

#define FILTER_BLOCK_ROWS  4096
#define FILTER_BLOCK_WORDS (FILTER_BLOCK_ROWS / 64)

struct evaluation { /* of one call, so of one thread */
    const struct filter *filter;
    const struct chunk_source *source;
    struct chunk *chunks; /* by slot; owns */
    bool *loaded;         /* owns */
    size_t chunk_number;
    size_t chunk_rows;  /* rows of this chunk */
    size_t first;       /* row of the block in the chunk, a multiple of 64 */
    size_t words;       /* of the block */
    uint64_t *scratch;  /* owns; three runs of FILTER_BLOCK_WORDS a level */
    struct buffer unescaped, unescaped_right;
    struct special *specials; /* owns; by plan.special; made when first needed */
    int special_rc;           /* the first failure of one */
    struct leaf_state *leaves; /* owns; by plan.number: filter_leaf.h */
    struct ordered *order;     /* owns; the children of runs */
    struct kith_error *err;
};

/* Rows of one block as two sets; a row in neither is unknown. */
struct truth {
    uint64_t *yes, *no;
};

/* A row's value in one form. VALUE_NONE compares as unknown. */
enum value_kind { VALUE_NONE, VALUE_LITERAL, VALUE_JSON_LIST, VALUE_ARRAY };
struct row_value {
    enum value_kind kind;
    struct literal literal;
    struct json_value json; /* VALUE_JSON_LIST */
    struct kith_str packed; /* VALUE_ARRAY */
    enum kith_type element;
};

struct array_iter {
    const uint8_t *pos, *end; /* borrows */
    enum kith_type element;
};

/* filter_row.c: the value of an operand in row `row` of the chunk. */
void row_value_get(const struct operand *operand, const struct chunk *chunk, size_t row,
                   struct buffer *unescaped, struct row_value *out);
bool row_is_present(const struct operand *operand, const struct chunk *chunk, size_t row);
void array_iter_init(struct array_iter *iter, struct kith_str packed, enum kith_type element);
bool array_iter_next(struct array_iter *iter, struct literal *out);
size_t array_length(struct kith_str packed, enum kith_type element);
/* filter_eval_json.c */
void json_row_value(const struct operand *operand, struct kith_str text, struct buffer *unescaped,
                    struct row_value *out);
bool json_row_present(const struct operand *operand, struct kith_str text);
bool json_equals_literal(const struct json_value *json, const struct literal *literal);
bool json_list_has(const struct json_value *list, const struct literal *literal);
/* filter_sample.c: reads nothing. */
void sample_bits(const struct evaluation *ev, const struct plan *plan, const uint64_t *active,
                 struct truth out);
/* filter_special.c: one row of a special leaf: 1 true, 0 false, -1 unknown. A failure is left in
 * ev->special_rc. specials_new gives NULL when there is no memory. */
struct special *specials_new(const struct filter *filter);
void specials_free(struct special *specials, size_t count); /* NULL is a no-op */
int special_test(struct evaluation *ev, const struct plan *plan, const struct chunk *chunk,
                 size_t row);
/* filter_test.c: 1 true, 0 false, -1 unknown. */
int plan_test(const struct plan *plan, const struct row_value *left, const struct row_value *right);

#endif
