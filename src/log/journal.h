/*
 * Local `meta`: a small append-only journal of transactions over a map of keys to values, rewritten
 * at twice its live size. File `meta-<number>.kv`; the newest complete one counts. Catalog entries
 * and each collection's manifest are values here, so publishing a new manifest is one atomic,
 * synced transaction: the single commit point of storage. Format in docs/formats/meta.md.
 *
 * Threads: an internal mutex; any thread may call. A failed sync poisons it: writes fail, reads go
 * on.
 */
#ifndef KITH_LOG_JOURNAL_H
#define KITH_LOG_JOURNAL_H

#include <stddef.h>
#include <stdint.h>

#include "base/buffer.h"
#include "base/error.h"
#include "os/os.h"

#define JOURNAL_KEY_MAX 1024
#define JOURNAL_VALUE_MAX (64u << 20)

struct journal;

struct journal_change {
    const char *key;   /* NUL-terminated */
    const void *value; /* NULL: remove */
    size_t len;
};

/* Creates it when missing (unless read_only). A torn last transaction is cut. Damage to one place
 * of the newest file loses nothing; where more is damaged, commits may be lost (journal_health),
 * and KITH_ECORRUPT says that not even a snapshot verifies. */
KITH_NODISCARD int journal_open(const struct os *os, const char *dir, uint64_t database_id,
                                bool read_only, struct journal **out, struct kith_error *err);
void journal_close(struct journal *journal);

struct journal_place { /* after a transaction; another one after each */
    uint64_t number; /* of the file */
    uint64_t end;
};
/* Calls fn with the end of what is durable, now and after each commit, before it returns. It must
 * not call the journal. Before other threads use it. */
void journal_watch(struct journal *journal, void (*fn)(void *ctx, struct journal_place place),
                   void *ctx);
/* Opens, for reading, what was durable at that place, beside a process that writes. KITH_ENOTFOUND
 * when the file is gone: there is a later place. */
KITH_NODISCARD int journal_open_at(const struct os *os, const char *dir, uint64_t database_id,
                                   struct journal_place place, struct journal **out,
                                   struct kith_error *err);

struct journal_health { /* what opening found */
    bool repaired;   /* damage that cost nothing */
    uint64_t lost;   /* commits that are lost */
    uint64_t offset; /* of the first damage */
    uint64_t number; /* of the file */
};
void journal_health(const struct journal *journal, struct journal_health *out);
/* Commits are lost, and one of them may have changed or removed this key. */
bool journal_doubts(struct journal *journal, const char *key);

/* All changes or none; durable when it returns 0. */
KITH_NODISCARD int journal_commit(struct journal *journal, const struct journal_change *changes,
                                  size_t count, struct kith_error *err);
/* Appends the value to out. KITH_ENOTFOUND. */
KITH_NODISCARD int journal_get(struct journal *journal, const char *key, struct buffer *out);
/* Calls fn for each key with the prefix, in key order; stops at a non-zero return. */
KITH_NODISCARD int journal_range(struct journal *journal, const char *prefix,
                                 int (*fn)(void *ctx, const char *key, const uint8_t *value,
                                           size_t len),
                                 void *ctx);
/* Verifies and describes a file without changing it. */
KITH_NODISCARD int journal_inspect(const struct os *os, const char *path, uint64_t database_id,
                                   void (*line)(void *ctx, const char *text),
                                   void (*problem)(void *ctx, uint64_t offset, const char *text),
                                   void *ctx, struct kith_error *err);
#endif
