/*
 * Sets of rows: from stored lists and bitmaps into the bitset of the asker. A stored row is
 * compared with the number of rows, a stored word's bits past the last row are dropped.
 */
#include "index/scalar_terms.h"

static void keep_tail_clear(struct bitset *out)
{
    const size_t tail = out->bits % 64;
    if (tail > 0) out->words[out->bits / 64] &= (UINT64_C(1) << tail) - 1;
}

/* ---- lists ---- */

static int list_apply(const struct scalar_set *set, size_t from, size_t count, bool value,
                      struct bitset *out)
{
    if (count == 0) return 0;
    if (section_touch(&set->lists, 4 * from, 4 * count)) return KITH_ECORRUPT;
    const uint8_t *at = set->lists.data + 4 * from;
    const size_t rows = out->bits;
    for (size_t i = 0; i < count; i++) {
        const uint32_t row = le32_get(at + 4 * i);
        if (row >= rows) return KITH_ECORRUPT;
        if (value) bitset_set(out, row);
        else bitset_clear(out, row);
    }
    return 0;
}

/* ---- bitmaps ---- */

enum word_op { WORD_OR, WORD_ANDNOT, WORD_AND };

static int words_apply(const struct section *section, size_t number, enum word_op op,
                       struct bitset *out)
{
    const size_t words = BITSET_WORDS(out->bits);
    if (number > section->len || section_touch(section, number * words * 8, words * 8))
        return KITH_ECORRUPT;
    const uint8_t *at = section->data + number * words * 8;
    for (size_t i = 0; i < words; i++) {
        const uint64_t word = le64_get(at + 8 * i);
        if (op == WORD_OR) out->words[i] |= word;
        else out->words[i] &= op == WORD_AND ? word : ~word;
    }
    keep_tail_clear(out);
    return 0;
}

/* Where the rows of a term of a BITMAP index are. */
static int slot_of(const struct scalar_set *set, size_t term, bool *bitmap, size_t *at)
{
    uint32_t slot;
    if (scalar_u32(&set->slots, term, &slot)) return KITH_ECORRUPT;
    *bitmap = (slot & SCALAR_SLOT_BITMAP) != 0;
    *at = slot & ~SCALAR_SLOT_BITMAP;
    return *bitmap && *at >= set->header.bitmap_count ? KITH_ECORRUPT : 0;
}

static int term_apply(const struct scalar_set *set, size_t term, bool value, struct bitset *out)
{
    size_t from, to, at;
    bool bitmap;
    if (scalar_postings(set, term, term + 1, &from, &to) || slot_of(set, term, &bitmap, &at))
        return KITH_ECORRUPT;
    if (bitmap) return words_apply(&set->bitmaps, at, value ? WORD_OR : WORD_ANDNOT, out);
    return list_apply(set, at, to - from, value, out);
}

/* ---- terms ---- */

static int apply(const struct scalar_set *set, size_t first, size_t end, bool value,
                 struct bitset *out)
{
    size_t from, to;
    int rc = scalar_postings(set, first, end, &from, &to);
    if (rc || first == end) return rc;
    if (!set->header.bitmaps) return list_apply(set, from, to - from, value, out);
    for (size_t term = first; !rc && term < end; term++) rc = term_apply(set, term, value, out);
    return rc;
}

/* When most rows are in the range, those outside are fewer to visit: all typed rows but the others.
 * Not with arrays, where a row has many values. `out` is empty then: a range is asked alone. */
static int all_but(const struct scalar_set *set, size_t first, size_t end, struct bitset *out)
{
    int rc = scalar_typed_get(set, out);
    if (!rc) rc = apply(set, 0, first, false, out);
    if (!rc) rc = apply(set, end, set->header.terms, false, out);
    return rc ? rc : list_apply(set, set->header.postings, set->header.nans, false, out);
}

int scalar_rows_add(const struct scalar_set *set, size_t first, size_t end, struct bitset *out)
{
    size_t from, to;
    const int rc = scalar_postings(set, first, end, &from, &to);
    if (rc) return rc;
    if (!set->header.array && set->header.shape == SCALAR_TERMS &&
        to - from > set->header.postings / 2 && end - first > 1) {
        return all_but(set, first, end, out);
    }
    return apply(set, first, end, true, out);
}

/* ---- intersection ---- */

static int list_has(const struct scalar_set *set, size_t from, size_t to, size_t row, bool *has)
{
    *has = false;
    while (from < to) {
        const size_t middle = from + (to - from) / 2;
        uint32_t at;
        if (scalar_u32(&set->lists, middle, &at)) return KITH_ECORRUPT;
        *has |= at == row;
        if (at < row) from = middle + 1;
        else to = middle;
    }
    return 0;
}

/* Clears the rows that the term does not have. */
static int keep_term(const struct scalar_set *set, size_t term, struct bitset *out)
{
    size_t from, to, at;
    bool bitmap = false, has;
    if (scalar_postings(set, term, term + 1, &from, &to)) return KITH_ECORRUPT;
    if (set->header.bitmaps) {
        if (slot_of(set, term, &bitmap, &at)) return KITH_ECORRUPT;
        if (bitmap) return words_apply(&set->bitmaps, at, WORD_AND, out);
        to = at + (to - from);
        from = at;
    }
    for (size_t row = bitset_next(out, 0); row < out->bits; row = bitset_next(out, row + 1)) {
        if (list_has(set, from, to, row, &has)) return KITH_ECORRUPT;
        if (!has) bitset_clear(out, row);
    }
    return 0;
}

static int postings_of(const struct scalar_set *set, size_t term, size_t *count)
{
    size_t from, to;
    const int rc = scalar_postings(set, term, term + 1, &from, &to);
    if (!rc) *count = to - from;
    return rc;
}

int scalar_rows_intersect(const struct scalar_set *set, size_t *terms, size_t count,
                          struct bitset *out)
{
    size_t best = 0, least = SIZE_MAX, here = 0;
    int rc = 0;
    for (size_t i = 0; !rc && i < count; i++) {
        rc = postings_of(set, terms[i], &here);
        if (rc || here >= least) continue;
        least = here;
        best = i;
    }
    if (rc || count == 0) return rc;
    rc = apply(set, terms[best], terms[best] + 1, true, out);
    for (size_t i = 0; !rc && i < count; i++) {
        if (i != best) rc = keep_term(set, terms[i], out);
    }
    return rc;
}

/* ---- rows that have a value ---- */

int scalar_exists_get(const struct scalar_set *set, struct bitset *out)
{
    bitset_fill(out, set->exists.len == 0);
    return set->exists.len == 0 ? 0 : words_apply(&set->exists, 0, WORD_OR, out);
}

int scalar_typed_get(const struct scalar_set *set, struct bitset *out)
{
    if (set->typed.len == 0) return scalar_exists_get(set, out);
    bitset_fill(out, false);
    return words_apply(&set->typed, 0, WORD_OR, out);
}
