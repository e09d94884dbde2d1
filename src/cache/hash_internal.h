/* What hash.c and hash_value.c share. */
#ifndef KITH_CACHE_HASH_INTERNAL_H
#define KITH_CACHE_HASH_INTERNAL_H

#include "cache/hash.h"

/* A pack becomes a table. KITH_ENOMEM; KITH_ECORRUPT when a field occurs twice, which only a
 * decoded pack can have. */
KITH_NODISCARD int hash_become_table(struct hash *hash);
/* A field of the table. */
void hash_field_of_cell(const void *cell, struct hash_field *out);

#endif
