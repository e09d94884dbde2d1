/*
 * The write-ahead log: one a database, channels multiplexed (a channel is a collection's id), so
 * that one sync serves every writer. Files `wal-<number, 16 hex digits>.log` of WAL_FILE_BYTES,
 * zero-written ahead and reused never; format in docs/formats/wal.md.
 *
 * A record becomes durable by group commit without a thread of its own: the first waiter whose
 * record is not yet durable becomes the leader, writes and syncs everything published so far, and
 * wakes the rest; records that arrive meanwhile form the next group. So idle costs nothing, and it
 * works without threads.
 *
 * Timestamps are taken here, in log order: max(last + 1, unix_ms << 18).
 *
 * Threads: every function may be called from any thread, but wal_open and wal_close. A failed write
 * or sync poisons the log: every open and later ticket fails with KITH_EOUTCOME (those possibly
 * written) or KITH_EIO, until the database is reopened.
 */
#ifndef KITH_LOG_WAL_H
#define KITH_LOG_WAL_H

#include <stddef.h>
#include <stdint.h>

#include <kith/kith.h>

#include "base/error.h"
#include "os/os.h"
#include "os/thread.h"

#define WAL_FILE_BYTES (64u << 20)
#define WAL_RECORD_MAX (512u << 20) /* payload bytes; a larger batch is refused with KITH_ELIMIT */

struct wal;

struct wal_piece { /* one part of a payload; borrowed for the call */
    const void *data;
    size_t len;
};

struct wal_record { /* handed to replay; payload borrows until the callback returns */
    uint64_t ts;
    uint32_t channel;
    uint16_t type;
    const uint8_t *payload;
    size_t len;
};

struct wal_opts {
    const struct os *os;
    const char *dir; /* borrowed for the open only */
    uint64_t database_id;
    enum kith_sync sync;
    uint64_t last_ts;  /* the largest known from elsewhere (manifest) */
    uint32_t file_bytes; /* 0: WAL_FILE_BYTES; tests use small ones */
    bool read_only;    /* replay only; appends answer KITH_EREADONLY */
};

struct wal_replay_report {
    uint64_t records;
    uint64_t cut_bytes;     /* of a torn tail that was cut */
    uint64_t damaged_bytes; /* of damage before the durable end: records were lost there */
    char text[256];         /* the first finding in words; "" when none */
};

/* Opens dir's log, hands every intact record in log order to `replay` (a negative return stops and
 * is returned), cuts a torn tail, and reports damage: a bad record *before* an end that a later
 * group states as durable is damage (reported, skipped to the next intact group), after it a torn
 * tail. */
KITH_NODISCARD int wal_open(const struct wal_opts *opts,
                            int (*replay)(void *ctx, const struct wal_record *record), void *ctx,
                            struct wal_replay_report *report, struct wal **out,
                            struct kith_error *err);
/* Syncs what is unsynced (under everysec and no too) and closes. NULL is a no-op. */
void wal_close(struct wal *wal);

/* Takes a timestamp, copies the payload into the next group and returns a ticket. The order of
 * timestamps is the order in the log. */
KITH_NODISCARD int wal_append(struct wal *wal, uint32_t channel, uint16_t type,
                              const struct wal_piece *pieces, size_t piece_count, uint64_t *ts,
                              uint64_t *ticket, struct kith_error *err);
/* Waits until the record is as durable as the policy says: always: written and synced; everysec,
 * no: written. Not cancellable once appended: the outcome must be known. */
KITH_NODISCARD int wal_wait(struct wal *wal, uint64_t ticket, struct kith_error *err);

/* everysec: syncs if something written is older than the last sync. Called by the engine's timer
 * while wal_dirty(). */
KITH_NODISCARD int wal_sync(struct wal *wal, struct kith_error *err);
bool wal_dirty(struct wal *wal);

/* The timestamp of the last record that is as durable as the policy says. */
uint64_t wal_acknowledged_ts(struct wal *wal);
/* A log that a full disk stopped, and of which nothing doubtful is on disk, takes records again:
 * true when it does. The caller has waited for every ticket and taken back what failed. */
bool wal_revive(struct wal *wal);
bool wal_is_stopped(struct wal *wal); /* by a full disk, and wal_revive will do */

struct wal_place { /* between two records */
    uint64_t number; /* of the file; 0: before the first */
    uint64_t offset;
};
/* Calls fn with the end of what may be acknowledged (as the policy promises), now and before each
 * acknowledgement; it must not call the log. Before other threads use the log. */
void wal_watch(struct wal *wal, void (*fn)(void *ctx, struct wal_place end), void *ctx);

/* Everything of `channel` up to and including ts is in files: log files that hold nothing newer of
 * any channel are unlinked. A dropped channel passes UINT64_MAX. */
KITH_NODISCARD int wal_trim(struct wal *wal, uint32_t channel, uint64_t ts, struct kith_error *err);
uint64_t wal_bytes(struct wal *wal);    /* on disk; 0 for NULL */
uint64_t wal_last_ts(struct wal *wal);  /* the largest taken */
/* The least that the next record can have; by the clock, and kept to if that is set back. */
uint64_t wal_next_ts(struct wal *wal);

/* Walks the log without changing it; for check and dump. problem and line are nullable. */
KITH_NODISCARD int wal_inspect(const struct os *os, const char *path, uint64_t database_id,
                               void (*line)(void *ctx, const char *text),
                               void (*problem)(void *ctx, uint64_t offset, const char *text),
                               void *ctx, struct kith_error *err);

#endif
