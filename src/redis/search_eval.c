/*
 * Runs a query over the documents of an index: every document is looked at. Scores are BM25
 * (Robertson, Zaragoza: "The Probabilistic Relevance Framework", 2009) with k1 1.2 and b 0.75.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "redis/search_collection.h"

#define FUZZY_BYTES_MAX 64u

/* ---- words ---- */

/* Levenshtein distance of two short words is at most `most`. */
static bool is_near(struct kith_str a, struct kith_str b, unsigned most)
{
    unsigned row[FUZZY_BYTES_MAX + 1];
    if (a.len > FUZZY_BYTES_MAX || b.len > FUZZY_BYTES_MAX) return str_same(a, b);
    for (unsigned j = 0; j <= b.len; j++) row[j] = j;
    for (unsigned i = 1; i <= a.len; i++) {
        unsigned corner = row[0];
        row[0] = i;
        for (unsigned j = 1; j <= b.len; j++) {
            const unsigned change = corner + (a.data[i - 1] != b.data[j - 1]);
            corner = row[j];
            unsigned best = change < row[j] + 1 ? change : row[j] + 1;
            if (row[j - 1] + 1 < best) best = row[j - 1] + 1;
            row[j] = best;
        }
    }
    return row[b.len] <= most;
}

static bool word_matches(const struct query_word *word, struct kith_str text)
{
    const struct kith_str want = word->text;
    if (word->form == WORD_EXACT) return str_same(want, text);
    if (word->form == WORD_FUZZY) return is_near(want, text, word->fuzz);
    if (text.len < want.len) return false;
    if (word->form == WORD_PREFIX) return memcmp(text.data, want.data, want.len) == 0;
    if (word->form == WORD_SUFFIX)
        return memcmp(text.data + text.len - want.len, want.data, want.len) == 0;
    return want.len == 0 || memmem(text.data, text.len, want.data, want.len) != NULL;
}

static bool is_stop_word(struct kith_str word)
{
    static const char *const words[] = {
        "a",    "is",   "the",  "an",  "and",  "are",   "as",    "at",   "be",   "but", "by",
        "for",  "if",   "in",   "into", "it",  "no",    "not",   "of",   "on",   "or",  "such",
        "that", "their", "then", "there", "these", "they", "this", "to", "was", "will", "with"};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (str_same(str_of(words[i]), word)) return true;
    return false;
}

/* How often the words of the node stand, in a row, in one text. */
static size_t count_in(const struct query_node *node, const struct search_words *words)
{
    size_t found = 0;
    if (!words || words->count < node->word_count) return 0;
    for (size_t i = 0; i + node->word_count <= words->count; i++) {
        size_t j = 0;
        while (j < node->word_count && word_matches(&node->words[j], words->items[i + j])) j++;
        found += j == node->word_count;
    }
    return found;
}

static double count_text(const struct search_index *index, const struct query_node *node,
                         const struct search_doc *doc)
{
    double found = 0;
    for (size_t i = 0; i < index->field_count; i++) {
        const struct search_field *field = &index->fields[i];
        if (field->type != SEARCH_TEXT || (node->field && node->field != field)) continue;
        found += field->weight * (double)count_in(node, doc->values[i].words);
    }
    return found;
}

/* ---- matching ---- */

struct run {
    const struct search_index *index;
    struct search_hit *hit; /* distances of ranges go here */
};

static bool tag_matches(const struct query_node *node, const struct search_words *words)
{
    for (size_t i = 0; words && i < words->count; i++)
        for (size_t j = 0; j < node->word_count; j++)
            if (word_matches(&node->words[j], words->items[i])) return true;
    return false;
}

static bool number_matches(const struct query_node *node, double number)
{
    return (node->lo_open ? number > node->lo : number >= node->lo) &&
           (node->hi_open ? number < node->hi : number <= node->hi);
}

static bool range_matches(const struct run *run, const struct query_node *node,
                          const struct search_value *value)
{
    const double distance = search_vector_distance(node->field, node->vector, value->vector);
    run->hit->distances[node->slot] = distance;
    return distance <= node->hi;
}

static bool matches(const struct run *run, const struct query_node *node,
                    const struct search_doc *doc);

static bool children_match(const struct run *run, const struct query_node *node,
                           const struct search_doc *doc)
{
    const bool all = node->kind == QUERY_AND;
    for (const struct query_node *at = node->first; at; at = at->next)
        if (matches(run, at, doc) != all) return !all;
    return all;
}

static bool is_word_alone(const struct run *run, const struct query_node *node)
{
    return node->kind == QUERY_WORD && node->words[0].form == WORD_EXACT &&
           !run->index->keep_stop_words && is_stop_word(node->words[0].text);
}

static bool matches(const struct run *run, const struct query_node *node,
                    const struct search_doc *doc)
{
    const struct search_value *value =
        node->field ? &doc->values[node->field - run->index->fields] : NULL;
    switch (node->kind) {
    case QUERY_ALL: return true;
    case QUERY_AND:
    case QUERY_OR: return children_match(run, node, doc);
    case QUERY_NOT: return !matches(run, node->first, doc);
    case QUERY_OPTIONAL:
        (void)matches(run, node->first, doc);
        return true;
    case QUERY_MISSING: return !value->there;
    case QUERY_WORD:
    case QUERY_PHRASE:
        return is_word_alone(run, node) || count_text(run->index, node, doc) > 0;
    default: break;
    }
    if (!value->there) return false;
    if (node->kind == QUERY_TAG) return tag_matches(node, value->words);
    if (node->kind == QUERY_NUMBER) return number_matches(node, value->number);
    if (node->kind == QUERY_RANGE) return range_matches(run, node, value);
    return search_geo_distance(node->lo, node->hi, value->number, value->latitude) <= node->radius;
}

/* ---- scores ---- */

/* How many documents hold the words of each leaf. True: there is such a leaf. */
static bool count_documents(const struct search_index *index, struct query_node *node)
{
    bool any = false;
    if (node->kind == QUERY_WORD || node->kind == QUERY_PHRASE) {
        node->documents = 0;
        for (size_t i = 0; i < index->count; i++)
            node->documents += count_text(index, node, index->docs[i]) > 0;
        return true;
    }
    if (node->kind == QUERY_NOT) return false;
    for (struct query_node *at = node->first; at; at = at->next)
        if (count_documents(index, at)) any = true;
    return any;
}

static double doc_length(const struct search_index *index, const struct search_doc *doc)
{
    double length = 0;
    for (size_t i = 0; i < index->field_count; i++)
        if (index->fields[i].type == SEARCH_TEXT && doc->values[i].words)
            length += (double)doc->values[i].words->count;
    return length;
}

static double score(const struct search_index *index, const struct query_node *node,
                    const struct search_doc *doc, double mean)
{
    if (node->kind == QUERY_NOT) return 0;
    if (node->kind == QUERY_WORD || node->kind == QUERY_PHRASE) {
        const double often = count_text(index, node, doc);
        const double others = (double)index->count - node->documents;
        const double rare = (others + 0.5) / (node->documents + 0.5);
        const double norm = 1 - 0.75 + 0.75 * doc_length(index, doc) / mean;
        return log(1 + rare) * often * 2.2 / (often + 1.2 * norm);
    }
    double sum = 0;
    for (const struct query_node *at = node->first; at; at = at->next)
        sum += score(index, at, doc, mean);
    return sum;
}

static void score_all(const struct search_query *query, struct search_hits *hits)
{
    const struct search_index *index = query->index;
    double mean = 0;
    if (!count_documents(index, query->root)) {
        for (size_t i = 0; i < hits->count; i++) hits->items[i].score = 1;
        return;
    }
    for (size_t i = 0; i < index->count; i++) mean += doc_length(index, index->docs[i]);
    mean = mean > 0 ? mean / (double)index->count : 1;
    for (size_t i = 0; i < hits->count; i++)
        hits->items[i].score = score(index, query->root, hits->items[i].doc, mean);
}

/* ---- order ---- */

static int compare_keys(const struct search_doc *a, const struct search_doc *b)
{
    const size_t len = a->key_len < b->key_len ? a->key_len : b->key_len;
    const int order = memcmp(a->key, b->key, len);
    if (order) return order;
    return a->key_len < b->key_len ? -1 : a->key_len > b->key_len;
}

static int by_distance(const void *left, const void *right)
{
    const struct search_hit *a = left, *b = right;
    if (a->distances[0] < b->distances[0]) return -1;
    if (a->distances[0] > b->distances[0]) return 1;
    return compare_keys(a->doc, b->doc);
}

static int by_score(const void *left, const void *right)
{
    const struct search_hit *a = left, *b = right;
    if (a->score > b->score) return -1;
    if (a->score < b->score) return 1;
    return compare_keys(a->doc, b->doc);
}

int search_query_run(struct search_query *query,
                     bool (*accept)(void *ctx, const struct search_doc *doc), void *ctx,
                     struct search_hits *out)
{
    const struct search_index *index = query->index;
    if (index->rows) return search_rows_hits(query, out);
    struct search_hits hits = {.items = mem_alloc_array(index->count + 1, sizeof *hits.items)};
    if (!hits.items) return KITH_ENOMEM;
    const size_t knn = query->knn ? (size_t)(query->knn - index->fields) : 0;
    for (size_t i = 0; i < index->count; i++) {
        const struct search_doc *doc = index->docs[i];
        struct search_hit hit = {.doc = doc, .distances = {0, NAN, NAN, NAN}};
        const struct run run = {index, &hit};
        if (query->knn && !doc->values[knn].there) continue;
        if ((accept && !accept(ctx, doc)) || !matches(&run, query->root, doc)) continue;
        if (query->knn)
            hit.distances[0] =
                search_vector_distance(query->knn, query->vector, doc->values[knn].vector);
        hits.items[hits.count++] = hit;
    }
    score_all(query, &hits);
    qsort(hits.items, hits.count, sizeof *hits.items, query->knn ? by_distance : by_score);
    if (query->knn && hits.count > (size_t)query->k) hits.count = (size_t)query->k;
    *out = hits;
    return 0;
}

void search_hits_release(struct search_hits *hits)
{
    mem_free(hits->items);
    *hits = (struct search_hits){0};
}
