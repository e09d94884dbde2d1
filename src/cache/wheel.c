/*
 * A hierarchical timing wheel (Varghese and Lauck, SOSP 1987) whose entries are 32 bits of a hash.
 *
 * Where others keep a second dictionary or a heap of deadlines, this says only "about then, look at
 * the keys of that bucket with that tag". The deadline itself is in the entry. So a key's deadline
 * costs four bytes here, however often it moves:
 *
 *   - A deadline that moves later, or goes away, touches nothing. Its record comes early, finds the
 *     key with a later deadline, and is filed again for that.
 *   - One that moves earlier gets a second record. The first finds nothing due when it comes.
 *   - A key that is removed leaves its record behind, which finds nothing. When more than half of
 *     all records are of that kind (and there are 64 K of them) the slots are looked through ahead
 *     of time (expiry.c).
 *
 * Seven levels of 64 slots. A slot of level 0 is a tick of 16 ms, one of level n is 64 of level
 * n - 1, and the whole is 2,200 years. A record lies in the finest slot whose level reaches its
 * time. When the hand comes to a slot of a coarse level, its records are looked up and filed anew,
 * which is finer now; a deadline in an hour is looked up twice on its way. A bit a slot says
 * whether there is something in it, so the hand jumps over what is empty.
 *
 * A record is the top byte of the hash (the tag in the table) and 24 bits of the bucket. In tables
 * of more than 2^24 buckets several buckets agree with it and all are looked at.
 *
 * Invariants: a slot's bit is set iff its count is not 0; only the first chunk of a slot has room,
 * but for those that sampling took records out of.
 */
#include "cache/wheel.h"

#include <string.h>

#include "base/alloc.h"

#define TICK_MASK ((INT64_C(1) << WHEEL_TICK_MS_LOG2) - 1)
#define HORIZON (INT64_C(1) << (6 * WHEEL_LEVELS)) /* ticks */

struct wheel *wheel_new(struct heap *heap, int64_t now_ms)
{
    struct wheel *wheel = heap_zalloc(heap, sizeof *wheel);
    if (!wheel) return NULL;
    wheel->heap = heap;
    wheel->tick = now_ms >> WHEEL_TICK_MS_LOG2;
    wheel->sift_at = WHEEL_LEVELS * WHEEL_SLOTS;
    return wheel;
}

static void free_chunks(struct heap *heap, struct wheel_chunk *chunk)
{
    while (chunk) {
        struct wheel_chunk *next = chunk->next;
        heap_free(heap, chunk);
        chunk = next;
    }
}

void wheel_free(struct wheel *wheel)
{
    if (!wheel) return;
    for (unsigned level = 0; level < WHEEL_LEVELS; level++) {
        for (unsigned slot = 0; slot < WHEEL_SLOTS; slot++)
            free_chunks(wheel->heap, wheel->slots[level][slot].first);
    }
    free_chunks(wheel->heap, wheel->spare);
    free_chunks(wheel->heap, wheel->lifted);
    heap_free(wheel->heap, wheel);
}

/* ---- filing ---- */

/* The first tick at whose start the time has come. */
static int64_t tick_of(int64_t unix_ms)
{
    return (unix_ms >> WHEEL_TICK_MS_LOG2) + ((unix_ms & TICK_MASK) != 0);
}

static unsigned level_of(int64_t distance)
{
    if (distance <= 0) return 0;
    return (63u - (unsigned)__builtin_clzll((uint64_t)distance)) / 6;
}

static struct wheel_chunk *new_chunk(struct wheel *wheel)
{
    struct wheel_chunk *chunk = wheel->spare;
    if (chunk) {
        wheel->spare = NULL;
    } else {
        chunk = heap_alloc(wheel->heap, sizeof *chunk);
    }
    if (chunk) chunk->count = 0;
    return chunk;
}

static bool has_record(const struct wheel_chunk *chunk, uint32_t record)
{
    unsigned found = 0;
    for (uint32_t i = 0; i < chunk->count; i++) found |= chunk->records[i] == record;
    return found;
}

int wheel_file(struct wheel *wheel, int64_t unix_ms, uint32_t record, bool again)
{
    int64_t tick = tick_of(unix_ms);
    if (tick < wheel->tick) tick = wheel->tick;
    if (tick - wheel->tick >= HORIZON) tick = wheel->tick + HORIZON - 1;
    unsigned level = level_of(tick - wheel->tick);
    unsigned number = (unsigned)(tick >> (6 * level)) & (WHEEL_SLOTS - 1);
    struct wheel_slot *slot = &wheel->slots[level][number];
    if (again && slot->first && has_record(slot->first, record)) return 0;
    if (!slot->first || slot->first->count == WHEEL_CHUNK) {
        struct wheel_chunk *chunk = new_chunk(wheel);
        if (!chunk) return KITH_ENOMEM;
        chunk->next = slot->first;
        slot->first = chunk;
        if (!slot->last) slot->last = chunk;
    }
    slot->first->records[slot->first->count++] = record;
    slot->count++;
    wheel->count++;
    wheel->occupied[level] |= UINT64_C(1) << number;
    return 0;
}

/* ---- the hand ---- */

struct event {
    int64_t tick; /* INT64_MAX: none */
    unsigned level, slot;
};

/* When the hand comes to the next slot of a level that holds something. A slot of a coarse level
 * that the hand stands in was spread already, unless the hand stands at its beginning. */
static struct event event_of_level(const struct wheel *wheel, unsigned level)
{
    uint64_t bits = wheel->occupied[level];
    if (!bits) return (struct event){INT64_MAX, level, 0};
    unsigned shift = 6 * level;
    int64_t begun = (wheel->tick & ((INT64_C(1) << shift) - 1)) != 0;
    int64_t start = (wheel->tick >> shift) + begun;
    unsigned turn = (unsigned)start & 63;
    uint64_t ahead = turn ? bits >> turn | bits << (64 - turn) : bits;
    int64_t at = start + __builtin_ctzll(ahead);
    return (struct event){at << shift, level, (unsigned)at & 63};
}

/* The coarsest of those that come first, so that it is spread before finer ones are looked at. */
static struct event next_event(const struct wheel *wheel)
{
    struct event best = {INT64_MAX, 0, 0};
    for (unsigned level = 0; level < WHEEL_LEVELS; level++) {
        struct event event = event_of_level(wheel, level);
        if (event.tick != INT64_MAX && event.tick <= best.tick) best = event;
    }
    return best;
}

int64_t wheel_next(const struct wheel *wheel)
{
    struct event event = next_event(wheel);
    return event.tick == INT64_MAX ? INT64_MAX : event.tick << WHEEL_TICK_MS_LOG2;
}

static struct wheel_chunk *pop_chunk(struct wheel *wheel, unsigned level, unsigned number)
{
    struct wheel_slot *slot = &wheel->slots[level][number];
    struct wheel_chunk *chunk = slot->first;
    slot->first = chunk->next;
    slot->count -= chunk->count;
    wheel->count -= chunk->count;
    if (!slot->first) {
        slot->last = NULL;
        wheel->occupied[level] &= ~(UINT64_C(1) << number);
    }
    chunk->next = NULL;
    return chunk;
}

struct wheel_due wheel_take(struct wheel *wheel, int64_t now_ms)
{
    int64_t now = now_ms >> WHEEL_TICK_MS_LOG2;
    struct event event = next_event(wheel);
    if (event.tick > now) {
        if (now > wheel->tick) wheel->tick = now;
        return (struct wheel_due){0};
    }
    wheel->tick = event.tick;
    int64_t width = INT64_C(1) << (6 * event.level);
    return (struct wheel_due){
        .chunk = pop_chunk(wheel, event.level, event.slot),
        .first_ms = ((event.tick - 1) << WHEEL_TICK_MS_LOG2) + 1,
        .last_ms = (event.tick + width - 1) << WHEEL_TICK_MS_LOG2,
    };
}

void wheel_return(struct wheel *wheel, struct wheel_chunk *chunk)
{
    if (wheel->spare) {
        heap_free(wheel->heap, chunk);
    } else {
        wheel->spare = chunk;
        chunk->next = NULL;
    }
}

struct wheel_chunk *wheel_lift(struct wheel *wheel, unsigned level, unsigned number)
{
    struct wheel_slot *slot = &wheel->slots[level][number];
    struct wheel_chunk *chunks = slot->first;
    wheel->count -= slot->count;
    wheel->occupied[level] &= ~(UINT64_C(1) << number);
    *slot = (struct wheel_slot){0};
    return chunks;
}

/* ---- looking ahead, for eviction ---- */

/* Some records of a slot. The chunk they came from goes to the end, so that the next call sees
 * others; the first stays, because it is the one with room. */
static size_t sample_slot(struct wheel_slot *slot, uint32_t *out, size_t max)
{
    struct wheel_chunk *first = slot->first;
    struct wheel_chunk *chunk = first->next ? first->next : first;
    size_t count = chunk->count < max ? chunk->count : max;
    /* The ones that were given move to the front: a chunk alone gives others too. */
    for (size_t i = 0; i < count; i++) {
        size_t from = chunk->count - 1 - i;
        out[i] = chunk->records[from];
    }
    memmove(chunk->records + count, chunk->records, (chunk->count - count) * sizeof *out);
    memcpy(chunk->records, out, count * sizeof *out);
    if (chunk != first && chunk->next) {
        first->next = chunk->next;
        slot->last->next = chunk;
        slot->last = chunk;
        chunk->next = NULL;
    }
    return count;
}

size_t wheel_sample(struct wheel *wheel, struct rng *rng, uint32_t *out, size_t max)
{
    if (wheel->count == 0) return 0;
    size_t draw = (size_t)rng_below(rng, wheel->count);
    for (unsigned level = 0; level < WHEEL_LEVELS; level++) {
        if (!wheel->occupied[level]) continue;
        for (unsigned number = 0; number < WHEEL_SLOTS; number++) {
            struct wheel_slot *slot = &wheel->slots[level][number];
            if (draw < slot->count) return sample_slot(slot, out, max);
            draw -= slot->count;
        }
    }
    return 0;
}

/* From the end of the slot: what is filed again goes to the first chunk, so all have their turn. */
struct wheel_chunk *wheel_soonest(struct wheel *wheel, unsigned level)
{
    struct event event = event_of_level(wheel, level);
    if (event.tick == INT64_MAX) return NULL;
    struct wheel_slot *slot = &wheel->slots[event.level][event.slot];
    if (slot->first->next) {
        struct wheel_chunk *first = slot->first;
        slot->first = first->next;
        slot->last->next = first;
        slot->last = first;
        first->next = NULL;
    }
    return pop_chunk(wheel, event.level, event.slot);
}

int64_t wheel_horizon(const struct wheel *wheel)
{
    int64_t least = INT64_MAX >> WHEEL_TICK_MS_LOG2;
    for (unsigned level = 0; level < WHEEL_LEVELS; level++) {
        struct event event = event_of_level(wheel, level);
        if (event.tick == INT64_MAX) continue;
        int64_t last = event.tick + (INT64_C(1) << (6 * level)) - 1;
        if (last < least) least = last;
    }
    return least << WHEEL_TICK_MS_LOG2;
}
