/*
 * Random filters of test_queries.c, as text and as a tree that is evaluated on a row by the
 * plainest code that says what the language means.
 *
 * Comparisons of numbers are by value: a long double holds every int64 and every double.
 */
#ifndef KITH_TESTS_QUERY_FILTERS_H
#define KITH_TESTS_QUERY_FILTERS_H

#include <float.h>

#include "stress/query_rows.h"

_Static_assert(LDBL_MANT_DIG >= 64, "numbers are compared as long doubles");

enum op { OP_EQ, OP_NE, OP_LT, OP_LE, OP_GT, OP_GE, OP_COUNT };
static const char *const op_names[OP_COUNT] = {"==", "!=", "<", "<=", ">", ">="};

enum leaf_kind {
    LEAF_INT,
    LEAF_CHAIN,
    LEAF_FLOAT,
    LEAF_TEXT,
    LEAF_NULL,
    LEAF_IN,
    LEAF_ARITH,
    LEAF_MOD,
    LEAF_JNUM,
    LEAF_JTEXT,
    LEAF_JIN,
    LEAF_EXISTS,
    LEAF_JNULL,
    LEAF_LIKE,
    LEAF_JLIKE,
    LEAF_FLAG,
    LEAF_HAS,
    LEAF_LENGTH,
    LEAF_ITEM,
    LEAF_MATCH,
    LEAF_PHRASE,
    LEAF_COLUMNS,
    LEAF_JHAS,
    LEAF_TEXTS,
    LEAF_JBOOL,
    LEAF_COUNT
};
enum { NODE_LEAF, NODE_AND, NODE_OR, NODE_NOT };

struct model_filter {
    int node;
    struct model_filter *a, *b;
    enum leaf_kind leaf;
    unsigned field;
    enum op op;
    int64_t low, high, list[3];
    size_t count;
    double number;
    bool is_float, negated;
    size_t text, word, word2;
};

static inline int truth(bool yes) { return yes ? 1 : 0; }

static inline int compared(long double a, enum op op, long double b)
{
    switch (op) {
    case OP_EQ: return truth(a >= b && a <= b);
    case OP_NE: return truth(a < b || a > b);
    case OP_LT: return truth(a < b);
    case OP_LE: return truth(a <= b);
    case OP_GT: return truth(a > b);
    default: return truth(a >= b);
    }
}

/* One of i8, i32, i64; false: null. */
static const char *const int_names[] = {"i8", "i32", "i64"};
static inline bool int_of(const struct row *row, unsigned field, int64_t *out)
{
    *out = field == 0 ? row->i8 : field == 1 ? row->i32 : row->i64;
    return !(field == 1 && row->nulls & NULL_I32) && !(field == 2 && row->nulls & NULL_I64);
}

static const char *const float_names[] = {"f", "d"};
static inline bool float_of(const struct row *row, unsigned field, double *out)
{
    *out = field == 0 ? (double)row->f : row->d;
    return !(field == 0 && row->nulls & NULL_F);
}

static inline bool jnumber(const struct jvalue *value, long double *out)
{
    *out = value->kind == J_INT ? (long double)value->i : (long double)value->d;
    return value->kind == J_INT || value->kind == J_DOUBLE;
}

/* The patterns of `like`: equal, a front, an end, one character. */
static const char *const patterns[] = {"ab", "a%", "%b", "a_", "%"};
static inline bool is_like(const char *text, size_t pattern)
{
    const size_t len = strlen(text);
    switch (pattern) {
    case 0: return strcmp(text, "ab") == 0;
    case 1: return text[0] == 'a';
    case 2: return len > 0 && text[len - 1] == 'b';
    case 3: return len == 2 && text[0] == 'a';
    default: return true;
    }
}

static inline bool has_word(const struct row *row, size_t word)
{
    for (size_t i = 0; i < row->word_count; i++)
        if (row->words[i] == word) return true;
    return false;
}

static inline bool has_phrase(const struct row *row, size_t word, size_t next)
{
    for (size_t i = 0; i + 1 < row->word_count; i++)
        if (row->words[i] == word && row->words[i + 1] == next) return true;
    return false;
}

static inline bool in_list(const struct model_filter *leaf, long double value)
{
    for (size_t i = 0; i < leaf->count; i++)
        if (compared(value, OP_EQ, (long double)leaf->list[i])) return true;
    return false;
}

static inline int negated(const struct model_filter *leaf, bool yes)
{
    return truth(yes != leaf->negated);
}

static inline int columns_test(const struct model_filter *leaf, const struct row *row)
{
    int64_t a, b;
    double d;
    const bool have = int_of(row, leaf->field % 3, &a);
    if (leaf->is_float) {
        if (!float_of(row, (unsigned)leaf->text % 2, &d)) return -1;
        return have ? compared((long double)a, leaf->op, (long double)d) : -1;
    }
    if (!int_of(row, (leaf->field + 1) % 3, &b)) return -1;
    return have ? compared((long double)a, leaf->op, (long double)b) : -1;
}

static inline int scalar_leaf(const struct model_filter *leaf, const struct row *row)
{
    int64_t i = 0;
    double d = 0;
    const bool have = int_of(row, leaf->field % 3, &i);
    switch (leaf->leaf) {
    case LEAF_INT: return have ? compared((long double)i, leaf->op, (long double)leaf->low) : -1;
    case LEAF_CHAIN: return have ? truth(leaf->low < i && i <= leaf->high) : -1;
    case LEAF_FLOAT:
        if (!float_of(row, leaf->field % 2, &d)) return -1;
        if (leaf->is_float) return compared((long double)d, leaf->op, (long double)leaf->number);
        return compared((long double)d, leaf->op, (long double)(double)leaf->low);
    case LEAF_IN: return have ? negated(leaf, in_list(leaf, (long double)i)) : -1;
    case LEAF_ARITH:
        if (!have || __builtin_add_overflow(i, leaf->high, &i)) return -1;
        return compared((long double)i, leaf->op, (long double)leaf->low);
    case LEAF_MOD: return have ? truth(i % leaf->high == leaf->low) : -1;
    case LEAF_FLAG: return truth(row->flag == (leaf->low != 0));
    case LEAF_HAS:
        for (size_t k = 0; k < row->item_count; k++)
            if (row->items[k] == leaf->low) return 1;
        return 0;
    case LEAF_LENGTH: return compared(row->item_count, leaf->op, (long double)leaf->low);
    case LEAF_ITEM:
        return row->item_count > 1
                   ? compared((long double)row->items[1], leaf->op, (long double)leaf->low)
                   : -1;
    default: return columns_test(leaf, row);
    }
}

static inline int json_leaf(const struct model_filter *leaf, const struct jvalue *at)
{
    long double number;
    switch (leaf->leaf) {
    case LEAF_JNUM:
        if (!jnumber(at, &number)) return -1;
        return compared(number, leaf->op,
                        leaf->is_float ? (long double)leaf->number : (long double)leaf->low);
    case LEAF_JTEXT:
        return at->kind == J_TEXT ? compared(strcmp(at->text, model_texts[leaf->text]), leaf->op, 0)
                                  : -1;
    case LEAF_JIN: return jnumber(at, &number) ? negated(leaf, in_list(leaf, number)) : -1;
    case LEAF_JBOOL: return at->kind == J_BOOL ? truth(at->i == (leaf->low != 0)) : -1;
    case LEAF_EXISTS: return truth(at->kind > J_NULL);
    case LEAF_JNULL: return truth(at->kind <= J_NULL);
    case LEAF_JHAS: return at->kind == J_LIST ? truth(at->i == leaf->low) : -1;
    default: return at->kind == J_TEXT ? truth(is_like(at->text, leaf->text % 5)) : -1;
    }
}

static inline int leaf_test(const struct model_filter *leaf, const struct row *row)
{
    const bool no_text = row->nulls & NULL_S;
    switch (leaf->leaf) {
    case LEAF_TEXT:
        return no_text ? -1 : compared(strcmp(row->s, model_texts[leaf->text]), leaf->op, 0);
    case LEAF_TEXTS:
        if (no_text) return -1;
        return negated(leaf, strcmp(row->s, model_texts[leaf->text]) == 0 ||
                                 strcmp(row->s, model_texts[leaf->word]) == 0);
    case LEAF_LIKE: return no_text ? -1 : truth(is_like(row->s, leaf->text % 5));
    case LEAF_NULL: return negated(leaf, (row->nulls >> leaf->field % 5) & 1);
    case LEAF_MATCH: return truth(has_word(row, leaf->word) || has_word(row, leaf->word2));
    case LEAF_PHRASE: return truth(has_phrase(row, leaf->word, leaf->word2));
    case LEAF_JNUM:
    case LEAF_JTEXT:
    case LEAF_JIN:
    case LEAF_JBOOL:
    case LEAF_EXISTS:
    case LEAF_JNULL:
    case LEAF_JHAS:
    case LEAF_JLIKE: return json_leaf(leaf, &row->at[leaf->field % PATH_COUNT]);
    default: return scalar_leaf(leaf, row);
    }
}

/* 1 true, 0 false, -1 unknown. */
static inline int model_test(const struct model_filter *filter, const struct row *row)
{
    if (filter->node == NODE_LEAF) return leaf_test(filter, row);
    const int a = model_test(filter->a, row);
    if (filter->node == NODE_NOT) return a < 0 ? a : !a;
    const int b = model_test(filter->b, row), strong = filter->node == NODE_OR;
    if (a == strong || b == strong) return strong;
    return a < 0 || b < 0 ? -1 : !strong;
}

/* ---- as text ---- */

static inline void leaf_text(const struct model_filter *leaf, char *out, size_t room)
{
    static const char *const null_names[] = {"i32", "i64", "f", "s", "j"};
    const char *op = op_names[leaf->op], *name = int_names[leaf->field % 3];
    const char *path = path_names[leaf->field % PATH_COUNT], *text = model_texts[leaf->text];
    const char *in = leaf->negated ? "not in" : "in";
    switch (leaf->leaf) {
    case LEAF_INT: (void)snprintf(out, room, "%s %s %" PRId64, name, op, leaf->low); break;
    case LEAF_CHAIN:
        (void)snprintf(out, room, "%" PRId64 " < %s <= %" PRId64, leaf->low, name, leaf->high);
        break;
    case LEAF_FLOAT:
        name = float_names[leaf->field % 2];
        if (leaf->is_float)
            (void)snprintf(out, room, "%s %s %.17e", name, op, leaf->number);
        else
            (void)snprintf(out, room, "%s %s %" PRId64, name, op, leaf->low);
        break;
    case LEAF_TEXT: (void)snprintf(out, room, "s %s \"%s\"", op, text); break;
    case LEAF_TEXTS:
        (void)snprintf(out, room, "s %s [\"%s\", '%s']", in, text, model_texts[leaf->word]);
        break;
    case LEAF_NULL:
        (void)snprintf(out, room, "%s is %s", null_names[leaf->field % 5],
                       leaf->negated ? "not null" : "null");
        break;
    case LEAF_IN:
    case LEAF_JIN:
        (void)snprintf(out, room, "%s %s [%" PRId64 ", %" PRId64 ", %" PRId64 "]",
                       leaf->leaf == LEAF_IN ? name : path, in, leaf->list[0], leaf->list[1],
                       leaf->list[2]);
        break;
    case LEAF_ARITH:
        (void)snprintf(out, room, "%s + %" PRId64 " %s %" PRId64, name, leaf->high, op, leaf->low);
        break;
    case LEAF_MOD:
        (void)snprintf(out, room, "%s %% %" PRId64 " == %" PRId64, name, leaf->high, leaf->low);
        break;
    case LEAF_JNUM:
        if (leaf->is_float)
            (void)snprintf(out, room, "%s %s %.17e", path, op, leaf->number);
        else
            (void)snprintf(out, room, "%s %s %" PRId64, path, op, leaf->low);
        break;
    case LEAF_JTEXT: (void)snprintf(out, room, "%s %s \"%s\"", path, op, text); break;
    case LEAF_JBOOL:
        (void)snprintf(out, room, "%s == %s", path, leaf->low ? "true" : "false");
        break;
    case LEAF_EXISTS: (void)snprintf(out, room, "exists %s", path); break;
    case LEAF_JNULL: (void)snprintf(out, room, "%s is null", path); break;
    case LEAF_LIKE: (void)snprintf(out, room, "s like \"%s\"", patterns[leaf->text % 5]); break;
    case LEAF_JLIKE:
        (void)snprintf(out, room, "%s like \"%s\"", path, patterns[leaf->text % 5]);
        break;
    case LEAF_FLAG: (void)snprintf(out, room, "flag == %s", leaf->low ? "true" : "false"); break;
    case LEAF_HAS: (void)snprintf(out, room, "array_contains(ai, %" PRId64 ")", leaf->low); break;
    case LEAF_JHAS:
        (void)snprintf(out, room, "json_contains(%s, %" PRId64 ")", path, leaf->low);
        break;
    case LEAF_LENGTH:
        (void)snprintf(out, room, "array_length(ai) %s %" PRId64, op, leaf->low);
        break;
    case LEAF_ITEM: (void)snprintf(out, room, "ai[1] %s %" PRId64, op, leaf->low); break;
    case LEAF_MATCH:
    case LEAF_PHRASE:
        (void)snprintf(out, room, "%s(title, \"%s %s\")",
                       leaf->leaf == LEAF_MATCH ? "text_match" : "phrase_match",
                       model_words[leaf->word], model_words[leaf->word2]);
        break;
    default:
        (void)snprintf(out, room, "%s %s %s", name, op,
                       leaf->is_float ? float_names[leaf->text % 2]
                                      : int_names[(leaf->field + 1) % 3]);
        break;
    }
}

/* At out + len, as NUL-terminated text; returns where it ends. Room for 100 bytes a node is enough.
 */
static inline size_t model_text(const struct model_filter *filter, char *out, size_t len)
{
    char leaf[100];
    if (filter->node == NODE_LEAF) {
        leaf_text(filter, leaf, sizeof leaf);
        return put(out, len, leaf);
    }
    len = model_text(filter->a, out, put(out, len, filter->node == NODE_NOT ? "not (" : "("));
    if (filter->node == NODE_NOT) return put(out, len, ")");
    len = put(out, len, filter->node == NODE_AND ? ") and (" : ") or (");
    return put(out, model_text(filter->b, out, len), ")");
}

/* ---- random ones ---- */

/* Into room[], from *used on; at most 2^(depth + 1) nodes. */
static inline struct model_filter *model_random(struct model_filter *room, size_t *used,
                                                unsigned depth, struct rng *rng)
{
    struct model_filter *made = &room[(*used)++];
    *made = (struct model_filter){.node = depth ? (int)pick(rng, 4) : NODE_LEAF};
    if (made->node != NODE_LEAF) made->a = model_random(room, used, depth - 1, rng);
    if (made->node == NODE_AND || made->node == NODE_OR)
        made->b = model_random(room, used, depth - 1, rng);
    if (made->node != NODE_LEAF) return made;
    made->leaf = (enum leaf_kind)pick(rng, LEAF_COUNT);
    made->field = (unsigned)pick(rng, 60);
    made->op = (enum op)pick(rng, OP_COUNT);
    made->low = model_int(rng);
    made->high = model_int(rng);
    made->number = model_double(rng);
    made->is_float = pick(rng, 2);
    made->negated = pick(rng, 2);
    made->count = 3;
    for (size_t i = 0; i < 3; i++) made->list[i] = model_int(rng);
    made->text = pick(rng, MODEL_TEXT_COUNT);
    made->word = pick(rng, MODEL_WORD_COUNT);
    made->word2 = pick(rng, MODEL_WORD_COUNT);
    const unsigned type = made->field % 3;
    const bool typed = made->leaf == LEAF_INT || made->leaf == LEAF_IN ||
                       made->leaf == LEAF_CHAIN || made->leaf == LEAF_ARITH;
    if (typed && type < 2) { /* constants that the type holds */
        made->low %= 20;
        made->high %= 20;
        for (size_t i = 0; i < 3; i++) made->list[i] %= 20;
    }
    if (made->leaf == LEAF_CHAIN && made->low >= made->high) made->low = -3, made->high = 5;
    if (made->leaf == LEAF_MOD)
        made->high = 2 + (int64_t)pick(rng, 5), made->low = (int64_t)pick(rng, 3);
    return made;
}

#endif
