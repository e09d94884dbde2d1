/*
 * The log's state, shared by wal.c (records in, groups out), wal_file.c (files and trimming) and
 * wal_open.c.
 *
 * Who may touch what: `lock` guards what says so. The leader (`leading` is true; it was set under
 * the lock and is unset under it) owns the fields of the leader without holding the lock, so it
 * writes and syncs while others append.
 *
 * Lock order: trim_lock, then lock. No I/O happens under `lock`.
 */
#ifndef KITH_LOG_WAL_INTERNAL_H
#define KITH_LOG_WAL_INTERNAL_H

#include "base/buffer.h"
#include "base/map.h"
#include "log/wal_format.h"

struct wal_file { /* a file in the folder */
    uint64_t number;
    uint64_t size;
    struct map64 channels; /* channel -> largest timestamp in this file */
    bool pinned;           /* there was no memory for `channels`: kept until the next open */
};

struct wal {
    const struct os *os; /* borrows */
    char *dir;           /* owns */
    uint64_t database_id;
    enum kith_sync sync;
    uint64_t file_bytes;
    bool read_only;

    struct os_mutex trim_lock; /* one trim at a time, so that files go oldest first */
    struct os_mutex lock;
    struct os_cond progress; /* with lock: a leader has finished */

    /* guarded by lock */
    struct buffer filling; /* room for a group record, then encoded records */
    uint64_t appended, written, synced; /* tickets: the count of records that got so far */
    uint64_t risked;       /* poisoned: tickets above `synced` up to here may be on disk */
    uint64_t last_ts;
    bool leading;
    bool syncing;          /* wal_sync syncs `file` beside leaders, who must not close it */
    uint64_t aside_number, aside_end; /* the file that it synced last, and up to where */
    struct kith_error poison; /* code 0: none */
    bool revivable;        /* poisoned by a full disk, and what failed is cut off */
    uint64_t acknowledged_ts;
    struct wal_file *files;   /* owns; by number, the last is written to */
    size_t file_count, file_cap;
    struct map64 trimmed; /* channel -> everything up to here is in other files */
    void (*watch)(void *ctx, struct wal_place end); /* nullable */
    void *watch_ctx;

    /* the leader's */
    struct buffer writing;
    struct os_file *file; /* owns; NULL: none begun since opening */
    struct wal_file_id id; /* of `file` */
    uint64_t end;    /* of the log in `file`, or in the file before it while NULL */
    uint64_t zeroed; /* the file was written up to here */
    uint64_t prev_number; /* the file before the next one to begin; 0: none */
    uint64_t next_number;
    uint64_t durable;  /* everything in `file` before it was synced */
    uint64_t stated;   /* the last group's statement of `durable` */
    uint64_t group_ts; /* the last timestamp written */
    bool uncreated;    /* the last attempt to begin a file failed, and left nothing */
    bool risky;        /* bytes of the current group may be on disk */
};

/* ---- wal_file.c ---- */
KITH_NODISCARD int wal_files_add(struct wal *wal, uint64_t number,
                                 uint64_t size); /* lock held, or not yet shared */
void wal_files_note(struct wal_file *file, uint32_t channel, uint64_t ts); /* ditto */
void wal_files_release(struct wal *wal);
/* Makes sure that `file` has room for a group with a record of `padded` bytes; may begin a new one.
 */
KITH_NODISCARD int wal_file_prepare(struct wal *wal, size_t padded, struct kith_error *err);
/* Zeros ahead of a write that ends at `end`. */
KITH_NODISCARD int wal_file_extend(struct wal *wal, uint64_t end, struct kith_error *err);
KITH_NODISCARD int wal_file_sync(struct wal *wal, struct kith_error *err);
/* What was synced beside the leaders is durable for this one. Under lock. */
void wal_file_take_aside(struct wal *wal);
/* After a full disk: cuts what a failed group left, durably. */
KITH_NODISCARD int wal_file_cut(struct wal *wal);
/* States the durable end once more and cuts the zeros off; errors do no harm. */
void wal_file_finish(struct wal *wal);

#endif
