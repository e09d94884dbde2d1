/*
 * The sections of an index over sparse vectors. Page: docs/formats/sparse.md.
 *
 *   HEADER    64 bytes, see sparse_header_offset
 *   DIMS      u32 x dims, ascending
 *   LISTS     24 bytes a dimension, see sparse_list_offset
 *   BLOCKS    16 bytes a block of at most 128 rows, see sparse_block_offset
 *   POSTINGS  a block: u8 bits a gap, gaps as in a text index, f32 weights; 8 bytes of zeros at
 *             the end
 */
#ifndef KITH_INDEX_SPARSE_FORMAT_H
#define KITH_INDEX_SPARSE_FORMAT_H

#include "index/sparse_index.h"

#define SPARSE_VERSION 1u

enum sparse_section {
    SPARSE_HEADER = 1,
    SPARSE_DIMS = 2,
    SPARSE_LISTS = 3,
    SPARSE_BLOCKS = 4,
    SPARSE_POSTINGS = 5,
    SPARSE_SECTIONS = 6
};
enum sparse_header_offset {
    SPARSE_AT_VERSION = 0, /* u32, and 4 zeros */
    SPARSE_AT_ROWS = 8,    /* u64 from here */
    SPARSE_AT_DIMS = 16,
    SPARSE_AT_BLOCKS = 24,
    SPARSE_HEADER_BYTES = 64
};
enum sparse_list_offset {
    SPARSE_LIST_AT_ROWS = 0,      /* u32 */
    SPARSE_LIST_AT_BLOCK = 4,     /* u32: number of its first block */
    SPARSE_LIST_AT_POSTINGS = 8,  /* u64 */
    SPARSE_LIST_AT_MOST = 16,     /* f32: largest weight, least weight */
    SPARSE_LIST_AT_LEAST = 20,
    SPARSE_LIST_BYTES = 24
};
enum sparse_block_offset {
    SPARSE_BLOCK_AT_LAST = 0,     /* u32: its last row */
    SPARSE_BLOCK_AT_POSTINGS = 4, /* u32: from the list's */
    SPARSE_BLOCK_AT_MOST = 8,
    SPARSE_BLOCK_AT_LEAST = 12,
    SPARSE_BLOCK_BYTES = 16
};

KITH_NODISCARD int sparse_index_build(const struct chunk_source *source, size_t field,
                                      const struct scalar_index_params *params,
                                      const struct index_job *job, struct index_image *out,
                                      struct kith_error *err);

#endif
