/*
 * The keyspace: databases of keys with typed values, deadlines and a limit of memory. What a
 * command
 * means is the redis room's; here are the things that all commands share.
 *
 * One lock. Everything below needs the keyspace lock (cache_lock), which a door takes once for a
 * whole batch of commands: with it each command is atomic, MULTI is a batch, and a queue of 16
 * costs one lock. It is held for hundreds of nanoseconds between system calls of microseconds, so a
 * few I/O threads hardly meet; it spins a little and then sleeps. What takes long (a search in a
 * vector set, an index) runs elsewhere, on a value that was pinned.
 *
 * Time stands still in a batch: cache_begin() reads the clock once. A key whose deadline has come
 * is
 * invisible to every lookup and is removed by it.
 *
 * An entry is one allocation: header, deadline if any, key, and a short string's bytes. Functions
 * that may move it say so. A pointer to an entry or into a value is good until the next call that
 * writes to the same database.
 */
#ifndef KITH_CACHE_CACHE_H
#define KITH_CACHE_CACHE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <kith/types.h>

#include "base/buffer.h"
#include "base/rng.h"
#include "cache/heap.h"
#include "os/os.h"

#define CACHE_NO_DEADLINE INT64_MAX
#define CACHE_DATABASES_MAX 1024u

enum value_type {
    VALUE_STRING,
    VALUE_LIST,    /* cache/list.h */
    VALUE_SET,     /* cache/set.h */
    VALUE_ZSET,    /* cache/zset.h */
    VALUE_HASH,    /* cache/hash.h */
    VALUE_VECTORS, /* cache/vectors.h: a vector set */
    VALUE_JSON,    /* cache/json_value.h */
    VALUE_TYPES
};

enum eviction { /* maxmemory-policy */
    EVICT_NEVER,
    EVICT_ALL_LRU, EVICT_ALL_LFU, EVICT_ALL_LRM, EVICT_ALL_RANDOM,
    EVICT_VOLATILE_LRU, EVICT_VOLATILE_LFU, EVICT_VOLATILE_LRM, EVICT_VOLATILE_RANDOM,
    EVICT_VOLATILE_TTL
};

struct cache_settings { /* may be changed under the lock at any time */
    size_t memory_max;     /* 0: no limit */
    enum eviction policy;
    unsigned samples;      /* maxmemory-samples, 5 */
    unsigned tenacity;     /* maxmemory-eviction-tenacity, 10 */
    unsigned lfu_log_factor, lfu_decay_minutes; /* 10, 1 */
    size_t piece_members; /* values with more are written in pieces by snapshots: 1024 */
    size_t pack_entries_hash, pack_value_hash; /* hash-max-listpack-entries 512, -value 64 */
    size_t pack_entries_set, pack_value_set;   /* 128, 64 */
    size_t pack_entries_zset, pack_value_zset; /* 128, 64 */
    size_t intset_entries;                     /* 512 */
    int64_t list_pack_size;                    /* list-max-listpack-size, -2 */
    size_t deflate_from; /* strings of so many bytes are kept compressed; 0: none */
    int deflate_level;   /* 1 to 9: 6 */
    bool lazy_evict, lazy_expire, lazy_server_del, lazy_user_del, lazy_user_flush;
};

enum removal { REMOVED_DELETED, REMOVED_EXPIRED, REMOVED_EVICTED, REMOVED_REPLACED };

struct entry;
struct cache;
struct heap;

struct cache_hooks { /* called under the lock; nullable */
    /* A key goes away; its entry is still whole. Not called for cache_flush. */
    void (*removed)(void *ctx, unsigned db, const struct entry *entry, enum removal why);
    /* Before the first change of an existing key by cache_write, cache_remove, ...: what a snapshot

     * that is under way has not seen yet. */
    void (*changing)(void *ctx, unsigned db, struct entry *entry);
    void (*flushing)(void *ctx, unsigned db); /* before it is emptied, or swapped */
    /* The field of a hash is about to go, because its deadline has come. If it was the last, the
     * key follows (`removed`, REMOVED_EXPIRED). */
    void (*field_expired)(void *ctx, unsigned db, const struct entry *entry,
                          struct kith_str field);
    /* A value that nobody has any more is about to be freed. true: it is kept for now, and
     * cache_free_kept follows. Not called for cache_flush. */
    bool (*keeping)(void *ctx, enum value_type type, void *value);
    void *ctx;
};

struct cache_opts {
    const struct os *os;
    unsigned databases; /* 0: 16 */
    uint64_t seed;      /* of the hash and of random choices; 0: drawn */
    struct cache_settings settings;
};

KITH_NODISCARD int cache_new(const struct cache_opts *opts, struct cache **out,
                             struct kith_error *err);
void cache_free(struct cache *cache); /* NULL is a no-op */
void cache_settings_init(struct cache_settings *settings); /* the defaults above */
struct cache_settings *cache_settings(struct cache *cache);
void cache_set_hooks(struct cache *cache, const struct cache_hooks *hooks);

void cache_lock(struct cache *cache);
/* Spins for microseconds; false: somebody has it. */
bool cache_lock_soon(struct cache *cache);
void cache_unlock(struct cache *cache);
void cache_begin(struct cache *cache); /* after cache_lock: the time of this batch */
int64_t cache_now_ms(const struct cache *cache); /* Unix, of this batch */
void cache_set_now(struct cache *cache, int64_t unix_ms); /* replay of a log, tests */
struct heap *cache_heap(struct cache *cache);
struct rng *cache_rng(struct cache *cache);
unsigned cache_databases(const struct cache *cache);

/* ---- looking up ---- */

enum { CACHE_NO_TOUCH = 1, CACHE_NO_STATS = 2 };
/* NULL: not there, or its deadline has come (then it is removed first). Counts hits and misses and
 * marks the access, unless flags say otherwise. */
struct entry *cache_read(struct cache *cache, unsigned db, struct kith_str key, unsigned flags);
/* The same before a change: no statistics, `changing` is told. */
struct entry *cache_write(struct cache *cache, unsigned db, struct kith_str key);
/* Brings what cache_read will need into the processor's cache, in two stages: call the first for
 * all keys of a batch, then the second for all, then look up. */
uint64_t cache_prefetch(struct cache *cache, unsigned db, struct kith_str key); /* the key's hash */
void cache_prefetch_entry(struct cache *cache, unsigned db, uint64_t hash);
/* Both stages for keys that lie `stride` apart; their hashes. */
void cache_prefetch_row(struct cache *cache, unsigned db, const struct kith_str *keys,
                        size_t stride, size_t count, uint64_t *hashes);
/* The key that is looked up next, and its hash: until another is named or the lock is let go. The
 * bytes at key.data must stay what they are so long. */
void cache_expect(struct cache *cache, struct kith_str key, uint64_t hash);

enum value_type entry_type(const struct entry *entry);
struct kith_str entry_key(const struct entry *entry);
int64_t entry_deadline(const struct entry *entry); /* Unix ms; CACHE_NO_DEADLINE */
void *entry_value(const struct entry *entry);      /* of all types but strings */
const char *entry_encoding(const struct cache *cache, const struct entry *entry);
size_t entry_bytes(const struct entry *entry);     /* key, value and overhead: MEMORY USAGE */
int64_t entry_idle_s(const struct cache *cache, const struct entry *entry);
unsigned entry_frequency(const struct cache *cache, const struct entry *entry); /* LFU */

/* ---- strings ---- */

#define ENTRY_TEXT_MAX 24u
/* The bytes of a string; an integer is printed into scratch. Of strings that are kept compressed,
 * those of the last four are good. */
struct kith_str entry_text(const struct entry *entry, char scratch[ENTRY_TEXT_MAX]);
bool entry_integer(const struct entry *entry, int64_t *out); /* the canonical text of an int64 */

/* Sets a string, new or in place of whatever was there. deadline: Unix ms, CACHE_NO_DEADLINE, or
 * CACHE_KEEP_DEADLINE. Canonical integers are stored as such unless `raw`. KITH_ENOMEM changes
 * nothing. `out` is nullable. */
#define CACHE_KEEP_DEADLINE INT64_MIN
KITH_NODISCARD int cache_set_string(struct cache *cache, unsigned db, struct kith_str key,
                                    struct kith_str value, int64_t deadline, bool raw,
                                    struct entry **out);
/* The same with a choice: a text that is never kept as an integer and still is not raw, as the
 * result of INCRBYFLOAT; and an integer without its digits, as that of INCR. */
KITH_NODISCARD int cache_set_text(struct cache *cache, unsigned db, struct kith_str key,
                                  struct kith_str value, int64_t deadline, struct entry **out);
KITH_NODISCARD int cache_set_integer(struct cache *cache, unsigned db, struct kith_str key,
                                     int64_t value, int64_t deadline, struct entry **out);
/* Room for the string of an entry to be len bytes long (new ones are zero), raw from now on. The
 * entry may move: *entry follows. *bytes is writable until the next change. */
KITH_NODISCARD int cache_edit_string(struct cache *cache, unsigned db, struct entry **entry,
                                     size_t len, char **bytes);

/* ---- keys ---- */

/* A new key with a value made on cache_heap(); takes it, also on failure (frees it then). An old
 * one
 * of the same name is replaced. */
KITH_NODISCARD int cache_add(struct cache *cache, unsigned db, struct kith_str key,
                             enum value_type type, void *value, int64_t deadline,
                             struct entry **out);
/* Removes it; large values are freed in the background. */
void cache_remove(struct cache *cache, unsigned db, struct entry *entry, enum removal why);
/* Frees a value that the hook `keeping` has kept. Under the lock. */
void cache_free_kept(struct cache *cache, enum value_type type, void *value);
/* Sets, moves or (CACHE_NO_DEADLINE) drops the deadline. The entry may move. */
KITH_NODISCARD int cache_set_deadline(struct cache *cache, unsigned db, struct entry **entry,
                                      int64_t unix_ms);
/* Takes the entry out of one place and puts it under another key or database, value and deadline
 * with
 * it; what was there is replaced. */
KITH_NODISCARD int cache_move(struct cache *cache, unsigned db, struct entry *entry, unsigned to_db,
                              struct kith_str to_key);
/* A field of a hash has a deadline now: the hash must be looked at then (hash_expire). */
KITH_NODISCARD int cache_watch_fields(struct cache *cache, unsigned db, struct entry *entry,
                                      int64_t unix_ms);
size_t cache_count(const struct cache *cache, unsigned db);
size_t cache_deadline_count(const struct cache *cache, unsigned db);
struct entry *cache_random(struct cache *cache, unsigned db); /* NULL: empty */
/* One step of a scan; returns the next cursor, 0 at the end. Elements that are there during the
 * whole
 * scan are seen at least once, however the table changes. fn may not write. */
uint64_t cache_scan(struct cache *cache, unsigned db, uint64_t cursor,
                    void (*fn)(void *ctx, struct entry *entry), void *ctx);
/* A scan that stands at this cursor has given what has this key (or would have). */
bool cache_scanned(const struct cache *cache, unsigned db, uint64_t cursor, struct kith_str key);
void cache_flush(struct cache *cache, unsigned db, bool in_background);
void cache_swap(struct cache *cache, unsigned a, unsigned b);

/* ---- a snapshot of one instant, without stopping ---- */

/* From now on every entry there is counts as unmarked; those that are added later are marked. */
void cache_mark_begin(struct cache *cache);
/* Marks it; true when it was not. Whoever walks the keyspace and whoever is told of `changing`
 * write an entry down when this says true: together they see each as it was at cache_mark_begin,
 * once. Every entry must be marked before the next cache_mark_begin, also when the snapshot
 * failed. */
bool cache_mark(struct cache *cache, struct entry *entry);

/* ---- upkeep ---- */

/* Before a command that may add data: evicts until the limit holds. false: it does not, and nothing
 * more may go ("OOM"). Bounded work a call (tenacity). */
bool cache_make_room(struct cache *cache);
/* The anonymous resident memory of the process, told now and then. The allocator's holes are not
 * counted anywhere else: when it is above 1.13 of the limit, the limit goes down, by a 15th at
 * most. */
void cache_note_resident(struct cache *cache, size_t bytes);
size_t cache_scattered_bytes(const struct cache *cache); /* of small pieces of memory; about */
/* Background turn: expires due keys, moves tables along, evicts the rest, at most so long. Returns
 * how soon it wants to be called again, in ms; INT64_MAX: nothing is due. */
int64_t cache_turn(struct cache *cache, int64_t budget_us);
void cache_set_paused(struct cache *cache, bool paused); /* no key expires or is evicted */

struct cache_stats {
    uint64_t hits, misses, expired, expired_active, expired_fields, evicted, lazy_pending,
        lazy_freed;
    size_t used, used_peak, used_tables; /* bytes */
};
void cache_stats_get(const struct cache *cache, struct cache_stats *out);
void cache_stats_reset(struct cache *cache);

/* ---- values ---- */

struct dict;
/* How a large value is written in pieces (frozen.h). A member is written and read on its own, in
 * any order; of lists a member is a pack, in order. */
struct value_pieces {
    uint64_t (*members)(const void *value); /* 0: small, it is always written whole */
    struct dict *(*table)(void *value);     /* its members; NULL for lists */
    void (*encode_head)(const void *value, struct buffer *out);
    void (*encode_member)(const void *value, const void *member, struct buffer *out);
    /* Untrusted bytes: KITH_ECORRUPT, KITH_ENOMEM. The value is without members at first. */
    int (*decode_head)(struct heap *heap, const struct cache_settings *settings, struct cursor *in,
                       void **out);
    int (*decode_member)(void *value, const struct cache_settings *settings, struct cursor *in);
};

/* What every type of value but strings offers; value_of_type() is the table. */
struct value_ops {
    const char *name; /* TYPE: "list" */
    void (*free)(void *value);
    size_t (*parts)(const void *value); /* allocations, about: decides about freeing elsewhere */
    size_t (*bytes)(const void *value); /* heap_size of all of it; may estimate */
    const char *(*encoding)(const struct cache_settings *settings, const void *value);
    /* A form for the snapshot, the log and COPY: self-delimited, versioned, without padding. */
    void (*encode)(const void *value, struct buffer *out);
    /* Untrusted bytes: KITH_ECORRUPT, KITH_ENOMEM. */
    int (*decode)(struct heap *heap, const struct cache_settings *settings, struct cursor *in,
                  void **out);
    const struct value_pieces *pieces; /* NULL: it is always written whole */
};
const struct value_ops *value_of_type(enum value_type type); /* NULL for strings */
const struct value_ops *const *value_ops_place(enum value_type type); /* where the table has it */
/* Also for strings: the whole entry without its key: type, value. */
void entry_encode(const struct entry *entry, struct buffer *out);
/* cache_add of a value that was decoded: the deadlines of its fields are known then, too. */
KITH_NODISCARD int cache_add_decoded(struct cache *cache, unsigned db, struct kith_str key,
                                     enum value_type type, void *value, int64_t deadline,
                                     struct entry **out);
/* Adds what entry_encode wrote, under a key. */
KITH_NODISCARD int cache_decode(struct cache *cache, unsigned db, struct kith_str key,
                                struct cursor *in, int64_t deadline, struct entry **out);

#endif
