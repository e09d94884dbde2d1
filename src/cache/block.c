/*
 * See block.h.
 *
 * Invariants: a span with free pieces is in the list of its size; an empty one is in the list of
 * free spans. Free pieces of a span are linked through their first bytes; pieces that were never
 * given are not touched. `idle` is what free pieces hold of the system's memory, in a span and in
 * all; it passes idle_most() by less than what of a piece cannot be given back.
 */
#include "cache/block.h"

#include <stdatomic.h>
#include <stdint.h>

#include "base/alloc.h"
#include "os/os.h"

#define SPAN_BYTES ((size_t)256 << 10)
#define SPANS ((size_t)1 << 19) /* 128 GiB of addresses */
#define SIZES 21u               /* four a doubling, and the last */
#define NONE UINT32_MAX

#define PAGE_BYTES ((size_t)4096)
#define IDLE_LEAST ((size_t)1 << 20)

struct free_piece { /* in its first bytes */
    struct free_piece *next;
    size_t idle; /* bytes of it that the system has not got back */
};

struct span {
    uint32_t next, before; /* in the list that it is in */
    uint16_t used, fresh;  /* pieces: given; never given, from `fresh` on */
    uint8_t size;          /* number of it */
    uint32_t idle;
    struct free_piece *free; /* that were given back */
};

struct region {
    struct span spans[SPANS];   /* touched as they are used */
    uint32_t with_room[SIZES];  /* lists of spans */
    uint32_t empty, never_used; /* list; the first of those that no list has */
    _Atomic size_t given, idle; /* bytes; changed under the lock */
    atomic_flag lock;
};

/* One a process, made once and never freed: an address has to tell by itself what it is. */
static _Atomic(struct region *) the_region;
#define REGION_BYTES (sizeof(struct region) + SPAN_BYTES * (SPANS + 1))

static uintptr_t first_span(const struct region *region)
{
    return ((uintptr_t)(region + 1) + SPAN_BYTES - 1) & ~(uintptr_t)(SPAN_BYTES - 1);
}

static struct region *make_region(void)
{
    struct region *fresh = os_addresses(REGION_BYTES), *other = NULL;
    if (!fresh) return NULL;
    for (unsigned i = 0; i < SIZES; i++) fresh->with_room[i] = NONE;
    fresh->empty = NONE;
    if (atomic_compare_exchange_strong(&the_region, &other, fresh)) return fresh;
    os_lazy_pages_free(fresh, REGION_BYTES);
    return other;
}

static void lock(struct region *region)
{
    unsigned tries = 0;
    while (atomic_flag_test_and_set_explicit(&region->lock, memory_order_acquire))
        if (++tries > 100) os_sleep_us(os_real(), 1);
}

static void unlock(struct region *region)
{
    atomic_flag_clear_explicit(&region->lock, memory_order_release);
}

/* ---- sizes ---- */

static size_t bytes_of(unsigned number)
{
    return (BLOCK_BYTES_MIN / 4 * (4 + number % 4)) << (number / 4);
}

static unsigned number_of(size_t size)
{
    unsigned number = 0;
    if (size > BLOCK_BYTES_MIN * 2) number = (51u - (unsigned)__builtin_clzll(size - 1)) * 4;
    while (bytes_of(number) < size) number++;
    return number;
}

/* ---- spans ---- */

static void enlist(struct region *region, uint32_t *list, uint32_t i)
{
    region->spans[i].next = *list;
    region->spans[i].before = NONE;
    if (*list != NONE) region->spans[*list].before = i;
    *list = i;
}

static void delist(struct region *region, uint32_t *list, uint32_t i)
{
    const struct span *span = &region->spans[i];
    if (span->next != NONE) region->spans[span->next].before = span->before;
    if (span->before != NONE) region->spans[span->before].next = span->next;
    else *list = span->next;
}

static uint32_t new_span(struct region *region, unsigned number)
{
    uint32_t i = region->empty;
    if (i != NONE) delist(region, &region->empty, i);
    else if (region->never_used < SPANS) i = region->never_used++;
    else return NONE;
    region->spans[i] = (struct span){.size = (uint8_t)number};
    enlist(region, &region->with_room[number], i);
    return i;
}

static uint16_t pieces_of(const struct span *span)
{
    return (uint16_t)(SPAN_BYTES / bytes_of(span->size));
}

static void add(_Atomic size_t *to, size_t bytes)
{
    const size_t before = atomic_load_explicit(to, memory_order_relaxed);
    atomic_store_explicit(to, before + bytes, memory_order_relaxed);
}

static void *take_piece(struct region *region, uint32_t i)
{
    struct span *span = &region->spans[i];
    struct free_piece *piece = span->free;
    add(&region->given, bytes_of(span->size));
    if (piece) {
        span->free = piece->next;
        span->idle -= (uint32_t)piece->idle;
        add(&region->idle, 0 - piece->idle);
    } else {
        const uintptr_t start = first_span(region) + i * SPAN_BYTES;
        piece = (void *)(start + span->fresh++ * bytes_of(span->size));
    }
    if (++span->used == pieces_of(span)) delist(region, &region->with_room[span->size], i);
    return piece;
}

/* ---- the four ---- */

void *block_alloc(size_t size)
{
    struct region *region = atomic_load_explicit(&the_region, memory_order_acquire);
    if (size < BLOCK_BYTES_MIN || size > BLOCK_BYTES_MAX) return NULL;
    if (!region && !(region = make_region())) return NULL;
    const unsigned number = number_of(size);
    lock(region);
    uint32_t i = region->with_room[number];
    if (i == NONE) i = new_span(region, number);
    void *piece = i == NONE ? NULL : take_piece(region, i);
    unlock(region);
    return piece;
}

static uint32_t span_of(const struct region *region, const void *ptr)
{
    return (uint32_t)(((uintptr_t)ptr - first_span(region)) / SPAN_BYTES);
}

bool block_is_one(const void *ptr)
{
    const struct region *region = atomic_load_explicit(&the_region, memory_order_acquire);
    return region && (uintptr_t)ptr - first_span(region) < SPANS * SPAN_BYTES;
}

size_t block_size(const void *ptr)
{
    const struct region *region = atomic_load_explicit(&the_region, memory_order_acquire);
    return bytes_of(region->spans[span_of(region, ptr)].size);
}

size_t block_given(void)
{
    struct region *region = atomic_load_explicit(&the_region, memory_order_acquire);
    return region ? atomic_load_explicit(&region->given, memory_order_relaxed) : 0;
}

/* What free pieces may hold: enough for a size that comes and goes, little beside what is given.
 * With all that they ever held, 64 MiB of values from 8 bytes to 64 KiB had 8 % of them idle. */
static size_t idle_most(const struct region *region)
{
    return IDLE_LEAST + atomic_load_explicit(&region->given, memory_order_relaxed) / 64;
}

/* Gives the whole pages of a piece back when enough is idle; what remains idle of it. The first
 * page stays, because the piece is linked through it. */
static size_t rest(const struct region *region, void *ptr, size_t bytes)
{
    const uintptr_t at = (uintptr_t)ptr;
    const uintptr_t from = (at + sizeof(struct free_piece) + PAGE_BYTES - 1) & ~(PAGE_BYTES - 1);
    const uintptr_t to = (at + bytes) & ~(PAGE_BYTES - 1);
    const size_t idle = atomic_load_explicit(&region->idle, memory_order_relaxed);
    if (from >= to || idle + bytes <= idle_most(region)) return bytes;
    os_lazy_pages_drop((void *)from, to - from);
    return bytes - (to - from);
}

/* Links it in; true: it was the last that was given of its span. */
static bool put_piece(struct region *region, uint32_t i, void *ptr, size_t idle)
{
    struct span *span = &region->spans[i];
    struct free_piece *piece = ptr;
    *piece = (struct free_piece){span->free, idle};
    span->free = piece;
    span->idle += (uint32_t)idle;
    add(&region->idle, idle);
    add(&region->given, 0 - bytes_of(span->size));
    if (span->used-- == pieces_of(span)) enlist(region, &region->with_room[span->size], i);
    return span->used == 0;
}

void block_free(void *ptr)
{
    struct region *region = atomic_load_explicit(&the_region, memory_order_acquire);
    const uint32_t i = span_of(region, ptr);
    const size_t idle = rest(region, ptr, bytes_of(region->spans[i].size));
    lock(region);
    const bool empty = put_piece(region, i, ptr, idle);
    if (empty) {
        delist(region, &region->with_room[region->spans[i].size], i);
        add(&region->idle, 0 - (size_t)region->spans[i].idle);
    }
    unlock(region);
    if (!empty) return;
    os_lazy_pages_drop((void *)(first_span(region) + i * SPAN_BYTES), SPAN_BYTES);
    lock(region);
    enlist(region, &region->empty, i);
    unlock(region);
}
