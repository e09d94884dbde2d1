/*
 * XXH3 of libxxhash, inlined here so that its loop is compiled with our flags and the library keeps
 * one copy of it whatever the system's version does.
 *
 * The identity of a block (database, file, position) is the seed of its checksum. Each part goes
 * through a bijective mixer before the next is added, so (1, 2, 3) and (2, 1, 3) differ, and
 * neighbouring positions have unrelated seeds.
 */
#include "base/checksum.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "base/rng.h"

uint64_t hash64(const void *data, size_t len, uint64_t seed)
{
    return XXH3_64bits_withSeed(data, len, seed);
}

uint64_t checksum_seed(uint64_t database_id, uint64_t file_id, uint64_t position)
{
    return rng_mix(rng_mix(rng_mix(database_id) + file_id) + position);
}

uint32_t checksum32(const void *data, size_t len, uint64_t seed)
{
    return (uint32_t)XXH3_64bits_withSeed(data, len, seed);
}
