/*
 * A bump allocator over a list of blocks, newest first.
 *
 * Each block is twice the size of the one before, from 4 KiB to 1 MiB, so that an arena of n bytes
 * costs O(log n) allocations at first and wastes at most about half. A request that does not fit
 * the next ordinary block gets a block of its own, placed behind the head: the room left in the
 * head stays in use. used_bytes counts what was handed out with its alignment gaps.
 */
#include "base/arena.h"

#include <stdint.h>
#include <string.h>

#include "base/alloc.h"

#define BLOCK_BYTES_MIN ((size_t)4096)
#define BLOCK_BYTES_MAX ((size_t)1 << 20)
#define ARENA_ALIGN ((size_t)16)

struct arena_block {
    struct arena_block *next; /* owns; older */
    size_t cap;               /* bytes behind this header */
    size_t used;
    size_t padding; /* keeps the bytes behind the header 16-byte aligned */
};

_Static_assert(sizeof(struct arena_block) % 16 == 0, "block data is 16-byte aligned");

static uint8_t *block_data(struct arena_block *block) { return (uint8_t *)(block + 1); }

static struct arena_block *block_new(size_t cap)
{
    size_t size;
    if (!size_add(cap, sizeof(struct arena_block), &size)) return NULL;
    struct arena_block *block = mem_alloc_aligned(size, ARENA_ALIGN);
    if (block) *block = (struct arena_block){.cap = cap};
    return block;
}

/* NULL when the block has no room for size bytes at that alignment. */
static void *block_take(struct arena_block *block, size_t size, size_t align)
{
    uintptr_t at = (uintptr_t)block_data(block) + block->used;
    size_t gap = (size_t)(-at & (align - 1));
    size_t left = block->cap - block->used;
    if (gap > left || size > left - gap) return NULL;
    uint8_t *ptr = block_data(block) + block->used + gap;
    block->used += gap + size;
    return ptr;
}

static size_t next_block_bytes(const struct arena *arena)
{
    if (!arena->head) return BLOCK_BYTES_MIN - sizeof(struct arena_block);
    size_t twice = arena->head->cap >= BLOCK_BYTES_MAX / 2 ? BLOCK_BYTES_MAX : arena->head->cap * 2;
    return twice;
}

/* A block with at least `need` bytes, linked in. */
static struct arena_block *add_block(struct arena *arena, size_t need)
{
    size_t ordinary = next_block_bytes(arena);
    bool own = need > ordinary;
    struct arena_block *block = block_new(own ? need : ordinary);
    if (!block) return NULL;
    if (own && arena->head) {
        block->next = arena->head->next;
        arena->head->next = block;
    } else {
        block->next = arena->head;
        arena->head = block;
    }
    return block;
}

void *arena_alloc_aligned(struct arena *arena, size_t size, size_t align)
{
    if (align < ARENA_ALIGN) align = ARENA_ALIGN;
    struct arena_block *block = arena->head;
    size_t before = block ? block->used : 0;
    void *ptr = block ? block_take(block, size, align) : NULL;
    if (!ptr) {
        size_t need;
        if (!size_add(size, align, &need)) return NULL;
        block = add_block(arena, need);
        if (!block) return NULL;
        before = 0;
        ptr = block_take(block, size, align);
    }
    arena->used_bytes += block->used - before;
    return ptr;
}

void *arena_alloc(struct arena *arena, size_t size)
{
    return arena_alloc_aligned(arena, size, ARENA_ALIGN);
}

void *arena_zalloc(struct arena *arena, size_t size)
{
    void *ptr = arena_alloc(arena, size);
    if (ptr) memset(ptr, 0, size);
    return ptr;
}

void *arena_alloc_array(struct arena *arena, size_t count, size_t size)
{
    size_t bytes;
    return size_mul(count, size, &bytes) ? arena_alloc(arena, bytes) : NULL;
}

char *arena_strndup(struct arena *arena, const char *text, size_t len)
{
    size_t size;
    if (!size_add(len, 1, &size)) return NULL;
    char *copy = arena_alloc(arena, size);
    if (!copy) return NULL;
    if (len > 0) memcpy(copy, text, len);
    copy[len] = 0;
    return copy;
}

void arena_init(struct arena *arena) { *arena = (struct arena){0}; }

/* Frees every block except `keep`. */
static void free_blocks(struct arena *arena, const struct arena_block *keep)
{
    struct arena_block *block = arena->head;
    while (block) {
        struct arena_block *next = block->next;
        if (block != keep) mem_free(block);
        block = next;
    }
}

void arena_release(struct arena *arena)
{
    free_blocks(arena, NULL);
    arena_init(arena);
}

void arena_reset(struct arena *arena)
{
    struct arena_block *largest = arena->head;
    for (struct arena_block *block = largest; block; block = block->next) {
        if (block->cap > largest->cap) largest = block;
    }
    free_blocks(arena, largest);
    if (largest) {
        largest->next = NULL;
        largest->used = 0;
    }
    arena->head = largest;
    arena->used_bytes = 0;
}
