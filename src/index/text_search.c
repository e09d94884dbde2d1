/*
 * BM25 over one text index: terms of the query become lists of the walk (sparse_walk.h).
 *
 * A contribution is weight * tf / (tf + norm(dl)). With tf it grows and with dl it falls, so the
 * best of a block's three impacts bounds every row of the block, whatever the weights are.
 */
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "index/text_format.h"

struct text_search {
    const struct text_index *index;
    const struct text_scoring *scoring;
    const uint8_t *lengths;
    struct text_term *terms; /* of the lists */
};

/* Adding and taking away 1.5 * 2^(52 - 38) leaves multiples of 2^-38: sums of those below 2^14 are
 * exact, in any order. */
#define ROUND 24576.0

static inline double rounded(double value) { return (value + ROUND) - ROUND; }

static int load_block(void *ctx, struct walk_list *list)
{
    const struct text_search *search = ctx;
    struct text_counts counts;
    const int rc = text_block_rows(search->index, list->term, list->block, list->rows,
                                   &list->count, &counts);
    list->packed = counts.bytes;
    list->packed_width = counts.width;
    return rc;
}

static double bound_of(const struct text_search *search, size_t number, const uint8_t *impacts)
{
    const struct text_scoring *s = search->scoring;
    double best = 0;
    for (size_t i = 0; i < TEXT_IMPACTS; i++) {
        const double tf = le16_get(impacts + 4 * i), dl = le16_get(impacts + 4 * i + 2);
        if (tf == 0) break;
        const double score = s->weights[number] * tf / (tf + s->norm + s->norm_dl * dl);
        if (score > best) best = score;
    }
    return best * 1.000000001 + 1e-11; /* above what rounding adds */
}

static double block_bound(void *ctx, const struct walk_list *list, size_t block)
{
    return bound_of(ctx, list->number,
                    list->blocks + block * TEXT_BLOCK_BYTES + TEXT_BLOCK_AT_IMPACTS);
}

/* Counts are unpacked here: of most blocks one row is looked up, or none. */
static void block_scores(void *ctx, struct walk_list *list, size_t from, size_t count, double *out)
{
    const struct text_search *search = ctx;
    const double weight = search->scoring->weights[list->number];
    const double norm = search->scoring->norm, norm_dl = search->scoring->norm_dl;
    for (size_t i = 0; i < count; i++) {
        const double tf = unpack_number(list->packed, from + i, list->packed_width) + 1.0;
        const double dl = le16_get(search->lengths + 2 * (size_t)list->rows[from + i]);
        out[i] = rounded(weight * tf / (tf + norm + norm_dl * dl));
    }
}

static const struct walk_ops text_walk_ops = {
    .load = load_block,
    .bound = block_bound,
    .scores = block_scores,
};

/* A list for every term that the index has. */
static int make_lists(struct text_search *search, const struct text_query *query,
                      struct walk_list *lists, size_t *count)
{
    size_t n = 0;
    for (size_t i = 0; i < query->term_count; i++) {
        struct text_term *term = &search->terms[n];
        const int rc = text_term_find(search->index, query->terms[i].text, term);
        if (rc == KITH_ENOTFOUND) continue;
        if (rc) return rc;
        struct walk_list *list = &lists[n++];
        list->blocks = term->blocks;
        list->block_bytes = TEXT_BLOCK_BYTES;
        list->block_count = term->block_count;
        list->most = bound_of(search, i, term->impacts);
        list->term = term;
        list->number = i;
        list->block = list->at = list->count = 0;
        list->loaded = false;
    }
    *count = n;
    return 0;
}

int text_index_search(const struct scalar_index *base, const struct text_query *query,
                      const struct text_scoring *scoring, const struct walk_search *walk,
                      struct hit *hits, size_t *count)
{
    const struct text_index *index = (const struct text_index *)base;
    struct text_search search = { .index = index, .scoring = scoring };
    struct walk_search within = *walk;
    *count = 0;
    if (within.end > index->rows) within.end = index->rows;
    if (query->term_count == 0 || within.first >= within.end) return 0;
    const struct section *lengths = &index->sections[TEXT_LENGTHS];
    if (section_touch(lengths, 0, lengths->len)) return KITH_ECORRUPT;
    search.lengths = lengths->data;
    search.terms = mem_alloc_array(query->term_count, sizeof *search.terms);
    struct walk_list *lists = mem_alloc_array(query->term_count, sizeof *lists);
    size_t list_count = 0;
    int rc = search.terms && lists ? 0 : KITH_ENOMEM;
    if (rc == 0) rc = make_lists(&search, query, lists, &list_count);
    if (rc == 0)
        rc = sparse_walk(&text_walk_ops, &search, lists, list_count, &within, hits, count);
    mem_free(search.terms);
    mem_free(lists);
    return rc;
}
