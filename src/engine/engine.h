/*
 * What the files of the engine share: the database, collections, versions and views.
 *
 * Object lifetimes
 *   kith_db          from kith_open to kith_close; holds one reference on each collection.
 *   kith_collection  counted: the database's catalog, every handle, every running call and
 *                    iterator. After a drop or a close it answers KITH_ECLOSED and lives until the
 *                    last handle is released. So do all schemas it ever had.
 *   version          counted, immutable: the segments of a collection at one moment, sealed ones in
 *                    order of insertion, then frozen growing ones, the active one last.
 *   view             a version reference, a timestamp and an age: what one read sees.
 *
 * Locks, in this order: db->catalog_lock, then collection->write_lock, then
 * collection->version_lock.
 *   catalog_lock  the maps of names and the list of collections; names and aliases.
 *   write_lock    one writer at a time: order of log records, appends, kills, publications.
 *   version_lock  the pointer to the current version; held for a pointer copy only.
 *   work_lock     the background thread's wake-up state; never held with another.
 * No lock is held across a wait for the log. The write lock is held across the journal's commit in
 * a publication, so that no kill falls between what the manifest says and what the version holds.
 */
#ifndef KITH_ENGINE_ENGINE_H
#define KITH_ENGINE_ENGINE_H

#include <stdatomic.h>

#include <kith/kith.h>

#include "base/arena.h"
#include "base/budget.h"
#include "base/map.h"
#include "engine/index_wish.h"
#include "engine/reader_page.h"
#include "log/journal.h"
#include "log/wal.h"
#include "log/wal_tail.h"
#include "model/batch.h"
#include "model/key.h"
#include "model/limits.h"
#include "os/pool.h"
#include "os/thread.h"
#include "query/execute.h"
#include "storage/manifest.h"
#include "storage/segment.h"

#define ENGINE_DEFAULT_DATABASE "default"
#define ENGINE_DEFAULT_PARTITION "_default"
#define ENGINE_SEAL_ROWS 65536u
#define ENGINE_SEAL_BYTES (256u << 20)
#define ENGINE_FROZEN_MAX 2       /* frozen segments before inserts wait */
#define ENGINE_LOG_BYTES_MAX (256u << 20) /* log size that forces a checkpoint */
#define ENGINE_ID_BLOCK 1024      /* ids taken from the journal at once */

enum wal_type { /* u16 type of a log record */
    WAL_INSERT = 1, /* partitions, batch */
    WAL_UPSERT = 2, /* the same; kills older rows of its keys */
    WAL_DELETE = 3, /* keys */
    WAL_REPLACE = 4, /* keys that die, partitions, batch: an upsert with automatic keys */
    WAL_DROP_PARTITION = 5, /* u32 id: its rows die, its name goes */
    WAL_DELETE_IN = 6 /* u32 count, u32 ids of partitions; keys: rows in others stay */
};

struct version {
    atomic_uint refs;
    const struct schema *schema; /* of the collection then; every segment shows all its fields */
    size_t count;
    size_t sealed;            /* the first so many are sealed */
    uint64_t *last_ts;        /* growing, frozen: log ts of its last record; in the same block */
    struct segment *segments[]; /* a reference each */
};

struct schema_age { /* schemas that a collection had live as long as it: readers hold them */
    struct schema schema;
    struct schema_age *before; /* owns */
};

struct kith_collection {
    struct kith_db *db;
    atomic_uint refs;
    atomic_bool dropped;

    /* guard: write_lock; names: catalog_lock too. Its schema is a borrowed copy of the newest age.
     */
    struct manifest manifest;
    _Atomic(const struct schema *) schema; /* the newest; a read goes by its version's */
    struct schema_age *ages;               /* owns; guard: write_lock */
    _Atomic uint64_t ttl_s;                /* of the manifest */

    struct os_mutex write_lock;
    struct os_mutex version_lock;
    struct version *version;       /* guard: version_lock */
    _Atomic uint64_t visible_ts;   /* release after the rows; acquire in view_take */
    uint64_t appended_ts;          /* log ts of the last record appended; guard: write_lock */
    uint64_t active_since_ts;      /* appended_ts when the active segment began; write_lock */
    uint64_t flush_ts;             /* files are wanted for all up to it; 0: no; write_lock */
    bool compact_wanted;           /* one merge of everything; guard: write_lock */
    struct index_wishes wishes;    /* of the manifest; guard: write_lock; replaced under
                                      version_lock too, so that either reads it */
    struct map64 unindexable;      /* (segment, number) that got no index; write_lock */
    _Atomic size_t quarantined;    /* segments that did not open, and losses of the log */
    bool doubtful;                 /* its manifest may be an old one: read-only; constant */
    struct kith_collection *like; /* while a follower builds it: whose segments may be taken over */
    uint64_t sealed_kill_ts;       /* the newest kill on a sealed segment; guard: write_lock */
    int work_status;               /* background work failed; guard: write_lock */
    struct kith_error work_error;  /* why; guard: write_lock */
    uint64_t flushes;              /* that were asked for; guard: write_lock */
    _Atomic int64_t updated_ms;
    _Atomic(struct recall_book *) recall; /* owns: what recall targets took; NULL: none came yet */
    atomic_bool warmed;            /* hot sections of the current version were copied */
};

struct kith_db {
    const struct os *os;
    char *dir;
    uint64_t id;
    struct os_file *lock;
    struct journal *journal;
    struct wal *wal;
    struct budget budget;
    struct pool *pool; /* nullable */
    struct pool *search_pool;  /* nullable; used between search_pool_take and _return */
    atomic_uint pool_users;    /* kith_close waits for them */
    unsigned threads;
    bool read_only, no_threads, pin;
    bool catalog_damaged; /* a manifest did not decode: nothing is swept */
    uint64_t seal_rows, seal_bytes;
    enum kith_sync sync;
    void (*log)(void *ctx, int level, const char *text);
    void *log_ctx;

    struct os_mutex catalog_lock;
    struct map databases; /* name -> 1 */
    struct map names;     /* "database\x01name" -> kith_collection */
    struct map aliases;   /* "database\x01alias" -> collection id */
    struct kith_collection **collections; /* owns; a reference each */
    size_t collection_count, collection_cap;
    struct os_mutex id_lock;    /* a leaf: may be taken with any other held */
    uint64_t next_id, id_limit; /* guard: id_lock */
    _Atomic uint64_t next_auto_id;
    atomic_uint unsettled; /* writes in the log that are neither visible nor taken back */
    atomic_uint handles; /* collections not yet freed, and 1 for the open database */
    atomic_bool closed;

    struct os_mutex work_lock;
    struct os_cond work_cond; /* background: something may be due */
    struct os_cond done_cond; /* waiters: some work ended */
    struct os_mutex step_lock; /* one background step at a time */
    struct os_mutex seal_lock; /* taken too by a step that changes what segments there are */
    struct os_cond seal_cond;  /* the sealer: something may be frozen while an index is built */
    struct os_cond sync_cond;  /* the syncer: something was written */
    bool work_due, stopping;  /* guard: work_lock */
    bool indexing, seal_due;  /* guard: work_lock */
    atomic_bool sync_due;     /* set under work_lock */
    uint64_t work_rounds;     /* guard: work_lock; counts finished steps */
    struct os_thread *worker; /* nullable */
    struct os_thread *sealer; /* nullable: seals while the worker builds an index */
    struct os_thread *syncer; /* nullable: under everysec */

    /* Beside readers in other processes, or one of them: follow.c. */
    struct reader_page page;
    struct os_mutex follow_lock; /* outermost: a reader goes on reading what the writer wrote */
    atomic_bool paged;             /* release after `page` was opened */
    _Atomic uint64_t seen_changes; /* of the page */
    struct journal_place place;    /* the manifests here are of it; guard: follow_lock */
    struct wal_tail *tail;         /* nullable; guard: follow_lock */
    bool following;                /* the page was valid once; guard: follow_lock */
};

struct view {
    struct version *version;
    uint64_t ts;
    uint64_t oldest_s; /* rows inserted before this second are gone; 0: none */
};

struct request { /* one call's deadline and cancel token; poll with request_poll */
    const struct os *os;
    int64_t deadline_us; /* OS_FOREVER: none */
    const struct kith_cancel *cancel;
};

/* ---- call.c */
void request_init(struct request *request, const struct os *os, const struct kith_call *call);
int request_poll(void *request); /* 0, KITH_ETIMEDOUT or KITH_ECANCELLED */
void engine_log(const struct kith_db *db, int level, const char *fmt, ...) KITH_PRINTF(3, 4);

/* ---- follow.c: a reader in another process */
/* Goes on to what the writer has acknowledged by now. One load when there is nothing new. */
KITH_NODISCARD int follow(struct kith_db *db, struct kith_error *err);
/* At open: *did says whether there is a page to follow; the database is read then. */
KITH_NODISCARD int follow_open(struct kith_db *db, bool *did, struct kith_error *err);
/* The writer: what it commits is told to readers from now on. */
KITH_NODISCARD int follow_publish(struct kith_db *db, struct kith_error *err);
/* The manifest being loaded is not the newest any more: a file that is gone is not damage. */
bool follow_is_behind(const struct kith_db *db);

/* ---- version.c */
/* References not yet taken; NULL: no memory. */
struct version *version_new(const struct schema *schema, size_t count);
void version_unref(struct version *version);
void view_take(struct kith_collection *collection, struct view *out);
void view_drop(struct view *view);
static inline const struct schema *view_schema(const struct view *view)
{
    return view->version->schema;
}
/* The second before which rows are too old now; 0: none is. */
uint64_t collection_oldest_s(const struct kith_collection *collection);
/* Under write_lock: the current version, borrowed until the next publication. */
struct version *version_current(struct kith_collection *collection);
void version_publish(struct kith_collection *collection, struct version *version); /* takes it */

/* ---- collection.c */
KITH_NODISCARD int collection_new(struct kith_db *db, struct manifest *manifest,
                                  struct kith_collection **out,
                                  struct kith_error *err); /* takes manifest */
void collection_unref(struct kith_collection *collection);
/* Under write_lock: the schema from now on. Takes the age. */
void collection_set_schema(struct kith_collection *collection, struct schema_age *age);
KITH_NODISCARD int collection_usable(const struct kith_collection *collection,
                                     struct kith_error *err);
KITH_NODISCARD int collection_writable(const struct kith_collection *collection,
                                       struct kith_error *err);
/* Writes the manifest to the journal. Under write_lock. */
KITH_NODISCARD int collection_save(struct kith_collection *collection,
                                   const struct manifest *manifest, struct kith_error *err);
/* Under write_lock: kills on sealed segments that the checkpoint does not cover. */
static inline bool collection_unsaved(const struct kith_collection *collection)
{
    return collection->sealed_kill_ts > collection->manifest.checkpoint_ts;
}
KITH_NODISCARD int collection_partition(const struct kith_collection *collection, const char *name,
                                        uint32_t *id, struct kith_error *err);
KITH_NODISCARD int manifest_copy(const struct manifest *manifest, struct manifest *out);
/* Whether every analyzer of the fields can be made: their JSON is checked here, not by the model.
 */
KITH_NODISCARD int schema_check_analyzers(const struct schema *schema, struct kith_error *err);
/* What was asked for of the index that a vector field has of itself, or NULL. */
const struct manifest_index *manifest_index_of(const struct manifest *manifest, size_t field);

/* ---- catalog.c */
KITH_NODISCARD int catalog_load(struct kith_db *db, struct kith_error *err);
KITH_NODISCARD int catalog_next_id(struct kith_db *db, uint64_t *id, struct kith_error *err);
struct kith_collection *catalog_by_id(struct kith_db *db, uint64_t id); /* under catalog_lock */
/* For a follower's new catalog; the maps are initialised. */
KITH_NODISCARD int catalog_read_names(struct journal *journal, struct map *databases,
                                      struct map *aliases);
/* If the journal lost commits that may have changed its manifest. */
void catalog_mark_doubtful(struct kith_collection *collection, struct journal *journal);
KITH_NODISCARD int catalog_put_name(struct map *names, const struct manifest *manifest,
                                    struct kith_collection *collection);

/* ---- alter_metric.c */
/* Of a vector field that has an open one. */
KITH_NODISCARD int collection_set_metric(struct kith_collection *collection, size_t field,
                                         enum kith_metric metric, struct kith_error *err);

/* ---- write.c, recover.c */
/* Under write_lock: the current version with a new active segment of this schema, not published. An
 * empty active segment is left out, another one is frozen. */
KITH_NODISCARD int version_grown(struct kith_collection *collection, const struct schema *schema,
                                 size_t rows_next, struct version **out, struct kith_error *err);
/* Under write_lock: a version of an empty active segment alone. */
KITH_NODISCARD int version_emptied(struct kith_collection *collection, struct version **out,
                                   struct kith_error *err);
KITH_NODISCARD int collection_freeze(struct kith_collection *collection, size_t rows_next,
                                     struct kith_error *err); /* under write_lock */
KITH_NODISCARD int collection_apply(struct kith_collection *collection,
                                    const struct wal_record *record,
                                    struct kith_error *err); /* replay */
/* Under write_lock. */
KITH_NODISCARD int collection_kill_key(struct kith_collection *collection, struct key key,
                                       uint64_t ts);
/* The index files of a segment that are still wanted; room for entry->index_count. */
size_t recover_index_files(const struct index_wishes *wishes, const struct manifest_segment *entry,
                           struct sealed_index_file *out);
/* Under write_lock: calls fn for every live row of the partition; stops at a non-zero return. */
KITH_NODISCARD int collection_partition_rows(struct kith_collection *collection, uint32_t id,
                                             int (*fn)(void *ctx, struct segment *segment,
                                                       uint32_t row),
                                             void *ctx);
/* Under write_lock: takes it out of the manifest; its name, owned by the caller, or NULL. */
char *collection_take_partition(struct kith_collection *collection, uint32_t id);
KITH_NODISCARD int collection_load_segments(struct kith_collection *collection,
                                            struct kith_error *err);

/* ---- background.c */
void background_wake(struct kith_db *db);
/* Does one due step of any collection; *did says whether there was one. */
KITH_NODISCARD int background_step(struct kith_db *db, bool *did, struct kith_error *err);
void background_main(void *db);
void background_seal(void *db); /* beside it: seals while it builds an index */
void background_sync(void *db); /* everysec: syncs the log a second after the first write */
void background_written(struct kith_db *db); /* everysec: something is to be synced */
KITH_NODISCARD int background_wait(struct kith_db *db, struct kith_collection *collection,
                                   struct request *request, struct kith_error *err);
void sealed_opts_of(const struct kith_db *db, const struct kith_collection *collection,
                    uint64_t id, struct sealed_opts *out);

/* ---- merge.c: seal and compaction are one operation */
KITH_NODISCARD int merge_segments(
    struct kith_collection *collection, size_t first, size_t count,
    struct kith_error *err); /* numbers in the version; under step_lock */
/* A manifest with the indexes that segments have now; the same segments. Under step_lock. */
KITH_NODISCARD int publish_indexes(struct kith_collection *collection, struct kith_error *err);
/* ---- index_build.c */
/* Builds the index `wanted` of a segment; all that are wanted and cheap (not over dense vectors),
 * when `wanted` is one of them. */
KITH_NODISCARD int index_segment(struct kith_collection *collection, size_t number,
                                 uint32_t wanted, struct kith_error *err);
/* Takes indexes out of use that nobody wants any more, and unlinks their files. */
KITH_NODISCARD int unindex_segments(struct kith_collection *collection, struct kith_error *err);
KITH_NODISCARD int save_kills(struct kith_collection *collection, struct kith_error *err);
/* The first index in use of the segment that is not wanted: its number into *number (nullable).
 * Under write_lock. */
bool segment_unwanted(const struct kith_collection *collection, const struct segment *segment,
                      uint32_t *number);
static inline uint64_t unindexable_key(const struct segment *segment, uint32_t number)
{
    return (segment_id(segment) << 20) ^ number; /* numbers have 20 bits */
}

/* ---- result.c */
struct output_plan; /* which columns a read gives */
struct result_builder {
    struct kith_result *result;
    struct arena *arena;
};
KITH_NODISCARD int result_new(struct result_builder *out, struct kith_error *err);
struct buffer;
/* Copies text into the result. */
KITH_NODISCARD int result_explain(struct result_builder *builder, const struct buffer *text,
                                  struct kith_error *err);
/* Fills columns for the places, in order. */
KITH_NODISCARD int result_fill(struct result_builder *builder, const struct view *view,
                               const struct kith_output *output, const struct place *places,
                               size_t count, struct kith_error *err);

/* ---- read.c: shared by query, count, delete_where, iterators, searches */
struct read_plan {
    struct arena arena;
    struct view_rows rows;
    struct request request;
};
/* Of opts: filter, filter_params and partitions. */
KITH_NODISCARD int read_plan_init(struct read_plan *plan, struct kith_collection *collection,
                                  const struct view *view, const struct kith_query_opts *opts,
                                  const struct kith_call *call, struct kith_error *err);
void read_plan_release(struct read_plan *plan);

#endif
