/* Runs a query over the documents of an index: every document is looked at. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "redis/search_collection.h"
#include "redis/search_turn.h"

#define FUZZY_BYTES_MAX 64u

/* ---- words ---- */

bool query_words_near(struct kith_str a, struct kith_str b, unsigned most)
{
    unsigned row[FUZZY_BYTES_MAX + 1];
    if (a.len > b.len + most || b.len > a.len + most) return false;
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

bool query_word_matches(const struct query_word *word, struct kith_str text,
                        const struct kith_str *stem)
{
    const struct kith_str want = word->text;
    if (word->form == WORD_EXACT)
        return str_same(want, text) || (stem && word->stem.len && str_same(word->stem, *stem));
    if (word->form == WORD_PATTERN) return text_matches(want, text, false);
    if (word->form == WORD_FUZZY) return query_words_near(want, text, word->fuzz);
    if (text.len < want.len) return false;
    if (word->form == WORD_PREFIX) return memcmp(text.data, want.data, want.len) == 0;
    if (word->form == WORD_SUFFIX)
        return memcmp(text.data + text.len - want.len, want.data, want.len) == 0;
    return want.len == 0 || memmem(text.data, text.len, want.data, want.len) != NULL;
}

/* Do the words of the node stand at this place? */
static bool stands_at(const struct query_node *node, const struct search_words *words, size_t at)
{
    for (size_t j = 0; j < node->word_count; j++)
        if (!query_word_matches(&node->words[j], words->items[at + j],
                                words->stems ? &words->stems[at + j] : NULL))
            return false;
    return true;
}

#define PACE_STEPS 4096u /* some tens of microseconds, or a millisecond if words are long */
#define PACE_WORDS 256u

bool query_step(struct query_pace *pace, size_t words)
{
    pace->steps += words + 1;
    pace->looked += words + 1;
    if (pace->steps < PACE_STEPS) return pace->late;
    pace->steps = 0;
    pace->late = pace->late || search_query_is_late(pace->query, 0);
    return pace->late;
}

/* How often the words of the node stand, in a row, in one text. */
static size_t count_in(struct query_pace *pace, const struct query_node *node,
                       const struct search_words *words)
{
    size_t found = 0;
    if (!words || words->count < node->word_count) return 0;
    if (query_step(pace, words->count % PACE_WORDS)) return 0;
    for (size_t i = 0; i + node->word_count <= words->count; i++) {
        if (i % PACE_WORDS == PACE_WORDS - 1 && query_step(pace, PACE_WORDS)) return 0;
        found += stands_at(node, words, i);
    }
    return found;
}

static bool asks_field(const struct search_index *index, const struct query_node *node, size_t i)
{
    const struct search_field *field = &index->fields[i];
    return field->type == SEARCH_TEXT && !field->no_index &&
           (!node->field || node->field == field) && query_has_field(node->fields, i);
}

double query_count_text(struct query_pace *pace, const struct query_node *node,
                        const struct search_doc *doc)
{
    const struct search_index *index = pace->query->index;
    double found = 0;
    for (size_t i = 0; i < index->field_count; i++)
        if (asks_field(index, node, i))
            found += index->fields[i].weight * (double)count_in(pace, node, doc->values[i].words);
    return found;
}

bool query_is_text(const struct query_node *node)
{
    if (node->kind == QUERY_WORD || node->kind == QUERY_PHRASE) return true;
    if (node->kind != QUERY_OR || !node->first) return false;
    for (const struct query_node *at = node->first; at; at = at->next)
        if (!query_is_text(at)) return false;
    return true;
}

/* Does the text node stand at this place of the field? */
static bool node_stands_at(struct query_pace *pace, const struct query_node *node,
                           const struct search_words *words, size_t field, size_t at)
{
    if (query_step(pace, 0)) return false;
    if (node->kind == QUERY_OR) {
        for (const struct query_node *one = node->first; one; one = one->next)
            if (node_stands_at(pace, one, words, field, at)) return true;
        return false;
    }
    return asks_field(pace->query->index, node, field) && at + node->word_count <= words->count &&
           stands_at(node, words, at);
}

/* Place by place, also of an OR: who goes on from what was found looks at no place twice. */
size_t query_next_place(struct query_pace *pace, const struct query_node *node,
                        const struct search_doc *doc, size_t field, size_t from)
{
    const struct search_words *words =
        pace->query->index->fields[field].type == SEARCH_TEXT ? doc->values[field].words : NULL;
    for (size_t i = from; words && i < words->count && !pace->late; i++)
        if (node_stands_at(pace, node, words, field, i)) return i;
    return SIZE_MAX;
}

/* ---- near each other: SLOP and INORDER ---- */

struct near { /* the text children of an AND, in one field of one document */
    const struct search_doc *doc;
    struct query_pace *pace;
    const struct query_node *nodes[QUERY_NEAR_MAX];
    size_t places[QUERY_NEAR_MAX];
    size_t count, field, words; /* words: of all of them together */
    int64_t slop;
};

static size_t width(const struct query_node *node)
{
    return node->kind == QUERY_OR ? 1 : node->word_count;
}

static size_t next_place(const struct near *near, size_t i, size_t from)
{
    return query_next_place(near->pace, near->nodes[i], near->doc, near->field, from);
}

/* Few enough words stand between the first and the last. */
static bool is_close(const struct near *near)
{
    size_t first = SIZE_MAX, end = 0;
    for (size_t i = 0; i < near->count; i++) {
        const size_t stop = near->places[i] + width(near->nodes[i]);
        if (near->places[i] < first) first = near->places[i];
        if (stop > end) end = stop;
    }
    const size_t span = end - first;
    return near->slop < 0 || span <= near->words || span - near->words <= (size_t)near->slop;
}

/* From each place of the first, the others at the nearest places that follow. Those only move on:
 * one that still follows stays the nearest, so each place is looked at once by each node. */
static bool near_in_order(struct near *near)
{
    memset(near->places, 0, sizeof near->places);
    for (size_t from = 0; !query_step(near->pace, near->count); from = near->places[0] + 1) {
        for (size_t i = 0; i < near->count; i++) {
            const size_t after =
                i ? near->places[i - 1] + width(near->nodes[i - 1]) : from;
            if (from && near->places[i] >= after) continue;
            near->places[i] = next_place(near, i, after);
            if (near->places[i] == SIZE_MAX) return false;
        }
        if (is_close(near)) return true;
    }
    return false;
}

/* The one that stands first moves on until all are close. */
static bool near_in_any_order(struct near *near)
{
    for (size_t i = 0; i < near->count; i++) {
        near->places[i] = next_place(near, i, 0);
        if (near->places[i] == SIZE_MAX) return false;
    }
    while (!is_close(near)) {
        size_t first = 0;
        if (query_step(near->pace, near->count)) return false;
        for (size_t i = 1; i < near->count; i++)
            if (near->places[i] < near->places[first]) first = i;
        near->places[first] = next_place(near, first, near->places[first] + 1);
        if (near->places[first] == SIZE_MAX) return false;
    }
    return true;
}

static bool is_near_enough(struct query_pace *pace, const struct query_node *node,
                           const struct search_doc *doc)
{
    const struct search_index *index = pace->query->index;
    struct near near = {.doc = doc, .pace = pace, .slop = node->slop};
    for (const struct query_node *at = node->first; at; at = at->next)
        if (query_is_text(at) && near.count < QUERY_NEAR_MAX) {
            near.nodes[near.count++] = at;
            near.words += width(at);
        }
    if (near.count < 2) return true;
    for (near.field = 0; near.field < index->field_count; near.field++)
        if (node->in_order ? near_in_order(&near) : near_in_any_order(&near)) return true;
    return false;
}

/* ---- matching ---- */

struct run {
    const struct search_index *index;
    struct search_hit *hit; /* distances of ranges go here */
    struct query_pace *pace;
};

static bool tag_matches(const struct run *run, const struct query_node *node,
                        const struct search_words *words)
{
    for (size_t i = 0; words && i < words->count && !query_step(run->pace, node->word_count); i++)
        for (size_t j = 0; j < node->word_count; j++)
            if (query_word_matches(&node->words[j], words->items[i], NULL)) return true;
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

static bool matches(const struct run *run, const struct query_node *node,
                    const struct search_doc *doc)
{
    const struct search_value *value =
        node->field ? &doc->values[node->field - run->index->fields] : NULL;
    switch (node->kind) {
    case QUERY_ALL: return true;
    case QUERY_AND:
        return children_match(run, node, doc) &&
               ((node->slop < 0 && !node->in_order) || is_near_enough(run->pace, node, doc));
    case QUERY_OR: return children_match(run, node, doc);
    case QUERY_NOT: return !matches(run, node->first, doc);
    case QUERY_OPTIONAL:
        (void)matches(run, node->first, doc);
        return true;
    case QUERY_MISSING: return !value->there;
    case QUERY_WORD:
    case QUERY_PHRASE: return query_count_text(run->pace, node, doc) > 0;
    default: break;
    }
    if (!value->there) return false;
    if (node->kind == QUERY_TAG) return tag_matches(run, node, value->words);
    if (node->kind == QUERY_NUMBER) return number_matches(node, value->number);
    if (node->kind == QUERY_RANGE) return range_matches(run, node, value);
    return search_geo_distance(node->lo, node->hi, value->number, value->latitude) <= node->radius;
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

/* True: it matches, and the hit has its distances. */
static bool test(const struct search_query *query, struct query_pace *pace,
                 const struct search_doc *doc, struct search_hit *hit)
{
    const struct search_index *index = query->index;
    const struct run run = {index, hit, pace};
    const size_t knn = query->knn ? (size_t)(query->knn - index->fields) : 0;
    *hit = (struct search_hit){.doc = doc, .score = 1, .distances = {0, NAN, NAN, NAN}};
    if (query->knn && !doc->values[knn].there) return false;
    if (!matches(&run, query->root, doc)) return false;
    if (query->knn)
        hit->distances[0] =
            search_vector_distance(query->knn, query->vector, doc->values[knn].vector);
    return true;
}

bool search_query_is_late(const struct search_query *query, size_t i)
{
    return i % 16 == 0 && ((query->deadline_ns && os_now_ns(query->os) > query->deadline_ns) ||
                           search_must_end(query->index));
}

int search_query_run_found(struct search_query *query, const struct search_index *index,
                           const struct search_found *found, struct search_hits *out)
{
    struct query_pace pace = {.query = query};
    struct search_hits hits = {0};
    uintptr_t value;
    size_t newer = 0;
    for (const struct search_doc *at = index->newest; at && at->seq > found->since; at = at->before)
        newer++;
    hits.items = mem_alloc_array(found->count + newer + 1, sizeof *hits.items);
    if (!hits.items) return KITH_ENOMEM;
    for (size_t i = 0; i < found->count; i++) {
        if (!map_get(&index->by_key, found->keys[i].data, found->keys[i].len, &value)) continue;
        const struct search_doc *doc = (const struct search_doc *)value;
        if (doc->seq <= found->since && test(query, &pace, doc, &hits.items[hits.count]))
            hits.count++;
    }
    if (!found->all && hits.count < (size_t)query->k) { /* what comes next was not asked for */
        search_hits_release(&hits);
        return KITH_EBUSY;
    }
    for (const struct search_doc *at = index->newest; at && at->seq > found->since; at = at->before)
        if (test(query, &pace, at, &hits.items[hits.count])) hits.count++;
    if (pace.late) {
        search_hits_release(&hits);
        return KITH_ETIMEDOUT;
    }
    qsort(hits.items, hits.count, sizeof *hits.items, by_distance);
    if (hits.count > (size_t)query->k) hits.count = (size_t)query->k;
    *out = hits;
    return 0;
}

static void sort_hits(const struct search_query *query, struct search_hits *hits)
{
    qsort(hits->items, hits->count, sizeof *hits->items, query->knn ? by_distance : by_score);
}

/* Every document of the index or view is looked at. */
static int scan(struct search_query *query, const struct search_accept *accept,
                struct search_hits *hits)
{
    const struct search_index *index = query->index;
    struct query_pace pace = {.query = query};
    hits->items = mem_alloc_array(index->count + 1, sizeof *hits->items);
    if (!hits->items) return KITH_ENOMEM;
    for (size_t i = 0; i < index->count && !pace.late; i++) {
        const struct search_doc *doc = index->docs[i];
        pace.late = search_query_is_late(query, i);
        if (accept && !accept->fn(accept->ctx, doc)) continue;
        hits->count += test(query, &pace, doc, &hits->items[hits->count]);
    }
    const int rc = query_score(query, &pace, hits);
    query->looked += pace.looked;
    if (rc) return rc;
    sort_hits(query, hits);
    return 0;
}

/* A hit as its document is now. False: it is gone, or matches no longer. */
static bool is_still_hit(const struct search_query *query, struct query_pace *pace,
                         const struct search_accept *accept, struct search_hit *hit)
{
    const struct search_index *home = search_home(query->index);
    const double score = hit->score;
    uintptr_t value;
    if (!hit->doc->gone || !home) return true; /* another definition: the hit as it was */
    if (!map_get(&home->by_key, hit->doc->key, hit->doc->key_len, &value)) return false;
    const struct search_doc *doc = (const struct search_doc *)value;
    if ((accept && !accept->fn(accept->ctx, doc)) || !test(query, pace, doc, hit)) return false;
    hit->score = score;
    return true;
}

/* The scan was of documents as they were when it began: those that changed since are tested as they
 * are now. */
static int follow(const struct search_query *query, const struct search_accept *accept,
                  struct search_hits *hits)
{
    struct query_pace pace = {.query = query};
    size_t kept = 0;
    if (!search_has_changed(query->index)) return 0;
    for (size_t i = 0; i < hits->count && !pace.late; i++) {
        if (i % 64 == 0) search_breathe(query->index);
        struct search_hit *hit = &hits->items[i];
        if (is_still_hit(query, &pace, accept, hit)) hits->items[kept++] = *hit;
    }
    hits->count = kept;
    if (query->knn) sort_hits(query, hits);
    return pace.late ? KITH_ETIMEDOUT : 0;
}

int search_query_run(struct search_query *query, const struct search_accept *accept,
                     struct search_hits *out)
{
    const struct search_index *index = query->index;
    struct search_hits hits = {0};
    if (index->rows) return search_rows_hits(query, out);
    int rc = search_keep(index);
    if (rc) return rc;
    search_let_go(index);
    rc = scan(query, accept, &hits);
    search_take_back(index);
    if (rc == 0) rc = follow(query, accept, &hits);
    if (rc) {
        search_hits_release(&hits);
        return rc;
    }
    if (query->knn && hits.count > (size_t)query->k) hits.count = (size_t)query->k;
    *out = hits;
    return 0;
}

void search_hits_release(struct search_hits *hits)
{
    mem_free(hits->items);
    *hits = (struct search_hits){0};
}
