/*
 * Offsets of the fixed parts of a sealed file; docs/formats/segment.md explains them.
 */
#ifndef KITH_STORAGE_BLOCKFILE_FORMAT_H
#define KITH_STORAGE_BLOCKFILE_FORMAT_H

#include "base/checksum.h"
#include "storage/file_name.h"

#define HEADER_MAGIC UINT32_C(0x3153424b)  /* "KBS1" */
#define TRAILER_MAGIC UINT32_C(0x3145424b) /* "KBE1" */

enum header_offset {
    HEADER_AT_MAGIC = 0,
    HEADER_AT_KIND = 4,
    HEADER_AT_DATABASE = 8,
    HEADER_AT_ID = 16,
    HEADER_AT_PART = 24,
    HEADER_AT_VERSION = 32,
    HEADER_AT_COMPATIBLE = 36,
    HEADER_AT_READ_ONLY = 40,
    HEADER_AT_INCOMPATIBLE = 44,
    HEADER_AT_WRITER = 48, /* 16 bytes of text */
    HEADER_AT_CHECKSUM = 124
};

enum trailer_offset {
    TRAILER_AT_MAGIC = 0,
    TRAILER_AT_COUNT = 4,      /* sections */
    TRAILER_AT_FILE_BYTES = 8,
    TRAILER_AT_SUMS = 16,      /* offset; sections end here */
    TRAILER_AT_SUMS_BYTES = 24,
    TRAILER_AT_DIRECTORY = 32, /* offset */
    TRAILER_AT_SUMS_CHECKSUM = 40,
    TRAILER_AT_DIRECTORY_CHECKSUM = 44,
    TRAILER_AT_CHECKSUM = 60
};

/* Positions of what is no page, in seeds: pages count from 0 and never get there. */
#define SEED_HEADER (UINT64_C(1) << 60)
#define SEED_SUMS (UINT64_C(2) << 60)
#define SEED_DIRECTORY (UINT64_C(3) << 60)
#define SEED_TRAILER (UINT64_C(4) << 60)

/* What stands for the file in checksum seeds. */
static inline uint64_t blockfile_identity(const struct file_name *name)
{
    return checksum_seed((uint64_t)name->kind, name->id, name->part);
}

#endif
