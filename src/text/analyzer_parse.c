/*
 * The JSON text of an analyzer, as Milvus has it:
 *
 *   {"type": "standard" | "english", "stop_words": [...]}
 *   {"tokenizer": "standard" | "whitespace" | {"type": ...}, "filter": ["lowercase", {...}, ...]}
 *
 * A key or a name that is not known is refused, by its name: silence would give another index than
 * the one asked for. Analyzers and tokenizers that need dictionaries are known, and unsupported.
 */
#include "text/analyzer_internal.h"

#include <libstemmer.h>
#include <string.h>

#include "base/alloc.h"

static int no_memory(struct kith_error *err)
{
    return error_set(err, KITH_ENOMEM, "analyzer: no memory");
}

static int wrong_type(const char *what, const char *expected, struct kith_error *err)
{
    return error_set(err, KITH_EINVAL, "analyzer: %s has to be %s", what, expected);
}

/* A short string without escapes, or "" when it is none: names of types and languages. */
static void take_name(const struct json_value *value, char out[32])
{
    out[0] = 0;
    if (value->kind != JSON_STRING || value->has_escapes || value->len - 2 >= 32) return;
    memcpy(out, value->text + 1, value->len - 2);
    out[value->len - 2] = 0;
}

/* The member `name` of an object; false: there is none. */
static bool member(const struct json_value *object, const char *name, struct json_value *out)
{
    struct json_iter iter;
    struct json_value key;
    json_iter_init(&iter, object);
    while (json_iter_next(&iter, &key, out) > 0) {
        if (json_string_equals(&key, name, strlen(name))) return true;
    }
    return false;
}

/* Every key of the object is in `known` (separated by blanks). */
static int check_keys(const struct json_value *object, const char *known, struct kith_error *err)
{
    struct json_iter iter;
    struct json_value key, value;
    json_iter_init(&iter, object);
    while (json_iter_next(&iter, &key, &value) > 0) {
        char name[32];
        take_name(&key, name);
        const size_t len = strlen(name);
        const char *at = len ? strstr(known, name) : NULL;
        while (at && !((at == known || at[-1] == ' ') && (at[len] == ' ' || at[len] == 0))) {
            at = strstr(at + 1, name);
        }
        if (at) continue;
        return error_set(err, KITH_EINVAL, "analyzer: unknown key %.*s",
                         (int)(key.len < 64 ? key.len : 64), key.text);
    }
    return 0;
}

/* ---- lists of words ---- */

static int add_word(const struct json_value *value, bool lists, struct text_filter *filter,
                    struct kith_error *err)
{
    if (value->kind != JSON_STRING) return wrong_type("a list of words", "strings", err);
    struct buffer word = { 0 };
    int rc = json_unescape(value, &word);
    if (rc == 0 && lists && word.len > 2 && word.data[0] == '_' && word.data[word.len - 1] == '_') {
        rc = text_stop_list((const char *)word.data, word.len, &filter->words, err);
    } else if (rc == 0 && !lists && (word.len == 0 || word.len > ANALYZER_WORD_MAX)) {
        rc = error_set(err, KITH_EINVAL, "analyzer: a word of word_list has 1 to %d bytes",
                       ANALYZER_WORD_MAX);
    } else if (rc == 0) {
        rc = map_put(&filter->words, word.data ? word.data : (const uint8_t *)"", word.len, 1);
        if (rc) rc = no_memory(err);
        if (word.len > filter->longest) filter->longest = word.len;
    } else {
        rc = rc == KITH_ENOMEM ? no_memory(err) : wrong_type("a list of words", "strings", err);
    }
    buffer_release(&word);
    return rc;
}

/* An array of strings, or one string. lists: "_english_" stands for its words. */
static int parse_words(const struct json_value *value, bool lists, struct text_filter *filter,
                       struct kith_error *err)
{
    if (value->kind == JSON_STRING) return add_word(value, lists, filter, err);
    if (value->kind != JSON_ARRAY) return wrong_type("a list of words", "an array", err);
    struct json_iter iter;
    struct json_value item;
    json_iter_init(&iter, value);
    int rc = 0;
    while (rc == 0 && json_iter_next(&iter, NULL, &item) > 0) {
        rc = add_word(&item, lists, filter, err);
    }
    return rc;
}

/* ---- filters ---- */

/* How often regcomp writes out what stands before the sign at i: the larger number of a count, and
 * twice for a `+` behind a group or another repetition, which double with every level. */
static uint64_t copies_of(const struct buffer *given, size_t i)
{
    const uint8_t c = given->data[i];
    uint64_t count = 0, most = 1;
    if (c == '+' && i > 0 && memchr(")+*?}", given->data[i - 1], 5)) return 2;
    for (size_t at = i + 1; c == '{' && at < given->len; at++) {
        const uint8_t digit = given->data[at];
        if (digit != ',' && (digit < '0' || digit > '9')) break;
        count = digit == ',' ? 0 : count * 10 + (digit - '0');
        if (count > most) most = count;
        if (most > ANALYZER_REPEATS_MAX) break;
    }
    return most;
}

/*
 * What POSIX would make expensive is refused: references back, and counts whose product is large
 * (each is written out by regcomp). \d, which POSIX lacks, becomes the digits.
 */
static int translate_regex(const struct buffer *given, struct buffer *out, struct kith_error *err)
{
    uint64_t repeats = 1;
    bool bracket = false;
    for (size_t i = 0; i < given->len; i++) {
        const uint8_t c = given->data[i];
        const uint8_t next = i + 1 < given->len ? given->data[i + 1] : 0;
        if (c == '\\' && next >= '1' && next <= '9') {
            return error_set(err, KITH_EUNSUPPORTED, "analyzer: references back in a regex");
        }
        if (c == '\\' && next == 'd') {
            buffer_printf(out, bracket ? "0-9" : "[0-9]");
            i++;
            continue;
        }
        if (c == '\\' && next && !bracket) {
            buffer_put(out, given->data + i++, 2);
            continue;
        }
        if (c == '[') bracket = true;
        if (c == ']') bracket = false;
        const uint64_t count = bracket ? 1 : copies_of(given, i);
        repeats *= count;
        if (repeats > ANALYZER_REPEATS_MAX) {
            return error_set(err, KITH_ELIMIT, "analyzer: a regex repeats at most %d times",
                             ANALYZER_REPEATS_MAX);
        }
        buffer_put_u8(out, c);
    }
    buffer_put_u8(out, 0);
    return buffer_failed(out) ? no_memory(err) : 0;
}

static int parse_regex(const struct json_value *value, struct text_filter *filter,
                       struct kith_error *err)
{
    if (value->kind != JSON_STRING) return wrong_type("expr", "a string", err);
    struct buffer given = { 0 }, expr = { 0 };
    int rc = json_unescape(value, &given) ? no_memory(err) : 0;
    if (rc == 0 && (given.len == 0 || given.len > ANALYZER_REGEX_MAX ||
                    memchr(given.data, 0, given.len))) {
        rc = error_set(err, KITH_EINVAL, "analyzer: expr has 1 to %d bytes", ANALYZER_REGEX_MAX);
    }
    if (rc == 0) rc = translate_regex(&given, &expr, err);
    const int flags = REG_EXTENDED | REG_NOSUB;
    const int failed = rc ? 0 : regcomp(&filter->regex, (const char *)expr.data, flags);
    if (rc == 0 && failed == REG_ESPACE) {
        rc = no_memory(err);
    } else if (rc == 0 && failed) {
        char why[128];
        regerror(failed, &filter->regex, why, sizeof why);
        rc = error_set(err, KITH_EINVAL, "analyzer: expr: %s", why);
    } else if (rc == 0) {
        filter->has_regex = true;
    }
    buffer_release(&given);
    buffer_release(&expr);
    return rc;
}

static int parse_language(const struct json_value *value, struct text_filter *filter,
                          struct kith_error *err)
{
    char name[32];
    take_name(value, name);
    for (size_t i = 0; name[i]; i++) {
        if (name[i] >= 'A' && name[i] <= 'Z') name[i] = (char)(name[i] + ('a' - 'A'));
    }
    const char **known = sb_stemmer_list();
    for (size_t i = 0; known[i]; i++) {
        const size_t len = strlen(known[i]);
        if (strcmp(name, known[i]) != 0 || len >= sizeof filter->language) continue;
        memcpy(filter->language, name, len + 1);
        return 0;
    }
    return error_set(err, KITH_EINVAL, "analyzer: no stemmer for language %.*s",
                     (int)(value->len < 64 ? value->len : 64), value->text);
}

static int parse_max(const struct json_value *value, struct text_filter *filter,
                     struct kith_error *err)
{
    if (value->kind != JSON_INT || value->integer < 0) {
        return wrong_type("max of filter length", "a whole number", err);
    }
    filter->max = (uint64_t)value->integer;
    return 0;
}

static const struct {
    const char *name;
    enum filter_kind kind;
    const char *parameter; /* required, and the only key beside "type"; NULL: none */
} filter_table[] = {
    { "lowercase", FILTER_LOWERCASE, NULL },
    { "asciifolding", FILTER_ASCII_FOLDING, NULL },
    { "alphanumonly", FILTER_ALPHANUM_ONLY, NULL },
    { "cnalphanumonly", FILTER_CN_ALPHANUM_ONLY, NULL },
    { "cncharonly", FILTER_CN_CHAR_ONLY, NULL },
    { "removepunct", FILTER_REMOVE_PUNCT, NULL },
    { "length", FILTER_LENGTH, "max" },
    { "stop", FILTER_STOP, "stop_words" },
    { "stemmer", FILTER_STEMMER, "language" },
    { "decompounder", FILTER_DECOMPOUNDER, "word_list" },
    { "regex", FILTER_REGEX, "expr" },
};

static int parse_parameter(const struct json_value *value, struct text_filter *filter,
                           struct kith_error *err)
{
    switch (filter->kind) {
    case FILTER_LENGTH: return parse_max(value, filter, err);
    case FILTER_STOP: return parse_words(value, true, filter, err);
    case FILTER_STEMMER: return parse_language(value, filter, err);
    case FILTER_DECOMPOUNDER: return parse_words(value, false, filter, err);
    case FILTER_REGEX: return parse_regex(value, filter, err);
    default: return 0;
    }
}

static struct text_filter *add_filter(struct analyzer *out, enum filter_kind kind)
{
    if (out->filter_count == ANALYZER_FILTERS_MAX) return NULL;
    struct text_filter *filter = &out->filters[out->filter_count++];
    filter->kind = kind;
    map_init(&filter->words);
    return filter;
}

static int too_many(struct kith_error *err)
{
    return error_set(err, KITH_ELIMIT, "analyzer: at most %d filters", ANALYZER_FILTERS_MAX);
}

static int parse_filter(const struct json_value *value, struct analyzer *out,
                        struct kith_error *err)
{
    struct json_value type = *value, parameter;
    if (value->kind == JSON_OBJECT && !member(value, "type", &type)) {
        return error_set(err, KITH_EINVAL, "analyzer: a filter has no type");
    }
    char name[32];
    take_name(&type, name);
    for (size_t i = 0; i < sizeof filter_table / sizeof filter_table[0]; i++) {
        if (strcmp(name, filter_table[i].name) != 0) continue;
        struct text_filter *filter = add_filter(out, filter_table[i].kind);
        if (!filter) return too_many(err);
        const char *needed = filter_table[i].parameter;
        char known[64] = "type ";
        if (needed) memcpy(known + 5, needed, strlen(needed) + 1);
        const int rc = value->kind == JSON_OBJECT ? check_keys(value, known, err) : 0;
        if (rc || !needed) return rc;
        if (value->kind == JSON_OBJECT && member(value, needed, &parameter)) {
            return parse_parameter(&parameter, filter, err);
        }
        return error_set(err, KITH_EINVAL, "analyzer: filter %s needs %s", name, needed);
    }
    return error_set(err, KITH_EINVAL, "analyzer: unknown filter %.*s",
                     (int)(type.len < 64 ? type.len : 64), type.text);
}

static int parse_filters(const struct json_value *value, struct analyzer *out,
                         struct kith_error *err)
{
    if (value->kind != JSON_ARRAY) return wrong_type("filter", "an array", err);
    struct json_iter iter;
    struct json_value item;
    json_iter_init(&iter, value);
    int rc = 0;
    while (rc == 0 && json_iter_next(&iter, NULL, &item) > 0) rc = parse_filter(&item, out, err);
    return rc;
}

/* ---- analyzers ---- */

static bool needs_dictionary(const char *name)
{
    static const char *const names[] = { "chinese", "jieba", "lindera", "icu",
                                         "language_identifier" };
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (strcmp(name, names[i]) == 0) return true;
    }
    return false;
}

static int refuse(const char *what, const struct json_value *value, const char *name,
                  struct kith_error *err)
{
    if (needs_dictionary(name)) {
        return error_set(err, KITH_EUNSUPPORTED, "analyzer: %s '%s' needs a dictionary", what,
                         name);
    }
    return error_set(err, KITH_EINVAL, "analyzer: unknown %s %.*s", what,
                     (int)(value->len < 64 ? value->len : 64), value->text);
}

static int parse_tokenizer(const struct json_value *value, struct analyzer *out,
                           struct kith_error *err)
{
    struct json_value type = *value;
    if (value->kind == JSON_OBJECT && !member(value, "type", &type)) {
        return error_set(err, KITH_EINVAL, "analyzer: the tokenizer has no type");
    }
    char name[32];
    take_name(&type, name);
    if (strcmp(name, "standard") == 0) {
        out->tokenizer = TOKENIZER_STANDARD;
    } else if (strcmp(name, "whitespace") == 0) {
        out->tokenizer = TOKENIZER_WHITESPACE;
    } else {
        return refuse("tokenizer", &type, name, err);
    }
    return value->kind == JSON_OBJECT ? check_keys(value, "type", err) : 0;
}

/* english stems before it drops stop words, so "being" is one of them: its stem is. */
static int parse_type(const struct json_value *root, const struct json_value *value,
                      struct analyzer *out, struct kith_error *err)
{
    char name[32];
    take_name(value, name);
    const bool english = strcmp(name, "english") == 0;
    if (!english && strcmp(name, "standard") != 0) return refuse("type", value, name, err);
    int rc = check_keys(root, "type stop_words", err);
    if (rc) return rc;
    add_filter(out, FILTER_LOWERCASE);
    if (english) {
        struct text_filter *stemmer = add_filter(out, FILTER_STEMMER);
        memcpy(stemmer->language, "english", sizeof "english");
        struct text_filter *stop = add_filter(out, FILTER_STOP);
        rc = text_stop_list("_english_", strlen("_english_"), &stop->words, err);
    }
    struct json_value words;
    if (rc || !member(root, "stop_words", &words)) return rc;
    return parse_words(&words, true, add_filter(out, FILTER_STOP), err);
}

int analyzer_parse(const char *json, size_t len, struct analyzer *out, struct kith_error *err)
{
    if (len == 0) {
        json = "{}";
        len = 2;
    }
    if (len > ANALYZER_JSON_MAX) {
        return error_set(err, KITH_ELIMIT, "analyzer: more than %u bytes", ANALYZER_JSON_MAX);
    }
    int rc = json_validate(json, len, err);
    if (rc) return error_wrap(err, rc, "analyzer");
    struct json_value root, value;
    size_t used;
    rc = json_read(json, len, &root, &used, err);
    if (rc) return error_wrap(err, rc, "analyzer");
    if (root.kind != JSON_OBJECT) return wrong_type("it", "an object", err);
    if (member(&root, "type", &value)) return parse_type(&root, &value, out, err);
    const bool plain = !member(&root, "tokenizer", &value);
    rc = check_keys(&root, plain ? "filter stop_words" : "tokenizer filter", err);
    if (rc) return rc;
    if (plain) {
        if (member(&root, "filter", &value)) {
            return error_set(err, KITH_EINVAL, "analyzer: filters need a tokenizer");
        }
        add_filter(out, FILTER_LOWERCASE);
        if (!member(&root, "stop_words", &value)) return 0;
        return parse_words(&value, true, add_filter(out, FILTER_STOP), err);
    }
    rc = parse_tokenizer(&value, out, err);
    if (rc || !member(&root, "filter", &value)) return rc;
    return parse_filters(&value, out, err);
}
