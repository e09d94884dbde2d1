/*
 * Last phases of the build: make every node reachable, then choose the order in memory.
 *
 * Reachability: the edges by which a breadth-first pass from position 0 first meets each node are a
 * tree. A stray is hung onto a node of the tree near it, in a free place or in place of the
 * farthest edge that is not in the tree, so whatever was reachable stays so; then the pass goes on
 * from the stray. It ends with every node in the tree.
 *
 * Order: breadth first from the entry, so that the nodes a walk meets together lie together.
 */
#include <string.h>

#include "base/alloc.h"
#include "index/graph_build.h"

#define NONE UINT32_MAX

struct tree {
    struct graph_build *b;
    uint32_t *parent; /* owns: NONE while not reached */
    uint32_t *queue;  /* owns: reached positions in order */
    uint32_t taken;
    uint32_t reached;
};

static void tree_release(struct tree *tree)
{
    mem_free(tree->parent);
    mem_free(tree->queue);
}

static int tree_init(struct tree *tree, struct graph_build *b)
{
    const uint32_t nodes = b->header.nodes;
    *tree = (struct tree){.b = b};
    tree->parent = mem_alloc_array(nodes, sizeof *tree->parent);
    tree->queue = mem_alloc_array(nodes, sizeof *tree->queue);
    if (!tree->parent || !tree->queue) {
        tree_release(tree);
        return error_set(b->err, KITH_ENOMEM, "no memory to order a graph");
    }
    memset(tree->parent, 0xff, (size_t)nodes * sizeof *tree->parent);
    return 0;
}

static void tree_add(struct tree *tree, uint32_t position, uint32_t parent)
{
    tree->parent[position] = parent;
    tree->queue[tree->reached++] = position;
}

static void tree_grow(struct tree *tree)
{
    const struct graph_build *b = tree->b;
    while (tree->taken < tree->reached) {
        const uint32_t position = tree->queue[tree->taken++];
        const uint32_t *links = build_links(b, position);
        for (uint32_t j = 0; j < b->degree[position]; j++) {
            if (tree->parent[links[j]] == NONE) tree_add(tree, links[j], position);
        }
    }
}

/* Hangs stray onto host. false: all places of host are edges of the tree. */
static bool attach(struct tree *tree, uint32_t host, uint32_t stray)
{
    struct graph_build *b = tree->b;
    uint32_t *links = build_links(b, host);
    if (b->degree[host] < b->header.capacity) {
        links[b->degree[host]++] = stray;
        tree_add(tree, stray, host);
        return true;
    }
    for (uint32_t j = b->degree[host]; j > 0; j--) {
        if (tree->parent[links[j - 1]] == host) continue;
        links[j - 1] = stray;
        tree_add(tree, stray, host);
        return true;
    }
    return false;
}

/* Finds a host among the nodes a walk from position 0 meets near the stray, else anywhere. */
static int attach_near(struct tree *tree, struct build_worker *worker, uint32_t stray)
{
    struct graph_build *b = tree->b;
    struct beam *beam = &worker->beam;
    const void *links = b->links;
    const struct graph_layer layer = {.kernel = b->kernel,
                                      .codes = {b->codes, b->chunks * WALK_CHUNK, b->chunks},
                                      .links = links,
                                      .link_stride = b->link_room * sizeof(uint32_t),
                                      .capacity = b->link_room, .count = b->header.nodes};
    scalar_code_query(&b->quantizer, build_code(b, stray), b->chunks * WALK_CHUNK, beam->query,
                      &beam->code.base);
    const int rc = beam_walk(beam, &layer, 0, NULL, NULL);
    if (rc) return rc;
    for (size_t i = 0; i < beam->pool_count; i++) {
        if (attach(tree, key_node(beam->pool[i]), stray)) return 0;
    }
    for (uint32_t i = 0; i < tree->reached; i++) {
        if (attach(tree, tree->queue[i], stray)) return 0;
    }
    return error_set(b->err, KITH_ECORRUPT, "graph build: a tree has more edges than nodes");
}

int build_connect(struct graph_build *b)
{
    struct tree tree;
    int rc = tree_init(&tree, b);
    if (rc) return rc;
    struct build_worker *worker = build_worker_take(b);
    tree_add(&tree, 0, 0);
    tree_grow(&tree);
    for (uint32_t i = 0; !rc && i < b->header.nodes; i++) {
        if (tree.parent[i] != NONE) continue;
        rc = build_cancelled(b) ? KITH_ECANCELLED : attach_near(&tree, worker, i);
        tree_grow(&tree);
    }
    build_worker_return(worker);
    tree_release(&tree);
    return rc;
}

int build_order(struct graph_build *b)
{
    struct tree tree;
    const int rc = tree_init(&tree, b);
    if (rc) return rc;
    tree_add(&tree, 0, 0);
    tree_grow(&tree);
    for (uint32_t i = 0; i < tree.reached; i++) b->place[tree.queue[i]] = i;
    b->order = tree.queue;
    tree.queue = NULL;
    tree_release(&tree);
    return 0;
}
