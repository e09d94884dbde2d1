/*
 * The rows of test_queries.c: a fixed wide schema with every kind of value that is easily got
 * wrong, and JSON in any of the forms that mean the same.
 */
#ifndef KITH_TESTS_QUERY_ROWS_H
#define KITH_TESTS_QUERY_ROWS_H

#include "stress/stress_help.h"

#define MODEL_DIM   6
#define MODEL_BITS  32
#define MODEL_WORDS 4
#define MODEL_ITEMS 4

static const char *const model_words[] = {"red", "blue", "whale", "fish", "song", "stone"};
#define MODEL_WORD_COUNT (sizeof model_words / sizeof *model_words)
static const char *const model_texts[] = {"", "a", "b", "ab", "abc", "ba", "a%b", "b\xc3\xa4"};
#define MODEL_TEXT_COUNT (sizeof model_texts / sizeof *model_texts)

enum { NULL_I32 = 1, NULL_I64 = 2, NULL_F = 4, NULL_S = 8, NULL_J = 16 };

enum jkind { J_MISSING, J_NULL, J_BOOL, J_INT, J_DOUBLE, J_TEXT, J_LIST, J_OBJECT };
struct jvalue {
    enum jkind kind;
    int64_t i; /* of J_BOOL too; of J_LIST: one item */
    double d;
    const char *text;
};

enum { PATH_X, PATH_Y, PATH_SLASH, PATH_COLOR, PATH_COUNT };
static const char *const path_names[PATH_COUNT] = {"j[\"x\"]", "j[\"n\"][\"y\"]", "j[\"a/b\"]",
                                                   "color"};

struct row {
    int64_t id;
    bool live;
    unsigned nulls;
    bool flag;
    int8_t i8;
    int32_t i32;
    int64_t i64;
    float f;
    double d;
    const char *s;
    struct jvalue at[PATH_COUNT];
    int64_t items[MODEL_ITEMS];
    size_t item_count;
    size_t words[MODEL_WORDS];
    size_t word_count;
    float v[MODEL_DIM];
    uint8_t bits[MODEL_BITS / 8];
    struct {
        uint32_t index;
        float value;
    } sparse[3];
    size_t sparse_count;
    char j[512], meta[512], title[64];
};

/* ---- values ---- */

static inline uint64_t pick(struct rng *rng, uint64_t below) { return rng_below(rng, below); }

static inline int64_t model_int(struct rng *rng)
{
    static const int64_t odd[] = {
        INT64_MIN, INT64_MAX,    INT64_C(9007199254740992), INT64_C(9007199254740993), -1,
        0,         INT64_MIN + 1};
    return pick(rng, 8) ? (int64_t)pick(rng, 12) - 2 : odd[pick(rng, 7)];
}

static inline double model_double(struct rng *rng)
{
    static const double odd[] = {
        -0.0, 1e300, -1e300, 9007199254740992.0, 9223372036854775808.0, -9223372036854775808.0,
        0.1};
    return pick(rng, 8) ? (double)pick(rng, 24) / 2 - 2 : odd[pick(rng, 7)];
}

static inline struct jvalue model_jvalue(struct rng *rng, unsigned favourite)
{
    const unsigned kind = pick(rng, 3) ? favourite : (unsigned)pick(rng, 8);
    struct jvalue out = {.kind = (enum jkind)kind};
    out.i = kind == J_BOOL ? (int64_t)pick(rng, 2) : model_int(rng);
    out.d = model_double(rng);
    out.text = model_texts[pick(rng, MODEL_TEXT_COUNT)];
    return out;
}

/* ---- JSON text, in any of the forms that mean the same ---- */

static inline size_t put(char *out, size_t len, const char *text)
{
    memcpy(out + len, text, strlen(text) + 1);
    return len + strlen(text);
}

/* Quoted; some characters as escapes, once in a while every one. */
static inline size_t put_string(char *out, size_t len, const char *text, struct rng *rng)
{
    const uint64_t style = pick(rng, 6);
    len = put(out, len, "\"");
    for (const char *c = text; *c; c++) {
        const bool plain = (unsigned char)*c >= 0x80 || style > 1 || (style == 1 && pick(rng, 2));
        char one[8] = {*c, 0};
        if (!plain) (void)snprintf(one, sizeof one, "\\u%04x", (unsigned)*c);
        len = put(out, len, one);
    }
    return put(out, len, "\"");
}

static inline size_t put_jvalue(char *out, size_t len, const struct jvalue *value, struct rng *rng)
{
    char text[64] = "null";
    switch (value->kind) {
    case J_BOOL: (void)snprintf(text, sizeof text, "%s", value->i ? "true" : "false"); break;
    case J_INT: (void)snprintf(text, sizeof text, "%" PRId64, value->i); break;
    case J_DOUBLE:
        (void)snprintf(text, sizeof text, pick(rng, 2) ? "%.17e" : "%.20e", value->d);
        break;
    case J_LIST: (void)snprintf(text, sizeof text, "[%" PRId64 ", \"q\"]", value->i); break;
    case J_OBJECT: (void)snprintf(text, sizeof text, "{\"z\": 1}"); break;
    case J_TEXT: return put_string(out, len, value->text, rng);
    case J_MISSING:
    case J_NULL: break;
    }
    return put(out, len, text);
}

/* A member, unless it is missing; now and then the key a second time, which does not count. */
static inline size_t put_member(char *out, size_t len, const char *key, const struct jvalue *value,
                                struct rng *rng)
{
    const struct jvalue other = {.kind = J_INT, .i = 3};
    const struct jvalue *values[2] = {value, &other};
    if (value->kind == J_MISSING) return len;
    for (uint64_t i = 0, times = pick(rng, 9) ? 1 : 2; i < times; i++) {
        if (out[len - 1] != '{') len = put(out, len, ", ");
        len = put_string(out, len, key, rng);
        len = put(out, len, pick(rng, 2) ? ": " : ":");
        len = put_jvalue(out, len, values[i], rng);
    }
    return len;
}

static inline void model_json(struct row *row, struct rng *rng)
{
    size_t len = put(row->j, 0, pick(rng, 2) ? "{" : " {");
    if (pick(rng, 3) == 0) len = put(row->j, len, "\"0\": [1]");
    len = put_member(row->j, len, "x", &row->at[PATH_X], rng);
    if (row->at[PATH_Y].kind != J_MISSING) {
        len = put(row->j, len, row->j[len - 1] == '{' ? "\"n\": {" : ", \"n\": {");
        len = put_member(row->j, len, "y", &row->at[PATH_Y], rng);
        len = put(row->j, len, "}");
    }
    len = put_member(row->j, len, "a/b", &row->at[PATH_SLASH], rng);
    (void)put(row->j, len, "}");
    len = put_member(row->meta, put(row->meta, 0, "{"), "color", &row->at[PATH_COLOR], rng);
    (void)put(row->meta, len, "}");
}

/* ---- a row ---- */

static inline void model_vectors(struct row *row, struct rng *rng)
{
    const float centre = (float)pick(rng, 4);
    for (size_t i = 0; i < MODEL_DIM; i++) row->v[i] = centre + (float)rng_gauss(rng);
    for (size_t i = 0; i < sizeof row->bits; i++)
        row->bits[i] = (uint8_t)(pick(rng, 2) ? pick(rng, 256) : 0);
    uint32_t at = (uint32_t)pick(rng, 6);
    row->sparse_count = 1 + pick(rng, 3);
    for (size_t i = 0; i < row->sparse_count; i++, at += 1 + (uint32_t)pick(rng, 5)) {
        row->sparse[i].index = at;
        row->sparse[i].value = (float)(1 + pick(rng, 16)) / 4;
    }
}

static inline void model_row(struct row *row, int64_t id, struct rng *rng)
{
    static const unsigned favourites[PATH_COUNT] = {J_INT, J_DOUBLE, J_TEXT, J_TEXT};
    *row = (struct row){.id = id, .live = true, .nulls = (unsigned)(pick(rng, 32) & pick(rng, 32))};
    row->flag = pick(rng, 2);
    row->i8 = (int8_t)(pick(rng, 20) - 10);
    row->i32 = (int32_t)pick(rng, 40) - 5;
    row->i64 = model_int(rng);
    row->f = (float)pick(rng, 40) / 4;
    row->d = model_double(rng);
    row->s = model_texts[pick(rng, MODEL_TEXT_COUNT)];
    for (size_t i = 0; i < PATH_COUNT; i++) row->at[i] = model_jvalue(rng, favourites[i]);
    if (row->nulls & NULL_J)
        for (size_t i = PATH_X; i < PATH_COLOR; i++) row->at[i].kind = J_MISSING;
    row->item_count = pick(rng, MODEL_ITEMS + 1);
    for (size_t i = 0; i < row->item_count; i++) row->items[i] = model_int(rng);
    row->word_count = pick(rng, MODEL_WORDS + 1);
    size_t len = 0;
    for (size_t i = 0; i < row->word_count; i++) {
        row->words[i] = pick(rng, MODEL_WORD_COUNT);
        if (i > 0) len = put(row->title, len, pick(rng, 2) ? ", " : " ");
        len = put(row->title, len, model_words[row->words[i]]);
    }
    model_vectors(row, rng);
    model_json(row, rng);
}

#endif
