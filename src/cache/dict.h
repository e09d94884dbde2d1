/*
 * The hash table of the cache: of keys, and of the members of large sets, hashes and sorted sets.
 * Elements are pointers that hold their own key. The essay is in dict.c.
 *
 *     dict_init(&dict, heap, member_key, seed);
 *     uint64_t hash = dict_hash(&dict, key);
 *     void **place = dict_find(&dict, key, hash);
 *     if (place) use(*place);
 *     else rc = dict_add(&dict, hash, element);
 *
 * A place may be written (the element moved, its key is the same) and is good until the next
 * dict_add or dict_remove. Both move at most one bucket's elements; no call is longer. Not
 * thread-safe. The elements are the caller's.
 */
#ifndef KITH_CACHE_DICT_H
#define KITH_CACHE_DICT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <kith/types.h>

#include "base/checksum.h"
#include "base/rng.h"
#include "cache/heap.h"

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

#define DICT_SLOTS 7u
#define DICT_SEGMENTS 34u /* 2^35 buckets */

enum { DICT_PRESENT = 0x7f, DICT_CHAINED = 0x80 };

struct dict_bucket { /* one cache line */
    uint8_t tags[DICT_SLOTS]; /* top byte of the hash */
    uint8_t state;            /* bit i: slot i is taken; DICT_CHAINED: slot 6 is the next bucket */
    void *slots[DICT_SLOTS];
};
_Static_assert(sizeof(struct dict_bucket) == 64, "a bucket is a cache line");

/* Somebody who is told of an element before it is added, removed, or (dict_touch) changed where it
 * is. While there is one the table does not shrink: a scan gives each element once then. */
struct dict_watch {
    void (*changing)(void *ctx, uint64_t hash, const void *element, bool added);
    void *ctx;
};

struct dict {
    struct heap *heap; /* borrows */
    struct kith_str (*key)(const void *element);
    uint64_t seed;
    const struct dict_watch *watch; /* borrows; NULL: nobody */
    size_t count;
    size_t buckets; /* 0 until the first element */
    size_t mask;    /* the least 2^k - 1 >= buckets - 1 */
    /* owns: segment 0 has buckets [0, 4), segment k buckets [2 << k, 4 << k). Biased: what stands
     * here is the address that bucket 0 would have. */
    uintptr_t segments[DICT_SEGMENTS];
};

void dict_init(struct dict *dict, struct heap *heap, struct kith_str (*key)(const void *element),
               uint64_t seed);
/* Frees the table and not the elements; accepts a zeroed struct. */
void dict_release(struct dict *dict);
static inline size_t dict_count(const struct dict *dict) { return dict->count; }
size_t dict_bytes(const struct dict *dict); /* of the table alone */
/* heap_size of all elements; of many, an estimate from some. */
size_t dict_element_bytes(const struct dict *dict);

static inline uint64_t dict_hash(const struct dict *dict, struct kith_str key)
{
    return hash64(key.data, key.len, dict->seed);
}

/* Takes an element whose key is not there yet. KITH_ENOMEM: nothing changed. */
KITH_NODISCARD int dict_add(struct dict *dict, uint64_t hash, void *element);
void dict_remove(struct dict *dict, uint64_t hash, void **place);
/* For whoever changes an element, or what stands in its place, without removing it. */
static inline void dict_touch(const struct dict *dict, uint64_t hash, const void *element)
{
    if (dict->watch) dict->watch->changing(dict->watch->ctx, hash, element, false);
}
/* The place of an element that is there. */
void **dict_place(const struct dict *dict, uint64_t hash, const void *element);
/* An element drawn uniformly; NULL: empty. O(1) expected. */
void *dict_random(const struct dict *dict, struct rng *rng);
/* One step of a scan from a cursor, 0 at first; returns the next, 0 at the end. What is there
 * during the whole scan is given at least once, however the table grows and shrinks. fn may not add
 * or remove; it may write the place. */
uint64_t dict_scan(const struct dict *dict, uint64_t cursor, void (*fn)(void *ctx, void **place),
                   void *ctx);
/* A scan that stands at this cursor has given the elements of this hash. */
bool dict_scanned(const struct dict *dict, uint64_t cursor, uint64_t hash);
/* For walking over all of it while nothing changes: dict_next(dict, &it) until NULL. */
struct dict_iter {
    size_t bucket;
    const struct dict_bucket *at; /* borrows */
    unsigned left;
};
void *dict_next(const struct dict *dict, struct dict_iter *it); /* it: zeroed */

/* ---- the hot path ---- */

static inline size_t dict_index(const struct dict *dict, uint64_t hash)
{
    size_t index = (size_t)hash & dict->mask;
    return index < dict->buckets ? index : index & (dict->mask >> 1);
}

static inline struct dict_bucket *dict_bucket(const struct dict *dict, size_t index)
{
    unsigned segment = 62u - (unsigned)__builtin_clzll((uint64_t)index | 3u);
    return (struct dict_bucket *)(dict->segments[segment] + index * sizeof(struct dict_bucket));
}

static inline uint8_t dict_tag(uint64_t hash)
{
    return (uint8_t)(hash >> 56);
}

/* Bit i: slot i is taken and has this tag. */
static inline unsigned dict_matches(const struct dict_bucket *bucket, uint8_t tag)
{
#if defined(__SSE2__)
    __m128i tags = _mm_loadl_epi64((const __m128i *)(const void *)bucket->tags);
    __m128i equal = _mm_cmpeq_epi8(tags, _mm_set1_epi8((char)tag));
    return (unsigned)_mm_movemask_epi8(equal) & bucket->state & DICT_PRESENT;
#else
    unsigned hits = 0;
    for (unsigned i = 0; i < DICT_SLOTS; i++) hits |= (unsigned)(bucket->tags[i] == tag) << i;
    return hits & bucket->state;
#endif
}

static inline struct dict_bucket *dict_chain(const struct dict_bucket *bucket)
{
    return bucket->state & DICT_CHAINED ? bucket->slots[DICT_SLOTS - 1] : NULL;
}

/* Keys of 8 to 16 bytes, as most are, are compared as two overlapping words: a call of memcmp would
 * be half of a look-up. */
static inline bool dict_same_bytes(const char *a, const char *b, size_t len)
{
    uint64_t heads[2], tails[2];
    if (len - 8 > 8) return memcmp(a, b, len) == 0;
    memcpy(&heads[0], a, 8);
    memcpy(&heads[1], b, 8);
    memcpy(&tails[0], a + len - 8, 8);
    memcpy(&tails[1], b + len - 8, 8);
    return ((heads[0] ^ heads[1]) | (tails[0] ^ tails[1])) == 0;
}

/* dict_find with the key function written out, so that the compiler may see through it. */
static inline void **dict_find_by(const struct dict *dict, struct kith_str key, uint64_t hash,
                                  struct kith_str (*key_of)(const void *element))
{
    if (dict->count == 0) return NULL;
    struct dict_bucket *bucket = dict_bucket(dict, dict_index(dict, hash));
    for (; bucket; bucket = dict_chain(bucket)) {
        unsigned hits = dict_matches(bucket, dict_tag(hash));
        for (; hits; hits &= hits - 1) {
            void **place = &bucket->slots[__builtin_ctz(hits)];
            struct kith_str got = key_of(*place);
            if (got.len == key.len && dict_same_bytes(got.data, key.data, key.len)) return place;
        }
    }
    return NULL;
}

/* NULL: not there. */
static inline void **dict_find(const struct dict *dict, struct kith_str key, uint64_t hash)
{
    return dict_find_by(dict, key, hash, dict->key);
}

static inline void *dict_get(const struct dict *dict, struct kith_str key)
{
    void **place = dict_find(dict, key, dict_hash(dict, key));
    return place ? *place : NULL;
}

/* For functions that only prefetch: they have no effect that gcc knows of, so their calls are left
 * out unless they were inlined before it looks. */
#define DICT_PREFETCH static inline __attribute__((always_inline))

DICT_PREFETCH void dict_prefetch(const struct dict *dict, uint64_t hash)
{
    if (dict->count > 0) __builtin_prefetch(dict_bucket(dict, dict_index(dict, hash)));
}

#endif
