/*
 * A hash table that grows and shrinks by one bucket at a time.
 *
 * Buckets are cache lines: seven elements, a byte of hash for each, and a byte that says which
 * slots are taken. A lookup reads one line, compares the seven bytes at once, and reads an element
 * only if its byte agrees, so that a key that is absent costs one miss and a key that is present
 * two. An eighth element makes the seventh slot a link to another such line.
 *
 * Linear hashing (Litwin, VLDB 1980). With n buckets and 2^L <= n < 2^(L+1), a hash belongs to
 * bucket (hash mod 2^(L+1)) if there is one, else to (hash mod 2^L). Whenever there are more than 5
 * elements a bucket, bucket n is added, and what belongs there comes out of exactly one other,
 * n - 2^L. Fewer than 3: the last bucket goes back into that one. So there are never two tables, no
 * lookup has two places to look in, the load is the same at every size (about 14 bytes an element,
 * where doubling has 13 to 22 and both tables during the move), and the work of a write is bounded
 * by one bucket. The buckets that wait for their split are up to twice as full as the others; that
 * is what the links are for.
 *
 * The array is a directory of segments that double in size and never move. Large ones are memory of
 * the system that is zero and takes no room before it is touched, which happens in the order of the
 * splits; only touched buckets are counted.
 *
 * A split needs a bit of each element's hash and reads the elements for it. The split after this
 * one is known: its elements are prefetched now, and are there when it comes five additions later.
 *
 * Scan: a cursor runs over the 2^L "virtual" buckets (bucket b with its child b + 2^L, if that was
 * split off) in the order of its reversed bits (Noordhuis, in Redis' dict.c). When L changes, what
 * was done at the old size is exactly a part of what is done at the new one.
 *
 * Invariants: only the last line of a chain has free slots, and a link is never to an empty line.
 */
#include "cache/dict.h"

#include "base/alloc.h"

enum { DICT_LOAD_MAX = 5, DICT_LOAD_MIN = 3, DICT_DRAW = 16, DICT_SAMPLES = 1024 };

void dict_init(struct dict *dict, struct heap *heap, struct kith_str (*key)(const void *element),
               uint64_t seed)
{
    memset(dict, 0, sizeof *dict);
    dict->heap = heap;
    dict->key = key;
    dict->seed = seed;
}

/* ---- segments ---- */

static size_t segment_first(unsigned segment)
{
    return segment == 0 ? 0 : (size_t)2 << segment;
}

static size_t segment_bytes(unsigned segment)
{
    return (segment == 0 ? (size_t)4 : (size_t)2 << segment) * sizeof(struct dict_bucket);
}

static unsigned segment_of(size_t index)
{
    return 62u - (unsigned)__builtin_clzll((uint64_t)index | 3u);
}

/* Makes bucket `index`, the next one, usable. */
static bool segment_reserve(struct dict *dict, size_t index)
{
    unsigned segment = segment_of(index);
    if (segment >= DICT_SEGMENTS) return false;
    if (dict->segments[segment] == 0) {
        void *pages = heap_pages_alloc(segment_bytes(segment));
        if (!pages) return false;
        dict->segments[segment] =
            (uintptr_t)pages - segment_first(segment) * sizeof(struct dict_bucket);
    }
    heap_count(dict->heap, sizeof(struct dict_bucket));
    return true;
}

static void segment_drop(struct dict *dict, unsigned segment)
{
    size_t bias = segment_first(segment) * sizeof(struct dict_bucket);
    heap_pages_free((void *)(dict->segments[segment] + bias), segment_bytes(segment));
    dict->segments[segment] = 0;
}

/* When the table has shrunk to the beginning of a block of 64 KiB, the block behind it goes back to
 * the system: bit by bit, for a large segment takes milliseconds. */
static void block_return(struct dict *dict, size_t index)
{
    const size_t block = 65536;
    unsigned segment = segment_of(index);
    size_t offset = (index - segment_first(segment)) * sizeof(struct dict_bucket);
    if (segment_bytes(segment) < HEAP_PAGES_MIN || offset % block) return;
    if (offset + 2 * block > segment_bytes(segment)) return;
    heap_pages_drop(dict_bucket(dict, index + block / sizeof(struct dict_bucket)), block);
}

/* Bucket `index` was the last one and is empty. A segment is kept until the one before it is half
 * empty, lest a table at the edge give and take it all the time. */
static void segment_return(struct dict *dict, size_t index)
{
    heap_uncount(dict->heap, sizeof(struct dict_bucket));
    block_return(dict, index);
    unsigned above = segment_of(index) + 1;
    bool half = index <= segment_first(above - 1) + segment_first(above - 1) / 2;
    if (half && above < DICT_SEGMENTS && dict->segments[above]) segment_drop(dict, above);
}

static void set_buckets(struct dict *dict, size_t buckets)
{
    dict->buckets = buckets;
    size_t top = buckets > 1 ? buckets - 1 : 0;
    dict->mask = top ? SIZE_MAX >> __builtin_clzll((uint64_t)top) : 0;
}

static void free_chain(struct dict *dict, struct dict_bucket *bucket)
{
    struct dict_bucket *next = dict_chain(bucket);
    while (next) {
        struct dict_bucket *after = dict_chain(next);
        heap_free(dict->heap, next);
        next = after;
    }
}

void dict_release(struct dict *dict)
{
    for (size_t i = 0; i < dict->buckets; i++) free_chain(dict, dict_bucket(dict, i));
    if (dict->buckets) heap_uncount(dict->heap, dict->buckets * sizeof(struct dict_bucket));
    for (unsigned i = 0; i < DICT_SEGMENTS; i++) {
        if (dict->segments[i]) segment_drop(dict, i);
    }
    dict->count = 0;
    set_buckets(dict, 0);
}

size_t dict_bytes(const struct dict *dict)
{
    /* Links: one bucket in six has one, measured at loads of 3 to 5. */
    return dict->buckets * sizeof(struct dict_bucket) / 6 * 7;
}

/* ---- one chain ---- */

static void put(struct dict_bucket *bucket, unsigned slot, uint8_t tag, void *element)
{
    bucket->tags[slot] = tag;
    bucket->slots[slot] = element;
    bucket->state = (uint8_t)(bucket->state | 1u << slot);
}

static unsigned free_slots(const struct dict_bucket *bucket)
{
    unsigned slots = bucket->state & DICT_CHAINED ? DICT_PRESENT >> 1 : DICT_PRESENT;
    return slots & ~(unsigned)bucket->state;
}

static struct dict_bucket *new_line(struct dict *dict)
{
    struct dict_bucket *line = heap_alloc_line(dict->heap, sizeof *line);
    if (line) memset(line, 0, sizeof *line);
    return line;
}

static struct dict_bucket *last_line(struct dict_bucket *bucket)
{
    for (struct dict_bucket *next; (next = dict_chain(bucket)) != NULL;) bucket = next;
    return bucket;
}

/* Links an empty line behind a full last one; its seventh element moves there. */
static void link_line(struct dict_bucket *last, struct dict_bucket *line)
{
    const unsigned link = DICT_SLOTS - 1;
    put(line, 0, last->tags[link], last->slots[link]);
    last->slots[link] = line;
    last->state = (uint8_t)((last->state & ~(1u << link)) | DICT_CHAINED);
}

static int chain_add(struct dict *dict, struct dict_bucket *bucket, uint8_t tag, void *element)
{
    struct dict_bucket *last = last_line(bucket);
    if (!free_slots(last)) {
        struct dict_bucket *line = new_line(dict);
        if (!line) return KITH_ENOMEM;
        link_line(last, line);
        last = line;
    }
    put(last, (unsigned)__builtin_ctz(free_slots(last)), tag, element);
    return 0;
}

static unsigned line_count(const struct dict_bucket *bucket)
{
    return (unsigned)__builtin_popcount(bucket->state & DICT_PRESENT);
}

static size_t chain_count(const struct dict_bucket *bucket)
{
    size_t count = 0;
    for (; bucket; bucket = dict_chain(bucket)) count += line_count(bucket);
    return count;
}

/* Empties a slot and fills the hole from the last line. */
static void chain_remove(struct dict *dict, struct dict_bucket *head, void **place)
{
    struct dict_bucket *bucket = (struct dict_bucket *)((uintptr_t)place & ~(uintptr_t)63);
    unsigned slot = (unsigned)(place - bucket->slots);
    struct dict_bucket *before = NULL;
    struct dict_bucket *last = head;
    for (struct dict_bucket *next; (next = dict_chain(last)) != NULL; last = next) before = last;
    if (last != bucket) {
        unsigned end = (unsigned)__builtin_ctz(last->state);
        put(bucket, slot, last->tags[end], last->slots[end]);
        slot = end;
    }
    last->state = (uint8_t)(last->state & ~(1u << slot));
    if (before && last->state == 0) {
        before->state = (uint8_t)(before->state & ~DICT_CHAINED);
        heap_free(dict->heap, last);
    }
}

/* ---- one bucket more, one bucket less ---- */

/* The elements of a bucket or two, out of their lines. Longer chains than this are as likely as a
 * guessed seed; such a bucket is left as it is, and so is the number of buckets. */
enum { HAND_MAX = 256, HAND_LINES_MAX = HAND_MAX / 6 + 2 };
struct hand {
    void *elements[HAND_MAX];
    uint8_t tags[HAND_MAX];
    size_t count;
    struct dict_bucket *lines[HAND_LINES_MAX]; /* free ones; owns */
    size_t line_count;
};

/* Appends a chain's elements; its lines but the first go to the free ones. */
static void take_chain(struct hand *hand, struct dict_bucket *head)
{
    for (struct dict_bucket *line = head; line;) {
        unsigned taken = line->state & DICT_PRESENT;
        for (; taken; taken &= taken - 1) {
            unsigned slot = (unsigned)__builtin_ctz(taken);
            hand->tags[hand->count] = line->tags[slot];
            hand->elements[hand->count++] = line->slots[slot];
        }
        struct dict_bucket *next = dict_chain(line);
        line->state = 0;
        if (line != head) hand->lines[hand->line_count++] = line;
        line = next;
    }
}

/* Adds to a chain, with lines of the hand. */
static void lay(struct hand *hand, struct dict_bucket **last, size_t i)
{
    if (!free_slots(*last)) {
        struct dict_bucket *line = hand->lines[--hand->line_count];
        line->state = 0;
        link_line(*last, line);
        *last = line;
    }
    put(*last, (unsigned)__builtin_ctz(free_slots(*last)), hand->tags[i], hand->elements[i]);
}

static void drop_lines(struct dict *dict, struct hand *hand)
{
    while (hand->line_count) heap_free(dict->heap, hand->lines[--hand->line_count]);
}

static size_t parent_of(size_t index)
{
    return index & ((SIZE_MAX >> 1) >> __builtin_clzll((uint64_t)index));
}

DICT_PREFETCH void prefetch_elements(const struct dict_bucket *bucket)
{
    unsigned taken = bucket->state & DICT_PRESENT;
    for (; taken; taken &= taken - 1) __builtin_prefetch(bucket->slots[__builtin_ctz(taken)]);
    if (bucket->state & DICT_CHAINED) __builtin_prefetch(bucket->slots[DICT_SLOTS - 1]);
}

DICT_PREFETCH void prefetch_next_split(const struct dict *dict)
{
    size_t parent = parent_of(dict->buckets);
    prefetch_elements(dict_bucket(dict, parent));
    if (parent + 1 < dict->buckets) __builtin_prefetch(dict_bucket(dict, parent + 1));
}

/* Bucket n comes into being. Two chains of a + b elements never have more lines than one, so that
 * only the segment can fail: then a later addition tries again. */
static void split(struct dict *dict)
{
    size_t index = dict->buckets;
    size_t mask = SIZE_MAX >> __builtin_clzll((uint64_t)index);
    struct dict_bucket *from = dict_bucket(dict, parent_of(index));
    if (chain_count(from) > HAND_MAX || !segment_reserve(dict, index)) return;
    struct dict_bucket *to = dict_bucket(dict, index);
    struct hand hand;
    hand.count = hand.line_count = 0;
    take_chain(&hand, from);
    for (size_t i = 0; i < hand.count; i++) {
        uint64_t hash = dict_hash(dict, dict->key(hand.elements[i]));
        lay(&hand, ((size_t)hash & mask) == index ? &to : &from, i);
    }
    drop_lines(dict, &hand);
    set_buckets(dict, index + 1);
    prefetch_next_split(dict);
}

/* The last bucket goes back into its parent. The most that can be wanting is two lines. */
static void shrink(struct dict *dict)
{
    size_t index = dict->buckets - 1;
    struct dict_bucket *from = dict_bucket(dict, index);
    struct dict_bucket *to = dict_bucket(dict, parent_of(index));
    if (chain_count(from) + chain_count(to) > HAND_MAX) return;
    struct hand hand;
    hand.count = hand.line_count = 0;
    for (int i = 0; i < 2 && chain_count(from) + chain_count(to) > DICT_SLOTS; i++) {
        hand.lines[hand.line_count] = new_line(dict);
        if (!hand.lines[hand.line_count]) {
            drop_lines(dict, &hand);
            return;
        }
        hand.line_count++;
    }
    take_chain(&hand, to);
    take_chain(&hand, from);
    for (size_t i = 0; i < hand.count; i++) lay(&hand, &to, i);
    drop_lines(dict, &hand);
    set_buckets(dict, index);
    segment_return(dict, index);
}

/* ---- changes ---- */

/* One bucket back when the table is too large, two when it is much too large: it could not shrink
 * while it was watched. */
static void settle(struct dict *dict)
{
    if (dict->watch) return;
    if (dict->count < dict->buckets * DICT_LOAD_MIN && dict->buckets > 1) shrink(dict);
    if (dict->count < dict->buckets && dict->buckets > 1) shrink(dict);
}

int dict_add(struct dict *dict, uint64_t hash, void *element)
{
    if (dict->watch) dict->watch->changing(dict->watch->ctx, hash, element, true);
    if (dict->buckets == 0) {
        if (!segment_reserve(dict, 0)) return KITH_ENOMEM;
        set_buckets(dict, 1);
    }
    struct dict_bucket *bucket = dict_bucket(dict, dict_index(dict, hash));
    int rc = chain_add(dict, bucket, dict_tag(hash), element);
    if (rc) return rc;
    dict->count++;
    if (dict->count > dict->buckets * DICT_LOAD_MAX) split(dict);
    else if (dict->count < dict->buckets) settle(dict);
    return 0;
}

void dict_remove(struct dict *dict, uint64_t hash, void **place)
{
    dict_touch(dict, hash, *place);
    chain_remove(dict, dict_bucket(dict, dict_index(dict, hash)), place);
    dict->count--;
    settle(dict);
}

void **dict_place(const struct dict *dict, uint64_t hash, const void *element)
{
    struct dict_bucket *bucket = dict_bucket(dict, dict_index(dict, hash));
    for (; bucket; bucket = dict_chain(bucket)) {
        unsigned hits = dict_matches(bucket, dict_tag(hash));
        for (; hits; hits &= hits - 1) {
            void **place = &bucket->slots[__builtin_ctz(hits)];
            if (*place == element) return place;
        }
    }
    return NULL;
}

/* ---- walking ---- */

static void *chain_at(const struct dict_bucket *bucket, size_t nth)
{
    for (; nth >= line_count(bucket); bucket = dict_chain(bucket)) nth -= line_count(bucket);
    unsigned taken = bucket->state & DICT_PRESENT;
    for (; nth > 0; nth--) taken &= taken - 1;
    return bucket->slots[__builtin_ctz(taken)];
}

/* A bucket is drawn and kept with a probability in proportion to what it holds; about one in three
 * is. Buckets of more than 16 count as 16. */
void *dict_random(const struct dict *dict, struct rng *rng)
{
    if (dict->count == 0) return NULL;
    for (;;) {
        const struct dict_bucket *bucket =
            dict_bucket(dict, (size_t)rng_below(rng, dict->buckets));
        size_t count = chain_count(bucket);
        if (rng_below(rng, DICT_DRAW) >= count) continue;
        return chain_at(bucket, (size_t)rng_below(rng, count));
    }
}

static void visit(const struct dict *dict, size_t index, void (*fn)(void *ctx, void **place),
                  void *ctx)
{
    struct dict_bucket *bucket = dict_bucket(dict, index);
    for (; bucket; bucket = dict_chain(bucket)) {
        unsigned taken = bucket->state & DICT_PRESENT;
        for (; taken; taken &= taken - 1) fn(ctx, &bucket->slots[__builtin_ctz(taken)]);
    }
}

static uint64_t reverse(uint64_t v)
{
    v = __builtin_bswap64(v);
    v = (v >> 4 & UINT64_C(0x0f0f0f0f0f0f0f0f)) | (v & UINT64_C(0x0f0f0f0f0f0f0f0f)) << 4;
    v = (v >> 2 & UINT64_C(0x3333333333333333)) | (v & UINT64_C(0x3333333333333333)) << 2;
    return (v >> 1 & UINT64_C(0x5555555555555555)) | (v & UINT64_C(0x5555555555555555)) << 1;
}

/* 2^L - 1 of the essay. */
static uint64_t whole_mask(const struct dict *dict)
{
    return (UINT64_MAX >> 1) >> __builtin_clzll((uint64_t)dict->buckets);
}

uint64_t dict_scan(const struct dict *dict, uint64_t cursor, void (*fn)(void *ctx, void **place),
                   void *ctx)
{
    if (dict->count == 0) return 0;
    uint64_t mask = whole_mask(dict);
    size_t index = (size_t)(cursor & mask);
    visit(dict, index, fn, ctx);
    if (index + mask + 1 < dict->buckets) visit(dict, index + (size_t)mask + 1, fn, ctx);
    return reverse(reverse(cursor | ~mask) + 1);
}

bool dict_scanned(const struct dict *dict, uint64_t cursor, uint64_t hash)
{
    if (dict->buckets == 0) return true;
    uint64_t mask = whole_mask(dict);
    return reverse(hash & mask) < reverse(cursor & mask);
}

void *dict_next(const struct dict *dict, struct dict_iter *it)
{
    while (it->left == 0) {
        it->at = it->at ? dict_chain(it->at) : NULL;
        if (!it->at) {
            if (it->bucket >= dict->buckets) return NULL;
            it->at = dict_bucket(dict, it->bucket++);
        }
        it->left = it->at->state & DICT_PRESENT;
    }
    unsigned slot = (unsigned)__builtin_ctz(it->left);
    it->left &= it->left - 1;
    return it->at->slots[slot];
}

/* Elements lie in the order of a hash, so the first are as good as any. Passing through all of a
 * million would take 50 ms, under the keyspace lock. */
size_t dict_element_bytes(const struct dict *dict)
{
    struct dict_iter it = {0};
    const void *element;
    size_t bytes = 0, seen = 0;
    for (; seen < DICT_SAMPLES && (element = dict_next(dict, &it)) != NULL; seen++)
        bytes += heap_size(element);
    if (seen == dict->count) return bytes;
    return (size_t)((double)bytes / (double)seen * (double)dict->count);
}
