/*
 * The packs of a list as they were at one instant, while the list goes on changing: what a snapshot
 * writes of it, a pack at a time, in order.
 *
 * The row points to the list's own packs. Before the list changes a pack that is not written yet,
 * it asks for a copy (list_row_keep); a pack that it drops it hands over (list_row_takes). So the
 * cost of a change is a copy of one pack at most, once.
 */
#ifndef KITH_CACHE_LIST_ROW_H
#define KITH_CACHE_LIST_ROW_H

#include "cache/list.h"

struct list_row {
    struct heap *heap; /* borrows */
    struct list *list; /* borrows; has this row */
    uintptr_t *packs;  /* owns; a pack's address, plus 1 when the pack is the row's own */
    uint64_t count, next; /* `next`: the first that is not written */
    uint64_t hint;     /* where the last one was found: the next is often beside it */
    const struct pack *absent; /* the last one that is not here, and never will be */
    bool lost;         /* no memory for a copy: what the row has is not the instant */
};

/* NULL: no memory. One row a list. */
KITH_NODISCARD struct list_row *list_row_new(struct list *list);
void list_row_free(struct list_row *row); /* NULL is a no-op */
/* The next pack, which is the caller's to read until the next call; NULL: these were all. */
const struct pack *list_row_next(struct list_row *row);

/* ---- for list.c; row: nullable ---- */

/* The pack is about to change or to move. */
void list_row_keep(struct list_row *row, const struct pack *pack);
/* The pack is about to be freed. true: the row has taken it. */
bool list_row_takes(struct list_row *row, struct pack *pack);

#endif
