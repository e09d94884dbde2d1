/*
 * From the values of a probe to numbers of terms. A value is made a needle of the dictionary's kind
 * once; then halving. Values that the dictionary cannot know (a text among numbers, a number below
 * a path that is indexed as bool) are KITH_EUNSUPPORTED: the asker reads the rows.
 */
#include <math.h>

#include "index/scalar_terms.h"

/* ---- needles ---- */

static bool is_int(enum kith_type type)
{
    return type == KITH_INT8 || type == KITH_INT16 || type == KITH_INT32 || type == KITH_INT64 ||
           type == KITH_TIMESTAMPTZ;
}

/* Below a path only values of the cast's kind compare; a column takes any number. */
static bool fits(const struct scalar_set *set, const struct kith_value *value)
{
    const bool text = value->type == KITH_VARCHAR, boolean = value->type == KITH_BOOL;
    const bool number = is_int(value->type) || value->type == KITH_FLOAT ||
                        value->type == KITH_DOUBLE;
    if (set->header.key == SCALAR_TEXT) return text;
    if (set->header.json) return set->header.cast == KITH_BOOL ? boolean : number;
    return number || boolean;
}

static int needle_of(const struct scalar_set *set, const struct kith_value *value,
                     struct scalar_needle *out)
{
    if (!fits(set, value)) return KITH_EUNSUPPORTED;
    *out = (struct scalar_needle){ .key = SCALAR_INT, .integer = value->i, .text = value->s };
    if (value->type == KITH_VARCHAR) {
        out->key = SCALAR_TEXT;
    } else if (value->type == KITH_FLOAT || value->type == KITH_DOUBLE) {
        out->key = SCALAR_FLOAT;
        out->number = value->d;
    } else {
        out->number = (double)value->i;
        out->rest = scalar_int_rest(value->i);
    }
    return 0;
}

/* ---- halving ---- */

static int compare_parts(double number, int32_t rest, const struct scalar_needle *needle)
{
    if (number != needle->number) return number < needle->number ? -1 : 1;
    return rest < needle->rest ? -1 : rest > needle->rest;
}

/* The term against the needle: -1, 0, 1. */
static int compare_number(const struct scalar_set *set, size_t term,
                          const struct scalar_needle *needle, int *order)
{
    if (section_touch(&set->keys, 8 * term, 8)) return KITH_ECORRUPT;
    const uint8_t *at = set->keys.data + 8 * term;
    if (set->header.key == SCALAR_INT) {
        const int64_t key = (int64_t)le64_get(at);
        *order = needle->key == SCALAR_INT
                     ? (key > needle->integer) - (key < needle->integer)
                     : compare_parts((double)key, scalar_int_rest(key), needle);
        return 0;
    }
    int32_t rest = 0;
    if (set->rests.len > 0) {
        if (section_touch(&set->rests, 2 * term, 2)) return KITH_ECORRUPT;
        rest = (int16_t)le16_get(set->rests.data + 2 * term);
    }
    *order = compare_parts(lef64_get(at), rest, needle);
    return 0;
}

int scalar_find(const struct scalar_set *set, const struct scalar_needle *needle, size_t *term,
                bool *exact)
{
    size_t from = 0, to = set->header.terms;
    int order;
    if (set->header.key == SCALAR_TEXT)
        return scalar_texts_find(set, needle->text, false, term, exact);
    *exact = false;
    while (from < to) {
        const size_t middle = from + (to - from) / 2;
        if (compare_number(set, middle, needle, &order)) return KITH_ECORRUPT;
        if (order < 0) {
            from = middle + 1;
        } else {
            to = middle;
            *exact = order == 0;
        }
    }
    *term = from;
    return 0;
}

int scalar_term(const struct scalar_set *set, const struct kith_value *value, size_t *term)
{
    struct scalar_needle needle;
    bool exact;
    int rc = needle_of(set, value, &needle);
    if (rc) return rc;
    if (needle.key == SCALAR_FLOAT && isnan(needle.number)) return KITH_ENOTFOUND;
    rc = scalar_find(set, &needle, term, &exact);
    return rc ? rc : exact ? 0 : KITH_ENOTFOUND;
}

/* The first term behind the bound: `behind_equal` says on which side an equal one stands. */
static int bound(const struct scalar_set *set, const struct kith_value *value, bool behind_equal,
                 bool *nan, size_t *term)
{
    struct scalar_needle needle;
    bool exact;
    int rc = needle_of(set, value, &needle);
    if (rc) return rc;
    *nan |= needle.key == SCALAR_FLOAT && isnan(needle.number);
    rc = scalar_find(set, &needle, term, &exact);
    if (!rc && exact && behind_equal) (*term)++;
    return rc;
}

int scalar_range(const struct scalar_set *set, const struct probe *probe, size_t *first,
                 size_t *end)
{
    bool nan = false;
    int rc = 0;
    *first = 0;
    *end = set->header.terms;
    if (!probe->has_low && !probe->has_high && set->header.json) return KITH_EUNSUPPORTED;
    if (probe->has_low) rc = bound(set, &probe->low, !probe->low_inclusive, &nan, first);
    if (!rc && probe->has_high) rc = bound(set, &probe->high, probe->high_inclusive, &nan, end);
    if (rc) return rc;
    if (nan || *first > *end) *end = *first;
    return 0;
}

int scalar_postings(const struct scalar_set *set, size_t first, size_t end, size_t *from,
                    size_t *to)
{
    uint32_t a = (uint32_t)first, b = (uint32_t)end;
    if (first > end || end > set->header.terms) return KITH_ECORRUPT;
    if (set->first.len > 0 &&
        (scalar_u32(&set->first, first, &a) || scalar_u32(&set->first, end, &b))) {
        return KITH_ECORRUPT;
    }
    if (a > b || b > set->header.postings) return KITH_ECORRUPT;
    *from = a;
    *to = b;
    return 0;
}
