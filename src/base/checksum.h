/*
 * Checksums: XXH3 (libxxhash), 64 bits or its low 32. `checksum_seed` mixes identity (database,
 * file, position) into the seed, so a block that is intact but in the wrong place does not verify.
 */
#ifndef KITH_BASE_CHECKSUM_H
#define KITH_BASE_CHECKSUM_H

#include <stddef.h>
#include <stdint.h>

uint64_t hash64(const void *data, size_t len, uint64_t seed); /* XXH3 */
uint64_t checksum_seed(uint64_t database_id, uint64_t file_id, uint64_t position);
uint32_t checksum32(const void *data, size_t len, uint64_t seed);

#endif
