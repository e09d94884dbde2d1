/*
 * What the files of the scalar indexes share. One structure serves most kinds: a dictionary of the
 * distinct values, ascending, and for each value the set of its rows.
 *
 *   STL_SORT, INVERTED, TRIE   values -> lists of rows; all lists in one array, so that a range of
 *                              values is one contiguous run of rows
 *   BITMAP                     values -> a bitmap, or a list where that is smaller
 *   NGRAM                      runs of characters -> lists of rows
 *   RTREE                      boxes instead of values (scalar_boxes.c), the rest the same
 *
 * Integers are kept as int64, floats as double, texts front-coded in blocks (scalar_texts.c).
 * Numbers below a JSON path compare by value across int64 and double: an integer is its nearest
 * double and the rest (-512..512) that rounding took; the section of rests is there when one is not
 * zero. NaN is no value of the dictionary: its rows are "present" and stand behind all lists.
 *
 * The format is docs/formats/scalar-index.md. Everything that is read is checked: an offset against
 * its section, a row against the number of rows; a page is verified at first touch.
 */
#ifndef KITH_INDEX_SCALAR_TERMS_H
#define KITH_INDEX_SCALAR_TERMS_H

#include "base/buffer.h"
#include "base/endian.h"
#include "base/json.h"
#include "index/scalar_index.h"

enum scalar_shape { SCALAR_TERMS = 1, SCALAR_GRAMS = 2, SCALAR_BOXES = 3 };
enum scalar_key { SCALAR_INT = 1, SCALAR_FLOAT = 2, SCALAR_TEXT = 3 };

enum scalar_section {
    SCALAR_SECTION_HEADER = 1,
    SCALAR_SECTION_KEYS = 2,    /* INT, FLOAT: 8 bytes a term; TEXT: u32 a block; boxes: 4 f64 */
    SCALAR_SECTION_RESTS = 3,   /* i16 a term; absent: all zero */
    SCALAR_SECTION_TEXT = 4,    /* front-coded texts */
    SCALAR_SECTION_FIRST = 5,   /* u32 x (terms + 1); absent: one row a term */
    SCALAR_SECTION_LISTS = 6,   /* u32 rows */
    SCALAR_SECTION_EXISTS = 7,  /* one bit a row; absent: all rows have a value */
    SCALAR_SECTION_TYPED = 8,   /* rows whose value is of the index' kind; absent: as EXISTS */
    SCALAR_SECTION_SLOTS = 9,   /* BITMAP: u32 a term */
    SCALAR_SECTION_BITMAPS = 10 /* BITMAP: whole sets of rows */
};

#define SCALAR_HEADER_BYTES ((size_t)64)
#define SCALAR_BLOCK_TERMS ((size_t)16)    /* texts a front-coded block */
#define SCALAR_SLOT_BITMAP (UINT32_C(1) << 31)
#define SCALAR_GRAM_MAX 16u

struct scalar_header {
    enum scalar_shape shape;
    enum scalar_key key;
    bool array;   /* elements of arrays */
    bool json;    /* below a path */
    bool bitmaps; /* BITMAP */
    uint32_t min_gram, max_gram;
    uint32_t rows;     /* of the segment */
    uint32_t terms;    /* distinct values; boxes: nodes */
    uint32_t postings; /* (value, row) pairs */
    uint32_t nans;
    uint32_t existing; /* rows that have a value */
    uint32_t typed;
    uint32_t bitmap_count;
    uint32_t cast;     /* enum kith_type, 0: none */
};

struct scalar_set { /* an opened index; immutable, shared by threads */
    struct scalar_index index; /* first */
    struct scalar_header header;
    struct kith_str path; /* owns */
    /* borrows */
    struct section keys, rests, text, first, lists, exists, typed, slots, bitmaps;
};

/* ---- numbers and order (scalar_order.c) ---- */

/* A value as it is looked up: exactly one form by `key`. */
struct scalar_needle {
    enum scalar_key key;
    int64_t integer;
    double number;   /* FLOAT: of (number, rest) */
    int32_t rest;
    struct kith_str text;
};

uint64_t scalar_int_bits(int64_t value);    /* unsigned order is the value's order */
int64_t scalar_int_value(uint64_t bits);
uint64_t scalar_float_bits(double value);   /* -0.0 as 0.0; NaN: UINT64_MAX */
double scalar_float_value(uint64_t bits);
int32_t scalar_int_rest(int64_t value);     /* value - (int64)(double)value */
#define SCALAR_NAN_BITS UINT64_MAX

/* ---- the dictionary (scalar_search.c, scalar_texts.c) ---- */

/* First term that is not before the needle: *exact says that it equals it. KITH_ECORRUPT. */
KITH_NODISCARD int scalar_find(const struct scalar_set *set, const struct scalar_needle *needle,
                               size_t *term, bool *exact);
/* Texts: the first term not before `text`; with `behind`, the first behind all that begin so. */
KITH_NODISCARD int scalar_texts_find(const struct scalar_set *set, struct kith_str text,
                                     bool behind, size_t *term, bool *exact);
/* Calls fn with the texts [first, end) in order. A non-zero return stops and is returned. */
KITH_NODISCARD int scalar_texts_each(const struct scalar_set *set, size_t first, size_t end,
                                     int (*fn)(void *ctx, size_t term, struct kith_str text),
                                     void *ctx);
/* Postings [*from, *to) of the terms [first, end). KITH_ECORRUPT. */
KITH_NODISCARD int scalar_postings(const struct scalar_set *set, size_t first, size_t end,
                                   size_t *from, size_t *to);
/* Terms [*first, *end) that answer a RANGE; KITH_EUNSUPPORTED when the values do not fit. */
KITH_NODISCARD int scalar_range(const struct scalar_set *set, const struct probe *probe,
                                size_t *first, size_t *end);
/* The term that is `value`; KITH_ENOTFOUND, KITH_EUNSUPPORTED, KITH_ECORRUPT. */
KITH_NODISCARD int scalar_term(const struct scalar_set *set, const struct kith_value *value,
                               size_t *term);
/* The pattern's literal bytes in front, into `out` (room for like_count). */
size_t scalar_like_prefix(const struct probe *probe, uint8_t *out);
bool scalar_like_matches(const uint16_t *items, size_t count, struct kith_str text);

/* ---- sets of rows (scalar_rows.c) ---- */

/* Sets the rows of the terms [first, end) in `out`. */
KITH_NODISCARD int scalar_rows_add(const struct scalar_set *set, size_t first, size_t end,
                                   struct bitset *out);
/* Sets the rows of all terms at once. */
KITH_NODISCARD int scalar_rows_intersect(const struct scalar_set *set, size_t *terms, size_t count,
                                         struct bitset *out);
/* Copies the stored set EXISTS or TYPED. */
KITH_NODISCARD int scalar_exists_get(const struct scalar_set *set, struct bitset *out);
KITH_NODISCARD int scalar_typed_get(const struct scalar_set *set, struct bitset *out);
/* Reads element i of a section of u32. */
static inline int scalar_u32(const struct section *section, size_t i, uint32_t *out)
{
    if (section_touch(section, 4 * i, 4)) return KITH_ECORRUPT;
    *out = le32_get(section->data + 4 * i);
    return 0;
}

/* ---- building ---- */

struct scalar_entry { /* one (value, row) before it is sorted */
    uint64_t key;   /* order of numbers; the first 8 bytes of texts */
    uint32_t row;
    uint32_t extra; /* rest + 0x8000; TEXT: where it is in `text`: u32 length, bytes */
};

struct scalar_values { /* all values of a column */
    const struct index_job *job;           /* borrows */
    const struct scalar_index_params *params; /* borrows */
    enum scalar_key key;
    bool array;
    /* TEXT, nullable: is called instead of collecting */
    int (*fn)(void *ctx, uint32_t row, struct kith_str text);
    void *fn_ctx;
    struct scalar_entry *entries; /* owns */
    struct scalar_entry *spare;   /* owns: for sorting */
    size_t count, cap;
    struct buffer text;
    size_t text_reserved; /* of its bytes */
    struct bitset exists, typed;
    uint64_t reserved; /* bytes of the budget */
};

/* Reads the column (or path) of all rows into entries, in order of rows. */
KITH_NODISCARD int scalar_values_read(struct scalar_values *values,
                                      const struct chunk_source *source, size_t field,
                                      struct kith_error *err);
void scalar_values_release(struct scalar_values *values);
/* Takes bytes of the job's budget, until release. KITH_EBUSY. */
KITH_NODISCARD int scalar_values_reserve(struct scalar_values *values, uint64_t bytes);
KITH_NODISCARD int scalar_values_sort(struct scalar_values *values);
bool scalar_values_equal(const struct scalar_values *values, const struct scalar_entry *a,
                         const struct scalar_entry *b);
struct kith_str scalar_values_text(const struct scalar_values *values,
                                   const struct scalar_entry *entry);
int scalar_cancelled(const struct index_job *job); /* 0 or KITH_ECANCELLED */
/* What a column's or path's values are in an index. false: they have no order here. */
bool scalar_key_of(const struct scalar_index_params *params, enum scalar_key *key, bool *array);

/* A path of a JSON column, taken apart. A step of digits is an index into an array. */
struct scalar_path {
    struct json_step *steps; /* owns, with the text behind it */
    size_t count;
};
KITH_NODISCARD int scalar_path_init(struct scalar_path *path, struct kith_str text);
void scalar_path_release(struct scalar_path *path);
bool scalar_path_find(const struct scalar_path *path, struct kith_str json,
                      struct json_value *out);

/* Front-codes ascending texts: put each, then end. */
struct scalar_texts_writer {
    struct buffer blocks, text;
    struct kith_str last; /* borrows the text put last */
    size_t count;
};
void scalar_texts_put(struct scalar_texts_writer *writer, struct kith_str text);
void scalar_texts_end(struct scalar_texts_writer *writer);

/* Adds a section that takes `data`, or the buffer's bytes; nothing when empty. */
void scalar_image_add(struct index_image *image, uint32_t id, uint8_t *data, size_t len, bool hot);
KITH_NODISCARD int scalar_image_header(struct index_image *image,
                                       const struct scalar_header *header,
                                       const struct scalar_index_params *params);
/* Adds EXISTS and TYPED and fills their counts. */
KITH_NODISCARD int scalar_image_sets(struct index_image *image, struct scalar_header *header,
                                     const struct scalar_values *values);

/* ---- the kinds ---- */

KITH_NODISCARD int scalar_build_lists(const struct chunk_source *source, size_t field,
                                      const struct scalar_index_params *params,
                                      const struct index_job *job, struct index_image *out,
                                      struct kith_error *err);
KITH_NODISCARD int scalar_build_bitmaps(const struct chunk_source *source, size_t field,
                                        const struct scalar_index_params *params,
                                        const struct index_job *job, struct index_image *out,
                                        struct kith_error *err);
/* Opens any shape; `ops` is what it becomes. */
KITH_NODISCARD int scalar_set_open(const struct scalar_index_ops *ops, enum scalar_shape shape,
                                   const struct index_view_section *sections, size_t count,
                                   size_t rows, const struct scalar_index_params *params,
                                   struct scalar_index **out, struct kith_error *err);
void scalar_set_close(struct scalar_index *index);
KITH_NODISCARD int scalar_set_probe(const struct scalar_index *index, const struct probe *probe,
                                    struct probe_answer *answer);
KITH_NODISCARD int scalar_set_estimate(const struct scalar_index *index, const struct probe *probe,
                                       uint64_t *rows);
KITH_NODISCARD int scalar_set_validate(const struct scalar_index *index, struct kith_error *err);
int scalar_corrupt(struct kith_error *err, const char *what);
/* Whether the probe is about what the index is over. */
bool scalar_set_fits(const struct scalar_set *set, const struct probe *probe);

#endif
