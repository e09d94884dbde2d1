/*
 * A condition on one column (or one path in a JSON column) that an index may answer for a whole
 * segment at once, and what is known of a run of rows without reading them. The filter asks, the
 * segment answers (model/chunk.h); neither knows the other.
 */
#ifndef KITH_MODEL_PROBE_H
#define KITH_MODEL_PROBE_H

#include <kith/kith.h>

#include "base/bitset.h"

enum probe_kind {
    PROBE_PRESENT,      /* has a value: not null, and the path exists and is not JSON null */
    PROBE_RANGE,        /* low <= x <= high, either one optional */
    PROBE_TERMS,        /* x is one of the terms; terms are ascending and distinct */
    PROBE_LIKE,         /* x matches the pattern */
    PROBE_CONTAINS_ANY, /* array: holds one of the terms */
    PROBE_CONTAINS_ALL,
    PROBE_MATCH,        /* analysed text: at least `least` of the distinct tokens of `pattern` */
    PROBE_PHRASE,       /* analysed text: the tokens of `pattern` in order, `slop` apart */
    PROBE_BOX           /* geometry: the envelope meets `box`; never exact */
};

struct probe {
    enum probe_kind kind;
    size_t field;         /* of the schema */
    /* JSON columns: RFC 6901 pointer, "/a/b/0"; "" is the column itself. A step of digits is a
     * place in an array, never a key. */
    struct kith_str path;
    /* RANGE. Values are INT64 (all integer types, BOOL, TIMESTAMPTZ), DOUBLE or VARCHAR by `type`.
     * On a JSON path numbers compare by value across kinds. */
    bool has_low, has_high, low_inclusive, high_inclusive;
    struct kith_value low, high;
    const struct kith_value *terms; /* borrows; BOOL terms as BOOL, numbers INT64 or DOUBLE */
    size_t term_count;
    struct kith_str pattern;    /* MATCH, PHRASE: the words */
    const uint16_t *like;       /* LIKE: a byte to match, or PROBE_LIKE_ONE, PROBE_LIKE_RUN */
    size_t like_count;
    uint32_t least;
    uint32_t slop;
    double box[4]; /* min x, min y, max x, max y */
};
#define PROBE_LIKE_ONE 0x100 /* any one character of UTF-8 */
#define PROBE_LIKE_RUN 0x101 /* any run of bytes, also none */

struct probe_answer {
    /* Sets over all rows of the source, made by the asker, cleared. A row in `present` but not in
     * `yes` is false, a row in neither is unknown. For a path in JSON, rows whose value is of
     * another kind than the probe's values are unknown too: not in `present`. */
    struct bitset *yes;
    struct bitset *present; /* nullable: the asker does not need it */
    bool exact; /* false: `yes` may hold rows that do not match; `present` is not filled */
};

/* What is known of one chunk of a fixed-width column. */
struct zone {
    bool has_values;  /* false: every row is null */
    size_t nulls;
    int64_t int_low, int_high;     /* integer types, BOOL, TIMESTAMPTZ */
    double float_low, float_high;  /* FLOAT, DOUBLE; NaN rows make the zone unknown */
};

#endif
