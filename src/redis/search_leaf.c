/* Leaves of a query: words, phrases, and what is asked of a field. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "redis/search_lexicon.h"
#include "redis/search_parse.h"
#include "redis/search_text.h"

static struct kith_str param_text(struct query_reader *in, int *rc)
{
    const struct kith_str name = query_name(in);
    const struct query_param *param = query_param_of(in, name);
    if (param) return param->value;
    (void)snprintf(in->query->error, sizeof in->query->error, "No such parameter `%.*s`",
                   (int)(name.len > 64 ? 64 : name.len), name.data);
    *rc = KITH_EINVAL;
    return (struct kith_str){"", 0};
}

int query_number(struct query_reader *in, double *out, bool *open)
{
    int rc = 0;
    query_blanks(in);
    if (open) *open = query_take(in, "(");
    query_blanks(in);
    struct kith_str text;
    if (in->at < in->end && *in->at == '$') {
        in->at++;
        text = param_text(in, &rc);
        if (rc) return rc;
    } else {
        const char *start = in->at;
        while (in->at < in->end && *in->at && !strchr(" \t\r\n,])@|", *in->at)) in->at++;
        text = (struct kith_str){start, (size_t)(in->at - start)};
    }
    if (text.len && text.data[0] == '+') text = (struct kith_str){text.data + 1, text.len - 1};
    return text_double(text, out) ? 0 : query_fail(in, "Syntax error: a number is expected");
}

int query_vector(struct query_reader *in, const struct search_field *field, const float **out)
{
    int rc = 0;
    if (!query_take(in, "$")) return query_fail(in, "Syntax error: a parameter is expected");
    const struct kith_str blob = param_text(in, &rc);
    const size_t due = (size_t)field->dim * field->element_bytes;
    if (rc) return rc;
    if (blob.len != due) {
        (void)snprintf(in->query->error, sizeof in->query->error,
                       "Error parsing vector similarity query: query vector blob size (%zu) does "
                       "not match index's expected size (%zu).",
                       blob.len, due);
        return KITH_EINVAL;
    }
    float *vector = arena_alloc_array(&in->query->arena, field->dim, sizeof *vector);
    if (!vector) return KITH_ENOMEM;
    search_read_blob(field, blob.data, vector);
    *out = vector;
    return 0;
}

/* ---- words ---- */

/* A run of letters, with escapes taken out, in lower case. */
static int read_word(struct query_reader *in, struct kith_str *out)
{
    char *word = arena_alloc_array(&in->query->arena, (size_t)(in->end - in->at) + 1, 1);
    size_t len = 0;
    if (!word) return KITH_ENOMEM;
    while (in->at < in->end) {
        if (*in->at == '\\' && in->at + 1 < in->end) in->at++;
        else if (!search_is_word_byte(*in->at)) break;
        const char c = *in->at++;
        word[len++] = c >= 'A' && c <= 'Z' ? (char)(c + 32) : c;
    }
    *out = (struct kith_str){word, len};
    return len ? 0 : query_fail(in, "Syntax error");
}

static bool at_pattern(const struct query_reader *in)
{
    return in->end - in->at > 2 && (*in->at | 32) == 'w' && in->at[1] == '\'';
}

/* w'pattern': `*` and `?` as text_matches has them, but `[` is a letter. */
static int read_pattern(struct query_reader *in, bool fold, struct kith_str *out)
{
    const size_t most = 2 * (size_t)(in->end - in->at);
    char *text = arena_alloc_array(&in->query->arena, most, 1);
    size_t len = 0;
    if (!text) return KITH_ENOMEM;
    for (in->at += 2; in->at < in->end && *in->at != '\''; in->at++) {
        if (*in->at == '\\' && in->at + 1 < in->end && *++in->at != '\'') text[len++] = '\\';
        else if (*in->at == '[') text[len++] = '\\';
        const char c = *in->at;
        text[len++] = fold && c >= 'A' && c <= 'Z' ? (char)(c + 32) : c;
    }
    if (in->at == in->end) return query_fail(in, "Syntax error: a quote is not closed");
    in->at++;
    *out = (struct kith_str){text, len};
    return len ? 0 : query_fail(in, "Syntax error");
}

static bool is_left_out(const struct query_reader *in, struct kith_str word)
{
    return !in->options->keep_stop_words && search_is_stop_word(in->query->index, word);
}

static int set_stem(struct query_reader *in, struct query_word *word)
{
    struct search_stemmer *stemmer =
        in->options->stemmer ? in->options->stemmer : in->query->index->stemmer;
    struct kith_str stem;
    if (!stemmer || in->options->verbatim) return 0;
    const int rc = search_stem(stemmer, word->text, &stem);
    if (rc) return rc;
    word->stem.data = arena_strndup(&in->query->arena, stem.data, stem.len);
    word->stem.len = stem.len;
    return word->stem.data ? 0 : KITH_ENOMEM;
}

/* The words of a text in a row. */
static int phrase_of(struct query_reader *in, struct kith_str text, struct query_node **out)
{
    struct query_node *node = query_node_new(in, QUERY_PHRASE);
    struct query_reader words = *in;
    int rc = node ? 0 : KITH_ENOMEM;
    words.at = text.data;
    words.end = text.data + text.len;
    while (rc == 0 && words.at < words.end) {
        struct query_word word = {.form = WORD_EXACT};
        if (!search_is_word_byte(*words.at) && *words.at != '\\') {
            words.at++;
            continue;
        }
        if (*words.at == '\\' && words.at + 1 == words.end) break;
        rc = read_word(&words, &word.text);
        if (rc == 0 && !is_left_out(in, word.text)) rc = query_word_add(in, node, word);
    }
    *out = rc == 0 && node->word_count ? node : NULL;
    return rc;
}

static int read_phrase(struct query_reader *in, struct query_node **out)
{
    const char *start = ++in->at;
    while (in->at < in->end && *in->at != '"')
        in->at += *in->at == '\\' && in->at + 1 < in->end ? 2 : 1;
    if (in->at >= in->end) return query_fail(in, "Syntax error: a quote is not closed");
    const struct kith_str text = {start, (size_t)(in->at++ - start)};
    return phrase_of(in, text, out);
}

/* Beside the word those of the groups that it is in. */
static int add_synonyms(struct query_reader *in, struct kith_str word, struct query_node **out)
{
    struct query_node *any = NULL, **last = NULL;
    if (in->options->verbatim) return 0;
    for (const struct search_lexicon *group = in->query->index->synonyms; group;
         group = group->next) {
        struct query_word other = {.form = WORD_EXACT};
        const void *data;
        uintptr_t value;
        size_t it = 0;
        if (!map_get(&group->words, word.data, word.len, NULL)) continue;
        while (map_next(&group->words, &it, &data, &other.text.len, &value)) {
            other.text.data = data;
            if (str_same(other.text, word)) continue;
            other.text.data = arena_strndup(&in->query->arena, data, other.text.len);
            if (!other.text.data) return KITH_ENOMEM;
            struct query_node *node = query_node_new(in, QUERY_WORD);
            if (!any && (any = query_node_new(in, QUERY_OR))) {
                any->first = *out;
                last = &(*out)->next;
            }
            if (!any || !node || query_word_add(in, node, other) != 0) return KITH_ENOMEM;
            *last = node;
            last = &node->next;
        }
    }
    if (any) *out = any;
    return 0;
}

static int read_text_word(struct query_reader *in, struct query_node **out)
{
    struct query_word word = {.form = WORD_EXACT};
    struct query_node *node = query_node_new(in, QUERY_WORD);
    int rc = 0;
    if (!node) return KITH_ENOMEM;
    if (at_pattern(in)) {
        word.form = WORD_PATTERN;
        rc = read_pattern(in, true, &word.text);
        *out = node;
        return rc ? rc : query_word_add(in, node, word);
    }
    while (in->at < in->end && *in->at == '%' && word.fuzz < 3) {
        word.fuzz++;
        in->at++;
    }
    const bool open = in->at < in->end && *in->at == '*';
    if (open) in->at++;
    if (in->at < in->end && *in->at == '$') {
        in->at++;
        const struct kith_str text = param_text(in, &rc);
        return rc ? rc : phrase_of(in, text, out);
    }
    rc = read_word(in, &word.text);
    if (rc) return rc;
    const bool more = in->at < in->end && *in->at == '*';
    if (more) in->at++;
    for (unsigned i = 0; i < word.fuzz; i++)
        if (in->at == in->end || *in->at++ != '%') return query_fail(in, "Syntax error");
    if (word.fuzz) word.form = WORD_FUZZY;
    else if (open || more)
        word.form = open && more ? WORD_INFIX : open ? WORD_SUFFIX : WORD_PREFIX;
    *out = NULL;
    if (word.form == WORD_EXACT) {
        if (is_left_out(in, word.text)) return 0;
        if ((rc = set_stem(in, &word)) != 0) return rc;
    }
    *out = node;
    rc = query_word_add(in, node, word);
    return rc || word.form != WORD_EXACT ? rc : add_synonyms(in, word.text, out);
}

/* ---- fields ---- */

static int tag_word(struct query_reader *in, struct query_node *node, struct query_word word)
{
    char *folded = arena_alloc_array(&in->query->arena, word.text.len + 1, 1);
    if (!folded) return KITH_ENOMEM;
    for (size_t i = 0; i < word.text.len; i++) {
        const char c = word.text.data[i];
        folded[i] = !node->field->case_sensitive && c >= 'A' && c <= 'Z' ? (char)(c + 32) : c;
    }
    word.text.data = folded;
    return query_word_add(in, node, word);
}

/* One tag, up to '|' or '}': escapes taken out, blanks around it too, '*' at its ends. */
static int read_tag(struct query_reader *in, struct query_node *node)
{
    struct query_word word = {.form = WORD_EXACT};
    char *text = arena_alloc_array(&in->query->arena, (size_t)(in->end - in->at) + 1, 1);
    size_t len = 0, keep = 0; /* keep: blanks up to here were escaped */
    bool open = false, more = false;
    int rc = 0;
    if (!text) return KITH_ENOMEM;
    query_blanks(in);
    if (query_take(in, "$")) {
        word.text = param_text(in, &rc);
        return rc ? rc : tag_word(in, node, word);
    }
    if (at_pattern(in)) {
        word.form = WORD_PATTERN;
        rc = read_pattern(in, !node->field->case_sensitive, &word.text);
        return rc ? rc : query_word_add(in, node, word);
    }
    const bool quoted = query_take(in, "\"");
    if (!quoted && in->at < in->end && *in->at == '*') {
        open = true;
        in->at++;
    }
    for (const char end = quoted ? '"' : '}'; in->at < in->end; in->at++) {
        if (*in->at == end || (!quoted && *in->at == '|')) break;
        const bool escaped = *in->at == '\\' && in->at + 1 < in->end;
        if (escaped) in->at++;
        more = !quoted && !escaped && *in->at == '*';
        if (more) continue;
        text[len++] = *in->at;
        if (escaped) keep = len;
    }
    if (quoted && in->at < in->end) in->at++;
    while (!quoted && len > keep && (text[len - 1] == ' ' || text[len - 1] == '\t')) len--;
    word.text = (struct kith_str){text, len};
    if (open || more) word.form = open && more ? WORD_INFIX : open ? WORD_SUFFIX : WORD_PREFIX;
    return tag_word(in, node, word);
}

static int read_tags(struct query_reader *in, struct query_node **out)
{
    struct query_node *node = query_node_new(in, QUERY_TAG);
    if (!node) return KITH_ENOMEM;
    if (in->scope->type != SEARCH_TAG && !in->scope->any)
        return query_fail(in, "Expected a TAG field");
    do {
        const int rc = read_tag(in, node);
        if (rc) return rc;
    } while (query_take(in, "|"));
    *out = node;
    return query_take(in, "}") ? 0 : query_fail(in, "Syntax error");
}

static int read_geo(struct query_reader *in, struct query_node *node)
{
    node->kind = QUERY_GEO;
    int rc = query_number(in, &node->lo, NULL);
    (void)query_take(in, ",");
    if (rc == 0) rc = query_number(in, &node->hi, NULL);
    (void)query_take(in, ",");
    if (rc == 0) rc = query_number(in, &node->radius, NULL);
    if (rc) return rc;
    if (query_take(in, "km")) node->radius *= 1000;
    else if (query_take(in, "mi")) node->radius *= 1609.344;
    else if (query_take(in, "ft")) node->radius *= 0.3048;
    else if (!query_take(in, "m")) return query_fail(in, "Syntax error: a unit is expected");
    return 0;
}

static int read_range(struct query_reader *in, struct query_node *node)
{
    node->kind = QUERY_RANGE;
    if (!query_take(in, "VECTOR_RANGE")) return query_fail(in, "Syntax error");
    if (in->query->distance_count == QUERY_DISTANCES_MAX)
        return query_fail(in, "Syntax error: too many vector ranges");
    node->slot = in->query->distance_count++;
    const int rc = query_number(in, &node->hi, NULL);
    return rc ? rc : query_vector(in, node->field, &node->vector);
}

static int read_numbers(struct query_reader *in, struct query_node *node)
{
    node->kind = QUERY_NUMBER;
    int rc = query_number(in, &node->lo, &node->lo_open);
    (void)query_take(in, ",");
    query_blanks(in);
    if (rc == 0 && in->at < in->end && *in->at == ']') node->hi = node->lo;
    else if (rc == 0) rc = query_number(in, &node->hi, &node->hi_open);
    return rc;
}

static int read_square(struct query_reader *in, struct query_node **out)
{
    struct query_node *node = query_node_new(in, QUERY_NUMBER);
    if (!node) return KITH_ENOMEM;
    *out = node;
    int rc;
    if (in->scope->type == SEARCH_GEO) rc = read_geo(in, node);
    else if (in->scope->type == SEARCH_VECTOR) rc = read_range(in, node);
    else if (in->scope->type == SEARCH_NUMERIC) rc = read_numbers(in, node);
    else return query_fail(in, "Expected a NUMERIC, GEO or VECTOR field");
    if (rc == 0 && !query_take(in, "]")) rc = query_fail(in, "Syntax error");
    return rc;
}

/* @n==5; -1: no operator stands here. */
static int read_comparison(struct query_reader *in, struct query_node **out)
{
    static const char *const signs[] = {"==", "!=", ">=", "<=", ">", "<"};
    size_t sign = 0;
    while (sign < 6 && !query_take(in, signs[sign])) sign++;
    if (sign == 6) return -1000;
    struct query_node *node = query_node_new(in, QUERY_NUMBER);
    if (!node) return KITH_ENOMEM;
    if (in->scope->type != SEARCH_NUMERIC) return query_fail(in, "Expected a NUMERIC field");
    const int rc = query_number(in, &node->lo, NULL);
    if (rc) return rc;
    node->hi = node->lo;
    if (sign == 2 || sign == 4) node->hi = (double)INFINITY;
    if (sign == 3 || sign == 5) node->lo = -(double)INFINITY;
    node->lo_open = sign == 4;
    node->hi_open = sign == 5;
    *out = node;
    if (sign != 1) return 0;
    *out = query_node_new(in, QUERY_NOT);
    if (!*out) return KITH_ENOMEM;
    (*out)->first = node;
    return 0;
}

/* Words of several fields: @f|g:leaf, at the first '|'. */
static int read_fields(struct query_reader *in, struct query_node **out)
{
    const struct search_index *index = in->query->index;
    const struct search_field *field = in->scope;
    struct query_fields *fields = arena_zalloc(&in->query->arena, sizeof *fields);
    if (!fields) return KITH_ENOMEM;
    do {
        if (!field) return query_fail(in, "Unknown field");
        if (field->type != SEARCH_TEXT) return query_fail(in, "Expected a TEXT field");
        const size_t place = (size_t)(field - index->fields);
        if (query_has_field(in->fields, place)) fields->bits[place / 64] |= 1ull << (place % 64);
        if (!query_take(in, "|")) break;
        query_blanks(in);
        field = search_field_of(index, query_name(in));
    } while (true);
    if (!query_take(in, ":")) return query_fail(in, "Syntax error");
    const struct query_fields *before = in->fields;
    in->scope = NULL;
    in->fields = fields;
    const int rc = query_leaf(in, out);
    in->fields = before;
    return rc;
}

static int read_value(struct query_reader *in, struct query_node **out)
{
    if (!query_take(in, ":")) return query_fail(in, "Syntax error");
    if (query_take(in, "{")) return read_tags(in, out);
    if (query_take(in, "[")) return read_square(in, out);
    if (in->scope->type != SEARCH_TEXT && !in->scope->any)
        return query_fail(in, "Expected a TEXT field");
    return query_leaf(in, out);
}

static int read_field(struct query_reader *in, struct query_node **out)
{
    const struct search_field *before = in->scope;
    const struct kith_str name = query_name(in);
    in->scope = search_field_of(in->query->index, name);
    if (!in->scope) return query_fail(in, "Unknown field");
    int rc = read_comparison(in, out);
    if (rc == -1000) {
        query_blanks(in);
        rc = in->at < in->end && *in->at == '|' ? read_fields(in, out) : read_value(in, out);
    }
    in->scope = before;
    return rc;
}

static int read_missing(struct query_reader *in, struct query_node **out)
{
    if (!query_take(in, "@")) return query_fail(in, "Syntax error");
    const struct kith_str name = query_name(in);
    const struct search_field *field = search_field_of(in->query->index, name);
    if (!field) return query_fail(in, "Unknown field");
    struct query_node *node = query_node_new(in, QUERY_MISSING);
    if (!node) return KITH_ENOMEM;
    node->field = field;
    *out = node;
    return query_take(in, ")") ? 0 : query_fail(in, "Syntax error");
}

int query_leaf(struct query_reader *in, struct query_node **out)
{
    query_blanks(in);
    if (query_take(in, "(")) return query_group(in, out);
    if (query_take(in, "@")) return read_field(in, out);
    if (query_take(in, "ismissing(")) return read_missing(in, out);
    if (in->at < in->end && *in->at == '"') return read_phrase(in, out);
    const char next = in->at + 1 < in->end ? in->at[1] : 0;
    if (in->at < in->end && *in->at == '*' && !search_is_word_byte(next) && next != '\\') {
        in->at++;
        *out = query_node_new(in, QUERY_ALL);
        return *out ? 0 : KITH_ENOMEM;
    }
    return read_text_word(in, out);
}
