/*
 * The journal's map and the bytes of its file; docs/formats/meta.md is the description for readers
 * from outside.
 *
 * File header, 40 bytes:
 *
 *   OFFSET SIZE MEANING
 *        0    8 magic "KITHMET1"
 *        8    4 version, 2
 *       12    4 features a reader must know, 0
 *       16    8 database id
 *       24    8 number of this file
 *       32    4 end of the file before it (number - 1) divided by 8; 0: there is none
 *       36    4 checksum of bytes 0..35, seeded with the number
 *
 * Transaction, from the header on, one after the other at multiples of 8:
 *
 *        0    4 length of the changes
 *        4    4 checksum of bytes 8.. to the padded end; seeded with database id, file number,
 *               offset and length
 *        8    8 sequence: 1 in every file, then one more each
 *       16    4 count of changes
 *       20    4 kind: 1 = part of the file's snapshot, 2 = its last part, 3 = a commit
 *       24    n changes: u16 key length, u8 0 = remove or 1 = put, key; of a put: u32 length,
 *               value; then zeros to the next multiple of 8
 *
 * A commit is there twice, one copy after the other, and both are written and synced at once: one
 * flipped bit costs one copy. The snapshot is there once, since the file before it, which is kept,
 * says the same. Files of version 1 have neither. A file is complete when its snapshot's last part
 * verifies.
 */
#ifndef KITH_LOG_JOURNAL_INTERNAL_H
#define KITH_LOG_JOURNAL_INTERNAL_H

#include <stdbool.h>

#include "log/journal.h"
#include "os/thread.h"

#define JOURNAL_VERSION 2u
#define JOURNAL_HEADER_BYTES 40u
#define JOURNAL_TRANSACTION_BYTES 24u
#define JOURNAL_TRANSACTION_MAX (1u << 30)
#define JOURNAL_NAME_BYTES 32

enum journal_kind { JOURNAL_PART = 1, JOURNAL_LAST_PART = 2, JOURNAL_COMMIT = 3 };

/* ---- journal_map.c: key -> value, sorted by key ---- */
struct journal_entry {
    char *key;      /* owns, the value's bytes in the same allocation; NULL: none */
    uint8_t *value; /* inside it; NULL: the change removes the key */
    size_t len;
    bool doubtful;  /* a later transaction, which may have changed it, is lost */
};
struct journal_map {
    struct journal_entry *entries; /* owns */
    size_t count, cap;
    uint64_t bytes; /* an upper bound of what a snapshot of it takes */
};
KITH_NODISCARD int journal_entry_init(struct journal_entry *entry, const char *key, size_t key_len,
                                      const void *value, size_t len);
void journal_map_release(struct journal_map *map);
KITH_NODISCARD int journal_map_reserve(struct journal_map *map, size_t more);
/* Takes the entry: puts or removes. Cannot fail; room for one more is reserved. */
void journal_map_apply(struct journal_map *map, struct journal_entry entry);
/* The first entry whose key is not less. */
size_t journal_map_find(const struct journal_map *map, const char *key);

/* ---- journal_format.c ---- */
struct journal_id {
    uint64_t database_id;
    uint64_t number;
};
struct journal_transaction {
    uint64_t sequence;
    enum journal_kind kind;
    uint32_t count;
    const uint8_t *changes; /* borrows */
    size_t len;
    uint64_t next; /* offset of what follows */
};
void journal_file_name(uint64_t number,
                       char out[JOURNAL_NAME_BYTES]); /* "meta-0000000000000001.kv" */
bool journal_file_number(const char *name, uint64_t *number);
KITH_NODISCARD int journal_file_path(const char *dir, uint64_t number, char *out,
                                     struct kith_error *err); /* OS_PATH_MAX bytes */
struct journal_header {
    uint32_t version;
    uint64_t prev_end; /* 0: no file before it, or none that says the same */
};
void journal_header_encode(const struct journal_id *id, uint64_t prev_end,
                           uint8_t out[JOURNAL_HEADER_BYTES]);
/* As wal_header_decode. */
KITH_NODISCARD int journal_header_decode(const struct journal_id *id, const uint8_t *bytes,
                                         size_t len, struct journal_header *out);
/* Begins a transaction in buf (len 0 there), adds changes, and ends it. Failures stay in buf. */
void journal_encode_begin(struct buffer *buf);
void journal_encode_change(struct buffer *buf, const char *key, const void *value, size_t len);
void journal_encode_end(struct buffer *buf, const struct journal_id *id, uint64_t offset,
                        uint64_t sequence, uint32_t count, enum journal_kind kind);
/* Appends a copy of the whole transaction in buf, which is at `offset`, to be written after it. */
void journal_encode_copy(struct buffer *buf, const struct journal_id *id, uint64_t offset);
bool journal_decode(const struct journal_id *id, const uint8_t *bytes, size_t len, uint64_t offset,
                    struct journal_transaction *out);
/* The next change; key is not NUL-terminated, value is NULL for a removal. KITH_ECORRUPT. */
struct journal_decoded {
    const char *key;
    size_t key_len;
    const uint8_t *value;
    size_t len;
};
KITH_NODISCARD int journal_decode_change(struct cursor *cur, struct journal_decoded *out);

/* ---- journal_read.c ---- */
struct journal_reading { /* what one file said */
    struct journal_map map;
    struct journal_header header; /* version 0: it does not verify */
    uint64_t sequence;   /* of the last intact transaction */
    uint64_t end;        /* after it and its copy */
    uint64_t size;       /* of the file */
    uint64_t commits;
    bool complete;
    bool damaged;        /* header or snapshot do not verify, and intact commits follow */
    bool is_copied;      /* the last commit was seen twice */
    uint64_t bad_copies; /* places that do not verify, or are missing */
    uint64_t bad_offset; /* of the first */
    uint64_t lost;       /* commits of which no copy verifies, and intact ones follow */
};
struct journal_source {
    const struct os *os;
    const char *path;
    const struct journal_id *id;
    uint64_t limit; /* nothing from here on is looked at */
    /* The file's snapshot is not read; it is this. Taken by journal_read. NULL: it is read. */
    struct journal_map *base;
};
/* Reads and verifies a file. An unusable file is not an error: `complete` is false, or `damaged`
 * true. `line` may be NULL. Release out->map after success. */
KITH_NODISCARD int journal_read(const struct journal_source *source,
                                void (*line)(void *ctx, const char *text), void *ctx,
                                struct journal_reading *out, struct kith_error *err);

/* ---- journal.c ---- */
struct journal {
    const struct os *os; /* borrows */
    char *dir;           /* owns */
    bool read_only;
    struct os_mutex lock; /* guards everything below; held during I/O */
    struct journal_map map;
    struct journal_id id; /* of the file */
    struct os_file *file; /* owns; NULL when read only */
    uint64_t sequence, end;
    uint64_t rewrite_at; /* the size from which the file is rewritten */
    bool unconfirmed;    /* the last commit is not followed by anything */
    uint64_t lost;       /* commits that no copy of verified at open: the file is not rewritten */
    bool repaired;       /* something else did not verify, and nothing was lost */
    uint64_t bad_offset;
    struct kith_error poison; /* code 0: none */
    void (*watch)(void *ctx, struct journal_place place); /* nullable */
    void *watch_ctx;
};
/* ---- journal_rewrite.c ---- */
/* Writes the map as a new complete file and makes it the journal's. On failure the old file stays
 * in use if it is certain that the new one is gone; else the journal is poisoned. */
KITH_NODISCARD int journal_rewrite(struct journal *journal, struct kith_error *err);

#endif
