/*
 * Documents of an index as rows of its collection: a batch that search_sync.c copies out under the
 * keyspace lock and writes without it. Everything lies in the batch's arena.
 */
#ifndef KITH_REDIS_SEARCH_ROWS_IN_H
#define KITH_REDIS_SEARCH_ROWS_IN_H

#include "base/arena.h"
#include "redis/search_derived.h"

#define ROWS_IN_MAX 512u
#define ROWS_IN_BYTES (4u << 20)
#define ROWS_GONE_MAX 4096u

struct rows_in {
    struct arena arena;
    struct search_derived *derived; /* owns a reference */
    uint64_t epoch, last;           /* of derived: which documents; up to which change */
    bool empty_first;
    struct kith_str *gone;
    size_t gone_count;
    struct kith_column *columns; /* __key and one a field */
    size_t column_count, rows;
};

/* Takes the oldest changes of the index. Under the keyspace lock. KITH_ENOMEM; release always. */
KITH_NODISCARD int rows_in_take(struct redis *redis, struct search_index *index,
                                struct rows_in *out);
/* Without the lock. */
KITH_NODISCARD int rows_in_write(struct rows_in *batch, struct kith_error *err);
void rows_in_release(struct rows_in *batch); /* but for the reference */

#endif
