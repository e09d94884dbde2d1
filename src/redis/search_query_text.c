/* A query as a text, as FT.EXPLAIN of Redis writes it: one line a leaf, braces around groups. */
#include <math.h>

#include "redis/search_query.h"

static void indent(struct buffer *out, unsigned depth)
{
    for (unsigned i = 0; i < depth; i++) buffer_put(out, "  ", 2);
}

static void put_str(struct buffer *out, struct kith_str text)
{
    buffer_put(out, text.data, text.len);
}

/* "@t:" or "@t|u:" before words that are looked for in some fields only. */
static void put_scope(const struct search_query *query, const struct query_node *node,
                      struct buffer *out)
{
    bool any = false;
    if (!node->field && !node->fields) return;
    for (size_t i = 0; i < query->index->field_count; i++) {
        const struct search_field *field = &query->index->fields[i];
        if (node->field ? node->field != field
                        : field->type != SEARCH_TEXT || !query_has_field(node->fields, i))
            continue;
        buffer_put(out, any ? "|" : "@", 1);
        put_str(out, field->name);
        any = true;
    }
    if (any) buffer_put(out, ":", 1);
}

static void put_word(const struct query_word *word, struct buffer *out)
{
    const bool before = word->form == WORD_SUFFIX || word->form == WORD_INFIX;
    const bool behind = word->form == WORD_PREFIX || word->form == WORD_INFIX;
    if (word->form == WORD_FUZZY) buffer_printf(out, "FUZZY{");
    else if (word->form == WORD_PATTERN) buffer_printf(out, "WILDCARD{");
    else if (before || behind) buffer_printf(out, behind && !before ? "PREFIX{" : "SUFFIX{");
    if (before) buffer_put(out, "*", 1);
    put_str(out, word->text);
    if (behind) buffer_put(out, "*", 1);
    if (word->form != WORD_EXACT) buffer_put(out, "}", 1);
}

static void put_number(struct buffer *out, double number)
{
    if (isinf(number)) buffer_printf(out, number < 0 ? "-inf" : "inf");
    else buffer_printf(out, "%f", number);
}

static void put_tags(const struct query_node *node, unsigned depth, struct buffer *out)
{
    buffer_printf(out, "TAG:@");
    put_str(out, node->field->name);
    buffer_printf(out, " {\n");
    for (size_t i = 0; i < node->word_count; i++) {
        indent(out, depth + 1);
        put_word(&node->words[i], out);
        buffer_put(out, "\n", 1);
    }
    indent(out, depth);
    buffer_put(out, "}\n", 2);
}

static void put_text(const struct search_query *query, const struct query_node *node,
                     unsigned depth, struct buffer *out)
{
    put_scope(query, node, out);
    if (node->kind == QUERY_PHRASE && node->word_count > 1) {
        buffer_printf(out, "EXACT {\n");
        for (size_t i = 0; i < node->word_count; i++) {
            indent(out, depth + 1);
            put_word(&node->words[i], out);
            buffer_put(out, "\n", 1);
        }
    } else if (node->words[0].stem.len) {
        buffer_printf(out, "UNION {\n");
        indent(out, depth + 1);
        put_word(&node->words[0], out);
        buffer_put(out, "\n", 1);
        indent(out, depth + 1);
        buffer_printf(out, "+%.*s(expanded)\n", (int)node->words[0].stem.len,
                      node->words[0].stem.data);
    } else {
        put_word(&node->words[0], out);
        buffer_put(out, "\n", 1);
        return;
    }
    indent(out, depth);
    buffer_put(out, "}\n", 2);
}

static void put_leaf(const struct search_query *query, const struct query_node *node,
                     unsigned depth, struct buffer *out)
{
    const struct kith_str name = node->field ? node->field->name : (struct kith_str){"", 0};
    switch (node->kind) {
    case QUERY_ALL: buffer_printf(out, "<WILDCARD>\n"); return;
    case QUERY_TAG: put_tags(node, depth, out); return;
    case QUERY_NUMBER:
        buffer_printf(out, "NUMERIC {");
        put_number(out, node->lo);
        buffer_printf(out, " %s @%.*s %s ", node->lo_open ? "<" : "<=", (int)name.len, name.data,
                      node->hi_open ? "<" : "<=");
        put_number(out, node->hi);
        buffer_printf(out, "}\n");
        return;
    case QUERY_GEO:
        buffer_printf(out, "GEO %.*s:{%f,%f --> %f m}\n", (int)name.len, name.data, node->lo,
                      node->hi, node->radius);
        return;
    case QUERY_RANGE:
        buffer_printf(out, "VECTOR {Vectors within %g of the query in field @%.*s", node->hi,
                      (int)name.len, name.data);
        if (query->names[node->slot].len)
            buffer_printf(out, ", yields distance as `%.*s`", (int)query->names[node->slot].len,
                          query->names[node->slot].data);
        buffer_printf(out, "}\n");
        return;
    case QUERY_MISSING: buffer_printf(out, "ISMISSING{%.*s}\n", (int)name.len, name.data); return;
    default: put_text(query, node, depth, out);
    }
}

static void put_node(const struct search_query *query, const struct query_node *node,
                     unsigned depth, struct buffer *out)
{
    const char *group = node->kind == QUERY_AND        ? "INTERSECT"
                        : node->kind == QUERY_OR       ? "UNION"
                        : node->kind == QUERY_NOT      ? "NOT"
                        : node->kind == QUERY_OPTIONAL ? "OPTIONAL"
                                                       : NULL;
    indent(out, depth);
    if (!group) {
        put_leaf(query, node, depth, out);
        return;
    }
    buffer_printf(out, "%s {\n", group);
    for (const struct query_node *at = node->first; at; at = at->next)
        put_node(query, at, depth + 1, out);
    indent(out, depth);
    buffer_put(out, "}\n", 2);
}

void search_query_describe(const struct search_query *query, struct buffer *out)
{
    unsigned depth = 0;
    if (query->knn) {
        buffer_printf(out, "VECTOR {K=%lld nearest vectors in field @%.*s",
                      (long long)query->k, (int)query->knn->name.len, query->knn->name.data);
        if (query->names[0].len)
            buffer_printf(out, ", yields distance as `%.*s`", (int)query->names[0].len,
                          query->names[0].data);
        buffer_printf(out, "\n");
        depth = 1;
    }
    put_node(query, query->root, depth, out);
    if (query->knn) buffer_printf(out, "}\n");
}
