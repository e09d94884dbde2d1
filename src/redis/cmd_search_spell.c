/*
 * FT.SPELLCHECK: the words of a query that stand in no document, each with the words that are like
 * it: those of documents by the share of documents that hold them, then those of dictionaries.
 */
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "redis/cmd_search.h"
#include "redis/search_lexicon.h"

#define TERMS_MAX 64u        /* words of a query that are looked at */
#define DICTIONARIES_MAX 32u /* of one call */
#define DISTANCE_MAX 4

struct term {
    const struct query_node *node;
    struct kith_str text;
    bool known;
    struct map counts; /* word of documents -> how many documents; borrows nothing */
};
struct spelling {
    const struct search_index *index;
    struct term terms[TERMS_MAX];
    size_t count;
    const struct search_lexicon *include[DICTIONARIES_MAX], *exclude[DICTIONARIES_MAX];
    size_t include_count, exclude_count;
    int64_t distance;
};

/* ---- which words ---- */

static void collect(struct spelling *run, const struct query_node *node)
{
    const bool asks = node->kind == QUERY_WORD && node->words[0].form == WORD_EXACT;
    bool fresh = asks && run->count < TERMS_MAX;
    for (size_t i = 0; fresh && i < run->count; i++)
        fresh = !str_same(run->terms[i].text, node->words[0].text);
    if (fresh) {
        struct term *term = &run->terms[run->count++];
        *term = (struct term){.node = node, .text = node->words[0].text};
        map_init(&term->counts);
    }
    for (const struct query_node *at = node->first; at; at = at->next) collect(run, at);
}

/* A word of a document: counted for the terms that it is like, once a document. */
static int look(struct spelling *run, size_t field, struct kith_str word, struct map *seen)
{
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < run->count; i++) {
        struct term *term = &run->terms[i];
        uintptr_t count = 0;
        if (str_same(word, term->text)) {
            term->known = true;
            continue;
        }
        const struct search_field *only = term->node->field;
        if (only && only != &run->index->fields[field]) continue;
        if (!query_words_near(word, term->text, (unsigned)run->distance)) continue;
        char place[8 + LEXICON_WORD_BYTES];
        if (word.len > LEXICON_WORD_BYTES) continue;
        memcpy(place, &i, sizeof i);
        memcpy(place + sizeof i, word.data, word.len);
        if (map_get(seen, place, sizeof i + word.len, NULL)) continue;
        rc = map_put(seen, place, sizeof i + word.len, 1);
        (void)map_get(&term->counts, word.data, word.len, &count);
        if (rc == 0) rc = map_put(&term->counts, word.data, word.len, count + 1);
    }
    return rc;
}

static int look_through(struct spelling *run, const struct search_query *query)
{
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < run->index->count; i++) {
        struct map seen;
        if (search_query_is_late(query, i)) return KITH_ETIMEDOUT;
        map_init(&seen);
        for (size_t f = 0; rc == 0 && f < run->index->field_count; f++) {
            const struct search_words *words = run->index->docs[i]->values[f].words;
            if (run->index->fields[f].type != SEARCH_TEXT) continue;
            for (size_t w = 0; rc == 0 && words && w < words->count; w++)
                rc = look(run, f, words->items[w], &seen);
        }
        map_release(&seen);
    }
    return rc;
}

static bool is_excluded(const struct spelling *run, struct kith_str word)
{
    for (size_t i = 0; i < run->exclude_count; i++)
        if (map_get(&run->exclude[i]->words, word.data, word.len, NULL)) return true;
    return false;
}

/* ---- the answer ---- */

struct suggestion {
    struct kith_str text;
    double score;
};

static int compare(const void *left, const void *right)
{
    const struct suggestion *a = left, *b = right;
    if (a->score > b->score) return -1;
    if (a->score < b->score) return 1;
    const int order = memcmp(a->text.data, b->text.data,
                             a->text.len < b->text.len ? a->text.len : b->text.len);
    return order ? order : (a->text.len > b->text.len) - (a->text.len < b->text.len);
}

/* Words of the documents, and of the dictionaries those that are like it; mem_free. */
static struct suggestion *suggest(const struct spelling *run, const struct term *term,
                                  size_t *count)
{
    size_t most = term->counts.count, len, it = 0;
    const void *data;
    uintptr_t value;
    for (size_t i = 0; i < run->include_count; i++) most += run->include[i]->words.count;
    struct suggestion *list = mem_alloc_array(most + 1, sizeof *list);
    *count = 0;
    if (!list) return NULL;
    while (map_next(&term->counts, &it, &data, &len, &value))
        list[(*count)++] = (struct suggestion){{data, len},
                                               (double)value / (double)run->index->count};
    for (size_t i = 0; i < run->include_count; i++) {
        it = 0;
        while (map_next(&run->include[i]->words, &it, &data, &len, &value)) {
            const struct kith_str word = {data, len};
            if (!map_get(&term->counts, data, len, NULL) &&
                query_words_near(word, term->text, (unsigned)run->distance))
                list[(*count)++] = (struct suggestion){word, 0};
        }
    }
    qsort(list, *count, sizeof *list, compare);
    return list;
}

static void put_term(struct redis_call *call, const struct spelling *run, const struct term *term)
{
    struct resp *reply = call->reply;
    const bool map = reply->version >= 3;
    size_t count;
    struct suggestion *list = suggest(run, term, &count);
    if (!list) reply->out->failed = true;
    if (!map) {
        resp_array(reply, 3);
        resp_cstr(reply, "TERM");
    }
    resp_str(reply, term->text);
    resp_array(reply, count);
    for (size_t i = 0; list && i < count; i++) {
        if (map) {
            resp_map(reply, 1);
            resp_str(reply, list[i].text);
            resp_double(reply, list[i].score);
        } else {
            resp_array(reply, 2);
            resp_printf(reply, "%.17g", list[i].score);
            resp_str(reply, list[i].text);
        }
    }
    mem_free(list);
}

static void answer(struct redis_call *call, const struct spelling *run)
{
    size_t count = 0;
    if (call->reply->version >= 3) {
        resp_map(call->reply, 1);
        resp_cstr(call->reply, "results");
    }
    const size_t place = resp_open(call->reply);
    for (size_t i = 0; i < run->count; i++) {
        if (run->terms[i].known || is_excluded(run, run->terms[i].text)) continue;
        put_term(call, run, &run->terms[i]);
        count++;
    }
    resp_close(call->reply, place, call->reply->version >= 3 ? '%' : '*', count);
}

/* ---- options ---- */

/* TERMS INCLUDE|EXCLUDE dictionary */
static bool read_terms(struct redis_call *call, size_t *at, struct spelling *run)
{
    const bool include = call_is(call, *at + 1, "include");
    if (!include && !call_is(call, *at + 1, "exclude")) {
        call_error(call, "bad format, exclude/include operation was not given");
        return false;
    }
    const struct search_lexicon *dictionary =
        search_lexicon_find(search_of(call->redis)->dictionaries, call->argv[*at + 2]);
    size_t *count = include ? &run->include_count : &run->exclude_count;
    if (!dictionary || *count == DICTIONARIES_MAX) {
        call_error(call, dictionary ? "ERR too many dictionaries"
                                    : "the given dict are not exists");
        return false;
    }
    (include ? run->include : run->exclude)[(*count)++] = dictionary;
    *at += 3;
    return true;
}

static bool read_options(struct redis_call *call, struct spelling *run)
{
    run->distance = 1;
    for (size_t at = 3; at < call->argc;) {
        if (at + 1 < call->argc && call_is(call, at, "distance")) {
            if (!text_integer(call->argv[at + 1], &run->distance) || run->distance < 1 ||
                run->distance > DISTANCE_MAX) {
                call_error(call, "bad distance given, distance must be a natural number between 1 "
                                 "to 4");
                return false;
            }
            at += 2;
        } else if (at + 2 < call->argc && call_is(call, at, "terms")) {
            if (!read_terms(call, &at, run)) return false;
        } else if (at + 1 < call->argc && call_is(call, at, "dialect")) {
            at += 2;
        } else {
            call_errorf(call, "ERR Unknown argument `%.*s`", (int)(call->argv[at].len & 63),
                        call->argv[at].data);
            return false;
        }
    }
    return true;
}

static void check(struct redis_call *call, struct spelling *run)
{
    const struct query_options plain = {.verbatim = true, .slop = -1};
    struct search_query query;
    if (search_parse(call, run->index, call->argv[2], NULL, 0, &plain, &query)) {
        collect(run, query.root);
        const int rc = look_through(run, &query);
        if (rc == 0) answer(call, run);
        else search_failed(call, rc);
    }
    for (size_t i = 0; i < run->count; i++) map_release(&run->terms[i].counts);
    search_query_release(&query);
}

void run_ft_spellcheck(struct redis_call *call)
{
    const struct search_index *index = search_ready(call, call->argv[1]);
    struct spelling *run = index ? mem_zalloc(sizeof *run) : NULL;
    if (!index) return;
    if (!run) {
        call_no_memory(call);
        return;
    }
    run->index = index;
    if (read_options(call, run)) check(call, run);
    mem_free(run);
}
