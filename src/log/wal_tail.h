/*
 * Reading a log beside the process that writes it.
 *
 * The writer says up to which place records are acknowledged; everything before it is in the files
 * and verifies. A tail remembers how far it has read and goes on from there. Since the writer
 * unlinks files that nothing needs any more, a tail that fell behind is told so (KITH_ENOTFOUND)
 * and begins again: it pins the files that are there, its owner then reads the manifests, which
 * cover whatever was unlinked before, and the pinned files are read from their start.
 *
 * Threads: none of its own, one caller at a time.
 */
#ifndef KITH_LOG_WAL_TAIL_H
#define KITH_LOG_WAL_TAIL_H

#include "log/wal.h"

struct wal_tail;

KITH_NODISCARD int wal_tail_new(const struct os *os, const char *dir, uint64_t database_id,
                                struct wal_tail **out);
void wal_tail_free(struct wal_tail *tail); /* NULL is a no-op */

/* Opens every file there is and goes to the start of the first. */
KITH_NODISCARD int wal_tail_pin(struct wal_tail *tail, struct kith_error *err);
/* Hands every record between the place reached and `end` to fn, in order (a negative return stops
 * and is returned; the records since the last success come again then). KITH_ENOTFOUND: a file in
 * between is gone. *damaged_bytes counts what did not verify and was skipped. */
KITH_NODISCARD int wal_tail_read(struct wal_tail *tail, struct wal_place end,
                                 int (*fn)(void *ctx, const struct wal_record *record), void *ctx,
                                 uint64_t *damaged_bytes, struct kith_error *err);

#endif
