/* What zset.c and zset_value.c share. */
#ifndef KITH_CACHE_ZSET_INTERNAL_H
#define KITH_CACHE_ZSET_INTERNAL_H

#include "cache/zset.h"

/* A pack becomes a table. KITH_ENOMEM; KITH_ECORRUPT when a member occurs twice, which only a
 * decoded pack can have. */
KITH_NODISCARD int zset_become_table(struct zset *zset);
/* A member of the table. */
void zset_member_of_cell(const void *cell, struct zset_member *out);

#endif
