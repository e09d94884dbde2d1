/*
 * Text of a filter to tokens. Positions of errors are where the lexer stood when it gave up: at a
 * character that begins nothing; behind a run of letters and signs that begins with no operator; at
 * an item that does not belong into a tuple. An unfinished string leaves nothing, and then the
 * message shows the whole expression (the compiler sees to that).
 */
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/json.h"
#include "cache/vector_filter_internal.h"

#define NUMBER_BYTES_MAX 254u

static const struct {
    const char *name;
    size_t len;
    int level;
    size_t arity;
} operators[FILTER_OPS] = {
    [FILTER_OPEN] = {"(", 1, 7, 0}, [FILTER_CLOSE] = {")", 1, 7, 0},
    [FILTER_NOT] = {"not", 3, 6, 1}, [FILTER_POW] = {"**", 2, 5, 2},
    [FILTER_MUL] = {"*", 1, 4, 2}, [FILTER_DIV] = {"/", 1, 4, 2}, [FILTER_MOD] = {"%", 1, 4, 2},
    [FILTER_ADD] = {"+", 1, 3, 2}, [FILTER_SUB] = {"-", 1, 3, 2},
    [FILTER_GT] = {">", 1, 2, 2}, [FILTER_GE] = {">=", 2, 2, 2}, [FILTER_LT] = {"<", 1, 2, 2},
    [FILTER_LE] = {"<=", 2, 2, 2}, [FILTER_EQ] = {"==", 2, 2, 2}, [FILTER_NE] = {"!=", 2, 2, 2},
    [FILTER_IN] = {"in", 2, 2, 2}, [FILTER_AND] = {"and", 3, 1, 2}, [FILTER_OR] = {"or", 2, 0, 2},
};
static const struct {
    const char *name;
    size_t len;
    enum filter_op op;
} synonyms[] = {{"!", 1, FILTER_NOT}, {"&&", 2, FILTER_AND}, {"||", 2, FILTER_OR}};

int filter_op_level(enum filter_op op) { return operators[op].level; }
size_t filter_op_arity(enum filter_op op) { return operators[op].arity; }

struct lexer {
    struct vector_filter *filter;
    const char *at;
    const char *end;
};

static bool is_digit(char c) { return c >= '0' && c <= '9'; }
static bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }
static bool is_sign(char c) { return c != '\0' && strchr("+-*%/!()<>=|&", c) != NULL; }
static bool is_blank(char c) { return c == ' ' || (c >= '\t' && c <= '\r'); }
static char look(const struct lexer *lexer, size_t ahead)
{
    return (size_t)(lexer->end - lexer->at) > ahead ? lexer->at[ahead] : '\0';
}
static void skip_blanks(struct lexer *lexer)
{
    while (is_blank(look(lexer, 0))) lexer->at++;
}

bool filter_number(const char *text, size_t len, double *out)
{
    struct json_value value;
    size_t used;
    if (len > 0 && json_read(text, len, &value, &used, NULL) == 0 && used == len &&
        (value.kind == JSON_INT || value.kind == JSON_DOUBLE)) {
        *out = value.number;
        return true;
    }
    char copy[NUMBER_BYTES_MAX + 2];
    if (len > NUMBER_BYTES_MAX + 1) return false;
    memcpy(copy, text, len);
    copy[len] = '\0';
    char *stop;
    *out = strtod(copy, &stop);
    return stop == copy + len;
}

/* Digits, points and e's; a '-' in front. What strtod makes of it must be all of it. */
static int lex_number(struct lexer *lexer, struct filter_value *out)
{
    const char *start = lexer->at;
    if (look(lexer, 0) == '-') lexer->at++;
    for (char c = look(lexer, 0); is_digit(c) || c == '.' || c == 'e' || c == 'E';
         c = look(lexer, 0)) {
        if ((size_t)(lexer->at - start) >= NUMBER_BYTES_MAX) return KITH_EINVAL;
        lexer->at++;
    }
    out->kind = FILTER_NUMBER;
    const size_t len = (size_t)(lexer->at - start);
    return filter_number(start, len, &out->number) ? 0 : KITH_EINVAL;
}

static int lex_string(struct lexer *lexer, struct filter_value *out)
{
    const char quote = *lexer->at++;
    out->kind = FILTER_STRING;
    out->text = lexer->at;
    while (lexer->at < lexer->end) {
        if (*lexer->at == '\\' && lexer->end - lexer->at > 1) {
            lexer->at += 2;
        } else if (*lexer->at == quote) {
            out->len = (size_t)(lexer->at++ - out->text);
            return 0;
        } else {
            lexer->at++;
        }
    }
    return KITH_EINVAL;
}

static bool is_name(char c) { return is_letter(c) || is_digit(c) || c == '_' || c == '-'; }

/* A point at the very end is the selector of an empty name; before anything else it is nothing. */
static int lex_selector(struct lexer *lexer, struct filter_value *out)
{
    if (lexer->end - lexer->at > 1 && !is_name(look(lexer, 1))) return KITH_EINVAL;
    out->kind = FILTER_SELECTOR;
    out->text = ++lexer->at;
    while (is_name(look(lexer, 0))) lexer->at++;
    out->len = (size_t)(lexer->at - out->text);
    return 0;
}

static int append(struct filter_value **values, size_t *count, size_t *cap,
                  const struct filter_value *value)
{
    if (*count == *cap) {
        const size_t room = *cap ? 2 * *cap : 16;
        size_t bytes;
        if (!size_mul(room, sizeof **values, &bytes)) return KITH_ENOMEM;
        struct filter_value *grown = mem_realloc(*values, bytes);
        if (!grown) return KITH_ENOMEM;
        *values = grown;
        *cap = room;
    }
    (*values)[(*count)++] = *value;
    return 0;
}

static int lex_item(struct lexer *lexer)
{
    struct vector_filter *filter = lexer->filter;
    const char c = look(lexer, 0);
    struct filter_value item = {0};
    int rc = KITH_EINVAL;
    if (is_digit(c) || c == '-') rc = lex_number(lexer, &item);
    else if (c == '"' || c == '\'') rc = lex_string(lexer, &item);
    return rc ? rc : append(&filter->items, &filter->item_count, &filter->item_cap, &item);
}

static int lex_tuple(struct lexer *lexer, struct filter_value *out)
{
    out->kind = FILTER_TUPLE;
    out->first = lexer->filter->item_count;
    lexer->at++;
    for (;;) {
        skip_blanks(lexer);
        if (look(lexer, 0) == ']') break;
        const int rc = lex_item(lexer);
        if (rc) return rc;
        out->len++;
        skip_blanks(lexer);
        if (look(lexer, 0) == ']') break;
        if (look(lexer, 0) != ',') return KITH_EINVAL;
        lexer->at++;
    }
    lexer->at++;
    return 0;
}

static size_t longest_operator(const char *run, size_t len, enum filter_op *op)
{
    size_t best = 0;
    for (size_t i = 0; i < FILTER_OPS; i++) {
        const size_t n = operators[i].len;
        if (n <= best || n > len || memcmp(run, operators[i].name, n) != 0) continue;
        best = n;
        *op = (enum filter_op)i;
    }
    for (size_t i = 0; i < sizeof synonyms / sizeof synonyms[0]; i++) {
        const size_t n = synonyms[i].len;
        if (n <= best || n > len || memcmp(run, synonyms[i].name, n) != 0) continue;
        best = n;
        *op = synonyms[i].op;
    }
    return best;
}

/* The longest operator, or `null`, with which a run of letters and signs begins. */
static int lex_word(struct lexer *lexer, struct filter_value *out)
{
    const char *run = lexer->at;
    size_t len = 0;
    while (is_letter(look(lexer, len)) || is_sign(look(lexer, len))) len++;
    out->kind = FILTER_OPERATOR;
    size_t best = longest_operator(run, len, &out->op);
    if (len >= 4 && memcmp(run, "null", 4) == 0) {
        out->kind = FILTER_NULL;
        best = 4;
    }
    lexer->at += best > 0 ? best : len;
    return best > 0 ? 0 : KITH_EINVAL;
}

/* Whether a '-' in front of a digit belongs to it: nothing or an operator stands before. */
static bool begins_value(const struct vector_filter *filter)
{
    if (filter->step_count == 0) return true;
    const struct filter_value *last = &filter->steps[filter->step_count - 1];
    return last->kind == FILTER_OPERATOR && last->op != FILTER_CLOSE;
}

static int lex_token(struct lexer *lexer, struct filter_value *out)
{
    const char c = look(lexer, 0);
    if (is_digit(c) || (c == '-' && is_digit(look(lexer, 1)) && begins_value(lexer->filter))) {
        return lex_number(lexer, out);
    }
    if (c == '"' || c == '\'') return lex_string(lexer, out);
    if (c == '[') return lex_tuple(lexer, out);
    if (c == '.') return lex_selector(lexer, out);
    return is_letter(c) || is_sign(c) ? lex_word(lexer, out) : KITH_EINVAL;
}

int filter_tokenize(struct vector_filter *filter, size_t *error_at)
{
    struct lexer lexer = {filter, filter->text, filter->text + filter->len};
    for (;;) {
        skip_blanks(&lexer);
        if (lexer.at == lexer.end) return 0;
        struct filter_value token = {0};
        int rc = lex_token(&lexer, &token);
        *error_at = (size_t)(lexer.at - filter->text);
        if (!rc) rc = append(&filter->steps, &filter->step_count, &filter->step_cap, &token);
        if (rc) return rc;
    }
}
