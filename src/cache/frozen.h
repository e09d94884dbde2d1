/*
 * A large value as it was at one instant, written in pieces while it goes on changing: a snapshot
 * holds the keyspace lock for a piece and not for a million members.
 *
 * Of sets, hashes, sorted sets and vector sets the table of members is scanned with a cursor, and
 * watched (dict.h). A member that is about to change where the scan has not been is written down
 * first, and its name is remembered, so that the scan passes over whatever has that name then; one
 * that is added there is only remembered. So what is remembered is bounded by the changes that come
 * during the scan. Of lists it is the packs (list_row.h).
 *
 * Under the keyspace lock, but for frozen_end of a value that nobody else has. Changes of the value
 * cost a lookup more meanwhile. One at a time a value; no change of it may come after frozen_end
 * began, and it may not be freed before.
 */
#ifndef KITH_CACHE_FROZEN_H
#define KITH_CACHE_FROZEN_H

#include "cache/cache.h"

struct frozen;

/* Whether a value is worth it: settings->piece_members. */
bool value_is_large(const struct cache_settings *settings, enum value_type type,
                    const void *value);

/* From now on the value is written as it is. KITH_ENOMEM. */
KITH_NODISCARD int frozen_begin(enum value_type type, void *value, struct frozen **out);
void frozen_end(struct frozen *frozen); /* NULL is a no-op */
const void *frozen_value(const struct frozen *frozen);
enum value_type frozen_type(const struct frozen *frozen);
/* How many members there are in all, and what stands before them. To be asked for at once. */
uint64_t frozen_count(const struct frozen *frozen);
void frozen_head(const struct frozen *frozen, struct buffer *out);
/* Appends members, of about so many bytes; *count: how many. Gives 1, or 0 when there are no more
 * to come; KITH_ENOMEM when some could not be kept. */
KITH_NODISCARD int frozen_next(struct frozen *frozen, size_t bytes, struct buffer *out,
                               uint32_t *count);

/* Reading: untrusted bytes. Frees nothing: the value is the caller's from the head on. */
KITH_NODISCARD int pieces_read_head(struct cache *cache, enum value_type type, struct cursor *in,
                                    void **value);
KITH_NODISCARD int pieces_read_member(struct cache *cache, enum value_type type, void *value,
                                      struct cursor *in);

#endif
