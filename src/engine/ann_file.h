/*
 * A bare index, in memory and as a file; shared by ann.c, ann_save.c and ann_open.c only. The
 * contract for users is kith.h, the format docs/formats/ann.md.
 *
 * Threading: everything in struct kith_ann is constant once it is built or opened, except what the
 * index and the page guard synchronise themselves.
 */
#ifndef KITH_ENGINE_ANN_FILE_H
#define KITH_ENGINE_ANN_FILE_H

#include <kith/kith.h>

#include "base/pages.h"
#include "index/index.h"
#include "os/os.h"

#define ANN_HEADER_BYTES ((size_t)128)
#define ANN_ENTRY_BYTES ((size_t)32)
#define ANN_SECTIONS_MAX (INDEX_SECTIONS_MAX + 1)
#define ANN_KIND_BYTES ((size_t)16)
#define ANN_VECTORS_ID UINT32_MAX
#define ANN_VERSION 1u

struct ann_spec { /* what an index is of; validated by ann_spec_check */
    char kind[ANN_KIND_BYTES]; /* ends in NUL */
    enum kith_type type;
    enum kith_metric metric; /* never KITH_METRIC_DEFAULT */
    uint32_t dim;
    uint32_t m;
    uint32_t ef_construction;
    uint64_t n;
};

struct ann_pinned {
    uint8_t *data; /* owns: os_pages_alloc */
    size_t len;
};

struct kith_ann {
    const struct os *os;
    struct ann_spec spec;
    struct vectors vectors;
    struct index *index; /* owns */
    struct index_view_section views[INDEX_SECTIONS_MAX];
    bool hot[INDEX_SECTIONS_MAX];
    size_t view_count;
    struct index_image image; /* owns; of a built index, else empty */
    const uint8_t *map;       /* owns; of an opened index, else NULL */
    size_t map_len;
    struct page_guard guard; /* of an opened index: all sections */
    struct ann_pinned pinned[ANN_SECTIONS_MAX];
    size_t pinned_count;
};

/* Type, metric, dimension and kind go together; fills in `metric` when it is the default. */
KITH_NODISCARD int ann_spec_check(struct ann_spec *spec, struct kith_error *err);
/* Sets ann->vectors over rows.data for a checked spec. KITH_ELIMIT when they cannot fit. */
KITH_NODISCARD int ann_vectors_set(struct kith_ann *ann, struct section rows,
                                   struct kith_error *err);
/* Opens the index over views and vectors, which are set. */
KITH_NODISCARD int ann_index_open(struct kith_ann *ann, struct kith_error *err);

/* As the public functions, on any machine. */
KITH_NODISCARD int ann_save(const struct kith_ann *ann, const struct os *os, const char *path,
                            struct kith_error *err);
KITH_NODISCARD int ann_open(const struct os *os, const char *path, bool pin, struct kith_ann **out,
                            struct kith_error *err);

#endif
