/*
 * The slow check of a whole index, for `kith check` and tests: values ascending, places ascending,
 * rows in range and ascending in each list, counts as the header says.
 */
#include <string.h>

#include "base/alloc.h"
#include "index/scalar_terms.h"

/* ---- values ---- */

static int check_numbers(const struct scalar_set *set)
{
    uint64_t last_bits = 0;
    int32_t last_rest = 0;
    if (section_touch(&set->keys, 0, set->keys.len) ||
        section_touch(&set->rests, 0, set->rests.len))
        return KITH_ECORRUPT;
    for (size_t i = 0; i < set->header.terms; i++) {
        const uint8_t *at = set->keys.data + 8 * i;
        const uint64_t bits = set->header.key == SCALAR_INT
                                  ? scalar_int_bits((int64_t)le64_get(at))
                                  : scalar_float_bits(lef64_get(at));
        const int32_t rest = set->rests.len > 0 ? (int16_t)le16_get(set->rests.data + 2 * i) : 0;
        if (set->header.key == SCALAR_FLOAT && bits == SCALAR_NAN_BITS) return KITH_ECORRUPT;
        if (i > 0 && (bits < last_bits || (bits == last_bits && rest <= last_rest)))
            return KITH_ECORRUPT;
        last_bits = bits;
        last_rest = rest;
    }
    return 0;
}

struct order { /* the text before */
    struct buffer last;
    bool started;
};

static int check_text(void *ctx, size_t term, struct kith_str text)
{
    struct order *order = ctx;
    (void)term;
    const size_t len = order->last.len < text.len ? order->last.len : text.len;
    const int rc = len > 0 ? memcmp(order->last.data, text.data, len) : 0;
    if (order->started && (rc > 0 || (rc == 0 && order->last.len >= text.len)))
        return KITH_ECORRUPT;
    order->started = true;
    buffer_clear(&order->last);
    buffer_put(&order->last, text.data, text.len);
    return buffer_failed(&order->last) ? KITH_ENOMEM : 0;
}

static int check_texts(const struct scalar_set *set)
{
    struct order order = { .started = false };
    buffer_init(&order.last);
    const int rc = scalar_texts_each(set, 0, set->header.terms, check_text, &order);
    buffer_release(&order.last);
    return rc;
}

/* ---- rows ---- */

static int check_ascending(const struct scalar_set *set, size_t from, size_t count)
{
    uint32_t last = 0;
    if (section_touch(&set->lists, 4 * from, 4 * count)) return KITH_ECORRUPT;
    for (size_t i = 0; i < count; i++) {
        const uint32_t row = le32_get(set->lists.data + 4 * (from + i));
        if (row >= set->header.rows || (i > 0 && row <= last)) return KITH_ECORRUPT;
        last = row;
    }
    return 0;
}

static int check_term(const struct scalar_set *set, size_t term, struct bitset *rows)
{
    size_t from, to;
    if (scalar_postings(set, term, term + 1, &from, &to) || from == to) return KITH_ECORRUPT;
    if (!set->header.bitmaps) return check_ascending(set, from, to - from);
    bitset_fill(rows, false);
    const int rc = scalar_rows_add(set, term, term + 1, rows);
    return rc ? rc : bitset_count(rows) == to - from ? 0 : KITH_ECORRUPT;
}

static int check_rows(const struct scalar_set *set)
{
    struct bitset rows;
    int rc = bitset_init(&rows, set->header.rows, false);
    if (rc) return rc;
    for (size_t term = 0; !rc && term < set->header.terms; term++)
        rc = check_term(set, term, &rows);
    if (!rc) rc = scalar_exists_get(set, &rows);
    if (!rc && bitset_count(&rows) != set->header.existing) rc = KITH_ECORRUPT;
    if (!rc) rc = scalar_typed_get(set, &rows);
    if (!rc && bitset_count(&rows) != set->header.typed) rc = KITH_ECORRUPT;
    bitset_release(&rows);
    return rc;
}

int scalar_set_validate(const struct scalar_index *index, struct kith_error *err)
{
    const struct scalar_set *set = (const struct scalar_set *)index;
    int rc = set->header.key == SCALAR_TEXT ? check_texts(set) : check_numbers(set);
    if (rc == KITH_ENOMEM) return error_set(err, rc, "no memory to check an index");
    if (rc) return scalar_corrupt(err, "values out of order");
    rc = check_rows(set);
    if (rc == KITH_ENOMEM) return error_set(err, rc, "no memory to check an index");
    return rc ? scalar_corrupt(err, "rows of a value are damaged") : 0;
}
