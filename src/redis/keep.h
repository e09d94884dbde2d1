/*
 * Keeping the keyspace on disk: an append log of effects, snapshots, and what is read at start.
 *
 * Files, in one folder (byte tables: docs/formats/keyspace.md):
 *   current          which snapshot and which logs make up the data; replaced by rename
 *   snapshot-<n>     all keys at one instant
 *   log-<n>          effects after it, in order; the logs of `current` are first, first + 1, ...
 *   lock             held by the process that writes here
 *
 * A change is appended in memory under the keyspace lock, as one record a command or transaction,
 * and gets a *ticket*: the count of bytes appended so far. The policy says when a ticket is good:
 *   always     its bytes are synced (a thread syncs; whoever comes meanwhile shares the next sync)
 *   everysec   they are with the system: the process loses nothing, the machine a second
 *   no         the same; the system syncs when it likes
 * Sessions hold their output until the tickets of all they have seen are good (stream.h).
 *
 * A snapshot is taken without fork and without stopping: the entries are marked (cache_mark) while
 * the keyspace is walked in slices of some hundred microseconds, and an entry that is about to
 * change is written down first. Together that is the keyspace at the instant of the beginning. Of a
 * large value both write pieces, so that nobody waits for all of it. At that instant the log
 * continues in a new file, so `current` = (snapshot, that file) is the whole, and everything older
 * can go: rewriting the log and saving are one thing. The new file says where the old one ended, so
 * nobody waits for a sync of it.
 *
 * Failures: a write that fails (no space) is tried again, at the same place, and new changes are
 * refused meanwhile (keep_refusal). A sync that fails is never repeated: the log is lost, and
 * changes are refused until a snapshot has taken its place. What waits is answered then.
 *
 * Locks: keyspace lock, then the turn to write, then lock; lock is a leaf. A loop never waits for
 * the turn: if another has it, the output waits and the loop is told.
 */
#ifndef KITH_REDIS_KEEP_H
#define KITH_REDIS_KEEP_H

#include "cache/cache.h"
#include "redis/settings.h"

struct keep;

struct keep_opts {
    const struct os *os;
    const char *dir;     /* made when missing */
    struct cache *cache;
    /* Executes a command that was logged. Under the keyspace lock. Negative: it could not be. */
    int (*replay)(void *ctx, unsigned db, const struct kith_str *argv, size_t argc);
    /* Gives keep_definition() the commands that make what is no key (search indexes). Nullable. */
    void (*define)(void *ctx, struct keep *keep);
    void (*settled)(void *ctx); /* a ticket became good in another thread; nullable */
    void (*lost)(void *ctx); /* a sync failed, and keep_refusal says so. In the thread that synced,
                                without locks; nullable */
    void (*log)(void *ctx, int level, const char *text);
    void *ctx, *log_ctx;
    bool fresh;   /* what is there is not read: the first snapshot takes its place */
    bool recover; /* damage in the middle cuts the log there instead of refusing */
};

/* Takes the lock of the folder and loads what is there. KITH_ECORRUPT names file and offset,
 * KITH_ELOCKED: another process writes here. */
KITH_NODISCARD int keep_open(const struct keep_opts *opts, struct keep **out,
                             struct kith_error *err);
/* Writes and syncs what is pending; a snapshot under way is given up. NULL is a no-op. */
void keep_close(struct keep *keep);

/* Begins to log, or changes the policy. Right after keep_open nothing else is needed; later, what
 * changed since is not on disk yet, and `save` begins the log with a snapshot. KITH_EBUSY: one is
 * under way. Not under the keyspace lock. */
KITH_NODISCARD int keep_log(struct keep *keep, enum fsync_policy policy, bool save,
                            struct kith_error *err);
/* Stops logging: what is on disk then is the last snapshot and the log up to here. */
void keep_log_off(struct keep *keep);
bool keep_is_logging(const struct keep *keep);

/* One unit: all of its commands are replayed, or none. Under the keyspace lock. */
struct keep_command {
    unsigned db;
    const struct kith_str *argv;
    size_t argc;
};
void keep_append(struct keep *keep, const struct keep_command *commands, size_t count);
/* Inside opts.define: the same for the snapshot. */
void keep_definition(struct keep *keep, unsigned db, const struct kith_str *argv, size_t argc);

uint64_t keep_ticket(const struct keep *keep); /* of the last append; 0: all is good */
uint64_t keep_settle(struct keep *keep); /* writes, or has written; up to where all is good */
/* Waits until the ticket is good; KITH_EIO when it never will be. Not under the keyspace lock. */
KITH_NODISCARD int keep_wait(struct keep *keep, uint64_t ticket);
/* Of all that was appended: a ticket to wait for, whatever the policy promises. */
uint64_t keep_end(const struct keep *keep);
/* Waits until it is synced, or under `no` written; KITH_ETIMEDOUT. deadline_us: OS_FOREVER. */
KITH_NODISCARD int keep_wait_synced(struct keep *keep, uint64_t ticket, int64_t deadline_us);
const char *keep_refusal(const struct keep *keep); /* why changes are refused; NULL: they are not */

/* Begins a snapshot in the background. KITH_EBUSY: one is under way. */
KITH_NODISCARD int keep_save_begin(struct keep *keep, struct kith_error *err);
/* The same, and waits for its end. */
KITH_NODISCARD int keep_save(struct keep *keep, struct kith_error *err);

struct keep_info {
    bool logging, saving, log_failed, save_failed;
    bool between_logs; /* the next one was not reached: a snapshot tries again */
    int64_t lost_for_ms; /* the log is lost, and for so long no snapshot was tried; 0: it is not */
    uint64_t log_bytes;      /* of all logs of `current` */
    uint64_t log_base_bytes; /* the size of the last snapshot: for rewriting */
    uint64_t pending_bytes;
    int64_t saved_at_ms;     /* Unix; of the last good snapshot, or the start */
    int64_t save_seconds;    /* how long the last one took; -1: none yet */
    int64_t saving_since_ms; /* 0: none under way */
    uint64_t saves, changes_before; /* ended well; appended commands at its beginning */
};
void keep_info_get(struct keep *keep, struct keep_info *out);

/* For cache_hooks, with the keep as ctx. */
void keep_changing(void *keep, unsigned db, struct entry *entry);
void keep_flushing(void *keep, unsigned db);
bool keep_keeping(void *keep, enum value_type type, void *value);

#endif
