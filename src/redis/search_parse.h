/* Shared by the two files that read queries. */
#ifndef KITH_REDIS_SEARCH_PARSE_H
#define KITH_REDIS_SEARCH_PARSE_H

#include <strings.h>

#include "redis/search_query.h"

struct query_reader {
    struct search_query *query;
    const char *start, *at, *end;
    const struct query_param *params;
    size_t param_count;
    const struct search_field *scope;  /* of words: @f:(...) */
    const struct query_fields *fields; /* of words: @f|g:(...); NULL: all */
    const struct query_options *options;
    unsigned depth;
    size_t nodes;
};

#define QUERY_NODES_MAX 200000u /* a word may have thousands of synonyms */


int query_fail(struct query_reader *in, const char *what); /* KITH_EINVAL */
void query_blanks(struct query_reader *in);
bool query_take(struct query_reader *in, const char *text); /* after blanks, in any case */
struct kith_str query_name(struct query_reader *in);
struct query_node *query_node_new(struct query_reader *in, enum query_kind kind);
int query_word_add(struct query_reader *in, struct query_node *node, struct query_word word);
const struct query_param *query_param_of(const struct query_reader *in, struct kith_str name);
/* A number, ($name too). open: nullable; '(' before it. */
int query_number(struct query_reader *in, double *out, bool *open);
int query_vector(struct query_reader *in, const struct search_field *field, const float **out);
int query_group(struct query_reader *in, struct query_node **out); /* after '(' */
int query_leaf(struct query_reader *in, struct query_node **out); /* NULL: a stop word */

#endif
