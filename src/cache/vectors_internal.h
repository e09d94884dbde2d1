/*
 * What the files of the vector set share: runs of rows, elements, and the set itself.
 */
#ifndef KITH_CACHE_VECTORS_INTERNAL_H
#define KITH_CACHE_VECTORS_INTERNAL_H

#include <stdatomic.h>

#include "cache/dict.h"
#include "cache/order.h"
#include "cache/vectors.h"
#include "index/index.h"

/* ---- runs ---- */

/* Rows in a row. Rows [0, count) are written; count grows under the keyspace lock only, and a
 * reader without it knows how many there were when it pinned. */
struct vset_run {
    _Atomic uint32_t refs;
    uint32_t count, cap;
    _Atomic uint32_t dead_count; /* written under the lock */
    uint64_t base;          /* number of row 0 */
    struct heap *heap;      /* borrows */
    struct vectors vectors; /* the codes, as the index room reads them */
    uint8_t *codes;         /* owns */
    size_t codes_bytes;
    bool pages;             /* codes are heap_pages_alloc's */
    float *norms, *ranges;  /* ranges: of Q8, else NULL */
    uint32_t *elements;     /* numbers of elements */
    uint32_t *offsets;      /* ascending: row i has the number base + offsets[i]; NULL: base + i */
    _Atomic uint64_t *dead; /* bits */
    struct index *graph;    /* owns; NULL: scanned */
    struct index_image image; /* owns: what the graph reads */
    size_t image_bytes;
    const struct os *os;    /* borrows: of the image */
};

/* NULL: no memory. mapped: rows have offsets. */
KITH_NODISCARD struct vset_run *vset_run_new(struct heap *heap, const struct vset_params *params,
                                             uint64_t base, uint32_t cap, bool mapped);
void vset_run_unref(struct vset_run *run);
static inline void vset_run_ref(struct vset_run *run)
{
    atomic_fetch_add_explicit(&run->refs, 1, memory_order_relaxed);
}
size_t vset_run_bytes(const struct vset_run *run);
static inline uint64_t vset_run_number(const struct vset_run *run, uint32_t row)
{
    return run->base + (run->offsets ? run->offsets[row] : row);
}
/* false: no row of this number */
bool vset_run_row(const struct vset_run *run, uint64_t number, uint32_t *row);
static inline bool vset_run_is_dead(const struct vset_run *run, uint32_t row)
{
    return (atomic_load_explicit(&run->dead[row / 64], memory_order_relaxed) >> (row % 64)) & 1;
}
static inline uint32_t vset_run_dead(const struct vset_run *run)
{
    return atomic_load_explicit(&run->dead_count, memory_order_relaxed);
}
void vset_run_kill(struct vset_run *run, uint32_t row); /* it was alive */
static inline const uint8_t *vset_run_code(const struct vset_run *run, uint32_t row)
{
    return run->codes + row * run->vectors.stride_bytes;
}

/* ---- numbers ---- */

struct vset_code { /* a vector in its stored form */
    uint8_t *data; /* borrows: stride bytes */
    float norm, range;
};
size_t vset_code_bytes(const struct vset_params *params); /* as VEMB RAW shows it */
size_t vset_code_stride(const struct vset_params *params);
enum kernel_type vset_kernel_type(enum vset_quant quant);
/* scratch: dim floats */
void vset_encode_vector(const struct vset_params *params, const float *vector, float *scratch,
                        struct vset_code *out);
void vset_decode_vector(const struct vset_params *params, const struct vset_code *code,
                        float *out);
/* Redis' distance from what kernel_get(DOT or HAMMING) gives. */
float vset_distance(const struct vset_params *params, float raw, float range_a, float range_b);
const struct kernel *vset_kernel(enum vset_quant quant);

/* ---- elements ---- */

struct vset_element {
    _Atomic(struct vector_attribute *) attribute; /* owns; nullable */
    union {
        uint64_t row;              /* number of its live row */
        struct vset_element *next; /* when it was removed: the next that waits to be freed */
    };
    uint64_t first_row; /* number of its first row: rows below are of others */
    uint32_t id;        /* its place in the directory */
    uint32_t name_len;
    uint8_t level;
    char name[];
};

#define DIRECTORY_SEGMENTS 26u
#define DIRECTORY_FIRST 64u

/* id -> element. Segment k has 64 << k slots that never move, so that it is read without a lock. A
 * slot holds an element, 0, or the next free id times two plus one. */
struct vset_directory {
    _Atomic uintptr_t *segments[DIRECTORY_SEGMENTS]; /* owns */
    uint32_t used;  /* ids given out so far */
    uint32_t free;  /* first free id + 1; 0: none */
};
struct vset_element *vset_directory_get(const struct vset_directory *directory, uint32_t id);

struct vector_set;
struct kith_str vset_element_key(const void *element); /* for the dict */
int vset_element_compare(const void *a, const void *b); /* for the order */
/* Adds an element without a row. KITH_ENOMEM, KITH_ELIMIT: nothing changed. */
KITH_NODISCARD int vset_element_add(struct vector_set *set, struct kith_str name,
                                    struct vset_element **out);
void vset_element_remove(struct vector_set *set, struct vset_element *element);
/* Before it changes in any way, for who watches the names (dict.h). */
void vset_element_touch(const struct vector_set *set, const struct vset_element *element);
/* Takes an attribute (NULL: none) in place of the old one. */
void vset_element_take(struct vector_set *set, struct vset_element *element,
                       struct vector_attribute *attribute);

/* What was removed while views were there. */
struct vset_bag {
    uint32_t views;
    struct vset_element *elements;       /* owns */
    struct vector_attribute *attributes; /* owns */
};

struct vector_set {
    _Atomic uint32_t refs; /* the keyspace, views, a job */
    atomic_bool cancel;    /* the keyspace let go: a build need not end */
    struct heap *heap;     /* borrows */
    struct vset_params params;
    uint64_t uid;
    uint64_t next_row;
    uint32_t ef;
    struct dict names;  /* of struct vset_element */
    struct order order; /* by name */
    struct vset_directory directory;
    size_t level_counts[VSET_LEVELS];
    size_t attribute_count;
    size_t element_bytes; /* heap_size of elements and attributes */
    struct vset_run **runs; /* owns references; ascending, those with graphs first */
    uint32_t run_count, run_cap;
    struct vset_bag bags[2]; /* [current]: where new views and garbage go */
    unsigned current;
    struct vset_job *job;    /* owns when it is done */
    uint64_t retry_at;       /* after a build failed: not before this row */
    bool watched;
    float *scratch;          /* owns: dim floats, and a code behind */
};

struct vset_new_row {
    const struct vset_code *code;
    struct kith_str name;
    bool set_attribute;
    struct kith_str attribute;
};
/* The end of vset_put: a vector that is encoded. */
KITH_NODISCARD int vset_put_code(struct vector_set *set, const struct vset_new_row *row,
                                 bool *added);
/* Frees what no view can see any more. */
void vset_collect(struct vector_set *set);
struct vset_run *vset_run_of(const struct vector_set *set, uint64_t number, uint32_t *row);
void vset_row_kill(struct vector_set *set, uint64_t number);
/* Room for one run more. KITH_ENOMEM. */
KITH_NODISCARD int vset_reserve_run(struct vector_set *set);
/* Merges the runs at the end when most of their rows are dead. */
void vset_compact(struct vector_set *set);

#endif
