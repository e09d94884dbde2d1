/*
 * The walk: best-first search over one layer of integer codes, for searches and for the build.
 *
 * The idea of HNSW's Algorithm 2 (Malkov and Yashunin 2016), arranged for memory. How we differ:
 * - one sorted array of 64-bit keys instead of two heaps; a key says distance, node and whether it
 *   was expanded, so an insertion is a search and a move of a few cache lines;
 * - two hops in flight: the neighbours of the second-best candidate are being fetched while the
 *   distances to those of the best are computed. The second-best is expanded next in all but a few
 *   cases anyway; what the guess costs is a hop now and then, what it saves is the wait of every
 *   hop;
 * - "seen" is one bit a node (41 KB for 331,479 nodes: first-level cache, not memory).
 *
 * Untrusted graphs: each id is compared with the number of nodes in walk_expand, each block's pages
 * are verified before it is read. A walk ends: a node is entered once, and keys only fall.
 * Threading: a beam belongs to one search at a time; layers are read-only.
 */
#include <string.h>

#include "base/alloc.h"
#include "base/endian.h"
#include "index/graph_internal.h"

#define POLL_HOPS 64u
/* From this size on (128 KB of bits) bits are cleared one by one, where they were set. */
#define LARGE_WORDS ((size_t)16384)

/* ---- memory ---- */

int beam_init(struct beam *beam, uint32_t nodes, size_t chunks, size_t floats)
{
    *beam = (struct beam){.seen_words = BITSET_WORDS((size_t)nodes)};
    beam->seen = mem_zalloc_array(beam->seen_words + 1, sizeof *beam->seen);
    beam->query = mem_alloc_aligned(chunks * WALK_CHUNK, WALK_CHUNK);
    beam->row = mem_alloc_array(floats + 1, sizeof *beam->row);
    if (beam->seen_words >= LARGE_WORDS) {
        beam->entered_room = beam->seen_words / 4;
        beam->entered = mem_alloc_array(beam->entered_room, sizeof *beam->entered);
    }
    const bool listed = beam->entered || beam->entered_room == 0;
    if (beam->seen && beam->query && beam->row && listed) return 0;
    beam_release(beam);
    return KITH_ENOMEM;
}

void beam_release(struct beam *beam)
{
    mem_free(beam->seen);
    mem_free(beam->stepped);
    mem_free(beam->entered);
    mem_free(beam->pool);
    mem_free(beam->found);
    mem_free(beam->query);
    mem_free(beam->row);
    *beam = (struct beam){0};
}

/* Grows to `need` keys and keeps the first `count`. */
static int keys_reserve(uint64_t **keys, size_t *room, size_t count, size_t need)
{
    if (need <= *room) return 0;
    uint64_t *more = mem_alloc_array(need, sizeof *more);
    if (!more) return KITH_ENOMEM;
    if (count > 0) memcpy(more, *keys, count * sizeof *more);
    mem_free(*keys);
    *keys = more;
    *room = need;
    return 0;
}

int beam_reserve(struct beam *beam, size_t ef, size_t found)
{
    beam->ef = ef;
    beam->found_max = found;
    if (keys_reserve(&beam->pool, &beam->pool_room, 0, ef + 1)) return KITH_ENOMEM;
    return keys_reserve(&beam->found, &beam->found_room, 0, found + 1);
}

int beam_reserve_steps(struct beam *beam)
{
    if (!beam->stepped) beam->stepped = mem_zalloc_array(beam->seen_words + 1, sizeof(uint64_t));
    return beam->stepped ? 0 : KITH_ENOMEM;
}

/* ---- sorted keys ---- */

/* How many of keys[0, count) are below key. */
static inline size_t keys_below(const uint64_t *keys, size_t count, uint64_t key)
{
    const uint64_t *base = keys;
    size_t len = count;
    while (len > 1) {
        const size_t half = len / 2;
        base += base[half - 1] < key ? half : 0;
        len -= half;
    }
    return (size_t)(base - keys) + (len == 1 && *base < key);
}

/* Inserts a key that belongs among the best `max`; the worst falls out. Returns its place. */
static inline size_t keys_insert(uint64_t *keys, size_t *count, size_t max, uint64_t key)
{
    const size_t at = keys_below(keys, *count, key);
    const size_t kept = *count < max ? *count : max - 1;
    memmove(keys + at + 1, keys + at, (kept - at) * sizeof *keys);
    keys[at] = key;
    *count = kept + 1;
    return at;
}

static inline bool keys_admit(const uint64_t *keys, size_t count, size_t max, uint64_t key)
{
    return count < max || (max > 0 && key < keys[max - 1]);
}

/* ---- hops ---- */

static int verify_blocks(const struct graph_layer *layer, const uint32_t *nodes, size_t count)
{
    for (size_t i = 0; layer->guarded && i < count; i++) {
        if (layer_verify(layer, nodes[i])) return KITH_ECORRUPT;
    }
    return 0;
}

static void clear_bits(const struct beam *beam, uint64_t *bits, uint32_t nodes)
{
    if (beam->entered_room == 0) {
        memset(bits, 0, BITSET_WORDS((size_t)nodes) * sizeof *bits);
    } else if (beam->entered_count > beam->entered_room) {
        memset(bits, 0, beam->seen_words * sizeof *bits);
    } else {
        for (size_t i = 0; i < beam->entered_count; i++) bits[beam->entered[i] >> 6] = 0;
    }
}

static void clear_seen(struct beam *beam, uint32_t nodes)
{
    clear_bits(beam, beam->seen, nodes);
    if (beam->stepped) clear_bits(beam, beam->stepped, nodes);
    beam->entered_count = 0;
}

/* Lists the unseen neighbours of node and asks the memory for their codes. */
static int hop_begin(struct beam *beam, const struct graph_layer *layer, uint32_t node,
                     struct hop *hop)
{
    const struct walk_links links = {layer_links(layer, node), layer->capacity, node, layer->count};
    const int found = layer->kernel->expand(&layer->codes, &links, beam->seen, hop->ids);
    if (found < 0) {
        beam->entered_count = SIZE_MAX / 2; /* which bits were set is not known */
        return KITH_ECORRUPT;
    }
    hop->count = (size_t)found;
    beam->hops++;
    beam_note(beam, hop->ids, hop->count);
    return verify_blocks(layer, hop->ids, hop->count);
}

static void offer_allowed(struct beam *beam, const struct hop *hop,
                          const struct beam_filter *filter)
{
    for (size_t i = 0; i < hop->count; i++) {
        const uint64_t key = key_make(hop->distances[i], hop->ids[i]);
        if (!keys_admit(beam->found, beam->found_count, beam->found_max, key)) continue;
        if (!filter_allows(filter, hop->ids[i])) continue;
        keys_insert(beam->found, &beam->found_count, beam->found_max, key);
    }
}

/* Before allowed nodes are settled a pool must not drop candidates: it grows, up to all nodes.
 * Where there is no memory it stays as it is, which costs recall and nothing else. */
static void pool_grow(struct beam *beam, const struct graph_layer *layer, size_t more)
{
    const size_t need = beam->pool_count + more;
    if (need <= beam->ef || beam->ef >= layer->count) return;
    size_t room = 2 * beam->pool_room > need ? 2 * beam->pool_room : need + 1;
    if (room > (size_t)layer->count + 1) room = (size_t)layer->count + 1;
    if (keys_reserve(&beam->pool, &beam->pool_room, beam->pool_count, room) == 0) {
        beam->ef = beam->pool_room - 1;
    }
}

/* Settled: what is no better than the worst of enough allowed nodes need not be walked. */
static void pool_trim(struct beam *beam)
{
    if (beam->found_count < beam->found_max) return;
    const uint64_t worst = beam->found[beam->found_max - 1];
    beam->pool_count = keys_below(beam->pool, beam->pool_count, worst | KEY_EXPANDED);
}

/* Offers the hop's neighbours to the pool; *cursor falls to the best new one. */
static void hop_offer(struct beam *beam, const struct graph_layer *layer, const struct hop *hop,
                      size_t *cursor)
{
    uint64_t *const pool = beam->pool;
    const size_t max = beam->ef;
    size_t count = beam->pool_count;
    size_t best = *cursor;
    uint64_t bound = count < max ? UINT64_MAX : pool[max - 1];
    for (size_t i = 0; i < hop->count; i++) {
        const uint64_t key = key_make(hop->distances[i], hop->ids[i]);
        if (key >= bound) continue;
        const size_t at = keys_insert(pool, &count, max, key);
        if (at <= best + 1) prefetch_links(layer, hop->ids[i]);
        best = at < best ? at : best;
        bound = count < max ? UINT64_MAX : pool[max - 1];
    }
    beam->pool_count = count;
    *cursor = best;
}

static void hop_end(struct beam *beam, const struct graph_layer *layer, struct hop *hop,
                    const struct beam_filter *filter, size_t *cursor)
{
    layer->kernel->distances(&layer->codes, &beam->code, hop->ids, hop->count, hop->distances);
    beam->distances += hop->count;
    const bool growing = filter && !filter->only;
    if (growing) {
        offer_allowed(beam, hop, filter);
        pool_grow(beam, layer, hop->count);
    }
    hop_offer(beam, layer, hop, cursor);
    if (growing) pool_trim(beam);
}

/* Takes the best candidate that was not expanded. */
static inline bool pool_pick(struct beam *beam, size_t *cursor, uint32_t *node)
{
    size_t at = *cursor;
    while (at < beam->pool_count && (beam->pool[at] & KEY_EXPANDED)) at++;
    *cursor = at;
    if (at >= beam->pool_count) return false;
    beam->pool[at] |= KEY_EXPANDED;
    *node = key_node(beam->pool[at]);
    return true;
}

/* ---- walks ---- */

static int beam_enter(struct beam *beam, const struct graph_layer *layer, uint32_t entry,
                      const struct beam_filter *filter)
{
    if (entry >= layer->count || layer_verify(layer, entry)) return KITH_ECORRUPT;
    beam->pool_count = 0;
    beam->found_count = 0;
    beam->gave_up = false;
    clear_seen(beam, layer->count);
    beam->seen[entry >> 6] |= UINT64_C(1) << (entry & 63);
    beam_note(beam, &entry, 1);
    if (beam->skip > 0 && beam->skip <= layer->count) {
        const uint32_t skip = beam->skip - 1;
        beam->seen[skip >> 6] |= UINT64_C(1) << (skip & 63);
        beam_note(beam, &skip, 1);
    }
    const bool allowed = filter && filter_allows(filter, entry);
    if (filter && filter->only && !allowed) return 0;
    int32_t distance;
    layer->kernel->distances(&layer->codes, &beam->code, &entry, 1, &distance);
    beam->distances++;
    beam->pool[beam->pool_count++] = key_make(distance, entry);
    if (allowed && beam->found_max > 0) beam->found[beam->found_count++] = beam->pool[0];
    return 0;
}

static int hop_any(struct beam *beam, const struct graph_layer *layer,
                   const struct beam_filter *filter, uint32_t node, struct hop *hop)
{
    if (filter && filter->only) return filter_hop(beam, layer, filter, node, hop);
    return hop_begin(beam, layer, node, hop);
}

/* A filtered walk's further entries; and the one below the levels, which it need not allow. */
static int enter_allowed(struct beam *beam, const struct graph_layer *layer,
                         const struct beam_filter *filter, uint32_t entry, struct hop *hop,
                         size_t *cursor)
{
    int rc = filter_sample(beam, layer, filter, hop);
    if (rc) return rc;
    hop_end(beam, layer, hop, filter, cursor);
    rc = filter_hop(beam, layer, filter, entry, hop);
    if (rc) return rc;
    hop_end(beam, layer, hop, filter, cursor);
    return 0;
}

static bool gives_up(struct beam *beam, const struct beam_filter *filter)
{
    /* A list that is looked through costs about two distances. */
    if (!filter || beam->distances + 2 * beam->steps <= filter->work_max) return false;
    beam->gave_up = true;
    return true;
}

int beam_walk(struct beam *beam, const struct graph_layer *layer, uint32_t entry,
              const struct beam_filter *filter, const struct beam_poll *poll)
{
    int rc = beam_enter(beam, layer, entry, filter);
    if (rc) return rc;
    struct hop hops[2];
    struct hop *current = &hops[0];
    struct hop *next = &hops[1];
    bool pending = false;
    size_t cursor = 0;
    uint32_t node;
    if (filter && filter->only) rc = enter_allowed(beam, layer, filter, entry, current, &cursor);
    for (unsigned polled = 1; !rc && !gives_up(beam, filter); polled++) {
        if (!pending) {
            if (!pool_pick(beam, &cursor, &node)) return 0;
            if ((rc = hop_any(beam, layer, filter, node, current))) return rc;
        }
        pending = pool_pick(beam, &cursor, &node);
        if (pending && (rc = hop_any(beam, layer, filter, node, next))) return rc;
        hop_end(beam, layer, current, filter, &cursor);
        struct hop *swap = current;
        current = next;
        next = swap;
        if (poll && poll->fn && polled % POLL_HOPS == 0) rc = poll->fn(poll->ctx);
    }
    return rc;
}

/* The neighbours of node; count, or -1 when an id or a page is bad. */
static int list_neighbours(const struct graph_layer *layer, uint32_t node, uint32_t *out)
{
    if (layer_verify(layer, node)) return -1;
    const uint32_t *list = layer_links(layer, node);
    int count = 0;
    while ((uint32_t)count < layer->capacity && list[count] != node) {
        if (list[count] >= layer->count) return -1;
        if (layer_verify(layer, list[count])) return -1;
        out[count] = list[count];
        count++;
    }
    return count;
}

int beam_descend(struct beam *beam, const struct graph_layer *layer, uint32_t *node)
{
    if (*node >= layer->count) return KITH_ECORRUPT;
    if (layer_verify(layer, *node)) return KITH_ECORRUPT;
    struct hop hop;
    int32_t distance;
    layer->kernel->distances(&layer->codes, &beam->code, node, 1, &distance);
    uint64_t best = key_make(distance, *node);
    for (;;) {
        const uint64_t before = best;
        const int count = list_neighbours(layer, key_node(best), hop.ids);
        if (count < 0) return KITH_ECORRUPT;
        layer->kernel->distances(&layer->codes, &beam->code, hop.ids, (size_t)count, hop.distances);
        beam->distances += (uint64_t)count;
        beam->hops++;
        for (int i = 0; i < count; i++) {
            const uint64_t key = key_make(hop.distances[i], hop.ids[i]);
            if (key < best) best = key;
        }
        if (best == before) break;
    }
    *node = key_node(best);
    return 0;
}
