/*
 * The graph's saved form (docs/formats/graph.md): writing the header, opening sections, validating.
 */
#ifndef KITH_INDEX_GRAPH_FORMAT_H
#define KITH_INDEX_GRAPH_FORMAT_H

#include "index/graph_internal.h"
#include "index/index.h"
#include "quant/scalar.h"

#define GRAPH_HEADER_BYTES ((size_t)128)
#define GRAPH_LEVELS_MAX 8u
#define GRAPH_NODES_MAX UINT32_C(0x7fffffff)
#define GRAPH_DIM_MAX 65536u
#define GRAPH_BITS_MAX 262144u

enum graph_section_id {
    GRAPH_SECTION_HEADER = 1,
    GRAPH_SECTION_BLOCKS = 2,
    GRAPH_SECTION_ROWS = 3,
    GRAPH_SECTION_FIRST = 4,
    GRAPH_SECTION_UPPER = 5,
    GRAPH_SECTION_DOWN = 6,
};

struct graph_header {
    uint32_t rows;
    uint32_t nodes;
    bool shared_nodes; /* section `first` is there */
    uint32_t m;
    uint32_t capacity;
    uint32_t ef_construction;
    float error;
    uint32_t levels;
    uint32_t level_count[GRAPH_LEVELS_MAX]; /* [0]: level 1 */
};

/* Chunks of a code, and bytes of a block. */
size_t graph_chunks(const struct scalar_quantizer *quantizer);
size_t graph_block_bytes(const struct scalar_quantizer *quantizer, uint32_t capacity);
/* Dimensions a graph takes at most. */
uint32_t graph_dim_max(enum kernel_type type);
const struct walk_kernel *graph_kernel(enum kernel_metric metric);

/* The header section's bytes; owned by the caller (mem_free). NULL: no memory. */
KITH_NODISCARD uint8_t *graph_header_encode(const struct graph_header *header,
                                            const struct scalar_quantizer *quantizer, size_t *len);
/* Parses and checks; *quantizer owns its offsets afterwards. */
KITH_NODISCARD int graph_header_decode(const struct section *section, struct graph_header *header,
                                       struct scalar_quantizer *quantizer, struct kith_error *err);

#define GRAPH_BEAMS 32 /* scratch kept between searches */

struct graph { /* an opened graph index */
    struct index index; /* first */
    struct graph_header header;
    struct scalar_quantizer quantizer;
    const struct vectors *vectors; /* borrows */
    struct section blocks;
    struct section rows;
    struct section first;
    struct section upper;
    struct section down;
    struct graph_layer layers[GRAPH_LEVELS_MAX + 1]; /* [0]: the bottom */
    _Atomic(struct beam *) beams[GRAPH_BEAMS];       /* owns: free scratch */
};

KITH_NODISCARD int graph_open(const struct os *os, const struct index_view_section *sections,
                              size_t count, const struct vectors *vectors, struct index **out,
                              struct kith_error *err);
KITH_NODISCARD int graph_validate(const struct index *index, struct kith_error *err);
void graph_close(struct index *index);

KITH_NODISCARD int graph_build(const struct vectors *vectors, const struct index_params *params,
                               const struct index_job *job, struct index_image *out,
                               struct kith_error *err);
struct graph_base { /* what a build takes up; see index_extend */
    const struct graph *graph; /* borrows, verified */
    const uint32_t *rows;      /* borrows */
};
KITH_NODISCARD int graph_build_on(const struct graph_base *base, const struct vectors *vectors,
                                  const struct index_params *params, const struct index_job *job,
                                  struct index_image *out, struct kith_error *err);
KITH_NODISCARD int graph_search(const struct index *index, const struct index_search *search,
                                struct hit *hits, size_t *count, struct kith_error *err);

#endif
