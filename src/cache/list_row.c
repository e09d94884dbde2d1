/*
 * See list_row.h.
 */
#include "cache/list_row.h"

#include <string.h>

#include "base/alloc.h"

#define OWN ((uintptr_t)1)

static struct pack *pack_of(uintptr_t slot)
{
    return (struct pack *)(slot & ~OWN);
}

static void drop_slot(struct list_row *row, uint64_t i)
{
    if (row->packs[i] & OWN) heap_free(row->heap, pack_of(row->packs[i]));
    row->packs[i] = 0;
}

struct list_row *list_row_new(struct list *list)
{
    struct list_row *row = mem_zalloc(sizeof *row);
    if (row) row->packs = mem_alloc_array(list->node_count + (size_t)1, sizeof *row->packs);
    if (!row || !row->packs) {
        mem_free(row);
        return NULL;
    }
    row->heap = list->heap;
    row->list = list;
    row->count = list->node_count;
    for (uint64_t i = 0; i < row->count; i++)
        row->packs[i] = (uintptr_t)list->nodes[list->first + i].pack;
    list->row = row;
    return row;
}

void list_row_free(struct list_row *row)
{
    if (!row) return;
    row->list->row = NULL;
    for (uint64_t i = 0; i < row->count; i++) drop_slot(row, i);
    mem_free(row->packs);
    mem_free(row);
}

const struct pack *list_row_next(struct list_row *row)
{
    if (row->next > 0) drop_slot(row, row->next - 1);
    if (row->next == row->count) return NULL;
    return pack_of(row->packs[row->next++]);
}

/* Where a pack stands that is the list's still; UINT64_MAX: nowhere, or it was written. */
static uint64_t find(struct list_row *row, const struct pack *pack)
{
    const uint64_t near = row->hint ? row->hint - 1 : 0;
    if (pack == row->absent) return UINT64_MAX;
    for (uint64_t i = near; i < row->count && i < near + 3; i++)
        if (i >= row->next && row->packs[i] == (uintptr_t)pack) return row->hint = i;
    for (uint64_t i = row->next; i < row->count; i++)
        if (row->packs[i] == (uintptr_t)pack) return row->hint = i;
    row->absent = pack;
    return UINT64_MAX;
}

void list_row_keep(struct list_row *row, const struct pack *pack)
{
    if (!row) return;
    const uint64_t at = find(row, pack);
    if (at == UINT64_MAX) return;
    const size_t bytes = sizeof *pack + pack->end; /* what is free behind needs no room */
    struct pack *copy = heap_alloc(row->heap, bytes);
    row->lost = row->lost || !copy;
    row->packs[at] = copy ? (uintptr_t)copy | OWN : 0;
    if (!copy) return;
    memcpy(copy, pack, bytes);
    copy->cap = copy->end;
}

bool list_row_takes(struct list_row *row, struct pack *pack)
{
    const uint64_t at = row ? find(row, pack) : UINT64_MAX;
    if (at == UINT64_MAX) return false;
    row->packs[at] = (uintptr_t)pack | OWN;
    return true;
}
