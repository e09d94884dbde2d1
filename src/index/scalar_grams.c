/*
 * NGRAM: runs of min to max characters -> rows whose text has them. A LIKE pattern is answered with
 * candidates: a row that matches has every n-gram of the pattern's literal parts.
 *
 * A character starts at a byte that is no continuation byte and is as long as that byte says, or as
 * continuation bytes follow; characters of an n-gram touch each other. So where a text and a
 * literal part agree byte for byte they are cut alike, but at the part's ends: continuation bytes
 * in front, and a last character that is not whole, are left out there. Texts that are no UTF-8
 * are safe too.
 *
 * Building reads the column twice: first the n-grams and in how many rows each is, then the lists,
 * in place. So a list costs 4 bytes a row and there is nothing to sort but the dictionary.
 */
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/map.h"
#include "index/scalar_grams.h"

#define DEFAULT_MIN 2u
#define DEFAULT_MAX 3u

/* ---- cutting ---- */

static bool is_continuation(char c) { return ((unsigned char)c & 0xc0) == 0x80; }

static size_t wanted_bytes(char first)
{
    const unsigned char c = (unsigned char)first;
    return c < 0xc0 ? 1 : c < 0xe0 ? 2 : c < 0xf0 ? 3 : 4;
}

/* Bytes of the character at `at`, which is no continuation byte; 0: cut at the end of a part. */
static size_t character(struct kith_str text, size_t at, bool part)
{
    const size_t want = wanted_bytes(text.data[at]);
    size_t n = 1;
    while (n < want && at + n < text.len && is_continuation(text.data[at + n])) n++;
    return part && n < want && at + n == text.len ? 0 : n;
}

/* fn for each run of `min` to `max` characters. A part is inside a text: its ends may be cut. */
static int each_gram(struct kith_str text, uint32_t min, uint32_t max, bool part, gram_fn *fn,
                     void *ctx)
{
    for (size_t start = 0; start < text.len; start++) {
        if (is_continuation(text.data[start])) continue;
        size_t at = start;
        for (uint32_t n = 1; n <= max && at < text.len; n++) {
            if (is_continuation(text.data[at])) break;
            const size_t len = character(text, at, part);
            if (len == 0) break;
            at += len;
            if (n < min) continue;
            const int rc = fn(ctx, (struct kith_str){ text.data + start, at - start });
            if (rc) return rc;
        }
    }
    return 0;
}

/* ---- the dictionary of a build ---- */

struct gram {
    struct kith_str text; /* borrows the map's key */
    uint32_t rows;        /* that have it; then the place of the next row in `lists` */
    uint32_t last;        /* row + 1 that was counted last */
};

struct grams {
    struct scalar_values values;
    struct scalar_header header;
    struct map map; /* text -> place in `all` */
    struct gram *all; /* owns */
    size_t count, cap;
    uint64_t postings;
    uint8_t *lists, *first; /* own */
    struct scalar_texts_writer texts;
    struct index_image image;
    uint32_t row;
};

static int add_gram(struct grams *g, struct kith_str text, uintptr_t *place)
{
    if (g->count == g->cap) {
        const size_t cap = g->cap < 256 ? 256 : 2 * g->cap;
        struct gram *all = cap < UINT32_MAX ? mem_realloc(g->all, cap * sizeof *all) : NULL;
        if (!all) return KITH_ENOMEM;
        g->all = all;
        g->cap = cap;
    }
    *place = g->count;
    const int rc = map_put(&g->map, text.data, text.len, *place);
    if (!rc) g->all[g->count++] = (struct gram){ .rows = 0 };
    return rc;
}

static int count_gram(void *ctx, struct kith_str text)
{
    struct grams *g = ctx;
    uintptr_t place;
    if (!map_get(&g->map, text.data, text.len, &place)) {
        const int rc = add_gram(g, text, &place);
        if (rc) return rc;
    }
    struct gram *gram = &g->all[place];
    if (gram->last == g->row + 1) return 0;
    gram->last = g->row + 1;
    gram->rows++;
    return ++g->postings > UINT32_MAX ? KITH_ELIMIT : 0;
}

static int list_gram(void *ctx, struct kith_str text)
{
    struct grams *g = ctx;
    uintptr_t place;
    if (!map_get(&g->map, text.data, text.len, &place)) return KITH_ECORRUPT; /* rows changed */
    struct gram *gram = &g->all[place];
    if (gram->last == g->row + 1) return 0;
    gram->last = g->row + 1;
    if (gram->rows >= g->header.postings) return KITH_ECORRUPT;
    le32_put(g->lists + 4 * (size_t)gram->rows++, g->row);
    return 0;
}

static int count_row(void *ctx, uint32_t row, struct kith_str text)
{
    struct grams *g = ctx;
    g->row = row;
    return each_gram(text, g->header.min_gram, g->header.max_gram, false, count_gram, g);
}

static int list_row(void *ctx, uint32_t row, struct kith_str text)
{
    struct grams *g = ctx;
    g->row = row;
    return each_gram(text, g->header.min_gram, g->header.max_gram, false, list_gram, g);
}

/* ---- writing ---- */

static int by_text(const void *a, const void *b)
{
    const struct kith_str x = ((const struct gram *)a)->text, y = ((const struct gram *)b)->text;
    const int order = memcmp(x.data, y.data, x.len < y.len ? x.len : y.len);
    return order != 0 ? order : x.len < y.len ? -1 : x.len > y.len;
}

/* Sorts the n-grams; the map then tells their places in order. */
static int sort_grams(struct grams *g)
{
    const void *key;
    size_t it = 0, len;
    uintptr_t place;
    while (map_next(&g->map, &it, &key, &len, &place))
        g->all[place].text = (struct kith_str){ key, len };
    if (g->count > 0) qsort(g->all, g->count, sizeof *g->all, by_text);
    for (size_t i = 0; i < g->count; i++) { /* known keys: nothing is moved */
        const int rc = map_put(&g->map, g->all[i].text.data, g->all[i].text.len, i);
        if (rc) return rc;
    }
    return 0;
}

/* Texts and the places of lists; a gram's `rows` becomes the place of its first row. */
static int place_grams(struct grams *g)
{
    uint32_t at = 0;
    g->first = mem_alloc_array(g->count + 1, 4);
    g->lists = mem_alloc_array((size_t)g->postings + 1, 4);
    if (!g->first || !g->lists) return KITH_ENOMEM;
    for (size_t i = 0; i < g->count; i++) {
        const uint32_t rows = g->all[i].rows;
        scalar_texts_put(&g->texts, g->all[i].text);
        le32_put(g->first + 4 * i, at);
        g->all[i].rows = at;
        g->all[i].last = 0;
        at += rows;
    }
    le32_put(g->first + 4 * g->count, at);
    scalar_texts_end(&g->texts);
    g->header.terms = (uint32_t)g->count;
    g->header.postings = at;
    return buffer_failed(&g->texts.text) || buffer_failed(&g->texts.blocks) ? KITH_ENOMEM : 0;
}

static int make_image(struct grams *g)
{
    const bool single = g->header.terms == g->header.postings;
    int rc = scalar_image_sets(&g->image, &g->header, &g->values);
    if (!rc) rc = scalar_image_header(&g->image, &g->header, g->values.params);
    if (rc) return rc;
    scalar_image_add(&g->image, SCALAR_SECTION_KEYS, g->texts.blocks.data, g->texts.blocks.len,
                     true);
    scalar_image_add(&g->image, SCALAR_SECTION_TEXT, g->texts.text.data, g->texts.text.len, true);
    scalar_image_add(&g->image, SCALAR_SECTION_FIRST, g->first,
                     single ? 0 : 4 * ((size_t)g->header.terms + 1), true);
    scalar_image_add(&g->image, SCALAR_SECTION_LISTS, g->lists, 4 * (size_t)g->header.postings,
                     false);
    g->texts.blocks.data = g->texts.text.data = g->first = g->lists = NULL;
    return 0;
}

static int read_twice(struct grams *g, const struct chunk_source *source, size_t field,
                      struct kith_error *err)
{
    g->values.fn_ctx = g;
    g->values.fn = count_row;
    int rc = scalar_values_read(&g->values, source, field, err);
    if (rc) return rc;
    rc = scalar_values_reserve(&g->values, 4 * g->postings + 100 * (uint64_t)g->count);
    if (!rc) rc = sort_grams(g);
    if (!rc) rc = place_grams(g);
    if (rc) return error_set(err, rc, "building an NGRAM index: %s", error_name(rc));
    bitset_release(&g->values.exists);
    bitset_release(&g->values.typed);
    g->values.fn = list_row;
    return scalar_values_read(&g->values, source, field, err);
}

int scalar_build_grams(const struct chunk_source *source, size_t field,
                       const struct scalar_index_params *params, const struct index_job *job,
                       struct index_image *out, struct kith_error *err)
{
    struct grams g = { .values = { .job = job, .params = params } };
    g.header = (struct scalar_header){ .shape = SCALAR_GRAMS, .key = SCALAR_TEXT,
                                       .json = params->field->type == KITH_JSON,
                                       .cast = params->field->type == KITH_JSON
                                                   ? (uint32_t)params->cast : 0,
                                       .rows = (uint32_t)source->rows,
                                       .min_gram = params->min_gram ? params->min_gram
                                                                    : DEFAULT_MIN,
                                       .max_gram = params->max_gram ? params->max_gram
                                                                    : DEFAULT_MAX };
    int rc = scalar_index_check("NGRAM", params, err);
    if (rc) return rc;
    map_init(&g.map);
    rc = read_twice(&g, source, field, err);
    if (!rc) {
        rc = make_image(&g);
        if (rc) rc = error_set(err, rc, "building an NGRAM index: %s", error_name(rc));
    }
    map_release(&g.map);
    mem_free(g.all);
    mem_free(g.first);
    mem_free(g.lists);
    buffer_release(&g.texts.blocks);
    buffer_release(&g.texts.text);
    scalar_values_release(&g.values);
    if (rc) index_image_release(job->os, &g.image);
    else *out = g.image;
    return rc;
}

/* ---- answering ---- */

struct wanted { /* the n-grams of a pattern, as terms */
    const struct scalar_set *set;
    size_t *terms; /* owns */
    size_t count, cap;
    bool missing; /* one is in no row */
};

static int want_gram(void *ctx, struct kith_str text)
{
    struct wanted *w = ctx;
    size_t term;
    bool exact;
    const int rc = scalar_texts_find(w->set, text, false, &term, &exact);
    if (rc) return rc;
    w->missing |= !exact;
    if (!exact) return 0;
    for (size_t i = 0; i < w->count; i++) {
        if (w->terms[i] == term) return 0;
    }
    if (w->count < w->cap) w->terms[w->count++] = term;
    return 0;
}

/* A literal part: its longest n-grams say most; a part shorter than the longest is one itself. */
static int want_part(struct wanted *w, struct kith_str part)
{
    const struct scalar_header *h = &w->set->header;
    uint32_t characters = 0;
    for (size_t at = 0; at < part.len; at++) {
        if (!is_continuation(part.data[at]) && character(part, at, true) > 0) characters++;
    }
    if (characters < h->min_gram) return 0;
    const uint32_t n = characters < h->max_gram ? characters : h->max_gram;
    return each_gram(part, n, n, true, want_gram, w);
}

#define TERMS_MAX ((size_t)64) /* more say little more */

static int want_pattern(struct wanted *w, const struct probe *probe)
{
    char *part = mem_alloc(probe->like_count + 1);
    int rc = part ? 0 : KITH_ENOMEM;
    w->terms = mem_alloc_array(TERMS_MAX, sizeof *w->terms);
    w->cap = TERMS_MAX;
    if (!w->terms) rc = KITH_ENOMEM;
    for (size_t i = 0, len = 0; !rc && i <= probe->like_count; i++) {
        if (i < probe->like_count && probe->like[i] < PROBE_LIKE_ONE) {
            part[len++] = (char)probe->like[i];
        } else {
            rc = want_part(w, (struct kith_str){ part, len });
            len = 0;
        }
    }
    mem_free(part);
    if (!rc && w->count == 0 && !w->missing) rc = KITH_EUNSUPPORTED; /* it is about nothing */
    return rc;
}

int scalar_grams_probe(const struct scalar_index *index, const struct probe *probe,
                       struct probe_answer *answer)
{
    const struct scalar_set *set = (const struct scalar_set *)index;
    struct wanted w = { .set = set };
    if (probe->kind == PROBE_PRESENT) return scalar_set_probe(index, probe, answer);
    if (!scalar_set_fits(set, probe) || probe->kind != PROBE_LIKE) return KITH_EUNSUPPORTED;
    if (answer->yes->bits != set->header.rows) return KITH_EINVAL;
    int rc = want_pattern(&w, probe);
    if (!rc && !w.missing) rc = scalar_rows_intersect(set, w.terms, w.count, answer->yes);
    mem_free(w.terms);
    if (!rc) answer->exact = false;
    return rc;
}

int scalar_grams_estimate(const struct scalar_index *index, const struct probe *probe,
                          uint64_t *rows)
{
    const struct scalar_set *set = (const struct scalar_set *)index;
    struct wanted w = { .set = set };
    uint64_t least = set->header.rows;
    if (probe->kind == PROBE_PRESENT) return scalar_set_estimate(index, probe, rows);
    if (!scalar_set_fits(set, probe) || probe->kind != PROBE_LIKE) return KITH_EUNSUPPORTED;
    int rc = want_pattern(&w, probe);
    for (size_t i = 0; !rc && i < w.count; i++) {
        size_t from, to;
        rc = scalar_postings(set, w.terms[i], w.terms[i] + 1, &from, &to);
        if (!rc && to - from < least) least = to - from;
    }
    if (!rc) *rows = w.missing ? 0 : least;
    mem_free(w.terms);
    return rc;
}
