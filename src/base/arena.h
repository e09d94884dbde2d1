/*
 * A bump allocator: what a query allocates comes from its arena and dies with it. Not thread-safe.
 * Blocks grow geometrically from 4 KiB to 1 MiB; an allocation larger than that has its own block.
 */
#ifndef KITH_BASE_ARENA_H
#define KITH_BASE_ARENA_H

#include <stddef.h>

#include "base/error.h"

struct arena_block;
struct arena {
    struct arena_block *head; /* owns; newest first */
    size_t used_bytes;        /* of all blocks together */
};

void arena_init(struct arena *arena);
void arena_release(struct arena *arena); /* accepts a zeroed struct */
void arena_reset(struct arena *arena);   /* keeps the largest block */

/* 16-byte aligned; NULL: no memory */
KITH_NODISCARD void *arena_alloc(struct arena *arena, size_t size);
KITH_NODISCARD void *arena_zalloc(struct arena *arena, size_t size);
KITH_NODISCARD void *arena_alloc_array(struct arena *arena, size_t count, size_t size);
KITH_NODISCARD void *arena_alloc_aligned(struct arena *arena, size_t size, size_t align);
/* adds NUL */
KITH_NODISCARD char *arena_strndup(struct arena *arena, const char *text, size_t len);

#endif
