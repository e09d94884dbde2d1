/*
 * Orders: numbers as unsigned keys, entries of a build sorted by (value, row).
 *
 * Numbers are sorted by a stable radix sort, one byte a pass, leaving out bytes that are equal in
 * all keys; texts by a stable merge sort that compares the first 8 bytes as one number. Rows come
 * in ascending, so they stay ascending within a value. Both use one spare array.
 *
 * Doubles are ordered as sign-magnitude: flip all bits of negative ones, else the sign. An int64
 * among doubles is (nearest double, rest): rounding is monotone, so the pair is ordered as the
 * integers are, and no double lies strictly between an integer and its nearest double.
 */
#include <math.h>
#include <string.h>

#include "base/alloc.h"
#include "index/scalar_terms.h"

#define SIGN_BIT (UINT64_C(1) << 63)
#define TWO_63 9223372036854775808.0
#define KEY_BYTES 8
#define DIGITS (KEY_BYTES + 2) /* two of the rest, then the key */
#define RUN 24 /* entries that are sorted by insertion */

uint64_t scalar_int_bits(int64_t value) { return (uint64_t)value ^ SIGN_BIT; }
int64_t scalar_int_value(uint64_t bits) { return (int64_t)(bits ^ SIGN_BIT); }

uint64_t scalar_float_bits(double value)
{
    uint64_t bits;
    if (isnan(value)) return SCALAR_NAN_BITS;
    if (value == 0) value = 0;
    memcpy(&bits, &value, sizeof bits);
    return bits & SIGN_BIT ? ~bits : bits | SIGN_BIT;
}

double scalar_float_value(uint64_t bits)
{
    double value;
    bits = bits & SIGN_BIT ? bits ^ SIGN_BIT : ~bits;
    memcpy(&value, &bits, sizeof value);
    return value;
}

int32_t scalar_int_rest(int64_t value)
{
    const double near = (double)value;
    if (near >= TWO_63) return (int32_t)(value - INT64_MAX) - 1;
    return (int32_t)(value - (int64_t)near);
}

int scalar_cancelled(const struct index_job *job)
{
    return job->cancel && atomic_load_explicit(job->cancel, memory_order_relaxed)
               ? KITH_ECANCELLED : 0;
}

/* ---- numbers ---- */

static unsigned digit(const struct scalar_entry *entry, int place)
{
    return place < 2 ? (entry->extra >> (8 * place)) & 0xff
                     : (unsigned)(entry->key >> (8 * (place - 2))) & 0xff;
}

/* Moves all entries to `to` by one digit; false: they are all equal in it. */
static bool pass(const struct scalar_entry *from, struct scalar_entry *to, size_t count, int place)
{
    size_t at[256] = { 0 }, sum = 0;
    for (size_t i = 0; i < count; i++) at[digit(&from[i], place)]++;
    if (at[digit(&from[0], place)] == count) return false;
    for (size_t d = 0; d < 256; d++) {
        const size_t here = at[d];
        at[d] = sum;
        sum += here;
    }
    for (size_t i = 0; i < count; i++) to[at[digit(&from[i], place)]++] = from[i];
    return true;
}

static void swap_spare(struct scalar_values *values)
{
    struct scalar_entry *entries = values->spare;
    values->spare = values->entries;
    values->entries = entries;
}

static int sort_numbers(struct scalar_values *values)
{
    for (int place = 0; place < DIGITS; place++) {
        if (scalar_cancelled(values->job)) return KITH_ECANCELLED;
        if (pass(values->entries, values->spare, values->count, place)) swap_spare(values);
    }
    return 0;
}

/* ---- texts ---- */

struct kith_str scalar_values_text(const struct scalar_values *values,
                                   const struct scalar_entry *entry)
{
    const uint8_t *at = values->text.data + entry->extra;
    return (struct kith_str){ (const char *)at + sizeof(uint32_t), le32_get(at) };
}

static int compare_texts(const struct scalar_values *values, const struct scalar_entry *a,
                         const struct scalar_entry *b)
{
    if (a->key != b->key) return a->key < b->key ? -1 : 1;
    if (a->extra == b->extra) return 0;
    const struct kith_str x = scalar_values_text(values, a), y = scalar_values_text(values, b);
    const size_t len = x.len < y.len ? x.len : y.len;
    const int order = len > KEY_BYTES
                          ? memcmp(x.data + KEY_BYTES, y.data + KEY_BYTES, len - KEY_BYTES) : 0;
    return order != 0 ? order : x.len < y.len ? -1 : x.len > y.len;
}

static void sort_run(struct scalar_values *values, size_t first, size_t end)
{
    struct scalar_entry *entries = values->entries;
    for (size_t i = first + 1; i < end; i++) {
        const struct scalar_entry entry = entries[i];
        size_t at = i;
        for (; at > first && compare_texts(values, &entries[at - 1], &entry) > 0; at--)
            entries[at] = entries[at - 1];
        entries[at] = entry;
    }
}

static void merge(struct scalar_values *values, size_t first, size_t middle, size_t end)
{
    const struct scalar_entry *from = values->entries;
    struct scalar_entry *to = values->spare;
    size_t a = first, b = middle, at = first;
    while (a < middle && b < end)
        to[at++] = compare_texts(values, &from[a], &from[b]) <= 0 ? from[a++] : from[b++];
    while (a < middle) to[at++] = from[a++];
    while (b < end) to[at++] = from[b++];
}

static int sort_texts(struct scalar_values *values)
{
    const size_t count = values->count;
    for (size_t i = 0; i < count; i += RUN) sort_run(values, i, i + RUN < count ? i + RUN : count);
    for (size_t width = RUN; width < count; width *= 2) {
        if (scalar_cancelled(values->job)) return KITH_ECANCELLED;
        for (size_t i = 0; i < count; i += 2 * width) {
            const size_t middle = i + width < count ? i + width : count;
            merge(values, i, middle, middle + width < count ? middle + width : count);
        }
        swap_spare(values);
    }
    return 0;
}

int scalar_values_sort(struct scalar_values *values)
{
    if (values->count == 0) return 0;
    const int rc = scalar_values_reserve(values, (uint64_t)values->count * sizeof *values->spare);
    if (rc) return rc;
    values->spare = mem_alloc_array(values->count, sizeof *values->spare);
    if (!values->spare) return KITH_ENOMEM;
    return values->key == SCALAR_TEXT ? sort_texts(values) : sort_numbers(values);
}

bool scalar_values_equal(const struct scalar_values *values, const struct scalar_entry *a,
                         const struct scalar_entry *b)
{
    if (values->key == SCALAR_TEXT) return compare_texts(values, a, b) == 0;
    return a->key == b->key && a->extra == b->extra;
}
