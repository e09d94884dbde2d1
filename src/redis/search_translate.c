/* See search_translate.h. */
#include "redis/search_translate.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "redis/search_collection.h"

#define EXACT_INTEGERS 9007199254740992.0 /* 2^53 */

struct translation {
    struct search_filter *out;
    const struct search_index *index;
};

static int refuse(struct translation *run, const struct search_field *field, const char *what)
{
    if (run->out->error[0]) return KITH_EUNSUPPORTED;
    if (field)
        (void)snprintf(run->out->error, sizeof run->out->error, "Field `%.*s`: %s",
                       (int)(field->name.len > 60 ? 60 : field->name.len), field->name.data, what);
    else
        (void)snprintf(run->out->error, sizeof run->out->error, "%s", what);
    return KITH_EUNSUPPORTED;
}

/* ---- values ---- */

/* "{p0}" into the filter and the key of its value into the parameters. */
static void open_value(struct search_filter *out)
{
    buffer_printf(&out->text, "{p%u}", out->count);
    buffer_printf(&out->params, "%s\"p%u\":", out->count ? "," : "{", out->count);
    out->count++;
}

static void put_text(struct search_filter *out, struct kith_str text)
{
    open_value(out);
    json_write_string(&out->params, text.data, text.len);
}

static void put_number(struct search_filter *out, double number, bool integer)
{
    open_value(out);
    if (integer || (number == floor(number) && fabs(number) < EXACT_INTEGERS))
        buffer_printf(&out->params, "%.0f", number);
    else json_write_double(&out->params, number);
}

static void put_name(struct search_filter *out, struct kith_str name)
{
    buffer_put(&out->text, name.data, name.len);
}

static bool is_identifier(struct kith_str name)
{
    for (size_t i = 0; i < name.len; i++) {
        const char c = name.data[i];
        if (!(c == '_' || ((c | 32) >= 'a' && (c | 32) <= 'z') || (i && c >= '0' && c <= '9')))
            return false;
    }
    return name.len > 0;
}

/* "(f is not null and " */
static void open_leaf(struct search_filter *out, const struct search_field *field)
{
    buffer_printf(&out->text, "(");
    put_name(out, field->name);
    buffer_printf(&out->text, " is not null and ");
}

static void close_leaf(struct search_filter *out) { buffer_printf(&out->text, ")"); }

/* ---- tags ---- */

static void put_list(struct search_filter *out, const struct query_node *node)
{
    open_value(out);
    for (size_t i = 0; i < node->word_count; i++) {
        buffer_printf(&out->params, i ? "," : "[");
        json_write_string(&out->params, node->words[i].text.data, node->words[i].text.len);
    }
    buffer_printf(&out->params, "]");
}

/* LIKE and text_match take no templates: every byte but letters and digits is written as an escape,
 * so that nothing of a text can end the literal. */
static void put_escaped(struct search_filter *out, unsigned char c)
{
    const bool plain = c >= 0x80 || (c >= '0' && c <= '9') || ((c | 32) >= 'a' && (c | 32) <= 'z');
    if (plain) buffer_put_u8(&out->text, c);
    else buffer_printf(&out->text, "\\x%02x", c);
}

static void put_pattern(struct search_filter *out, const struct query_word *word)
{
    buffer_printf(&out->text, word->form == WORD_PREFIX ? "\"" : "\"%%");
    for (size_t i = 0; i < word->text.len; i++) {
        const unsigned char c = (unsigned char)word->text.data[i];
        if (c == '%' || c == '_') buffer_printf(&out->text, "\\%c", c);
        else put_escaped(out, c);
        if (c == 0x5c) put_escaped(out, c);
    }
    buffer_printf(&out->text, word->form == WORD_SUFFIX ? "\"" : "%%\"");
}

static bool all_whole(const struct query_node *node)
{
    for (size_t i = 0; i < node->word_count; i++)
        if (node->words[i].form != WORD_EXACT) return false;
    return true;
}

static int put_booleans(struct translation *run, const struct query_node *node)
{
    struct search_filter *out = run->out;
    buffer_printf(&out->text, "(");
    for (size_t i = 0; i < node->word_count; i++) {
        const struct kith_str word = node->words[i].text;
        const bool yes = str_is(word, "true") || str_is(word, "1");
        if (!yes && !str_is(word, "false") && !str_is(word, "0"))
            return refuse(run, node->field, "true or false is expected");
        if (i) buffer_printf(&out->text, " or ");
        put_name(out, node->field->name);
        buffer_printf(&out->text, yes ? " == true" : " == false");
    }
    buffer_printf(&out->text, ")");
    return 0;
}

static int put_patterns(struct translation *run, const struct query_node *node)
{
    struct search_filter *out = run->out;
    buffer_printf(&out->text, "(");
    for (size_t i = 0; i < node->word_count; i++) {
        if (i) buffer_printf(&out->text, " or ");
        put_name(out, node->field->name);
        if (node->words[i].form == WORD_FUZZY || node->words[i].form == WORD_PATTERN)
            return refuse(run, node->field, "no fuzzy tags and patterns");
        buffer_printf(&out->text, node->words[i].form == WORD_EXACT ? " == " : " like ");
        if (node->words[i].form == WORD_EXACT) put_text(out, node->words[i].text);
        else put_pattern(out, &node->words[i]);
    }
    buffer_printf(&out->text, ")");
    return 0;
}

static int put_tags(struct translation *run, const struct query_node *node)
{
    struct search_filter *out = run->out;
    const enum kith_type column = node->field->column;
    int rc = 0;
    open_leaf(out, node->field);
    if (column == KITH_BOOL) {
        rc = put_booleans(run, node);
    } else if (column == KITH_VARCHAR && !all_whole(node)) {
        rc = put_patterns(run, node);
    } else if (column == KITH_VARCHAR) {
        put_name(out, node->field->name);
        buffer_printf(&out->text, " in ");
        put_list(out, node);
    } else if (column != KITH_ARRAY && column != 0) {
        rc = refuse(run, node->field, "it cannot be asked for tags");
    } else if (!all_whole(node)) {
        rc = refuse(run, node->field, "an array is asked for whole tags");
    } else {
        buffer_printf(&out->text, "array_contains_any(");
        put_name(out, node->field->name);
        buffer_printf(&out->text, ", ");
        put_list(out, node);
        buffer_printf(&out->text, ")");
    }
    close_leaf(out);
    return rc;
}

/* ---- numbers, places ---- */

static int integer_bits(enum kith_type type)
{
    switch (type) {
    case KITH_INT8: return 8;
    case KITH_INT16: return 16;
    case KITH_INT32: return 32;
    case KITH_INT64: return 64;
    default: return 0;
    }
}

static void put_bound(struct search_filter *out, const struct query_node *node, const char *sign,
                      double bound)
{
    put_name(out, node->field->name);
    buffer_printf(&out->text, " %s ", sign);
    put_number(out, bound, integer_bits(node->field->column) != 0);
}

/* A range of integers: whole bounds, none that the type cannot hold. False: it has no numbers. */
static bool round_range(struct query_node *range)
{
    const int bits = integer_bits(range->field->column);
    if (!bits) return true;
    const double limit = ldexp(1, bits - 1);
    if (range->lo != ceil(range->lo)) range->lo_open = false;
    if (range->hi != floor(range->hi)) range->hi_open = false;
    range->lo = ceil(range->lo);
    range->hi = floor(range->hi);
    if (range->lo >= limit || range->hi < -limit) return false;
    if (range->lo < -limit) range->lo = -(double)INFINITY;
    if (range->hi >= limit) range->hi = (double)INFINITY;
    return true;
}

static int put_numbers(struct translation *run, const struct query_node *given)
{
    struct search_filter *out = run->out;
    struct query_node range = *given, *node = &range;
    if (!round_range(node)) {
        buffer_printf(&out->text, "(");
        put_name(out, node->field->name);
        buffer_printf(&out->text, " is null and ");
        put_name(out, node->field->name);
        buffer_printf(&out->text, " is not null)");
        return 0;
    }
    const double lo = node->lo, hi = node->hi;
    if (isnan(lo) || isnan(hi) || (isinf(lo) && lo > 0) || (isinf(hi) && hi < 0))
        return refuse(run, node->field, "the range has no numbers");
    if (isinf(lo) && isinf(hi)) {
        put_name(out, node->field->name);
        buffer_printf(&out->text, " is not null");
        return 0;
    }
    open_leaf(out, node->field);
    if (!isinf(lo)) put_bound(out, node, node->lo_open ? ">" : ">=", lo);
    if (!isinf(lo) && !isinf(hi)) buffer_printf(&out->text, " and ");
    if (!isinf(hi)) put_bound(out, node, node->hi_open ? "<" : "<=", hi);
    close_leaf(out);
    return 0;
}

static int put_place(struct translation *run, const struct query_node *node)
{
    struct search_filter *out = run->out;
    char point[96];
    if (!run->index->rows) return refuse(run, node->field, "places are scanned");
    (void)snprintf(point, sizeof point, "POINT(%.17g %.17g)", node->lo, node->hi);
    open_leaf(out, node->field);
    buffer_printf(&out->text, "st_dwithin(");
    put_name(out, node->field->name);
    /* Numbers and a point of our own making: no text of the client's. */
    buffer_printf(&out->text, ", \"%s\", %.17g)", point, node->radius);
    close_leaf(out);
    return 0;
}

/* ---- texts ---- */

static int put_words_of(struct translation *run, const struct query_node *node,
                        const struct search_field *field)
{
    struct search_filter *out = run->out;
    if (!field->match)
        return refuse(run, field,
                      "text is searched where a field has an analyzer and enable_match");
    if (node->words[0].form != WORD_EXACT)
        return refuse(run, field, "a collection is searched for whole words");
    open_leaf(out, field);
    buffer_printf(&out->text, node->word_count > 1 ? "phrase_match(" : "text_match(");
    put_name(out, field->name);
    buffer_printf(&out->text, ", \"");
    for (size_t i = 0; i < node->word_count; i++) {
        const struct kith_str word = node->words[i].text;
        if (i) buffer_put_u8(&out->text, ' ');
        for (size_t j = 0; j < word.len; j++) put_escaped(out, (unsigned char)word.data[j]);
    }
    buffer_printf(&out->text, "\")");
    close_leaf(out);
    return 0;
}

static int put_words(struct translation *run, const struct query_node *node)
{
    size_t found = 0;
    int rc = 0;
    if (!run->index->rows) return refuse(run, node->field, "texts are scanned");
    if (node->field) return put_words_of(run, node, node->field);
    buffer_printf(&run->out->text, "(");
    for (size_t i = 0; rc == 0 && i < run->index->field_count; i++) {
        const struct search_field *field = &run->index->fields[i];
        if (!field->match || !query_has_field(node->fields, i)) continue;
        if (found++) buffer_printf(&run->out->text, " or ");
        rc = put_words_of(run, node, field);
    }
    buffer_printf(&run->out->text, ")");
    if (rc == 0 && !found)
        rc = refuse(run, NULL, "No field of the collection has an analyzer and enable_match: name "
                               "a field (@field:{...})");
    return rc;
}

/* ---- the tree ---- */

static int put_node(struct translation *run, const struct query_node *node);

static int put_children(struct translation *run, const struct query_node *node)
{
    struct search_filter *out = run->out;
    int rc = 0;
    if (node->in_order || node->slop >= 0)
        return refuse(run, NULL, "words near each other are not asked of a collection");
    buffer_printf(&out->text, "(");
    for (const struct query_node *at = node->first; rc == 0 && at; at = at->next) {
        if (at != node->first)
            buffer_printf(&out->text, node->kind == QUERY_AND ? " and " : " or ");
        rc = put_node(run, at);
    }
    buffer_printf(&out->text, ")");
    return rc;
}

static int put_missing(struct translation *run, const struct query_node *node)
{
    if (node->field->type == SEARCH_VECTOR)
        return refuse(run, node->field, "a vector is not asked whether it is missing");
    put_name(run->out, node->field->name);
    buffer_printf(&run->out->text, " is null");
    return 0;
}

/* A connective takes no constants: every row has a key. */
static void put_true(struct translation *run)
{
    struct kith_str key = str_of(SEARCH_KEY_FIELD);
    if (run->index->rows) {
        const struct kith_schema *schema = &run->index->rows->info->schema;
        for (size_t i = 0; i < schema->field_count; i++)
            if (schema->fields[i].flags & KITH_FIELD_PRIMARY) key = str_of(schema->fields[i].name);
    }
    put_name(run->out, key);
    buffer_printf(&run->out->text, " is not null");
}

static int put_node(struct translation *run, const struct query_node *node)
{
    struct search_filter *out = run->out;
    int rc;
    if (node->field && !is_identifier(node->field->name))
        return refuse(run, node->field, "its name cannot stand in a filter");
    if (node->field && node->field->type != SEARCH_TEXT && node->kind != QUERY_RANGE &&
        (node->field->column == KITH_TIMESTAMPTZ || node->field->column == KITH_JSON))
        return refuse(run, node->field, "its type cannot be searched here");
    switch (node->kind) {
    case QUERY_ALL:
    case QUERY_OPTIONAL: put_true(run); return 0;
    case QUERY_AND:
    case QUERY_OR: return put_children(run, node);
    case QUERY_NOT:
        buffer_printf(&out->text, "not (");
        rc = put_node(run, node->first);
        buffer_printf(&out->text, ")");
        return rc;
    case QUERY_TAG: return put_tags(run, node);
    case QUERY_NUMBER: return put_numbers(run, node);
    case QUERY_GEO: return put_place(run, node);
    case QUERY_WORD:
    case QUERY_PHRASE: return put_words(run, node);
    case QUERY_MISSING: return put_missing(run, node);
    case QUERY_RANGE: break;
    }
    return refuse(run, node->field, "VECTOR_RANGE stands once, beside other clauses (and)");
}

/* The root without its vector range: everything else that it asks. */
static int put_root(struct translation *run, const struct search_query *query)
{
    const struct query_node *root = query->root;
    size_t count = 0;
    int rc = 0;
    if (root->kind == QUERY_ALL) return 0;
    if (root->kind == QUERY_OR && !root->first) {
        run->out->nothing = true;
        return 0;
    }
    if (root->kind == QUERY_RANGE && !query->knn) {
        run->out->range = root;
        return 0;
    }
    if (root->kind != QUERY_AND || root->in_order || root->slop >= 0) return put_node(run, root);
    for (const struct query_node *at = root->first; rc == 0 && at; at = at->next) {
        if (at->kind == QUERY_RANGE && !run->out->range && !query->knn) {
            run->out->range = at;
            continue;
        }
        if (count++) buffer_printf(&run->out->text, " and ");
        rc = put_node(run, at);
    }
    return rc;
}

static int finish(struct search_filter *out, int rc)
{
    if (out->count) buffer_printf(&out->params, "}");
    buffer_put_u8(&out->text, 0);
    buffer_put_u8(&out->params, 0);
    if (rc == 0 && (buffer_failed(&out->text) || buffer_failed(&out->params))) return KITH_ENOMEM;
    return rc;
}

int search_translate(const struct search_query *query, struct search_filter *out)
{
    *out = (struct search_filter){0};
    struct translation run = {out, query->index};
    return finish(out, put_root(&run, query));
}

void search_filter_in(struct search_filter *filter, struct kith_str name,
                      const struct kith_str *texts, size_t count, bool integers)
{
    /* The NULs and the bracket that finish() wrote are taken back. */
    filter->text.len -= filter->text.len > 0;
    filter->params.len -= filter->params.len > 0;
    if (filter->count) filter->params.len--;
    if (filter->text.len) buffer_printf(&filter->text, " and ");
    put_name(filter, name);
    buffer_printf(&filter->text, " in ");
    open_value(filter);
    buffer_printf(&filter->params, "[");
    for (size_t i = 0; i < count; i++) {
        if (i) buffer_printf(&filter->params, ",");
        if (integers) buffer_put(&filter->params, texts[i].data, texts[i].len);
        else json_write_string(&filter->params, texts[i].data, texts[i].len);
    }
    buffer_printf(&filter->params, "]");
    (void)finish(filter, 0);
}

void search_filter_release(struct search_filter *filter)
{
    buffer_release(&filter->text);
    buffer_release(&filter->params);
}
