/*
 * Building lists and bitmaps: read the values, sort them by (value, row), write what is distinct.
 *
 * A row that has a value twice (arrays) stands in its list once. A value of a BITMAP index has a
 * bitmap when its list would be larger. Memory: 32 bytes a value while sorting, and the sections.
 */
#include <string.h>

#include "base/alloc.h"
#include "index/scalar_terms.h"

struct build {
    struct scalar_values values;
    struct scalar_header header;
    struct index_image image;
    uint8_t *first, *lists, *slots, *bitmaps, *keys, *rests; /* own, until they are in the image */
    size_t list_count; /* rows in lists */
    bool has_rests;
    struct scalar_texts_writer texts;
};

static bool is_nan(const struct scalar_values *values, const struct scalar_entry *entry)
{
    return values->key == SCALAR_FLOAT && entry->key == SCALAR_NAN_BITS;
}

/* Removes what is there twice and counts. */
static void count_terms(struct build *b)
{
    struct scalar_values *v = &b->values;
    struct scalar_header *h = &b->header;
    size_t kept = 0;
    for (size_t i = 0; i < v->count; i++) {
        const struct scalar_entry entry = v->entries[i];
        const bool same = kept > 0 && scalar_values_equal(v, &entry, &v->entries[kept - 1]);
        if (same && entry.row == v->entries[kept - 1].row) continue;
        if (is_nan(v, &entry)) h->nans++;
        else h->postings++;
        if (!same && !is_nan(v, &entry)) h->terms++;
        v->entries[kept++] = entry;
    }
    v->count = kept;
}

/* ---- keys ---- */

static void put_key(struct build *b, size_t term, const struct scalar_entry *entry)
{
    const int32_t rest = (int32_t)entry->extra - 0x8000;
    if (b->header.key == SCALAR_TEXT) {
        scalar_texts_put(&b->texts, scalar_values_text(&b->values, entry));
    } else if (b->header.key == SCALAR_INT) {
        le64_put(b->keys + 8 * term, (uint64_t)scalar_int_value(entry->key));
    } else {
        lef64_put(b->keys + 8 * term, scalar_float_value(entry->key));
        le16_put(b->rests + 2 * term, (uint16_t)rest);
        b->has_rests |= rest != 0;
    }
}

/* ---- sets of rows ---- */

static size_t set_words(const struct build *b) { return BITSET_WORDS(b->header.rows); }

static bool wants_bitmap(const struct build *b, size_t count)
{
    return b->header.bitmaps && 4 * count > 8 * set_words(b);
}

static void put_bitmap(struct build *b, size_t term, size_t from, size_t to)
{
    uint8_t *words = b->bitmaps + b->header.bitmap_count * set_words(b) * 8;
    for (size_t i = from; i < to; i++) {
        const uint32_t row = b->values.entries[i].row;
        words[row / 8] = (uint8_t)(words[row / 8] | 1u << (row % 8));
    }
    le32_put(b->slots + 4 * term, SCALAR_SLOT_BITMAP | b->header.bitmap_count++);
}

static void put_list(struct build *b, size_t term, size_t from, size_t to)
{
    if (b->header.bitmaps) le32_put(b->slots + 4 * term, (uint32_t)b->list_count);
    for (size_t i = from; i < to; i++)
        le32_put(b->lists + 4 * b->list_count++, b->values.entries[i].row);
}

static size_t term_end(const struct build *b, size_t from)
{
    const struct scalar_values *v = &b->values;
    size_t to = from + 1;
    while (to < b->header.postings && scalar_values_equal(v, &v->entries[from], &v->entries[to]))
        to++;
    return to;
}

static size_t count_bitmaps(const struct build *b)
{
    size_t count = 0;
    for (size_t from = 0, to; from < b->header.postings; from = to) {
        to = term_end(b, from);
        count += wants_bitmap(b, to - from);
    }
    return count;
}

static int put_terms(struct build *b)
{
    size_t term = 0;
    for (size_t from = 0, to; from < b->header.postings; from = to, term++) {
        to = term_end(b, from);
        if (term % 4096 == 0 && scalar_cancelled(b->values.job)) return KITH_ECANCELLED;
        put_key(b, term, &b->values.entries[from]);
        le32_put(b->first + 4 * term, (uint32_t)from);
        if (wants_bitmap(b, to - from)) put_bitmap(b, term, from, to);
        else put_list(b, term, from, to);
    }
    le32_put(b->first + 4 * term, b->header.postings);
    if (b->header.nans > 0)
        put_list(b, 0, b->header.postings, (size_t)b->header.postings + b->header.nans);
    return 0;
}

/* ---- all of it ---- */

static int make_room(struct build *b)
{
    const size_t terms = b->header.terms, bitmaps = b->header.bitmaps ? count_bitmaps(b) : 0;
    size_t words;
    if (b->header.bitmaps && b->header.postings >= SCALAR_SLOT_BITMAP) return KITH_ELIMIT;
    if (!size_mul(bitmaps, set_words(b), &words)) return KITH_ENOMEM;
    const int rc = scalar_values_reserve(&b->values, (uint64_t)terms * (4 + 8 + 2 + 4) +
                                                         (uint64_t)b->values.count * 4 +
                                                         (uint64_t)words * 8);
    if (rc) return rc;
    b->first = mem_alloc_array(terms + 1, 4);
    b->lists = mem_alloc_array(b->values.count + 1, 4);
    b->keys = b->header.key == SCALAR_TEXT ? NULL : mem_alloc_array(terms + 1, 8);
    b->rests = b->header.key == SCALAR_FLOAT ? mem_alloc_array(terms + 1, 2) : NULL;
    b->slots = b->header.bitmaps ? mem_alloc_array(terms + 1, 4) : NULL;
    b->bitmaps = bitmaps > 0 ? mem_zalloc_array(words, 8) : NULL;
    if (!b->first || !b->lists || (!b->keys && b->header.key != SCALAR_TEXT) ||
        (!b->rests && b->header.key == SCALAR_FLOAT) || (!b->slots && b->header.bitmaps) ||
        (!b->bitmaps && bitmaps > 0)) {
        return KITH_ENOMEM;
    }
    return 0;
}

static void give(struct build *b, uint32_t id, uint8_t **data, size_t len)
{
    scalar_image_add(&b->image, id, *data, len, true);
    *data = NULL;
}

/* Buffers keep room at their end; a section is as long as it is. */
static void give_texts(struct build *b)
{
    give(b, SCALAR_SECTION_KEYS, &b->texts.blocks.data, b->texts.blocks.len);
    give(b, SCALAR_SECTION_TEXT, &b->texts.text.data, b->texts.text.len);
}

static int make_image(struct build *b)
{
    const size_t terms = b->header.terms;
    int rc = scalar_image_header(&b->image, &b->header, b->values.params);
    if (rc) return rc;
    if (b->header.key == SCALAR_TEXT) give_texts(b);
    else give(b, SCALAR_SECTION_KEYS, &b->keys, 8 * terms);
    give(b, SCALAR_SECTION_RESTS, &b->rests, b->has_rests ? 2 * terms : 0);
    give(b, SCALAR_SECTION_FIRST, &b->first,
         terms == b->header.postings ? 0 : 4 * (terms + 1));
    give(b, SCALAR_SECTION_LISTS, &b->lists, 4 * b->list_count);
    give(b, SCALAR_SECTION_SLOTS, &b->slots, b->header.bitmaps ? 4 * terms : 0);
    give(b, SCALAR_SECTION_BITMAPS, &b->bitmaps, b->header.bitmap_count * set_words(b) * 8);
    return 0;
}

static int build_sorted(struct build *b)
{
    count_terms(b);
    int rc = make_room(b);
    if (!rc) rc = put_terms(b);
    if (rc) return rc;
    if (b->header.key == SCALAR_TEXT) scalar_texts_end(&b->texts);
    if (buffer_failed(&b->texts.blocks) || buffer_failed(&b->texts.text)) return KITH_ENOMEM;
    rc = scalar_image_sets(&b->image, &b->header, &b->values);
    return rc ? rc : make_image(b);
}

static void build_release(struct build *b)
{
    mem_free(b->first);
    mem_free(b->lists);
    mem_free(b->slots);
    mem_free(b->bitmaps);
    mem_free(b->keys);
    mem_free(b->rests);
    buffer_release(&b->texts.blocks);
    buffer_release(&b->texts.text);
    scalar_values_release(&b->values);
}

static int build(const struct chunk_source *source, size_t field,
                 const struct scalar_index_params *params, const struct index_job *job,
                 bool bitmaps, struct index_image *out, struct kith_error *err)
{
    struct build b = { .values = { .job = job, .params = params } };
    int rc = scalar_values_read(&b.values, source, field, err);
    if (!rc) {
        b.header = (struct scalar_header){ .shape = SCALAR_TERMS, .key = b.values.key,
                                           .array = b.values.array, .bitmaps = bitmaps,
                                           .json = params->field->type == KITH_JSON,
                                           .cast = params->field->type == KITH_JSON
                                                       ? (uint32_t)params->cast : 0,
                                           .rows = (uint32_t)source->rows };
        rc = scalar_values_sort(&b.values);
        if (!rc) rc = build_sorted(&b);
        if (rc) rc = error_set(err, rc, "building a scalar index: %s", error_name(rc));
    }
    build_release(&b);
    if (rc) index_image_release(job->os, &b.image);
    else *out = b.image;
    return rc;
}

int scalar_build_lists(const struct chunk_source *source, size_t field,
                       const struct scalar_index_params *params, const struct index_job *job,
                       struct index_image *out, struct kith_error *err)
{
    return build(source, field, params, job, false, out, err);
}

int scalar_build_bitmaps(const struct chunk_source *source, size_t field,
                         const struct scalar_index_params *params, const struct index_job *job,
                         struct index_image *out, struct kith_error *err)
{
    return build(source, field, params, job, true, out, err);
}
