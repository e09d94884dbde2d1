/*
 * The sections of a text index, and what its files share. Page: docs/formats/text.md.
 *
 *   HEADER           64 bytes, see text_header
 *   LENGTHS          u16 x rows: tokens of the row, at most 65,535; 0 for a null
 *   VALID            u64 x (rows + 63) / 64: rows with a text; only when some have none
 *   TERM_OFFSETS     u32 x (terms + 1), ascending, into TERM_BYTES; terms ascend as bytes do
 *   TERM_BYTES
 *   TERMS            36 bytes a term, see text_term_offset
 *   BLOCKS           20 bytes a block of at most 128 rows, see text_block_offset
 *   POSTINGS         a block: u8 bits a gap, u8 bits a count, gaps, counts; 8 bytes of zeros at the
 *                    end. A gap is row - (row before) - 1, the row before the first of a term is
 *                    -1; a count is tf - 1. Both are packed from the lowest bit on and end at a
 *                    whole byte.
 *   BLOCK_POSITIONS  u32 x blocks: where its positions begin, from the term's; with positions
 *   POSITIONS        varints: tf a row, the distance from the position before (the first: itself)
 *
 * An impact is a pair (tf, dl) that is at least as good as some rows: with no smaller tf and no
 * greater dl. Three of them cover a block, or a term: the best score of any of their rows, for any
 * weights, is at most the best score of the three. Unused ones are zero.
 */
#ifndef KITH_INDEX_TEXT_FORMAT_H
#define KITH_INDEX_TEXT_FORMAT_H

#include "base/buffer.h"
#include "index/sparse_walk.h"
#include "index/text_index.h"

#define TEXT_VERSION 1u
#define TEXT_IMPACTS 3u
#define TEXT_COUNT_MAX 65535u /* of a tf, a dl */
#define TEXT_PADDING 8u       /* zeros behind packed numbers */

enum text_section {
    TEXT_HEADER = 1,
    TEXT_LENGTHS = 2,
    TEXT_VALID = 3,
    TEXT_TERM_OFFSETS = 4,
    TEXT_TERM_BYTES = 5,
    TEXT_TERMS = 6,
    TEXT_BLOCKS = 7,
    TEXT_POSTINGS = 8,
    TEXT_BLOCK_POSITIONS = 9,
    TEXT_POSITIONS = 10,
    TEXT_SECTIONS = 11
};
enum text_header_offset {
    TEXT_AT_VERSION = 0,   /* u32 */
    TEXT_AT_POSITIONS = 4, /* u32: 1 with positions */
    TEXT_AT_ROWS = 8,      /* u64 from here */
    TEXT_AT_TEXTS = 16,    /* rows with a text */
    TEXT_AT_TOKENS = 24,   /* sum of LENGTHS */
    TEXT_AT_TERMS = 32,
    TEXT_AT_BLOCKS = 40,
    TEXT_HEADER_BYTES = 64
};
enum text_term_offset {
    TEXT_TERM_AT_ROWS = 0,      /* u32 */
    TEXT_TERM_AT_BLOCK = 4,     /* u32: number of its first block */
    TEXT_TERM_AT_POSTINGS = 8,  /* u64 */
    TEXT_TERM_AT_POSITIONS = 16, /* u64 */
    TEXT_TERM_AT_IMPACTS = 24,  /* three of u16 tf, u16 dl */
    TEXT_TERM_BYTES_EACH = 36
};
enum text_block_offset {
    TEXT_BLOCK_AT_LAST = 0,     /* u32: its last row */
    TEXT_BLOCK_AT_POSTINGS = 4, /* u32: from the term's */
    TEXT_BLOCK_AT_IMPACTS = 8,
    TEXT_BLOCK_BYTES = 20
};

struct impact {
    uint16_t tf, dl;
};

struct text_index { /* opened */
    struct scalar_index base; /* first */
    struct section sections[TEXT_SECTIONS];
    bool has[TEXT_SECTIONS];
    struct analyzer *analyzer; /* owns */
    size_t rows;
    uint64_t texts, tokens;
    size_t terms, blocks;
    bool positions;
};

struct text_term { /* as TERMS has it, checked against the sections */
    uint32_t rows;
    uint32_t first_block, block_count;
    uint64_t postings, positions;
    const uint8_t *impacts; /* borrows */
    const uint8_t *blocks;  /* borrows, verified */
};

/* KITH_ENOTFOUND: the index has no such term. */
KITH_NODISCARD int text_term_find(const struct text_index *index, struct kith_str text,
                                  struct text_term *out);
KITH_NODISCARD int text_term_get(const struct text_index *index, size_t number,
                                 struct text_term *out);
struct text_counts { /* packed tf - 1 of a block; borrows the section */
    const uint8_t *bytes;
    unsigned width;
};
/* Decodes the rows of block i of the term (room for 128). KITH_ECORRUPT. */
KITH_NODISCARD int text_block_rows(const struct text_index *index, const struct text_term *term,
                                   size_t i, uint32_t *rows, size_t *count,
                                   struct text_counts *counts);
/* The same, and its tfs. */
KITH_NODISCARD int text_block_load(const struct text_index *index, const struct text_term *term,
                                   size_t i, uint32_t *rows, uint32_t *counts, size_t *count);

/* ---- text_pack.c */

unsigned pack_width(uint32_t most); /* bits */
void pack_numbers(const uint32_t *numbers, size_t count, unsigned width, struct buffer *out);
/* in has 8 bytes behind the packed ones. */
void unpack_numbers(const uint8_t *in, size_t count, unsigned width, uint32_t *out);
static inline uint32_t unpack_number(const uint8_t *in, size_t i, unsigned width)
{
    const size_t bit = i * width;
    return (uint32_t)((le64_get(in + bit / 8) >> (bit % 8)) & ((UINT64_C(1) << width) - 1));
}
static inline size_t pack_bytes(size_t count, unsigned width) { return (count * width + 7) / 8; }
/* Covers impacts[0, count) by three; reorders them. */
void impacts_cover(struct impact *impacts, size_t count, struct impact out[TEXT_IMPACTS]);

/* ---- text_collect.c: tokens of rows, term by term */

struct text_chain { /* bytes in a list of pieces */
    struct text_piece *first, *last;
    uint32_t used; /* of the last */
};
struct text_gather_term {
    const char *text; /* in the arena */
    uint32_t len;
    uint32_t rows;      /* finished ones, and the open one */
    uint32_t open_row, open_count; /* the row that is being read */
    uint32_t last_row;  /* the finished row before; UINT32_MAX: none */
    uint32_t last_position;
    struct text_chain counts;    /* varints: gap, count - 1 */
    struct text_chain positions; /* varints */
};
struct text_gather {
    struct arena *arena; /* borrows: terms' texts and chains */
    struct text_gather_term *terms; /* owns */
    size_t term_count, term_room;
    uint64_t *slots; /* owns: hash high bits and term number + 1; 0: free */
    size_t slot_count;
    uint64_t seed; /* of the hashes; drawn when there are no slots */
    bool positions;
};
void text_gather_release(struct text_gather *gather);
/* One token of row `row`; rows ascend. */
KITH_NODISCARD int text_gather_add(struct text_gather *gather, uint32_t row,
                                   const struct token *token);
/* Closes the open rows of all terms. */
KITH_NODISCARD int text_gather_finish(struct text_gather *gather);

struct text_chain_reader {
    const struct text_piece *piece;
    uint32_t at;
};
void text_chain_read(const struct text_chain *chain, struct text_chain_reader *out);
uint32_t text_chain_next(struct text_chain_reader *reader); /* a varint that is there */

#endif
