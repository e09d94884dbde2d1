/*
 * The inside of keep: formats, and which thread may touch what.
 */
#ifndef KITH_REDIS_KEEP_INTERNAL_H
#define KITH_REDIS_KEEP_INTERNAL_H

#include "base/buffer.h"
#include "os/thread.h"
#include "redis/keep.h"

#define KEEP_HEADER_BYTES 64u
#define KEEP_GROUP_BYTES 16u
#define KEEP_VERSION 2u /* 1 had no values in pieces */
#define KEEP_GROUP_MAX (1u << 30)
#define KEEP_NAME_MAX 40u
#define KEEP_ARGS_MAX (1u << 24)

enum keep_kind { KEEP_CURRENT = 1, KEEP_SNAPSHOT = 2, KEEP_LOG = 3 };
enum keep_record {
    RECORD_END = 0, RECORD_ENTRY = 1, RECORD_DEFINITION = 2, RECORD_LARGE = 3, RECORD_PIECE = 4
};

struct keep_log { /* one file */
    struct os_file *file; /* owns; NULL: none */
    uint64_t number;
    _Atomic uint64_t offset;  /* where the next group goes */
    _Atomic uint64_t durable; /* up to where it was synced */
    uint64_t allocated; /* zeros are there up to here */
};

struct saving { /* guard: the keyspace lock while `active`, but for what the saver alone uses */
    bool active;          /* entries are written down when they are marked */
    bool marking;         /* and marked when they change */
    bool aborted;         /* the keyspace was emptied or swapped: begin again */
    unsigned db;
    uint64_t cursor;
    bool walked;          /* nothing is left to walk */
    int lost;             /* negative: a value could not be written as it was */
    struct keep_large *large; /* owns: values that are being written */
    uint64_t large_count;     /* begun so far */
    struct buffer block;  /* gathered, not written yet */
    uint64_t entries;
    struct os_file *file; /* the saver's, like the rest */
    uint64_t number, offset;
};

struct keep {
    struct keep_opts opts;
    char *dir; /* owns */
    struct os_file *lock_file;
    uint64_t id; /* of this data: drawn when the folder is new; seeds the checksums */
    uint64_t snapshot, log_first; /* of `current`; the saver's after opening */
    uint64_t log_end;             /* the number that the next log has; guard: lock */

    _Atomic bool logging;
    bool begins;   /* guard: lock; the next snapshot begins to log */
    _Atomic bool abandoned; /* the present file could not be synced: the next one follows it */
    _Atomic int policy; /* enum fsync_policy */
    _Atomic uint64_t end, written, synced; /* tickets */
    _Atomic bool write_failed, sync_failed, save_failed;
    char refusal[256]; /* guard: lock; set before the flags */

    struct os_mutex lock;
    struct os_cond work;    /* the syncer waits */
    struct os_cond done;    /* others wait: for a turn, for a ticket, for the end of a snapshot */
    struct buffer pending;  /* guard: lock; room for a group's header, then records */
    bool cut_due;           /* guard: lock; what stands behind `cut` goes into `next` */
    size_t cut;
    uint64_t cut_ticket;
    struct keep_log next;   /* guard: lock */
    bool stopping;          /* guard: lock */
    bool writing;           /* guard: lock; one thread has the turn: it owns what follows */
    bool missed;            /* guard: lock; somebody came meanwhile and did not wait */
    bool sync_due;          /* guard: lock; `everysec`: something was appended since */
    bool syncing;           /* guard: lock; the syncer uses log.file without the turn */
    bool replacing;         /* guard: lock; who has the turn may close log.file: no `syncing` */

    struct keep_log log;
    struct buffer group;    /* sealed and not written yet */
    uint64_t group_ticket;
    _Atomic uint64_t log_bytes, log_base_bytes;

    struct os_thread *syncer, *saver;
    bool saver_running; /* guard: lock */
    int saver_rc;
    struct saving saving;
    struct keep_arriving *arriving; /* owns: while a snapshot is loaded */
    uint64_t appended; /* commands; guard: the keyspace lock */
    int64_t saved_at_ms, save_seconds, saving_since_ms; /* guard: lock */
    uint64_t saves, changes_before;
};

/* keep_file.c: what all three kinds of file share */
void keep_name(const struct keep *keep, enum keep_kind kind, uint64_t number, char *out,
               size_t size);
/* Makes the file with its header, synced. */
KITH_NODISCARD int keep_create(struct keep *keep, enum keep_kind kind, uint64_t number,
                               struct os_file **out, struct kith_error *err);
/* Opens for reading and checks the header. KITH_ENOTFOUND, KITH_ECORRUPT, KITH_EUNSUPPORTED */
KITH_NODISCARD int keep_open_file(struct keep *keep, enum keep_kind kind, uint64_t number,
                                  struct os_file **out, uint64_t *bytes, struct kith_error *err);
uint32_t keep_checksum(const struct keep *keep, enum keep_kind kind, uint64_t number,
                       uint64_t offset, const void *data, size_t len);
KITH_NODISCARD int keep_read_current(struct keep *keep, struct kith_error *err);
KITH_NODISCARD int keep_write_current(struct keep *keep, uint64_t snapshot, uint64_t log_first,
                                      struct kith_error *err);
void keep_remove(struct keep *keep, enum keep_kind kind, uint64_t number);
/* Fills in the 16 bytes at the front of a group or block whose payload stands behind them. */
void keep_seal(const struct keep *keep, enum keep_kind kind, uint64_t number, uint64_t offset,
               uint64_t durable, struct buffer *group);

/* keep_load.c */
KITH_NODISCARD int keep_load(struct keep *keep, struct kith_error *err);
/* Reads nothing; new files come after those that are there. */
KITH_NODISCARD int keep_pass_by(struct keep *keep, struct kith_error *err);

/* keep_log.c */
KITH_NODISCARD int keep_start_syncer(struct keep *keep, struct kith_error *err);
void keep_syncer(void *keep);
int keep_write(struct keep *keep); /* what is pending; negative: it failed and is tried again */
int keep_sync(struct keep *keep);  /* what was written */
void keep_sync_beside(struct keep *keep); /* the same without the turn: others go on writing */
void keep_put_command(struct buffer *out, unsigned db, const struct kith_str *argv, size_t argc);
void keep_fail(struct keep *keep, _Atomic bool *flag, const char *what,
               const struct kith_error *err);
void keep_say(const struct keep *keep, int level, const char *fmt, ...) KITH_PRINTF(3, 4);

/* Lets the syncer end its sync, then takes the turn and gives it back. */
void keep_take_turn(struct keep *keep);
void keep_end_turn(struct keep *keep);
void keep_close_log(struct keep *keep); /* with the turn */
/* With the turn: closes the present file, which was written to its end, and goes on in `next`. */
int keep_switch(struct keep *keep);

/* keep_large.c; under the keyspace lock */
/* Begins to write the entry's value in pieces. false: it is not large, or there is no memory. */
bool keep_large_begin(struct keep *keep, unsigned db, const struct entry *entry);
void keep_large_step(struct keep *keep); /* one piece; there is a value that is being written */
void keep_large_drop(struct keep *keep); /* what is being written is not wanted any more */
KITH_NODISCARD int keep_large_arrives(struct keep *keep, struct cursor *in);
KITH_NODISCARD int keep_piece_arrives(struct keep *keep, struct cursor *in);
void keep_arriving_drop(struct keep *keep);

/* keep_save.c */
void keep_join_saver(struct keep *keep);

#endif
