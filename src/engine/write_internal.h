/*
 * One write on its way, shared by write.c (insert, upsert), write_delete.c (deletes, dropped
 * partitions) and write_commit.c, which ends them all.
 */
#ifndef KITH_ENGINE_WRITE_INTERNAL_H
#define KITH_ENGINE_WRITE_INTERNAL_H

#include "engine/engine.h"

struct kill_list { /* rows that this write removes; in the arena */
    size_t expired; /* among them: nobody counts those */
    struct segment **segments;
    uint32_t *rows;
    size_t count, cap;
};

struct writing {
    struct kith_collection *collection;
    struct arena arena;
    struct request request;
    struct kith_batch batch; /* normalised */
    uint32_t *partitions;    /* one a row */
    struct kill_list kills;
    struct buffer payload;
    bool upsert;
    bool keys_given;              /* although they are automatic */
    bool replaces_expired;        /* an insert found its keys on rows that are too old */
    const struct schema *schema;  /* the batch is normalised by it */
    uint64_t oldest_s;            /* rows inserted before this second are not there */
    struct key *replaced; /* upsert with automatic keys: what the caller named; in the arena */
    size_t replaced_count;
    struct kith_written written;
};

void writing_init(struct writing *writing, struct kith_collection *collection,
                  const struct kith_call *call);
void writing_release(struct writing *writing);
int writing_no_memory(const struct writing *writing, struct kith_error *err);

/* From here on under write_lock. The segment that rows are appended to: */
struct segment *writing_active(struct kith_collection *collection);
bool writing_is_full(struct kith_collection *collection, size_t more);
/* Notes the row as one that this write removes. */
KITH_NODISCARD int writing_kill(struct writing *writing, struct segment *segment, uint32_t row);
/* Every row of the key, in any segment, or in those partitions (NULL: all); *found counts those
 * that anybody could see. */
KITH_NODISCARD int writing_kill_key(struct writing *writing, struct key key, size_t *found);
KITH_NODISCARD int writing_kill_key_in(struct writing *writing, struct key key,
                                       const uint32_t *partitions, size_t count, size_t *found);
/* Rows (if any), the record, the kills. */
KITH_NODISCARD int writing_commit(struct writing *writing, enum wal_type type, uint64_t *ts,
                                  uint64_t *ticket, struct kith_error *err);

/* Without the lock: until the record is as durable as promised; fills `out`, which is nullable. */
KITH_NODISCARD int writing_wait(struct writing *writing, uint64_t ts, uint64_t ticket,
                                struct kith_written *out, struct kith_error *err);
/* There was nothing to write. */
KITH_NODISCARD int writing_unchanged(struct writing *writing, struct kith_written *out,
                                     struct kith_error *err);

/* Before a write, without a lock: a log that a full disk stopped is tried again. */
void writing_revive(struct kith_db *db);

/* ---- keys of one call, for duplicates among them */
struct seen {
    struct map map;
};
KITH_NODISCARD int seen_put(struct seen *seen, struct key key, uintptr_t row, bool *had,
                            uintptr_t *before);
/* Appends a key to a record. */
void key_encode(struct buffer *out, struct key key);

#endif
