/*
 * `x in [...]` as a test of one column type: sets of integers, doubles and texts.
 *
 * Constants that the type cannot hold (1.5 beside integers, texts beside numbers) drop out; when
 * none compares with the type at all the leaf is unknown. Integers that follow each other become a
 * range; up to four are compared one by one, 64 rows a step; a set whose values lie close together
 * is a bitmap; any other is a hash table with open addressing, at most half full.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "query/filter_leaf.h"

#define FEW_INTEGERS 4
#define BITMAP_BITS  ((uint64_t)1 << 20)
#define TWO_63       9223372036854775808.0

int text_order(struct kith_str a, struct kith_str b)
{
    size_t len = a.len < b.len ? a.len : b.len;
    int order = len > 0 ? memcmp(a.data, b.data, len) : 0;
    return order != 0 ? order : a.len < b.len ? -1 : a.len > b.len;
}

/* ------------------------------------------------------------------ integers */

static int order_integers(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return x < y ? -1 : x > y;
}

static size_t distinct_integers(int64_t *values, size_t count)
{
    size_t kept = 0;
    qsort(values, count, sizeof *values, order_integers);
    for (size_t i = 0; i < count; i++)
        if (kept == 0 || values[i] != values[kept - 1]) values[kept++] = values[i];
    return kept;
}

static int make_bitmap(struct integer_set *set, uint64_t span, struct arena *arena)
{
    uint64_t *words = arena_zalloc(arena, (size_t)(span / 64 + 1) * sizeof *words);
    if (!words) return KITH_ENOMEM;
    for (size_t i = 0; i < set->count; i++) {
        uint64_t bit = (uint64_t)set->values[i] - (uint64_t)set->values[0];
        words[bit / 64] |= 1ull << (bit % 64);
    }
    set->bitmap = words;
    return 0;
}

static size_t hash_place(const struct integer_set *set, int64_t value)
{
    return (size_t)(integer_hash(value) >> set->shift);
}

/* A value that is not in the set: the first gap. There is one, for sets are no 2^64 long. */
static int64_t gap_of(const struct integer_set *set)
{
    if (set->values[0] > INT64_MIN) return INT64_MIN;
    size_t i = 1;
    while (i < set->count && set->values[i] == set->values[i - 1] + 1) i++;
    return set->values[i - 1] + 1;
}

static int make_sieve(struct integer_set *set, struct arena *arena)
{
    unsigned bits = 6;
    while (((size_t)1 << bits) < 16 * set->count) bits++;
    uint64_t *words = arena_zalloc(arena, ((size_t)1 << bits) / 8);
    if (!words) return KITH_ENOMEM;
    set->sieve_shift = 64 - bits;
    for (size_t i = 0; i < set->count; i++) {
        uint64_t at = integer_hash(set->values[i]) >> set->sieve_shift;
        words[at / 64] |= 1ull << (at % 64);
    }
    set->sieve = words;
    return 0;
}

static int make_table(struct integer_set *set, struct arena *arena)
{
    unsigned bits = 4;
    while (((size_t)1 << bits) < 2 * set->count) bits++;
    size_t places = (size_t)1 << bits;
    int64_t *table = arena_alloc_array(arena, places, sizeof *table);
    if (!table) return KITH_ENOMEM;
    set->shift = 64 - bits;
    set->filler = gap_of(set);
    for (size_t i = 0; i < places; i++) table[i] = set->filler;
    for (size_t i = 0; i < set->count; i++) {
        size_t at = hash_place(set, set->values[i]);
        while (table[at] != set->filler) at = (at + 1) & (places - 1);
        table[at] = set->values[i];
    }
    set->table = table;
    return make_sieve(set, arena);
}

bool integer_set_has(const struct integer_set *set, int64_t value)
{
    if (set->bitmap) {
        uint64_t bit = (uint64_t)value - (uint64_t)set->values[0];
        uint64_t span = (uint64_t)set->values[set->count - 1] - (uint64_t)set->values[0];
        return bit <= span && ((set->bitmap[bit / 64] >> (bit % 64)) & 1);
    }
    if (!set->table) {
        for (size_t i = 0; i < set->count; i++)
            if (set->values[i] == value) return true;
        return false;
    }
    if (value == set->filler) return false;
    size_t mask = ((size_t)1 << (64 - set->shift)) - 1, at = hash_place(set, value);
    while (set->table[at] != set->filler && set->table[at] != value) at = (at + 1) & mask;
    return set->table[at] == value;
}

static int integers_done(struct column_test *out, struct arena *arena)
{
    struct integer_set *set = &out->integers;
    uint64_t span = (uint64_t)set->values[set->count - 1] - (uint64_t)set->values[0];
    out->int_low = set->values[0];
    out->int_high = set->values[set->count - 1];
    out->loop = span == set->count - 1 ? LOOP_RANGE : LOOP_INTEGERS;
    if (out->loop == LOOP_RANGE || set->count <= FEW_INTEGERS) return 0;
    if (span < BITMAP_BITS && span / 256 <= set->count) return make_bitmap(set, span, arena);
    return make_table(set, arena);
}

/* false: not a whole number that an int64 holds. */
static bool whole_number(const struct literal *value, int64_t *out)
{
    double d = value->number;
    if (value->kind == LITERAL_BOOL) *out = value->boolean;
    else if (value->kind == LITERAL_INT) *out = value->integer;
    else if (d < -TWO_63 || d >= TWO_63 || d != floor(d)) return false;
    else *out = (int64_t)d;
    return true;
}

static int integer_terms(const struct plan *plan, struct arena *arena, struct column_test *out)
{
    int64_t *values = arena_alloc_array(arena, plan->value_count, sizeof *values);
    size_t count = 0;
    if (!values) return KITH_ENOMEM;
    for (size_t i = 0; i < plan->value_count; i++) {
        const struct literal *value = &plan->values[i];
        bool comparable = out->type == KITH_BOOL ? value->kind == LITERAL_BOOL
                                                 : literal_is_number(value);
        if (!comparable) continue;
        if (out->loop == LOOP_UNKNOWN) out->loop = LOOP_NEVER;
        count += whole_number(value, &values[count]);
    }
    out->integers = (struct integer_set){ .values = values,
                                          .count = distinct_integers(values, count) };
    return count > 0 ? integers_done(out, arena) : 0;
}

/* ------------------------------------------------------------------ doubles, texts */

static int order_doubles(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return x < y ? -1 : x > y;
}

static int float_terms(const struct plan *plan, struct arena *arena, struct column_test *out)
{
    double *values = arena_alloc_array(arena, plan->value_count, sizeof *values);
    size_t count = 0, kept = 0;
    if (!values) return KITH_ENOMEM;
    for (size_t i = 0; i < plan->value_count; i++) {
        const struct literal *value = &plan->values[i];
        if (!literal_is_number(value)) continue;
        if (out->loop == LOOP_UNKNOWN) out->loop = LOOP_NEVER;
        double d = value->number;
        bool exact = value->kind == LITERAL_FLOAT
                         ? !isnan(d)
                         : number_compare(true, 0, d, false, value->integer, 0) == 0;
        if (exact) values[count++] = d;
    }
    qsort(values, count, sizeof *values, order_doubles);
    for (size_t i = 0; i < count; i++)
        if (kept == 0 || values[i] != values[kept - 1]) values[kept++] = values[i];
    if (kept > 0) out->loop = LOOP_FLOATS;
    out->floats = values;
    out->count = kept;
    return 0;
}

static int order_texts(const void *a, const void *b)
{
    return text_order(*(const struct kith_str *)a, *(const struct kith_str *)b);
}

static int text_terms(const struct plan *plan, struct arena *arena, struct column_test *out)
{
    struct kith_str *values = arena_alloc_array(arena, plan->value_count, sizeof *values);
    size_t count = 0, kept = 0;
    if (!values) return KITH_ENOMEM;
    for (size_t i = 0; i < plan->value_count; i++)
        if (plan->values[i].kind == LITERAL_STRING) values[count++] = plan->values[i].s;
    qsort(values, count, sizeof *values, order_texts);
    for (size_t i = 0; i < count; i++)
        if (kept == 0 || text_order(values[i], values[kept - 1]) != 0) values[kept++] = values[i];
    if (kept > 0) out->loop = kept == 1 ? LOOP_TEXT_EQUAL : LOOP_TEXTS;
    out->texts = values;
    out->count = kept;
    return 0;
}

int test_of_terms(const struct plan *plan, enum kith_type type, struct arena *arena,
                  struct column_test *out)
{
    *out = (struct column_test){ .loop = LOOP_UNKNOWN, .type = type };
    if (plan->left.arith != TOKEN_END) return 0;
    if (type == KITH_VARCHAR) return text_terms(plan, arena, out);
    if (type == KITH_FLOAT || type == KITH_DOUBLE) return float_terms(plan, arena, out);
    return integer_terms(plan, arena, out);
}
