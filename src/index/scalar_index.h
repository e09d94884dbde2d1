/*
 * Indexes of one sealed segment that are not over dense vectors: sorted values, inverted lists,
 * bitmaps, n-grams, boxes, places in JSON, words of texts, sparse vectors. One vtable beside that
 * of index.h, over the same sections: built into an index_image, written by storage, opened over
 * mapped sections without a load step. What is read is untrusted until section_touch() passed.
 *
 * Building is deterministic. Answers are rows of the segment; dead rows are the caller's to drop.
 */
#ifndef KITH_INDEX_SCALAR_INDEX_H
#define KITH_INDEX_SCALAR_INDEX_H

#include "index/index.h"
#include "model/chunk.h"
#include "model/schema.h"

struct scalar_index_params {
    const struct schema_field *field; /* borrows */
    /* JSON columns: RFC 6901 pointer; "" is the column itself. A step of digits is a place in an
     * array and never a key: a key of digits has no index. */
    struct kith_str path;
    enum kith_type cast;        /* JSON path: BOOL, DOUBLE or VARCHAR; 0: none */
    bool cast_array;            /* JSON path: an array of `cast` */
    uint32_t min_gram, max_gram; /* NGRAM: characters, 1..16; both 0: 2 and 3 */
};

struct scalar_index; /* opened; the kind's own struct starts with its ops */

struct scalar_index_ops {
    const char *kind; /* "STL_SORT", "INVERTED", "BITMAP", "TRIE", "NGRAM", "RTREE", "TEXT", ... */
    KITH_NODISCARD int (*build)(const struct chunk_source *source, size_t field,
                                const struct scalar_index_params *params,
                                const struct index_job *job, struct index_image *out,
                                struct kith_error *err);
    /* Borrows the sections until close, and params->field. Checks headers and sizes. */
    KITH_NODISCARD int (*open)(const struct os *os, const struct index_view_section *sections,
                               size_t count, size_t rows,
                               const struct scalar_index_params *params,
                               struct scalar_index **out, struct kith_error *err);
    /* As chunk_source.probe: KITH_EUNSUPPORTED when this kind cannot answer. Thread-safe. */
    KITH_NODISCARD int (*probe)(const struct scalar_index *index, const struct probe *probe,
                                struct probe_answer *answer);
    KITH_NODISCARD int (*estimate)(const struct scalar_index *index, const struct probe *probe,
                                   uint64_t *rows);
    KITH_NODISCARD int (*validate)(const struct scalar_index *index, struct kith_error *err);
    void (*close)(struct scalar_index *index);
};
struct scalar_index {
    const struct scalar_index_ops *ops;
};

/* NULL when the kind is unknown. Names as Milvus has them, any case ("Trie", "TRIE"). */
const struct scalar_index_ops *scalar_index_ops_find(const char *kind);
/* Whether the kind fits the field (KITH_EINVAL with the rule), for `kith_index_create`. */
KITH_NODISCARD int scalar_index_check(const char *kind, const struct scalar_index_params *params,
                                      struct kith_error *err);
/* The kind that AUTO means for this field and these rows (looks at a sample of the values). */
const char *scalar_index_choose(const struct scalar_index_params *params,
                                const struct chunk_source *source, size_t field);

#endif
