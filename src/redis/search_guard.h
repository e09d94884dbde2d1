/*
 * One owner for every row (DECISIONS 13), seen from the keyspace: a collection that another door
 * made shows under the FT commands as documents `<collection>:<key>` of database 0, and its rows
 * are not keys. So a command that would write such a key is refused with a text that says where the
 * rows are written. A key that is there all the same (it is older than the collection) is an
 * ordinary key: it can be changed and deleted.
 *
 * While there is no such collection nothing is tested at all: the functions of the commands that
 * write are exchanged for one that looks at the keys first when the first collection comes, and put
 * back when the last one goes. Replay is not refused anything.
 *
 * Guard: the keyspace lock; `making` is taken before it, and before the engine is asked.
 */
#ifndef KITH_REDIS_SEARCH_GUARD_H
#define KITH_REDIS_SEARCH_GUARD_H

#include "redis/redis_internal.h"

struct search_guard;

KITH_NODISCARD int search_guard_new(struct redis *redis, struct search_guard **out);
/* Puts the functions back. NULL is a no-op. */
void search_guard_free(struct redis *redis, struct search_guard *guard);
/* The collection whose document one of these keys is, or no bytes; *key is that one. */
struct kith_str search_guard_finds(struct redis *redis, const struct command_entry *entry,
                                   unsigned db, const struct kith_str *argv, size_t argc,
                                   struct kith_str *key);
/* What a write of another door is refused with; NULL: it is not. */
const char *search_guard_refusal(struct redis *redis, unsigned db, const struct kith_str *argv,
                                 size_t argc);

#endif
