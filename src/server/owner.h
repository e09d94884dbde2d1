/*
 * Who owns the rows of a collection. Rows belong to the door through which their container was
 * made; a collection that only shows what another door holds (the keys under a search index of the
 * Redis door) is marked in the database's metadata, "owner/<database>/<collection>", and every
 * other door refuses to write to it with the text of owner_refusal. Reading is free.
 */
#ifndef KITH_SERVER_OWNER_H
#define KITH_SERVER_OWNER_H

#include <kith/kith.h>

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"

#define OWNER_REDIS "redis"

/* database: NULL for "default". */
KITH_NODISCARD int owner_set(struct kith_db *db, const char *database, const char *name,
                             const char *owner, struct kith_error *err);
KITH_NODISCARD int owner_clear(struct kith_db *db, const char *database, const char *name,
                               struct kith_error *err);
/* The collection (its own name, no alias) is marked as the Redis door's. */
bool owner_is_redis(struct kith_db *db, const char *database, const char *name);
/* Names of the marked collections of a database; kith_names_free. */
KITH_NODISCARD int owner_list(struct kith_db *db, const char *database, struct kith_names *out,
                              struct kith_error *err);
/* Why a write to it is refused, and by what command it is made. */
void owner_refusal(const char *name, char *out, size_t size);

#endif
