/*
 * Scores of documents for the words of a query. With f how often a word stands in the document
 * (each field by its weight), n the documents that hold it, N all documents, |d| the words of the
 * document:
 *
 *   BM25 (the default; BM25STD is the same)  Robertson, Zaragoza: "The Probabilistic Relevance
 *       Framework", 2009, with k1 1.2 and b 0.75, idf ln(1 + (N - n + 0.5) / (n + 0.5));
 *       BM25STD.TANH is tanh of it divided by a factor, BM25STD.NORM divides it by the best
 *   TFIDF          f * idf / max f in the document / slop, idf the exponent of 1 + (N + 1) / n
 *   TFIDF.DOCNORM  the same with |d| for max f
 *   DISMAX         f: the sum over AND, the greatest over OR
 *   DOCSCORE       1
 *
 * all times the document's own score (SCORE, SCORE_FIELD of FT.CREATE). The slop is the distance
 * between neighbouring words of an AND, root of the sum of squares. A query without words scores 1.
 */
#include <math.h>

#include "base/alloc.h"
#include "redis/search_query.h"

struct scoring {
    const struct search_index *index;
    struct query_pace *pace;
    enum search_scorer scorer;
    const struct search_doc *doc;
    double mean, length;
};

static bool is_leaf(const struct query_node *node)
{
    return node->kind == QUERY_WORD || node->kind == QUERY_PHRASE;
}

/* How many documents hold the words of each leaf. True: there is such a leaf. */
static bool count_documents(struct query_pace *pace, struct query_node *node)
{
    const struct search_index *index = pace->query->index;
    bool any = false;
    if (is_leaf(node)) {
        node->documents = 0;
        for (size_t i = 0; i < index->count && !pace->late; i++)
            node->documents += query_count_text(pace, node, index->docs[i]) > 0;
        return true;
    }
    if (node->kind == QUERY_NOT) return false;
    for (struct query_node *at = node->first; at; at = at->next)
        if (count_documents(pace, at)) any = true;
    return any;
}

static double length_of(const struct search_index *index, const struct search_doc *doc)
{
    double length = 0;
    for (size_t i = 0; i < index->field_count; i++)
        if (index->fields[i].type == SEARCH_TEXT && doc->values[i].words)
            length += (double)doc->values[i].words->count;
    return length;
}

/* ---- a leaf ---- */

static double score_leaf(const struct scoring *run, const struct query_node *node)
{
    double often = query_count_text(run->pace, node, run->doc);
    const double all = (double)run->index->count, some = node->documents;
    if (run->index->no_freqs && often > 0) often = 1;
    if (run->scorer == SCORER_DISMAX) return often;
    if (run->scorer == SCORER_TFIDF || run->scorer == SCORER_TFIDF_DOCNORM)
        return often * logb(1 + (all + 1) / (some > 0 ? some : 1));
    const double rare = log(1 + (all - some + 0.5) / (some + 0.5));
    const double norm = 1 - 0.75 + 0.75 * run->length / run->mean;
    return rare * often * 2.2 / (often + 1.2 * norm);
}

static double score(const struct scoring *run, const struct query_node *node)
{
    double sum = 0;
    if (node->kind == QUERY_NOT) return 0;
    if (is_leaf(node)) return node->weight * score_leaf(run, node);
    for (const struct query_node *at = node->first; at; at = at->next) {
        const double one = score(run, at);
        if (run->scorer != SCORER_DISMAX || node->kind != QUERY_OR) sum += one;
        else if (one > sum) sum = one;
    }
    return node->weight * sum;
}

/* ---- what TFIDF divides by ---- */

/* How often the commonest word stands in the document. */
static double commonest(const struct scoring *run)
{
    struct map seen;
    double best = 1;
    map_init(&seen);
    for (size_t i = 0; i < run->index->field_count; i++) {
        const struct search_words *words = run->doc->values[i].words;
        const double weight = run->index->fields[i].weight;
        if (run->index->fields[i].type != SEARCH_TEXT || !words || weight <= 0) continue;
        for (size_t j = 0; j < words->count; j++) {
            uintptr_t count = 0;
            (void)map_get(&seen, words->items[j].data, words->items[j].len, &count);
            count += (uintptr_t)(weight * 1000);
            if (map_put(&seen, words->items[j].data, words->items[j].len, count) != 0) break;
            if ((double)count / 1000 > best) best = (double)count / 1000;
        }
    }
    map_release(&seen);
    return best;
}

/* The least distance of two nodes in any field; 100: in none. */
static double distance(const struct scoring *run, const struct query_node *a,
                       const struct query_node *b)
{
    double best = 100;
    for (size_t field = 0; field < run->index->field_count; field++) {
        size_t x = query_next_place(run->pace, a, run->doc, field, 0);
        size_t y = query_next_place(run->pace, b, run->doc, field, 0);
        while (x != SIZE_MAX && y != SIZE_MAX && best > 1) {
            const double apart = x > y ? (double)(x - y) : (double)(y - x);
            if (apart < best) best = apart;
            if (y > x) x = query_next_place(run->pace, a, run->doc, field, x + 1);
            else y = query_next_place(run->pace, b, run->doc, field, y + 1);
        }
    }
    return best;
}

static double slop_of(const struct scoring *run, const struct query_node *node)
{
    const struct query_node *before = NULL;
    double sum = 0;
    if (node->kind != QUERY_AND) return 1;
    for (const struct query_node *at = node->first; at; at = at->next) {
        if (!query_is_text(at)) continue;
        if (before) sum += pow(distance(run, before, at), 2);
        before = at;
    }
    return sum > 0 ? sqrt(sum) : 1;
}

static double score_document(const struct scoring *run, const struct query_node *root)
{
    double number = score(run, root);
    if (run->scorer == SCORER_TFIDF) number /= commonest(run) * slop_of(run, root);
    if (run->scorer == SCORER_TFIDF_DOCNORM)
        number /= (run->length > 0 ? run->length : 1) * slop_of(run, root);
    return number;
}

/* ---- all ---- */

static void finish(const struct search_query *query, struct search_hits *hits)
{
    double best = 0;
    for (size_t i = 0; i < hits->count; i++)
        if (hits->items[i].score > best) best = hits->items[i].score;
    for (size_t i = 0; i < hits->count; i++) {
        double *number = &hits->items[i].score;
        if (query->scorer == SCORER_BM25_TANH) *number = tanh(*number / query->tanh_factor);
        if (query->scorer == SCORER_BM25_NORM && best > 0) *number /= best;
    }
}

int query_score(struct search_query *query, struct query_pace *pace, struct search_hits *hits)
{
    const struct search_index *index = query->index;
    struct scoring run = {.index = index, .pace = pace, .scorer = query->scorer};
    const bool words = query->scorer != SCORER_DOCSCORE && count_documents(pace, query->root);
    for (size_t i = 0; words && i < index->count; i++)
        run.mean += length_of(index, index->docs[i]);
    run.mean = run.mean > 0 ? run.mean / (double)index->count : 1;
    for (size_t i = 0; i < hits->count && !pace->late; i++) {
        run.doc = hits->items[i].doc;
        run.length = words ? length_of(index, run.doc) : 0;
        hits->items[i].score = words ? score_document(&run, query->root) : 1;
        hits->items[i].score *= (double)run.doc->score;
    }
    if (words) finish(query, hits);
    return pace->late ? KITH_ETIMEDOUT : 0;
}
