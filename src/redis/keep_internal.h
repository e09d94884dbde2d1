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
#define KEEP_VERSION 3u       /* 1 had no values in pieces, 2 had no links between logs */
#define KEEP_VERSION_LINKS 3u /* from here on a log begins with one */
#define KEEP_LINK_BYTES (KEEP_GROUP_BYTES + 16u)
#define KEEP_ALLOCATE_BYTES (16u << 20)
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
    _Atomic uint64_t durable; /* up to where it was synced; 0: the log before may lack its end */
    uint64_t allocated; /* zeros are there up to here */
    uint64_t chain;     /* of all groups so far (keep_chain) */
};

struct keep_opened { /* a file of which the header was read */
    struct os_file *file; /* owns */
    uint64_t bytes;
    uint32_t version;
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
    uint64_t tail, tail_chain;    /* where the last log that was read ends, and its chain */
    bool torn;                    /* it lacks its end: what follows it is not the data */

    _Atomic bool logging;
    bool begins;   /* guard: lock; the next snapshot begins to log */
    _Atomic bool abandoned; /* the log is lost; changes wait in `pending` for the end of a
                               snapshot, after which the next one begins */
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
    struct keep_log old;    /* guard: lock; the one before, while it is not synced to its end */
    uint64_t old_ticket;    /* guard: lock; of its end */
    bool stopping;          /* guard: lock */
    bool writing;           /* guard: lock; one thread has the turn: it owns what follows */
    bool missed;            /* guard: lock; somebody came meanwhile and did not wait */
    bool sync_due;          /* guard: lock; `everysec`: something was appended since */
    bool syncing;           /* guard: lock; a thread syncs old.file or log.file, without the turn */
    bool closing;           /* guard: lock; who has the turn closes them: no `syncing` */

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
    int64_t tried_us; /* guard: lock; when the last snapshot ended, or failed */
    uint64_t saves, changes_before;
};

/* keep_file.c: what all three kinds of file share */
void keep_name(const struct keep *keep, enum keep_kind kind, uint64_t number, char *out,
               size_t size);
/* Makes the file with its header, synced. */
KITH_NODISCARD int keep_create(struct keep *keep, enum keep_kind kind, uint64_t number,
                               struct os_file **out, struct kith_error *err);
/* Opens for reading and checks the header. KITH_ENOTFOUND, KITH_ECORRUPT, KITH_EVERSION */
KITH_NODISCARD int keep_open_file(struct keep *keep, enum keep_kind kind, uint64_t number,
                                  struct keep_opened *out, struct kith_error *err);
uint32_t keep_checksum(const struct keep *keep, enum keep_kind kind, uint64_t number,
                       uint64_t offset, const void *data, size_t len);
KITH_NODISCARD int keep_read_current(struct keep *keep, struct kith_error *err);
KITH_NODISCARD int keep_write_current(struct keep *keep, uint64_t snapshot, uint64_t log_first,
                                      struct kith_error *err);
void keep_remove(struct keep *keep, enum keep_kind kind, uint64_t number);
/* Fills in the 16 bytes at the front of a group or block whose payload stands behind them. */
void keep_seal(const struct keep *keep, enum keep_kind kind, uint64_t number, uint64_t offset,
               uint64_t durable, struct buffer *group);
/* The groups of a log up to one whose 16 bytes are `head`. Of none: 0. */
uint64_t keep_chain(uint64_t chain, const uint8_t *head);

/* keep_load.c */
KITH_NODISCARD int keep_load(struct keep *keep, struct kith_error *err);
/* Reads nothing; new files come after those that are there. */
KITH_NODISCARD int keep_pass_by(struct keep *keep, struct kith_error *err);

/* keep_log.c */
KITH_NODISCARD int keep_start_syncer(struct keep *keep, struct kith_error *err);
void keep_syncer(void *keep);
int keep_write(struct keep *keep); /* what is pending; negative: it failed and is tried again */
/* What was written, without the turn: others go on writing. Negative: the log is lost. */
int keep_sync(struct keep *keep);
void keep_put_command(struct buffer *out, unsigned db, const struct kith_str *argv, size_t argc);
void keep_fail(struct keep *keep, _Atomic bool *flag, const char *what,
               const struct kith_error *err);
void keep_say(const struct keep *keep, int level, const char *fmt, ...) KITH_PRINTF(3, 4);

/* keep_change.c */
/* The first group of an empty log: where the one before ended, which may not be synced yet. */
KITH_NODISCARD int keep_link(struct keep *keep, struct keep_log *log,
                             const struct keep_log *before, struct kith_error *err);
/* Writes the present log to its end and goes on in `next`. Nothing is synced. */
KITH_NODISCARD int keep_change_log(struct keep *keep, struct kith_error *err);
/* A snapshot has taken the place of the lost log: `next` begins. */
KITH_NODISCARD int keep_begin_anew(struct keep *keep, struct kith_error *err);
void keep_drop_next(struct keep *keep, bool remove); /* it is not wanted any more */
void keep_drop_log(struct keep *keep); /* closes all, and forgets what was not written */

/* keep_log.c: the turn, and what has it to itself */
void keep_take_turn(struct keep *keep);
void keep_end_turn(struct keep *keep);
int keep_write_rest(struct keep *keep); /* with the turn: all that belongs to the present log */
/* With the turn: until the end of it nobody syncs. */
void keep_take_files(struct keep *keep);

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
