/*
 * Searches that take long: on a worker, which holds the keyspace lock only where it looks at keys
 * and at the index, a millisecond at a time.
 *
 * A turn runs the command's own code with a call of its own, whose reply is kept until the end. It
 * looks at a view: a copy of the index as it is when the search begins, which the turn pins. While
 * an index is pinned, documents that go are buried instead of freed, and a definition that goes
 * (FT.DROPINDEX, FT.ALTER) waits, so what the view points to stays. A document in the index is
 * never changed, only replaced; so a scan over a copy of the list of documents needs no lock.
 *
 *     lock, catch up, parse, copy the list   [let go: scan, score, sort]   take back: what changed
 *     meanwhile is tested anew, keys are read in slices of a millisecond, the reply is written
 *
 * Where nobody may wait (MULTI, a replay, a session without a stream) and for small work there is
 * no turn: the lock is held throughout, and all functions here do nothing.
 */
#ifndef KITH_REDIS_SEARCH_TURN_H
#define KITH_REDIS_SEARCH_TURN_H

#include "redis/search_query.h"

typedef void search_run_fn(struct redis_call *call, struct search_index *index);

/* Runs it over the index argv[1], at once or in a turn; answers. */
void search_begin(struct redis_call *call, search_run_fn *run);

/* Around work that looks at nothing but the query and the documents of the view: the lock is free
 * between the two. */
void search_let_go(const struct search_index *index);
void search_take_back(const struct search_index *index);
/* Between two keys: others have the lock for a moment, if it was held for a millisecond. No pointer
 * into the keyspace may be kept. */
void search_breathe(const struct search_index *index);
bool search_must_end(const struct search_index *index); /* the server stops */

/* The index that the view is of, as it is now; itself without a turn. NULL: it was dropped, or
 * defined anew. */
struct search_index *search_home(const struct search_index *index);
/* Before a scan, under the lock: the view has a list of its own, caught up. KITH_ENOTFOUND: see
 * search_home. */
KITH_NODISCARD int search_keep(const struct search_index *index);
/* After it, under the lock, the index caught up: something went or was replaced meanwhile. */
bool search_has_changed(const struct search_index *index);

/* ---- for search_index.c ---- */

/* Frees the document, or keeps it while somebody may look at it. doc is nullable. */
void search_bury(struct search_index *index, struct search_doc *doc);
/* The definition goes. True: somebody looks at it, and it is freed later. */
bool search_pins_orphan(struct search_index *index);

#endif
