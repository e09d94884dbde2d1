/* See search_query.h. Leaves of fields are in search_leaf.c. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "redis/search_parse.h"

int query_fail(struct query_reader *in, const char *what)
{
    if (!in->query->error[0]) {
        const size_t left = (size_t)(in->end - in->at);
        (void)snprintf(in->query->error, sizeof in->query->error, "%s at offset %zu near %.*s",
                       what, (size_t)(in->at - in->start), (int)(left > 40 ? 40 : left), in->at);
    }
    return KITH_EINVAL;
}

void query_blanks(struct query_reader *in)
{
    while (in->at < in->end && strchr(" \t\r\n", *in->at) && *in->at) in->at++;
}

bool query_take(struct query_reader *in, const char *text)
{
    const size_t len = strlen(text);
    query_blanks(in);
    if ((size_t)(in->end - in->at) < len || strncasecmp(in->at, text, len) != 0) return false;
    in->at += len;
    return true;
}

struct query_node *query_node_new(struct query_reader *in, enum query_kind kind)
{
    if (in->nodes++ >= QUERY_NODES_MAX) {
        (void)query_fail(in, "Syntax error: too many words, or words with synonyms,");
        return NULL;
    }
    struct query_node *node = arena_alloc_array(&in->query->arena, 1, sizeof *node);
    if (node)
        *node = (struct query_node){.kind = kind, .field = in->scope, .fields = in->fields,
                                    .weight = 1, .slop = -1};
    if (node && kind == QUERY_AND) {
        node->slop = in->options->slop;
        node->in_order = in->options->in_order;
    }
    return node;
}

int query_word_add(struct query_reader *in, struct query_node *node, struct query_word word)
{
    if (node->word_count == node->word_cap) {
        const size_t cap = node->word_cap ? node->word_cap * 2 : 2;
        struct query_word *words = arena_alloc_array(&in->query->arena, cap, sizeof *words);
        if (!words) return KITH_ENOMEM;
        if (node->word_count) memcpy(words, node->words, node->word_count * sizeof *words);
        node->words = words;
        node->word_cap = cap;
    }
    node->words[node->word_count++] = word;
    return 0;
}

const struct query_param *query_param_of(const struct query_reader *in, struct kith_str name)
{
    for (size_t i = 0; i < in->param_count; i++)
        if (str_same(in->params[i].name, name)) return &in->params[i];
    return NULL;
}

struct kith_str query_name(struct query_reader *in)
{
    const char *start = in->at;
    while (in->at < in->end &&
           (strchr("_.-/$", *in->at) || (*in->at & 0x80) || (*in->at >= '0' && *in->at <= '9') ||
            ((*in->at | 32) >= 'a' && (*in->at | 32) <= 'z')) &&
           *in->at)
        in->at++;
    return (struct kith_str){start, (size_t)(in->at - start)};
}

/* ---- => ---- */

static int set_weight(struct query_reader *in, struct query_node *node, struct kith_str value)
{
    double number;
    if (!text_double(value, &number) || number < 0)
        return query_fail(in, "Syntax error: $weight is a number");
    if (node) node->weight = number;
    return 0;
}

static int set_nearness(struct query_reader *in, struct query_node *node, struct kith_str name,
                        struct kith_str value)
{
    double number;
    const bool yes = str_is(value, "true");
    if (str_is(name, "inorder")) {
        if (!yes && !str_is(value, "false")) return query_fail(in, "Syntax error: true or false");
        if (node) node->in_order = yes;
        return 0;
    }
    if (!text_double(value, &number) || number < -1 || number > 1e9)
        return query_fail(in, "Syntax error: $slop is a number");
    if (node) node->slop = (int64_t)number;
    return 0;
}

static int set_ef(struct query_reader *in, struct kith_str value)
{
    int64_t number;
    if (!text_integer(value, &number) || number < 1 || number > UINT32_MAX)
        return query_fail(in, "Invalid EF_RUNTIME: a positive number is expected");
    in->query->ef = (uint32_t)number;
    return 0;
}

static int set_attribute(struct query_reader *in, struct query_node *node, struct kith_str name,
                         struct kith_str value)
{
    if (str_is(name, "yield_distance_as")) {
        if (!node) in->query->names[0] = value;
        else if (node->kind == QUERY_RANGE) in->query->names[node->slot] = value;
        return 0;
    }
    if (str_is(name, "ef_runtime")) return set_ef(in, value);
    if (str_is(name, "weight")) return set_weight(in, node, value);
    if (str_is(name, "slop") || str_is(name, "inorder"))
        return set_nearness(in, node, name, value);
    if (str_is(name, "epsilon") || str_is(name, "hybrid_policy") || str_is(name, "batch_size") ||
        (str_is(name, "phonetic") && str_is(value, "false")))
        return 0;
    return query_fail(in, "Syntax error: an attribute that is not supported");
}

/* A word, or the parameter that "$name" stands for. */
static int read_attribute_value(struct query_reader *in, struct kith_str *out)
{
    query_blanks(in);
    *out = query_name(in);
    if (out->len && out->data[0] == '$') {
        const struct query_param *param =
            query_param_of(in, (struct kith_str){out->data + 1, out->len - 1});
        if (!param) return query_fail(in, "No such parameter");
        *out = param->value;
    }
    return out->len ? 0 : query_fail(in, "Syntax error");
}

/* {$NAME: value; ...}; node: whose. NULL: of the KNN. */
static int read_attributes(struct query_reader *in, struct query_node *node)
{
    while (!query_take(in, "}")) {
        if (!query_take(in, "$")) return query_fail(in, "Syntax error");
        const struct kith_str name = query_name(in);
        if (!query_take(in, ":")) return query_fail(in, "Syntax error");
        struct kith_str value;
        int rc = read_attribute_value(in, &value);
        if (rc == 0) rc = set_attribute(in, node, name, value);
        if (rc) return rc;
        (void)query_take(in, ";");
    }
    return 0;
}

static int read_knn_option(struct query_reader *in)
{
    query_blanks(in);
    const struct kith_str option = query_name(in);
    struct kith_str value;
    const int rc = read_attribute_value(in, &value);
    if (rc) return rc;
    if (option.len == 0) return query_fail(in, "Syntax error");
    if (str_is(option, "as")) {
        in->query->names[0] = value;
        return 0;
    }
    if (str_is(option, "ef_runtime")) return set_ef(in, value);
    if (str_is(option, "hybrid_policy") ||
        str_is(option, "batch_size") || str_is(option, "epsilon"))
        return 0;
    return query_fail(in, "Syntax error: unknown KNN option");
}

static int default_name(struct query_reader *in)
{
    const struct kith_str field = in->query->knn->name;
    char *name = arena_alloc_array(&in->query->arena, field.len + 8, 1);
    if (!name) return KITH_ENOMEM;
    memcpy(name, "__", 2);
    memcpy(name + 2, field.data, field.len);
    memcpy(name + 2 + field.len, "_score", 6);
    in->query->names[0] = (struct kith_str){name, field.len + 8};
    return 0;
}

static int read_knn(struct query_reader *in)
{
    double k;
    int rc;
    if (!query_take(in, "KNN")) return query_fail(in, "Syntax error");
    if ((rc = query_number(in, &k, NULL)) != 0) return rc;
    if (!(k >= 0 && k <= QUERY_K_MAX)) return query_fail(in, "Invalid K");
    in->query->k = (int64_t)k;
    if (!query_take(in, "@")) return query_fail(in, "Syntax error");
    const struct kith_str name = query_name(in);
    const struct search_field *field = search_field_of(in->query->index, name);
    if (!field || field->type != SEARCH_VECTOR) return query_fail(in, "Unknown vector field");
    in->query->knn = field;
    rc = default_name(in);
    if (rc == 0) rc = query_vector(in, field, &in->query->vector);
    while (rc == 0 && !query_take(in, "]")) rc = read_knn_option(in);
    if (rc == 0 && query_take(in, "=>"))
        rc = query_take(in, "{") ? read_attributes(in, NULL) : query_fail(in, "Syntax error");
    return rc;
}

/* ---- operators ---- */

static int read_union(struct query_reader *in, struct query_node **out);

static bool at_end(struct query_reader *in)
{
    query_blanks(in);
    return in->at == in->end || *in->at == ')' || *in->at == '|' ||
           (in->at + 1 < in->end && in->at[0] == '=' && in->at[1] == '>');
}

int query_group(struct query_reader *in, struct query_node **out)
{
    if (++in->depth > QUERY_DEPTH_MAX) return query_fail(in, "Syntax error: nested too deep");
    int rc = read_union(in, out);
    in->depth--;
    if (rc == 0 && !query_take(in, ")")) rc = query_fail(in, "Syntax error");
    return rc;
}

static int read_unary(struct query_reader *in, struct query_node **out)
{
    query_blanks(in);
    if (in->at < in->end && (*in->at == '-' || *in->at == '~')) {
        const enum query_kind kind = *in->at++ == '-' ? QUERY_NOT : QUERY_OPTIONAL;
        struct query_node *node = query_node_new(in, kind);
        if (!node) return KITH_ENOMEM;
        if (++in->depth > QUERY_DEPTH_MAX) return query_fail(in, "Syntax error: nested too deep");
        const int rc = read_unary(in, &node->first);
        in->depth--;
        *out = node->first ? node : NULL;
        return rc;
    }
    struct query_node ignored = {.kind = QUERY_ALL};
    int rc = query_leaf(in, out);
    while (rc == 0) { /* attributes, but not the arrow of KNN */
        const char *before = in->at;
        if (!query_take(in, "=>") || !query_take(in, "{")) {
            in->at = before;
            break;
        }
        rc = read_attributes(in, *out ? *out : &ignored);
    }
    return rc;
}

/* Words that have to be near each other are few. */
static int check_near(struct query_reader *in, const struct query_node *node)
{
    size_t count = 0;
    if (node->slop < 0 && !node->in_order) return 0;
    for (const struct query_node *at = node->first; at; at = at->next) count++;
    return count <= QUERY_NEAR_MAX ? 0 : query_fail(in, "Too many words for SLOP or INORDER");
}

/* One child alone stands for itself, none (all were stop words) for nothing. */
static struct query_node *settle(struct query_node *node)
{
    return node->first && !node->first->next ? node->first : node->first ? node : NULL;
}

static int read_and(struct query_reader *in, struct query_node **out)
{
    struct query_node *node = query_node_new(in, QUERY_AND);
    if (!node) return KITH_ENOMEM;
    struct query_node **last = &node->first;
    do {
        const int rc = read_unary(in, last);
        if (rc) return rc;
        if (*last) last = &(*last)->next;
    } while (!at_end(in));
    *out = settle(node);
    return check_near(in, node);
}

static int read_union(struct query_reader *in, struct query_node **out)
{
    struct query_node *node = query_node_new(in, QUERY_OR);
    if (!node) return KITH_ENOMEM;
    struct query_node **last = &node->first;
    do {
        const int rc = read_and(in, last);
        if (rc) return rc;
        if (*last) last = &(*last)->next;
    } while (query_take(in, "|"));
    *out = settle(node);
    return 0;
}

/* ---- FILTER and GEOFILTER of the call ---- */

static int add_filter(struct query_reader *in, const struct query_filter *filter,
                      struct query_node **last)
{
    const struct search_field *field = search_field_of(in->query->index, filter->name);
    struct query_node *node = query_node_new(in, filter->geo ? QUERY_GEO : QUERY_NUMBER);
    if (!node) return KITH_ENOMEM;
    if (!field || field->type != (filter->geo ? SEARCH_GEO : SEARCH_NUMERIC)) {
        (void)snprintf(in->query->error, sizeof in->query->error,
                       "No such %s field in the index: `%.*s`", filter->geo ? "GEO" : "NUMERIC",
                       (int)(filter->name.len > 60 ? 60 : filter->name.len), filter->name.data);
        return KITH_EINVAL;
    }
    node->field = field;
    node->lo = filter->lo;
    node->hi = filter->hi;
    node->lo_open = filter->lo_open;
    node->hi_open = filter->hi_open;
    node->radius = filter->radius;
    *last = node;
    return 0;
}

static int add_filters(struct query_reader *in)
{
    const struct query_options *options = in->options;
    struct query_node *all = options->filter_count ? query_node_new(in, QUERY_AND) : NULL;
    int rc = 0;
    if (!options->filter_count) return 0;
    if (!all) return KITH_ENOMEM;
    all->slop = -1;
    all->in_order = false;
    all->first = in->query->root;
    struct query_node **last = &all->first->next;
    for (size_t i = 0; rc == 0 && i < options->filter_count; i++) {
        rc = add_filter(in, &options->filters[i], last);
        if (rc == 0) last = &(*last)->next;
    }
    in->query->root = all;
    return rc;
}

uint32_t search_query_ef(const struct search_query *query, uint64_t rows)
{
    const double grow = 4.0 + 4.0 * log10((double)rows / 1000.0 + 1.0);
    double own = (double)query->k * grow; /* as index_ef_adapt has it */
    if (own < 64) own = 64;
    if (own > 1000) own = 1000;
    const uint32_t ef = query->ef ? query->ef : query->knn ? query->knn->ef_runtime : 0;
    return (double)ef > own ? ef : 0;
}

int search_query_parse(const struct search_index *index, struct kith_str text,
                       const struct query_param *params, size_t param_count,
                       struct search_query *out)
{
    return search_query_parse_with(index, text, params, param_count, NULL, out);
}

int search_query_parse_with(const struct search_index *index, struct kith_str text,
                            const struct query_param *params, size_t param_count,
                            const struct query_options *options, struct search_query *out)
{
    static const struct query_options plain = {.slop = -1};
    if (!options) options = &plain;
    struct query_reader in = {.query = out, .start = text.data, .at = text.data,
                              .end = text.data + text.len, .params = params,
                              .param_count = param_count, .fields = options->fields,
                              .options = options};
    *out = (struct search_query){.index = index, .distance_count = 1,
                                 .scorer = options->scorer, .tanh_factor = options->tanh_factor};
    arena_init(&out->arena);
    query_blanks(&in);
    if (in.at == in.end) { /* no words: nothing is found */
        out->root = query_node_new(&in, QUERY_OR);
        return out->root ? 0 : KITH_ENOMEM;
    }
    int rc = read_union(&in, &out->root);
    if (rc == 0 && !out->root && !(out->root = query_node_new(&in, QUERY_OR))) rc = KITH_ENOMEM;
    if (rc == 0 && query_take(&in, "=>"))
        rc = query_take(&in, "[") ? read_knn(&in) : query_fail(&in, "Syntax error");
    query_blanks(&in);
    if (rc == 0 && in.at != in.end) rc = query_fail(&in, "Syntax error");
    return rc ? rc : add_filters(&in);
}

void search_query_release(struct search_query *query) { arena_release(&query->arena); }
