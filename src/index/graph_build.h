/*
 * What the files of the build share. A build works on positions: nodes in their order of insertion,
 * which is a fixed shuffle of the rows, so that a batch is a random sample and the first n/16^l
 * positions can serve as level l.
 */
#ifndef KITH_INDEX_GRAPH_BUILD_H
#define KITH_INDEX_GRAPH_BUILD_H

#include "index/graph_format.h"
#include "index/graph_internal.h"
#include "index/index.h"
#include "os/pool.h"
#include "quant/scalar.h"

#define BUILD_SLACK 16u      /* ids a list may have above capacity before it is pruned */
#define BUILD_EF(ef) ((ef) + (ef) / 2) /* width of the search for candidates */
#define BUILD_BATCH_MAX 4096u /* nodes inserted at once */

struct build_worker { /* scratch of one thread */
    atomic_bool taken;
    struct beam beam;
    uint64_t *candidates; /* owns: keys */
    size_t room;
    uint32_t *ids; /* owns: as many */
    int32_t *distances; /* owns */
    uint32_t *alive;    /* owns */
    float *other;       /* owns: a row */
};

struct build_level { /* the graph as it was when it had `count` nodes */
    uint32_t count;
    uint32_t *links; /* owns: count * capacity */
};

struct graph_build {
    const struct vectors *vectors; /* borrows, like the next two */
    const struct index_job *job;
    struct kith_error *err;
    struct graph_header header;
    struct scalar_quantizer quantizer;
    const struct walk_kernel *kernel;
    size_t chunks;
    const struct graph_base *base; /* borrows; NULL: everything is inserted */
    uint32_t base_rows;            /* rows at the start of row_of that stand for its nodes */
    uint32_t base_nodes;           /* positions that have taken up a list of it: the first ones */

    uint32_t *row_of;   /* owns: rows in order of insertion; then the first row of each node */
    uint32_t *node_of;  /* owns: position of a row's node */
    uint8_t *codes;     /* owns (pages): chunks * 64 bytes a position */
    size_t codes_bytes;
    uint32_t *links;    /* owns (pages): link_room ids a position, ended by its own */
    size_t links_bytes;
    uint32_t link_room; /* capacity + slack */
    uint16_t *degree;   /* owns */
    uint32_t *order;    /* owns: node -> position; after graph_order */
    uint32_t *place;    /* owns: position -> node */
    struct build_level levels[GRAPH_LEVELS_MAX]; /* [0]: level 1 */

    struct build_worker *workers; /* owns */
    unsigned worker_count;
    uint64_t reserved_bytes;
};

static inline uint32_t *build_links(const struct graph_build *b, size_t position)
{
    return b->links + position * b->link_room;
}
static inline const uint8_t *build_code(const struct graph_build *b, size_t position)
{
    return b->codes + position * b->chunks * WALK_CHUNK;
}

struct build_worker *build_worker_take(struct graph_build *b);
void build_worker_return(struct build_worker *worker);
bool build_cancelled(const struct graph_build *b);

/* Rows -> distinct codes in order of insertion (graph_build_codes.c). */
KITH_NODISCARD int build_codes(struct graph_build *b);

/* Fills row_of: a row for each node of the base that is still there, then the others, both in
 * order. Gives how many the first are; 0: too few, nothing is taken up (graph_extend.c). */
uint32_t build_base_order(struct graph_build *b);
/* Positions [0, base_nodes) get the lists of the base. */
KITH_NODISCARD int build_take_base(struct graph_build *b);

struct build_choice {
    size_t max;  /* ids kept at most */
    size_t fill; /* the nearest of the others join up to here */
};
/* Chooses among worker->candidates[0, count), sorted by distance from the node that asks. Returns
 * how many ids it wrote (graph_build_select.c). */
size_t build_select(const struct graph_build *b, struct build_worker *worker, size_t count,
                    struct build_choice choice, uint32_t *out);
/* Makes worker->ids[0, count) the list of position, chosen down to max ids. */
void build_shorten(const struct graph_build *b, struct build_worker *worker, uint32_t position,
                   size_t count, uint32_t max);
/* Shortens the list of position to at most max ids. */
void build_prune(const struct graph_build *b, struct build_worker *worker,
                               uint32_t position, uint32_t max);

/* Inserts every position (graph_build_insert.c). */
KITH_NODISCARD int build_insert(struct graph_build *b);

/* Gives every node a least number of incoming edges where it can (graph_balance.c). */
KITH_NODISCARD int build_balance(struct graph_build *b);
/* Every position can be reached from position 0 afterwards (graph_order.c). */
KITH_NODISCARD int build_connect(struct graph_build *b);
/* Root mean square error of navigation distances between neighbours, of `samples` nodes. */
float build_error(const struct graph_build *b, struct build_worker *worker, uint32_t samples);
/* Fills order and place. */
KITH_NODISCARD int build_order(struct graph_build *b);

#endif
