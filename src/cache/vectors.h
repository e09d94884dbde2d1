/*
 * A vector set: names with unit vectors, searched by angle. The value behind VADD and VSIM.
 *
 * Rows. Every VADD appends a row (code, norm, range) to the last *run*; rows are never changed, a
 * replaced or removed one is marked dead. A row has a number that is never used again and by
 * which its element finds it, whatever runs are merged later. Runs are counted by references: a
 * search pins those that are there and reads them without a lock while others are added.
 *
 * Tiers. The last runs, a few thousand rows, are scanned. When they are many a job copies their
 * live rows into one run and builds a graph over it (src/index, the one of collections) on
 * another thread; the set takes the result at the next call. Runs with graphs are merged so that
 * there are few, and built again when a quarter of a run is dead. A search walks every graph,
 * scans the rest, and computes the exact distance of what it found.
 *
 * Elements. A hash table finds an element by its name, a B+ tree keeps names in order. Rows name
 * their element by a small number. Elements and attributes that go while searches run are kept
 * until the last search that may have seen them ends.
 *
 * Threading: calls need the keyspace lock, but vset_search() (a view), vset_job_run() and
 * vset_free(), which need nothing.
 *
 * Numbers are Redis' to the bit where the order of additions is its own: a vector is divided by
 * its float norm; Q8 is round(x * 127 / range) with the range of its own; the distance is 1 - cos
 * as a float, the score 1 - distance / 2 as a double. Paper: Malkov, Yashunin 2016 (the graph is
 * in src/index); the runs are an LSM tree (O'Neil et al. 1996) of graphs.
 */
#ifndef KITH_CACHE_VECTORS_H
#define KITH_CACHE_VECTORS_H

#include <stdatomic.h>

#include <kith/types.h>

#include "cache/cache.h"
#include "cache/vector_filter.h"
#include "os/os.h"

#define VSET_DIM_MAX 65536u
#define VSET_M_MIN 4u
#define VSET_M_MAX 4096u
#define VSET_EF_MAX 1000000u
#define VSET_LEVEL_MAX 16u
#define VSET_LEVELS (VSET_LEVEL_MAX + 1)

enum vset_quant { VSET_F32, VSET_Q8, VSET_BIN };

struct vset_params {
    enum vset_quant quant;
    uint32_t dim;       /* of what is stored */
    uint32_t input_dim; /* of what VADD brings, when it is reduced; else 0 */
    uint32_t m;
};

struct vector_set;
struct vset_element;
struct vset_view;
struct vset_job;

extern const struct value_ops vset_ops;

/* KITH_ENOMEM. uid: what VINFO shows. */
KITH_NODISCARD int vset_new(struct heap *heap, const struct vset_params *params, uint64_t uid,
                            struct vector_set **out);
/* Drops the keyspace's reference; goes when the last search and build end. NULL is a no-op. */
void vset_free(void *set);
/* For upkeep, which may outlive the key; the last reference frees everything. */
void vset_ref(struct vector_set *set);
void vset_unref(struct vector_set *set);

const struct vset_params *vset_params(const struct vector_set *set);
size_t vset_count(const struct vector_set *set);
size_t vset_attribute_count(const struct vector_set *set);
unsigned vset_level_max(const struct vector_set *set); /* of the elements that are there */
uint64_t vset_uid(const struct vector_set *set);
uint64_t vset_node_uid(const struct vector_set *set); /* of the last vector added */

/* ---- elements ---- */

struct vset_element *vset_find(const struct vector_set *set, struct kith_str name);
struct kith_str vset_name(const struct vset_element *element);
/* data NULL: no attribute. Good until the next change of the element. */
struct kith_str vset_attribute(const struct vset_element *element);
unsigned vset_level(const struct vset_element *element); /* a function of the name */
/* The vector as VEMB shows it: without quantization and norm again. out: dim floats. */
void vset_read(const struct vector_set *set, const struct vset_element *element, float *out);
struct vset_raw {
    const void *code; /* borrows until the next change */
    size_t len;
    float norm, range; /* range: of Q8 */
};
struct vset_raw vset_raw(const struct vector_set *set, const struct vset_element *element);

struct vset_put {
    struct kith_str name;
    const float *vector; /* dim finite floats */
    uint32_t ef;         /* for builds; the largest so far counts */
    bool set_attribute;  /* else an element that is there keeps its own */
    struct kith_str attribute; /* empty: none */
};
/* Adds or replaces. KITH_ENOMEM, KITH_ELIMIT: nothing changed. */
KITH_NODISCARD int vset_put(struct vector_set *set, const struct vset_put *put, bool *added);
void vset_remove(struct vector_set *set, struct vset_element *element);
/* Empty: removes it. KITH_ENOMEM, KITH_ELIMIT. */
KITH_NODISCARD int vset_set_attribute(struct vector_set *set, struct vset_element *element,
                                      struct kith_str text);
/* Drawn uniformly. NULL: empty. */
struct vset_element *vset_random(const struct vector_set *set, struct rng *rng);

struct vset_bound {
    struct kith_str name;
    bool inclusive;
    bool open; /* no bound at all */
};
/* Calls fn for each name in order, at most `count` of them; fn may not change the set. */
void vset_range(const struct vector_set *set, const struct vset_bound *from,
                const struct vset_bound *to, uint64_t count,
                void (*fn)(void *ctx, struct vset_element *element), void *ctx);
uint64_t vset_range_count(const struct vector_set *set, const struct vset_bound *from,
                          const struct vset_bound *to);

/* ---- numbers ---- */

/* out[i] = 1/sqrt(n) * sum of +-in[j], minus when i AND j has an odd number of bits. */
void vset_reduce(const float *in, uint32_t in_dim, float *out, uint32_t out_dim);
static inline double vset_score(float distance) { return 1.0 - distance / 2.0; }

/* ---- searching ---- */

struct vset_search {
    const float *vector; /* dim floats; borrows */
    size_t count;        /* results wanted */
    uint32_t ef;         /* width of the walk; 0: 100 or count */
    const struct vector_filter *filter; /* nullable */
    uint64_t filter_ef;  /* 0: as much as it takes to find `count` matches; else the most candidates
                          * that are looked at */
    bool truth;          /* compute every distance */
    unsigned level_min;  /* only elements of this level and above; exact when not 0 */
};
struct vset_hit {
    float distance;
    uint32_t place; /* in the view */
};
/* Pins what is there now. NULL: no memory. */
KITH_NODISCARD struct vset_view *vset_pin(struct vector_set *set);
void vset_unpin(struct vset_view *view); /* NULL is a no-op */
/* *hits (mem_free) in ascending order of distance, *found of them: min(count, matches) unless
 * filter_ef is given. KITH_ENOMEM. */
KITH_NODISCARD int vset_search(struct vset_view *view, const struct vset_search *search,
                               struct vset_hit **hits, size_t *found);
/* NULL: it was removed since. */
struct vset_element *vset_hit_element(const struct vset_view *view, const struct vset_hit *hit);
/* What a search costs, as bytes of a scan in the same time: decides where it runs. One with a
 * filter may end in a scan of all rows. Needs no vector. */
size_t vset_search_cost(const struct vector_set *set, const struct vset_search *search);
/* Up to here a search is done where its command runs, under the lock: 20 us. A worker adds 6 to 10
 * us of processor time, and takes the rest out of the way of other clients. */
#define VSET_COST_HERE ((size_t)256 << 10)

/* ---- upkeep ---- */

/* Work that is due, or NULL; also takes what a finished job made. The caller runs it on another
 * thread, soon (or gives it back). At most one a set. */
struct vset_job *vset_job_take(struct vector_set *set);
/* The same when the set has been left alone for a while: rows that are scanned get a graph earlier.
 * vset_rest_is_due: it would give something if no job ran. */
struct vset_job *vset_job_take_rest(struct vector_set *set);
bool vset_rest_is_due(const struct vector_set *set);
/* Takes what a finished job made and gives the job to be freed, which needs no lock. NULL: none. */
struct vset_job *vset_job_settle(struct vector_set *set);
void vset_job_free(struct vset_job *job); /* NULL is a no-op */
struct vector_set *vset_job_set(struct vset_job *job);
bool vset_is_gone(const struct vector_set *set); /* the keyspace let go */
/* A mark for whoever watches sets; says what it was. */
bool vset_watched(struct vector_set *set, bool now);
/* The job is gone afterwards. stop: nullable; looked at now and then, and then nothing is made and
 * the set takes no job any more. */
void vset_job_run(struct vset_job *job, const struct os *os, const atomic_bool *stop);
void vset_job_drop(struct vset_job *job); /* instead of running it; under the lock */

struct vset_shape { /* for tests and benchmarks */
    size_t runs, graphs, rows, graph_rows, dead;
    bool busy;
};
void vset_shape_get(const struct vector_set *set, struct vset_shape *out);
/* All invariants; slow. For tests. */
bool vset_is_valid(const struct vector_set *set);

#endif
