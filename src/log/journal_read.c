/*
 * Reading a journal's file. Transactions must follow each other by sequence. Every commit was synced
 * before it returned, so a bad transaction that an intact commit follows is damage; with nothing
 * intact after it, it is the torn last one. In a file that is not complete, a bad header or snapshot
 * with an intact commit after it is damage too: the file's creation had ended. An intact part of
 * the snapshot proves nothing, since header and parts are synced together: a power cut may take
 * the one and leave the other.
 */
#include <stdio.h>

#include "base/alloc.h"
#include "base/endian.h"
#include "log/journal_internal.h"

#define LINE_BYTES 128

struct image {
    const struct journal_id *id;
    uint8_t *bytes; /* owns */
    size_t len;
};

static int load(const struct os *os, const char *path, uint64_t limit, struct image *image,
                struct kith_error *err)
{
    struct os_file *file = NULL;
    uint64_t size = 0;
    int rc = os_open(os, path, OS_READ, &file, err);
    if (rc == 0) rc = os_size(file, &size, err);
    if (rc == 0) {
        if (size > limit) size = limit;
        image->bytes = mem_alloc(size > 0 ? (size_t)size : 1);
        rc = image->bytes ? os_pread(file, image->bytes, (size_t)size, 0, &image->len, err)
                          : error_set(err, KITH_ENOMEM, "no memory to read '%.300s'", path);
    }
    os_close(file);
    return rc;
}

static int apply_change(struct journal_map *map, const struct journal_decoded *change)
{
    struct journal_entry entry;
    int rc = journal_map_reserve(map, 1);
    if (rc == 0) {
        rc = journal_entry_init(&entry, change->key, change->key_len, change->value, change->len);
    }
    if (rc == 0) journal_map_apply(map, entry);
    return rc;
}

static int apply(struct journal_map *map, const struct journal_transaction *transaction)
{
    struct cursor cur;
    cursor_init(&cur, transaction->changes, transaction->len);
    for (uint32_t i = 0; i < transaction->count; i++) {
        struct journal_decoded change;
        int rc = journal_decode_change(&cur, &change);
        if (rc == 0) rc = apply_change(map, &change);
        if (rc != 0) return rc;
    }
    return cursor_left(&cur) == 0 ? 0 : KITH_ECORRUPT;
}

/* Parts, then the last part, then commits. */
static bool follows(const struct journal_reading *reading,
                    const struct journal_transaction *transaction)
{
    if (transaction->sequence != reading->sequence + 1) return false;
    return reading->complete == (transaction->kind == JOURNAL_COMMIT);
}

static void tell(void (*line)(void *ctx, const char *text), void *ctx, uint64_t offset,
                 const struct journal_transaction *transaction)
{
    static const char *const kinds[] = {"", "snapshot part", "snapshot's last part", "commit"};
    char text[LINE_BYTES];
    if (!line) return;
    (void)snprintf(text, sizeof text, "%llu: %s %llu, %u changes, %zu bytes",
                   (unsigned long long)offset, kinds[transaction->kind],
                   (unsigned long long)transaction->sequence, transaction->count, transaction->len);
    line(ctx, text);
}

static bool has_commit_after(const struct image *image, uint64_t offset)
{
    struct journal_transaction transaction;
    for (uint64_t at = offset + 8; at + JOURNAL_TRANSACTION_BYTES <= image->len; at += 8) {
        const uint32_t kind = le32_get(image->bytes + at + 20); /* cheaper than a checksum */
        if (kind != JOURNAL_COMMIT) continue;
        if (journal_decode(image->id, image->bytes, image->len, at, &transaction)) return true;
    }
    return false;
}

/* A transaction that verifies but breaks a rule was written by no one: damage as well. */
static int walk(const struct image *image, struct journal_reading *out,
                void (*line)(void *ctx, const char *text), void *ctx)
{
    struct journal_transaction transaction;
    out->end = JOURNAL_HEADER_BYTES;
    while (journal_decode(image->id, image->bytes, image->len, out->end, &transaction)) {
        int rc = follows(out, &transaction) ? apply(&out->map, &transaction) : KITH_ECORRUPT;
        if (rc == KITH_ECORRUPT) {
            out->damaged = true;
            out->bad_offset = out->end;
            return 0;
        }
        if (rc != 0) return rc;
        tell(line, ctx, out->end, &transaction);
        if (transaction.kind == JOURNAL_LAST_PART) out->complete = true;
        out->sequence = transaction.sequence;
        out->end = transaction.next;
    }
    out->bad_offset = out->end;
    out->damaged = has_commit_after(image, out->end);
    return 0;
}

int journal_read(const struct os *os, const char *path, const struct journal_id *id, uint64_t limit,
                 void (*line)(void *ctx, const char *text), void *ctx, struct journal_reading *out,
                 struct kith_error *err)
{
    struct image image = {.id = id};
    *out = (struct journal_reading){0};
    int rc = load(os, path, limit, &image, err);
    if (rc != 0) goto out;
    out->size = image.len;
    rc = journal_header_decode(id, image.bytes, image.len);
    if (rc == KITH_ECORRUPT) { /* an interrupted creation, unless commits follow */
        out->damaged = has_commit_after(&image, 0);
        rc = 0;
        goto out;
    }
    if (rc == KITH_EVERSION) error_set(err, rc, "'%.300s': format of a newer version", path);
    if (rc == KITH_EINVAL) {
        rc = error_set(err, KITH_ECORRUPT, "'%.300s' belongs to another database", path);
    }
    if (rc != 0) goto out;
    rc = walk(&image, out, line, ctx);
    if (rc != 0) error_set(err, rc, "no memory for the contents of '%.300s'", path);
out:
    mem_free(image.bytes);
    if (rc != 0) {
        journal_map_release(&out->map);
        *out = (struct journal_reading){0};
    }
    return rc;
}
