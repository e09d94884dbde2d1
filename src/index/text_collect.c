/*
 * Tokens of rows, gathered term by term before they are written in order of terms.
 *
 * A term's postings grow as varints in a list of pieces, each larger than the one before (Zobel,
 * Moffat: Inverted files for text search engines, 2006): two to three bytes a posting while the
 * rows are read. The row that is being read stays open in the term until the next one comes.
 */
#include <string.h>

#include "base/alloc.h"
#include "base/arena.h"
#include "base/checksum.h"
#include "base/map.h"
#include "index/text_format.h"

#define PIECE_FIRST 12u
#define PIECE_MOST 1024u
#define SLOTS_FIRST 1024u

struct text_piece {
    struct text_piece *next;
    uint32_t room;
    uint8_t bytes[];
};

/* ---- chains ---- */

static struct text_piece *next_piece(struct arena *arena, struct text_chain *chain)
{
    uint32_t room = chain->last ? chain->last->room * 2 : PIECE_FIRST;
    if (room > PIECE_MOST) room = PIECE_MOST;
    struct text_piece *piece = arena_alloc_aligned(arena, sizeof *piece + room, sizeof(void *));
    if (!piece) return NULL;
    piece->next = NULL;
    piece->room = room;
    if (chain->last) {
        chain->last->next = piece;
    } else {
        chain->first = piece;
    }
    chain->last = piece;
    chain->used = 0;
    return piece;
}

static int chain_put(struct arena *arena, struct text_chain *chain, uint32_t value)
{
    do {
        if (!chain->last || chain->used == chain->last->room) {
            if (!next_piece(arena, chain)) return KITH_ENOMEM;
        }
        const uint8_t low = value & 0x7f;
        value >>= 7;
        chain->last->bytes[chain->used++] = value ? low | 0x80 : low;
    } while (value);
    return 0;
}

void text_chain_read(const struct text_chain *chain, struct text_chain_reader *out)
{
    *out = (struct text_chain_reader){ chain->first, 0 };
}

uint32_t text_chain_next(struct text_chain_reader *reader)
{
    uint32_t value = 0;
    for (unsigned shift = 0; reader->piece; shift += 7) {
        if (reader->at == reader->piece->room) {
            reader->piece = reader->piece->next;
            reader->at = 0;
            if (!reader->piece) break;
        }
        const uint8_t byte = reader->piece->bytes[reader->at++];
        value |= (uint32_t)(byte & 0x7f) << shift;
        if (!(byte & 0x80)) break;
    }
    return value;
}

/* ---- terms ---- */

void text_gather_release(struct text_gather *gather)
{
    mem_free(gather->terms);
    mem_free(gather->slots);
    gather->terms = NULL;
    gather->slots = NULL;
}

#define SLOT_NUMBER UINT64_C(0xffffffff)

static void place_slot(uint64_t *slots, size_t slot_count, uint64_t entry, uint64_t hash)
{
    size_t at = (size_t)hash & (slot_count - 1);
    while (slots[at]) at = (at + 1) & (slot_count - 1);
    slots[at] = entry;
}

static uint64_t slot_entry(uint64_t hash, size_t number)
{
    return (hash & ~SLOT_NUMBER) | (number + 1);
}

static int grow_slots(struct text_gather *gather)
{
    if (gather->slot_count && gather->term_count < gather->slot_count / 2) return 0;
    const size_t more = gather->slot_count ? gather->slot_count * 2 : SLOTS_FIRST;
    uint64_t *slots = mem_zalloc_array(more, sizeof *slots);
    if (!slots) return KITH_ENOMEM;
    for (size_t i = 0; i < gather->term_count; i++) {
        const uint64_t hash = hash64(gather->terms[i].text, gather->terms[i].len,
                                     gather->seed);
        place_slot(slots, more, slot_entry(hash, i), hash);
    }
    mem_free(gather->slots);
    gather->slots = slots;
    gather->slot_count = more;
    return 0;
}

static struct text_gather_term *add_term(struct text_gather *gather, struct kith_str text,
                                         uint64_t hash)
{
    if (gather->term_count >= UINT32_MAX - 1 || grow_slots(gather)) return NULL;
    if (gather->term_count == gather->term_room) {
        const size_t room = gather->term_room ? gather->term_room * 2 : 256;
        size_t bytes;
        if (!size_mul(room, sizeof *gather->terms, &bytes)) return NULL;
        struct text_gather_term *grown = mem_realloc(gather->terms, bytes);
        if (!grown) return NULL;
        gather->terms = grown;
        gather->term_room = room;
    }
    char *copy = arena_alloc_aligned(gather->arena, text.len + 1, 1);
    if (!copy) return NULL;
    memcpy(copy, text.data, text.len);
    struct text_gather_term *term = &gather->terms[gather->term_count];
    *term = (struct text_gather_term){ .text = copy, .len = (uint32_t)text.len,
                                       .last_row = UINT32_MAX };
    place_slot(gather->slots, gather->slot_count, slot_entry(hash, gather->term_count++), hash);
    return term;
}

static struct text_gather_term *find_term(struct text_gather *gather, struct kith_str text)
{
    if (!gather->slot_count) gather->seed = map_seed();
    const uint64_t hash = hash64(text.data, text.len, gather->seed);
    size_t at = gather->slot_count ? (size_t)hash & (gather->slot_count - 1) : 0;
    for (; gather->slot_count && gather->slots[at]; at = (at + 1) & (gather->slot_count - 1)) {
        const uint64_t entry = gather->slots[at];
        if ((entry ^ hash) & ~SLOT_NUMBER) continue;
        struct text_gather_term *term = &gather->terms[(entry & SLOT_NUMBER) - 1];
        if (term->len == text.len && memcmp(term->text, text.data, text.len) == 0) return term;
    }
    return add_term(gather, text, hash);
}

static int close_row(struct text_gather *gather, struct text_gather_term *term)
{
    if (term->open_count == 0) return 0;
    int rc = chain_put(gather->arena, &term->counts, term->open_row - term->last_row - 1);
    if (rc == 0) rc = chain_put(gather->arena, &term->counts, term->open_count - 1);
    term->last_row = term->open_row;
    term->open_count = 0;
    return rc;
}

int text_gather_add(struct text_gather *gather, uint32_t row, const struct token *token)
{
    struct text_gather_term *term = find_term(gather, token->text);
    if (!term) return KITH_ENOMEM;
    if (term->open_count == 0 || term->open_row != row) {
        const int rc = close_row(gather, term);
        if (rc) return rc;
        term->open_row = row;
        term->last_position = 0;
        term->rows++;
    }
    if (term->open_count == TEXT_COUNT_MAX) return 0;
    term->open_count++;
    if (!gather->positions) return 0;
    const uint32_t gap = token->position - term->last_position;
    term->last_position = token->position;
    return chain_put(gather->arena, &term->positions, gap);
}

int text_gather_finish(struct text_gather *gather)
{
    for (size_t i = 0; i < gather->term_count; i++) {
        const int rc = close_row(gather, &gather->terms[i]);
        if (rc) return rc;
    }
    return 0;
}
