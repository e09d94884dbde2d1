/*
 * A front-coded dictionary of texts: blocks of 16 in order, each text as (bytes shared with the one
 * before, the rest). The first of a block stands whole, so that blocks are searched by halving; in
 * the block nothing is put together: how much of the needle the text before has in common says,
 * with the number of shared bytes, how the next one compares (as in string B-trees).
 *
 * A text in TEXT: varint shared · varint len · len bytes. KEYS: u32 where each block starts, and
 * the end. Every varint is read inside its block, so a damaged one ends the search with
 * KITH_ECORRUPT.
 */
#include <string.h>

#include "index/scalar_terms.h"

/* ---- writing ---- */

static size_t shared_bytes(struct kith_str a, struct kith_str b)
{
    const size_t len = a.len < b.len ? a.len : b.len;
    size_t n = 0;
    while (n < len && a.data[n] == b.data[n]) n++;
    return n;
}

void scalar_texts_put(struct scalar_texts_writer *writer, struct kith_str text)
{
    const bool head = writer->count++ % SCALAR_BLOCK_TERMS == 0;
    if (writer->text.len > UINT32_MAX) writer->text.failed = true;
    if (head) buffer_put_u32(&writer->blocks, (uint32_t)writer->text.len);
    const size_t shared = head ? 0 : shared_bytes(writer->last, text);
    buffer_put_varint(&writer->text, shared);
    buffer_put_bytes(&writer->text, text.data + shared, text.len - shared);
    writer->last = text;
}

void scalar_texts_end(struct scalar_texts_writer *writer)
{
    if (writer->text.len > UINT32_MAX) writer->text.failed = true;
    buffer_put_u32(&writer->blocks, (uint32_t)writer->text.len);
}

/* ---- reading a block ---- */

struct block {
    const struct section *text;
    size_t pos, end;
    size_t last_len;  /* of the text before */
    size_t shared;    /* of the text read last */
    struct kith_str rest;
};

static int block_open(const struct scalar_set *set, size_t number, struct block *out)
{
    uint32_t from, to;
    if (scalar_u32(&set->keys, number, &from) || scalar_u32(&set->keys, number + 1, &to) ||
        from > to || to > set->text.len) {
        return KITH_ECORRUPT;
    }
    *out = (struct block){ .text = &set->text, .pos = from, .end = to };
    return 0;
}

static int block_varint(struct block *block, size_t *out)
{
    uint64_t value = 0;
    for (unsigned shift = 0; shift < 35 && block->pos < block->end; shift += 7) {
        const uint8_t byte = block->text->data[block->pos++];
        value |= (uint64_t)(byte & 0x7f) << shift;
        if (byte & 0x80) continue;
        *out = (size_t)value;
        return 0;
    }
    return KITH_ECORRUPT;
}

#define LENGTHS_MAX ((size_t)10) /* bytes of two varints */

static int block_next(struct block *block)
{
    size_t len, left = block->end - block->pos;
    if (section_touch(block->text, block->pos, left < LENGTHS_MAX ? left : LENGTHS_MAX) ||
        block_varint(block, &block->shared) || block_varint(block, &len) ||
        block->shared > block->last_len || len > block->end - block->pos ||
        section_touch(block->text, block->pos, len)) {
        return KITH_ECORRUPT;
    }
    block->rest = (struct kith_str){ (const char *)block->text->data + block->pos, len };
    block->pos += len;
    block->last_len = block->shared + len;
    return 0;
}

/* ---- searching ---- */

struct search {
    struct kith_str needle;
    bool behind; /* texts that begin with the needle count as before it */
    size_t common; /* bytes that the needle shares with the text before */
};

/* Whether the text, of which `common` bytes equal the needle's and `rest` follows, is before it. */
static bool is_before(struct search *search, struct kith_str rest, bool *exact)
{
    const struct kith_str needle = search->needle;
    const struct kith_str left = { needle.data + search->common, needle.len - search->common };
    const size_t n = shared_bytes(left, rest);
    search->common += n;
    *exact = n == left.len && n == rest.len && !search->behind;
    if (n == left.len) return search->behind;
    if (n == rest.len) return true;
    return (unsigned char)rest.data[n] < (unsigned char)left.data[n];
}

static int head_before(const struct scalar_set *set, size_t number, struct search search,
                       bool *before, bool *exact)
{
    struct block block;
    if (block_open(set, number, &block) || block_next(&block)) return KITH_ECORRUPT;
    search.common = 0;
    *before = is_before(&search, block.rest, exact);
    return 0;
}

/* The first of the block's texts that is not before the needle; `count` of them when all are. */
static int search_block(const struct scalar_set *set, size_t number, size_t count,
                        struct search *search, size_t *place, bool *exact)
{
    struct block block;
    if (block_open(set, number, &block)) return KITH_ECORRUPT;
    search->common = 0;
    *exact = false;
    for (*place = 0; *place < count; (*place)++) {
        if (block_next(&block)) return KITH_ECORRUPT;
        if (block.shared > search->common) continue; /* differs where the one before did */
        if (block.shared < search->common) return 0; /* greater, where the one before was equal */
        if (!is_before(search, block.rest, exact)) return 0;
    }
    return 0;
}

int scalar_texts_find(const struct scalar_set *set, struct kith_str text, bool behind, size_t *term,
                      bool *exact)
{
    const size_t terms = set->header.terms;
    const size_t blocks = (terms + SCALAR_BLOCK_TERMS - 1) / SCALAR_BLOCK_TERMS;
    struct search search = { .needle = text.data ? text : (struct kith_str){ "", 0 },
                             .behind = behind };
    size_t from = 0, to = blocks; /* heads below `from` are before, from `to` on they are not */
    bool before, same, head_exact = false;
    *exact = false;
    while (from < to) {
        const size_t middle = from + (to - from) / 2;
        if (head_before(set, middle, search, &before, &same)) return KITH_ECORRUPT;
        if (before) {
            from = middle + 1;
        } else {
            to = middle;
            head_exact = same;
        }
    }
    *term = 0;
    if (from == 0) {
        *exact = head_exact;
        return 0;
    }
    const size_t first = (from - 1) * SCALAR_BLOCK_TERMS;
    const size_t count = terms - first < SCALAR_BLOCK_TERMS ? terms - first : SCALAR_BLOCK_TERMS;
    size_t place;
    if (search_block(set, from - 1, count, &search, &place, exact)) return KITH_ECORRUPT;
    *term = first + place;
    if (place == count && from < blocks) *exact = head_exact;
    return 0;
}

/* ---- walking ---- */

int scalar_texts_each(const struct scalar_set *set, size_t first, size_t end,
                      int (*fn)(void *ctx, size_t term, struct kith_str text), void *ctx)
{
    struct buffer text;
    struct block block;
    int rc = 0;
    buffer_init(&text);
    for (size_t term = first - first % SCALAR_BLOCK_TERMS; !rc && term < end; term++) {
        if (term % SCALAR_BLOCK_TERMS == 0) {
            rc = block_open(set, term / SCALAR_BLOCK_TERMS, &block);
            if (rc) break;
            buffer_clear(&text);
        }
        rc = block_next(&block);
        if (rc) break;
        text.len = block.shared;
        buffer_put(&text, block.rest.data, block.rest.len);
        if (buffer_failed(&text)) rc = KITH_ENOMEM;
        else if (term >= first)
            rc = fn(ctx, term, (struct kith_str){ (const char *)text.data, text.len });
    }
    buffer_release(&text);
    return rc;
}
