/*
 * Which indexes a collection wants on each of its sealed segments: those that fields have of
 * themselves (graphs of vectors, words of analysed texts, sparse vectors) and those that somebody
 * created. Made from the manifest when it is loaded and when its list of indexes changes, so that
 * looking for due work neither parses nor allocates.
 */
#ifndef KITH_ENGINE_INDEX_WISH_H
#define KITH_ENGINE_INDEX_WISH_H

#include "index/scalar_index.h"
#include "storage/manifest.h"

#define INDEX_KIND_AUTO "AUTO"
#define INDEX_KIND_FLAT "FLAT"
#define INDEX_KIND_GRAPH "HNSW"
#define INDEX_KIND_SPARSE "SPARSE_INVERTED_INDEX"
#define INDEX_KIND_TEXT "TEXT"
#define INDEX_BM25_K1 1.2
#define INDEX_BM25_B 0.75

struct index_wish {
    uint32_t number;
    size_t field;
    char kind[MANIFEST_KIND_BYTES]; /* AUTO: chosen by the values of a segment */
    bool vectors;                   /* over dense vectors: `graph` matters, else `params` */
    struct index_params graph;
    struct scalar_index_params params; /* its field borrows the schema, its path is `path` */
    char *path;                        /* owns; nullable */
};

struct bm25_wish { /* of a function's output field whose index has parameters */
    size_t field;
    double k1, b;
};

struct index_wishes {
    struct index_wish *items; /* owns */
    size_t count;
    struct bm25_wish *bm25; /* owns */
    size_t bm25_count;
};

/* manifest->schema must outlive the wishes. KITH_ENOMEM. */
KITH_NODISCARD int index_wishes_make(const struct manifest *manifest, struct index_wishes *out);
void index_wishes_release(struct index_wishes *wishes); /* accepts a zeroed struct */
/* What BM25 over this output field computes with: of its index, or the defaults. */
void index_wishes_bm25(const struct index_wishes *wishes, size_t field, double *k1, double *b);
/* NULL when the number is not wanted. */
const struct index_wish *index_wishes_find(const struct index_wishes *wishes, uint32_t number);
KITH_NODISCARD int index_wish_copy(const struct index_wish *wish, struct index_wish *out);
void index_wish_release(struct index_wish *wish);

/* Parameters of an index as JSON text ("" or NULL: none): for a scalar index json_path,
 * json_cast_type, min_gram and max_gram; for BM25 bm25_k1 and bm25_b. `path` takes the JSON path as
 * a pointer (RFC 6901), out->path borrows it. KITH_EINVAL names what is wrong. */
KITH_NODISCARD int index_params_read(const char *text, const struct schema_field *field,
                                     struct buffer *path, struct scalar_index_params *out,
                                     struct kith_error *err);
/* The parameters of a BM25 index: numbers in range; what is not named keeps its default. */
KITH_NODISCARD int index_params_read_bm25(const char *text, double *k1, double *b,
                                          struct kith_error *err);

#endif
