/*
 * Orders: see order.h.
 *
 * Invariants: key i of an inner node is the first key below child i, and count i is how many keys
 * are there; two neighbours hold together more than three quarters of a node, so the tree stays as
 * low as one of half-filled nodes; leaves are chained both ways.
 *
 * Adding splits full nodes on the way down, so an allocation that fails leaves a valid tree; counts
 * and first keys change only afterwards, on a second way down that cannot fail. A leaf that is full
 * at the end of the order is cut near its end: keys that come in ascending order fill leaves to
 * seven eighths.
 */
#include "cache/order.h"

#include <string.h>

#define DEPTH_MAX 24u

struct order_leaf {
    struct order_leaf *previous, *next;
    unsigned count;
    struct order_key keys[ORDER_LEAF_KEYS];
};

struct inner {
    unsigned count;
    struct order_key keys[ORDER_INNER_KEYS];
    uint64_t below[ORDER_INNER_KEYS];
    void *child[ORDER_INNER_KEYS];
};

void order_init(struct order *order, struct heap *heap,
                int (*compare)(const void *a, const void *b))
{
    *order = (struct order){ .heap = heap, .compare = compare };
}

static void free_node(struct order *order, void *node, unsigned depth)
{
    if (depth > 0) {
        struct inner *inner = node;
        for (unsigned i = 0; i < inner->count; i++) free_node(order, inner->child[i], depth - 1);
    }
    heap_free(order->heap, node);
}

void order_release(struct order *order)
{
    if (order->root) free_node(order, order->root, order->depth);
    order->root = NULL;
    order->count = 0;
    order->depth = 0;
}

static int compare_keys(const struct order *order, double score, const void *cell,
                        const struct order_key *key)
{
    if (score != key->score) return score < key->score ? -1 : 1;
    if (cell == key->cell) return 0;
    return order->compare(cell, key->cell);
}

/* How many of the keys are <= (score, cell). */
static unsigned count_upto(const struct order *order, const struct order_key *keys, unsigned count,
                           double score, const void *cell)
{
    unsigned low = 0;
    while (count > 0) {
        const unsigned half = count / 2;
        if (compare_keys(order, score, cell, &keys[low + half]) >= 0) {
            low += half + 1;
            count -= half + 1;
        } else {
            count = half;
        }
    }
    return low;
}

static unsigned child_of(const struct order *order, const struct inner *inner, double score,
                         const void *cell)
{
    const unsigned upto = count_upto(order, inner->keys, inner->count, score, cell);
    return upto > 0 ? upto - 1 : 0;
}

/* ---- nodes ---- */

static unsigned *node_count(void *node, bool leaf)
{
    return leaf ? &((struct order_leaf *)node)->count : &((struct inner *)node)->count;
}

static const struct order_key *first_key(const void *node, bool leaf)
{
    return leaf ? ((const struct order_leaf *)node)->keys : ((const struct inner *)node)->keys;
}

static uint64_t sum_below(const void *node, bool leaf)
{
    if (leaf) return ((const struct order_leaf *)node)->count;
    const struct inner *inner = node;
    uint64_t sum = 0;
    for (unsigned i = 0; i < inner->count; i++) sum += inner->below[i];
    return sum;
}

static void inner_open(struct inner *inner, unsigned at)
{
    const unsigned rest = inner->count++ - at;
    memmove(inner->keys + at + 1, inner->keys + at, rest * sizeof *inner->keys);
    memmove(inner->below + at + 1, inner->below + at, rest * sizeof *inner->below);
    memmove(inner->child + at + 1, inner->child + at, rest * sizeof *inner->child);
}

static void inner_close(struct inner *inner, unsigned at)
{
    const unsigned rest = --inner->count - at;
    memmove(inner->keys + at, inner->keys + at + 1, rest * sizeof *inner->keys);
    memmove(inner->below + at, inner->below + at + 1, rest * sizeof *inner->below);
    memmove(inner->child + at, inner->child + at + 1, rest * sizeof *inner->child);
}

static void inner_note(struct inner *inner, unsigned at, void *child, bool leaf)
{
    inner->child[at] = child;
    inner->keys[at] = *first_key(child, leaf);
    inner->below[at] = sum_below(child, leaf);
}

/* Moves `count` keys from `from_at` of one leaf to the end of another. */
static void leaf_move(struct order_leaf *to, struct order_leaf *from, unsigned from_at,
                      unsigned count)
{
    memcpy(to->keys + to->count, from->keys + from_at, count * sizeof *to->keys);
    to->count += count;
    from->count -= count;
}

static void inner_move(struct inner *to, struct inner *from, unsigned from_at, unsigned count)
{
    memcpy(to->keys + to->count, from->keys + from_at, count * sizeof *to->keys);
    memcpy(to->below + to->count, from->below + from_at, count * sizeof *to->below);
    memcpy(to->child + to->count, from->child + from_at, count * sizeof *to->child);
    to->count += count;
    from->count -= count;
}

/* ---- adding ---- */

/* The upper part of a node moves to `right`, which is new. `ascending`: cut near the end. */
static void cut_node(void *node, void *right, bool leaf, bool ascending)
{
    const unsigned count = *node_count(node, leaf);
    const unsigned keep = ascending ? count - count / 8 : count / 2;
    if (!leaf) {
        struct inner *inner = right;
        inner->count = 0;
        inner_move(inner, node, keep, count - keep);
        return;
    }
    struct order_leaf *old = node, *new = right;
    new->count = 0;
    leaf_move(new, old, keep, count - keep);
    new->previous = old;
    new->next = old->next;
    if (old->next) old->next->previous = new;
    old->next = new;
}

static void *new_node(struct order *order, bool leaf)
{
    void *node = heap_alloc(order->heap, leaf ? sizeof(struct order_leaf) : sizeof(struct inner));
    if (!node) return NULL;
    if (leaf) ((struct order_leaf *)node)->previous = ((struct order_leaf *)node)->next = NULL;
    *node_count(node, leaf) = 0;
    return node;
}

static bool is_full(void *node, bool leaf)
{
    return *node_count(node, leaf) == (leaf ? ORDER_LEAF_KEYS : ORDER_INNER_KEYS);
}

/* Cuts child `at` of `parent`, which has room. */
static int split_child(struct order *order, struct inner *parent, unsigned at, bool leaf,
                       bool ascending)
{
    void *right = new_node(order, leaf);
    if (!right) return KITH_ENOMEM;
    cut_node(parent->child[at], right, leaf, ascending);
    inner_open(parent, at + 1);
    inner_note(parent, at, parent->child[at], leaf);
    inner_note(parent, at + 1, right, leaf);
    return 0;
}

static int grow_root(struct order *order, bool ascending)
{
    if (order->depth + 1 >= DEPTH_MAX) return KITH_ENOMEM;
    struct inner *root = new_node(order, false);
    if (!root) return KITH_ENOMEM;
    const bool leaf = order->depth == 0;
    root->count = 1;
    inner_note(root, 0, order->root, leaf);
    if (split_child(order, root, 0, leaf, ascending) != 0) {
        heap_free(order->heap, root);
        return KITH_ENOMEM;
    }
    order->root = root;
    order->depth++;
    return 0;
}

/* No node on the way to (score, cell) is full afterwards. */
static int make_way(struct order *order, double score, const void *cell)
{
    bool last = true; /* on the right edge so far */
    if (!order->root) {
        order->root = new_node(order, true);
        return order->root ? 0 : KITH_ENOMEM;
    }
    if (is_full(order->root, order->depth == 0)) {
        const struct order_key *keys = first_key(order->root, order->depth == 0);
        const unsigned count = *node_count(order->root, order->depth == 0);
        const bool end = compare_keys(order, score, cell, &keys[count - 1]) > 0;
        const int rc = grow_root(order, end);
        if (rc != 0) return rc;
    }
    struct inner *inner = order->root;
    for (unsigned depth = order->depth; depth > 0; depth--) {
        const bool leaf = depth == 1;
        unsigned at = child_of(order, inner, score, cell);
        last = last && at + 1 == inner->count;
        if (is_full(inner->child[at], leaf)) {
            const struct order_key *keys = first_key(inner->child[at], leaf);
            const unsigned count = *node_count(inner->child[at], leaf);
            const bool end = last && compare_keys(order, score, cell, &keys[count - 1]) > 0;
            const int rc = split_child(order, inner, at, leaf, end);
            if (rc != 0) return rc;
            at = child_of(order, inner, score, cell);
        }
        inner = inner->child[at];
    }
    return 0;
}

int order_add(struct order *order, double score, void *cell)
{
    const int rc = make_way(order, score, cell);
    if (rc != 0) return rc;
    const struct order_key key = { score, cell };
    void *node = order->root;
    for (unsigned depth = order->depth; depth > 0; depth--) {
        struct inner *inner = node;
        const unsigned upto = count_upto(order, inner->keys, inner->count, score, cell);
        if (upto == 0) inner->keys[0] = key;
        const unsigned at = upto > 0 ? upto - 1 : 0;
        inner->below[at]++;
        node = inner->child[at];
    }
    struct order_leaf *leaf = node;
    const unsigned at = count_upto(order, leaf->keys, leaf->count, score, cell);
    memmove(leaf->keys + at + 1, leaf->keys + at, (leaf->count - at) * sizeof *leaf->keys);
    leaf->keys[at] = key;
    leaf->count++;
    order->count++;
    return 0;
}

/* ---- removing ---- */

static void unlink_leaf(struct order_leaf *leaf)
{
    if (leaf->previous) leaf->previous->next = leaf->next;
    if (leaf->next) leaf->next->previous = leaf->previous;
}

static void drop_child(struct order *order, struct inner *parent, unsigned at, bool leaf)
{
    if (leaf) unlink_leaf(parent->child[at]);
    heap_free(order->heap, parent->child[at]);
    inner_close(parent, at);
}

/* Child at + 1 goes into child at, if both fit into three quarters of a node. */
static bool merge_children(struct order *order, struct inner *parent, unsigned at, bool leaf)
{
    const unsigned left = *node_count(parent->child[at], leaf);
    const unsigned right = *node_count(parent->child[at + 1], leaf);
    const unsigned max = leaf ? ORDER_LEAF_KEYS : ORDER_INNER_KEYS;
    if (left + right > max * 3 / 4) return false;
    if (leaf) leaf_move(parent->child[at], parent->child[at + 1], 0, right);
    else inner_move(parent->child[at], parent->child[at + 1], 0, right);
    drop_child(order, parent, at + 1, leaf);
    inner_note(parent, at, parent->child[at], leaf);
    return true;
}

/* After a removal below child `at`. */
static void mend_child(struct order *order, struct inner *parent, unsigned at, bool leaf)
{
    if (*node_count(parent->child[at], leaf) == 0) {
        drop_child(order, parent, at, leaf);
        if (at > 0 && at < parent->count) (void)merge_children(order, parent, at - 1, leaf);
        return;
    }
    parent->keys[at] = *first_key(parent->child[at], leaf);
    parent->below[at]--;
    if (at + 1 < parent->count && merge_children(order, parent, at, leaf)) return;
    if (at > 0) (void)merge_children(order, parent, at - 1, leaf);
}

void order_remove(struct order *order, double score, const void *cell)
{
    struct inner *path[DEPTH_MAX];
    unsigned place[DEPTH_MAX];
    void *node = order->root;
    for (unsigned i = 0; i < order->depth; i++) {
        path[i] = node;
        place[i] = child_of(order, path[i], score, cell);
        node = path[i]->child[place[i]];
    }
    struct order_leaf *leaf = node;
    const unsigned upto = count_upto(order, leaf->keys, leaf->count, score, cell);
    if (upto == 0) return; /* not there: the caller was wrong */
    memmove(leaf->keys + upto - 1, leaf->keys + upto, (leaf->count - upto) * sizeof *leaf->keys);
    leaf->count--;
    order->count--;
    for (unsigned i = order->depth; i-- > 0;) {
        mend_child(order, path[i], place[i], i + 1 == order->depth);
    }
    while (order->depth > 0 && ((struct inner *)order->root)->count <= 1) {
        struct inner *root = order->root;
        order->root = root->count ? root->child[0] : NULL;
        heap_free(order->heap, root);
        order->depth--;
        if (!order->root) order->depth = 0;
    }
    if (order->count == 0) order_release(order);
}

/* ---- asking ---- */

uint64_t order_rank(const struct order *order, double score, const void *cell)
{
    uint64_t rank = 0;
    const void *node = order->root;
    if (!node) return 0;
    for (unsigned depth = order->depth; depth > 0; depth--) {
        const struct inner *inner = node;
        const unsigned at = child_of(order, inner, score, cell);
        for (unsigned i = 0; i < at; i++) rank += inner->below[i];
        node = inner->child[at];
    }
    const struct order_leaf *leaf = node;
    const unsigned upto = count_upto(order, leaf->keys, leaf->count, score, cell);
    return rank + (upto > 0 ? upto - 1 : 0);
}

static unsigned count_before(const struct order_key *keys, unsigned count,
                             bool (*before)(const void *ctx, const struct order_key *key),
                             const void *ctx)
{
    unsigned low = 0;
    while (count > 0) {
        const unsigned half = count / 2;
        if (before(ctx, &keys[low + half])) {
            low += half + 1;
            count -= half + 1;
        } else {
            count = half;
        }
    }
    return low;
}

uint64_t order_count_while(const struct order *order,
                           bool (*before)(const void *ctx, const struct order_key *key),
                           const void *ctx)
{
    uint64_t rank = 0;
    const void *node = order->root;
    if (!node) return 0;
    for (unsigned depth = order->depth; depth > 0; depth--) {
        const struct inner *inner = node;
        const unsigned upto = count_before(inner->keys, inner->count, before, ctx);
        if (upto == 0) return rank; /* only in the first node of a level */
        for (unsigned i = 0; i + 1 < upto; i++) rank += inner->below[i];
        node = inner->child[upto - 1];
    }
    const struct order_leaf *leaf = node;
    return rank + count_before(leaf->keys, leaf->count, before, ctx);
}

struct order_place order_at(const struct order *order, uint64_t rank)
{
    struct order_place place = { NULL, 0 };
    if (rank >= order->count) return place;
    void *node = order->root;
    for (unsigned depth = order->depth; depth > 0; depth--) {
        const struct inner *inner = node;
        unsigned at = 0;
        while (rank >= inner->below[at]) rank -= inner->below[at++];
        node = inner->child[at];
    }
    place.leaf = node;
    place.index = (unsigned)rank;
    return place;
}

const struct order_key *order_key(struct order_place place)
{
    return place.leaf ? &place.leaf->keys[place.index] : NULL;
}

struct order_place order_next(struct order_place place)
{
    if (++place.index < place.leaf->count) return place;
    return (struct order_place){ place.leaf->next, 0 };
}

struct order_place order_previous(struct order_place place)
{
    if (place.index > 0) {
        place.index--;
        return place;
    }
    struct order_leaf *leaf = place.leaf->previous;
    return (struct order_place){ leaf, leaf ? leaf->count - 1 : 0 };
}

static size_t node_bytes(const void *node, unsigned depth)
{
    size_t bytes = heap_size(node);
    if (depth == 0) return bytes;
    const struct inner *inner = node;
    for (unsigned i = 0; i < inner->count; i++) bytes += node_bytes(inner->child[i], depth - 1);
    return bytes;
}

size_t order_bytes(const struct order *order)
{
    return order->root ? node_bytes(order->root, order->depth) : 0;
}

static bool node_is_valid(const struct order *order, const void *node, unsigned depth)
{
    const bool leaf = depth == 0;
    const struct inner *inner = node;
    const unsigned count = leaf ? ((const struct order_leaf *)node)->count : inner->count;
    if (count == 0 || count > (leaf ? ORDER_LEAF_KEYS : ORDER_INNER_KEYS)) return false;
    const struct order_key *keys = first_key(node, leaf);
    for (unsigned i = 1; i < count; i++) {
        if (compare_keys(order, keys[i - 1].score, keys[i - 1].cell, &keys[i]) >= 0) return false;
    }
    if (leaf) return true;
    for (unsigned i = 0; i < count; i++) {
        const struct order_key *first = first_key(inner->child[i], depth == 1);
        if (first->cell != keys[i].cell || first->score != keys[i].score) return false;
        if (sum_below(inner->child[i], depth == 1) != inner->below[i]) return false;
        if (!node_is_valid(order, inner->child[i], depth - 1)) return false;
    }
    return true;
}

bool order_is_valid(const struct order *order)
{
    if (!order->root) return order->count == 0;
    if (!node_is_valid(order, order->root, order->depth)) return false;
    uint64_t seen = 0;
    for (struct order_place p = order_at(order, 0); p.leaf; p = order_next(p)) seen++;
    return seen == order->count && sum_below(order->root, order->depth == 0) == seen;
}
