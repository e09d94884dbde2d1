/*
 * The fast side of a plan: what filter_prepare makes of its leaves, and what one evaluation keeps.
 *
 * A leaf is answered by the first of these that can: an index of the segment (filter_probe), what
 * is known of the chunk (filter_zone), a typed column of a JSON path (filter_typed), a loop over
 * the column (struct column_test), the row-by-row test (filter_test). All give the same rows.
 *
 * Under an even number of negations only the rows for which a leaf is true matter: false and
 * unknown are the same to `and`, `or` and to the result. Then `no` may hold unknown rows too, and
 * no index is asked which rows have a value. Under an odd number (`leaf.needs_no`) the rows for
 * which it is false matter.
 */
#ifndef KITH_QUERY_FILTER_LEAF_H
#define KITH_QUERY_FILTER_LEAF_H

#include "query/filter_internal.h"

enum test_loop {
    LOOP_NONE,       /* row by row */
    LOOP_UNKNOWN,    /* true for no row and false for none */
    LOOP_NEVER,      /* false for every row that has a value */
    LOOP_RANGE,      /* low <= x <= high in the column's type */
    LOOP_MODULO,     /* low <= x % by <= high, integers */
    LOOP_ARITHMETIC, /* float_low <= x op by <= float_high, as doubles */
    LOOP_INTEGERS,   /* x is one of the set */
    LOOP_FLOATS,
    LOOP_TEXT_EQUAL,
    LOOP_TEXT_RANGE,
    LOOP_TEXT_FRONT, /* begins with it */
    LOOP_TEXTS,
    LOOP_LIKE
};

/* Integers, two or more: a few are compared one by one, a dense set is a bitmap, the rest a hash
 * table with open addressing; `filler` marks its empty places and is none of the values. In front
 * of the table stands a bitmap of 2^(64 - sieve_shift) hashes, most of them not taken. */
struct integer_set {
    const int64_t *values; /* ascending, distinct; in the arena */
    size_t count;
    const uint64_t *bitmap; /* of value - values[0] */
    const int64_t *table;
    unsigned shift; /* of the table's 2^(64 - shift) places */
    int64_t filler;
    const uint64_t *sieve;
    unsigned sieve_shift;
};

struct column_test { /* a leaf compiled for a column of one type */
    enum test_loop loop;
    enum kith_type type;
    int64_t int_low, int_high;
    bool partly; /* rows outside known_low..known_high are unknown: arithmetic overflows */
    int64_t known_low, known_high;
    double float_low, float_high;
    enum filter_token arith;
    int64_t by_int;
    double by;
    struct integer_set integers;
    const double *floats; /* ascending, distinct */
    const struct kith_str *texts; /* ascending, distinct; LOOP_TEXT_EQUAL and _FRONT: one */
    size_t count;
    struct bound low, high; /* LOOP_TEXT_RANGE */
    const struct like *like;
};

enum { TYPED_INT, TYPED_DOUBLE, TYPED_BOOL, TYPED_TEXT, TYPED_COUNT };

struct leaf { /* immutable, in the filter's arena */
    bool needs_no;
    bool probes;          /* `probe` is a question to indexes */
    bool fits_path;       /* JSON: `pointer` names the path without doubt */
    struct kith_str pointer;
    struct probe probe;
    struct column_test test; /* of the column itself */
    const struct column_test *typed; /* JSON: TYPED_COUNT of them; NULL: row by row */
    double cost;  /* about nanoseconds a row */
    double share; /* of rows that are true, a guess */
};

enum leaf_answer { ANSWER_ROWS, ANSWER_EXACT, ANSWER_NARROWED };
enum leaf_zone { ZONE_UNASKED, ZONE_MIXED, ZONE_TRUE, ZONE_FALSE, ZONE_UNKNOWN };

struct ordered { /* a child of a run */
    const struct plan *plan;
    double rank;
};

struct leaf_state { /* of one leaf in one evaluation */
    enum leaf_answer answer;
    struct bitset yes, present; /* of the index, over the whole source; own */
    double cost, share; /* as in the leaf, with what is known of this source */
    bool estimated;     /* `share` comes from an index */
    /* of the chunk at hand */
    enum leaf_zone zone;
    bool typed_asked, typed_given, typed_rest;
    struct chunk typed;
};

/* filter_evaluation.c: what filter_evaluate and filter_estimate begin and end with. */
KITH_NODISCARD int evaluation_init(struct evaluation *ev, const struct filter *filter,
                                   const struct chunk_source *source, struct kith_error *err);
void evaluation_release(struct evaluation *ev);
/* filter_leaf.c: one leaf over the block at hand, for the rows in `active`. */
KITH_NODISCARD int leaf_evaluate(struct evaluation *ev, const struct plan *plan,
                                 const uint64_t *active, struct truth out);

/* filter_prepare.c: numbers the nodes and gives the leaves their fast side. Once a filter. */
KITH_NODISCARD int filter_prepare(struct filter *filter, struct plan *root, struct arena *arena);
/* filter_bounds.c: LOOP_NONE when the leaf has no loop for a column of this type. Constants of
 * another kind than the type's give LOOP_UNKNOWN. */
void test_of_bounds(const struct plan *plan, enum kith_type type, struct column_test *out);
/* filter_sets.c: the same of PLAN_TERMS. KITH_ENOMEM. */
KITH_NODISCARD int test_of_terms(const struct plan *plan, enum kith_type type, struct arena *arena,
                                 struct column_test *out);
static inline uint64_t integer_hash(int64_t value) /* Fibonacci: the upper bits of a product */
{
    return (uint64_t)value * 0x9e3779b97f4a7c15u;
}
bool integer_set_has(const struct integer_set *set, int64_t value);

/* filter_probe.c: the question of a leaf; false in leaf->probes when there is none. */
KITH_NODISCARD int probe_of_leaf(const struct filter *filter, const struct plan *plan,
                                 struct leaf *leaf, struct arena *arena);
/* What indexes say of cost and share, for every leaf below. */
void probes_estimate(struct evaluation *ev, const struct plan *plan);
/* Puts the leaves' questions to the source, where that pays for the rows asked for. Children are
 * in order before and after. */
KITH_NODISCARD int probes_ask(struct evaluation *ev, const struct bitset *within);
/* filter_order.c: children of every run below by cost and share, into ev->order. */
void order_children(struct evaluation *ev, const struct plan *plan);
double plan_share(const struct evaluation *ev, const struct plan *plan);
/* filter_zone.c: what is known of the leaf in the whole chunk, or in the block at hand. */
enum leaf_zone leaf_zone_of(struct evaluation *ev, const struct plan *plan);
/* filter_typed.c: the typed chunk of the leaf's path, or NULL. */
const struct chunk *leaf_typed_chunk(struct evaluation *ev, const struct plan *plan);
const struct column_test *leaf_typed_test(const struct leaf *leaf, enum kith_type type);

/* filter_range.c, filter_arith.c, filter_direct.c: sets bit i of `yes` when the test holds for row
 * first + i of the chunk; may skip words of `active` that are zero, and other rows' bits are
 * undefined. `first` is a multiple of 64. */
void range_bits(const struct column_test *test, const struct chunk *chunk, size_t first,
                size_t rows, const uint64_t *active, uint64_t *yes);
void arithmetic_bits(const struct column_test *test, const struct chunk *chunk, size_t first,
                     size_t rows, const uint64_t *active, uint64_t *yes);
/* Rows [row, row + count) of a column of numbers; count <= 64. */
void widen_doubles(const struct chunk *chunk, size_t row, size_t count, double out[64]);
void widen_integers(const struct chunk *chunk, size_t row, size_t count, int64_t out[64]);
void direct_bits(const struct column_test *test, const struct chunk *chunk, size_t first,
                 size_t rows, const uint64_t *active, uint64_t *yes);
/* filter_leaf.c: any loop but LOOP_NONE; rows of `known` that have no result are taken out of it,
 * and `yes` is a part of it. */
void column_bits(const struct column_test *test, const struct chunk *chunk, size_t first,
                 size_t rows, uint64_t *known, uint64_t *yes);
/* filter_columns.c: left op right of two plain columns. */
bool columns_have_loop(const struct plan *plan);
void columns_bits(const struct plan *plan, const struct chunk *left, const struct chunk *right,
                  size_t first, size_t rows, const uint64_t *active, uint64_t *yes);

/* Eight bytes of 0 or 1 to bits 0..7, eight times. */
static inline uint64_t pack_bits(const uint8_t hit[64])
{
    uint64_t word = 0;
    for (unsigned i = 0; i < 8; i++)
        word |= ((le64_get(hit + (size_t)8 * i) * 0x0102040810204080u) >> 56) << (8 * i);
    return word;
}

int text_order(struct kith_str a, struct kith_str b); /* filter_sets.c; bytes, -1, 0, 1 */
static inline bool type_is_integral(enum kith_type type)
{
    return type == KITH_BOOL || type_is_integer(type) || type == KITH_TIMESTAMPTZ;
}

#endif
