/*
 * Reading a journal's file. Transactions follow each other by sequence, and each commit is there
 * twice. Every commit was synced before it returned, so a bad one that an intact commit follows is
 * damage; with nothing intact after it, it is the torn last one. Damage to one copy costs nothing,
 * damage to both loses the commit: then what was said before is doubtful, what later commits say is
 * not. In a file that is not complete, a bad snapshot with an intact commit after it is damage too:
 * the file's creation had ended. An intact part of the snapshot proves nothing, since header and
 * parts are synced together: a power cut may take the one and leave the other.
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

static int load(const struct journal_source *source, struct image *image, struct kith_error *err)
{
    struct os_file *file = NULL;
    uint64_t size = 0;
    int rc = os_open(source->os, source->path, OS_READ, &file, err);
    if (rc == 0) rc = os_size(file, &size, err);
    if (rc == 0) {
        if (size > source->limit) size = source->limit;
        image->bytes = mem_alloc(size > 0 ? (size_t)size : 1);
        rc = image->bytes ? os_pread(file, image->bytes, (size_t)size, 0, &image->len, err)
                          : error_set(err, KITH_ENOMEM, "no memory to read '%.300s'", source->path);
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

/* The first intact commit after `offset`; 0: none. */
static uint64_t find_commit(const struct image *image, uint64_t offset)
{
    struct journal_transaction transaction;
    for (uint64_t at = (offset + 8) & ~(uint64_t)7; at + JOURNAL_TRANSACTION_BYTES <= image->len;
         at += 8) {
        const uint32_t kind = le32_get(image->bytes + at + 20); /* cheaper than a checksum */
        if (kind != JOURNAL_COMMIT) continue;
        if (journal_decode(image->id, image->bytes, image->len, at, &transaction)) return at;
    }
    return 0;
}

static void note_bad(struct journal_reading *out, uint64_t offset)
{
    if (out->bad_copies++ == 0) out->bad_offset = offset;
}

/* What was said before may have been changed by what is lost. */
static void note_lost(struct journal_reading *out, uint64_t count)
{
    out->lost += count;
    for (size_t i = 0; i < out->map.count; i++) out->map.entries[i].doubtful = true;
}

/* Parts, then the last part, then commits, each twice. One that verifies but breaks this rule was
 * written by no one: KITH_ECORRUPT. */
static int take(struct journal_reading *out, const struct journal_transaction *transaction,
                uint64_t offset, bool *is_new)
{
    const bool is_commit = transaction->kind == JOURNAL_COMMIT;
    *is_new = true;
    if (out->complete != is_commit) return KITH_ECORRUPT;
    if (!is_commit) {
        if (transaction->sequence != out->sequence + 1) return KITH_ECORRUPT;
        if (transaction->kind == JOURNAL_LAST_PART) out->complete = true;
    } else if (out->commits > 0 && transaction->sequence == out->sequence) {
        if (out->is_copied) return KITH_ECORRUPT;
        out->is_copied = true;
        *is_new = false;
        return 0;
    } else {
        if (transaction->sequence <= out->sequence) return KITH_ECORRUPT;
        if (out->commits > 0 && !out->is_copied && out->header.version != 1) note_bad(out, offset);
        const uint64_t missing = transaction->sequence - out->sequence - 1;
        if (missing > 0) note_lost(out, missing);
        out->commits++;
        out->is_copied = false;
    }
    int rc = apply(&out->map, transaction);
    if (rc == 0) out->sequence = transaction->sequence;
    return rc;
}

static int walk(const struct image *image, struct journal_reading *out,
                void (*line)(void *ctx, const char *text), void *ctx)
{
    struct journal_transaction transaction;
    for (;;) {
        if (!journal_decode(image->id, image->bytes, image->len, out->end, &transaction)) {
            const uint64_t next = find_commit(image, out->end);
            if (next == 0) break;
            note_bad(out, out->end);
            if (!out->complete) {
                out->damaged = true;
                return 0;
            }
            out->end = next;
            continue;
        }
        bool is_new;
        int rc = take(out, &transaction, out->end, &is_new);
        if (rc == KITH_ECORRUPT) {
            note_bad(out, out->end);
            out->damaged = true;
            return 0;
        }
        if (rc != 0) return rc;
        if (is_new) tell(line, ctx, out->end, &transaction);
        out->end = transaction.next;
    }
    if (out->commits > 0 && !out->is_copied && out->header.version != 1) note_bad(out, out->end);
    return 0;
}

/* Where to begin, and with what. */
static void start(const struct journal_source *source, const struct image *image,
                  struct journal_reading *out)
{
    struct journal_transaction transaction;
    out->end = JOURNAL_HEADER_BYTES;
    if (!source->base) return;
    out->map = *source->base;
    *source->base = (struct journal_map){0};
    out->end = find_commit(image, JOURNAL_HEADER_BYTES - 8);
    out->complete = true;
    if (journal_decode(image->id, image->bytes, image->len, out->end, &transaction))
        out->sequence = transaction.sequence - 1;
}

int journal_read(const struct journal_source *source, void (*line)(void *ctx, const char *text),
                 void *ctx, struct journal_reading *out, struct kith_error *err)
{
    struct image image = {.id = source->id};
    *out = (struct journal_reading){0};
    int rc = load(source, &image, err);
    if (rc != 0) goto out;
    out->size = image.len;
    rc = journal_header_decode(source->id, image.bytes, image.len, &out->header);
    if (rc == KITH_ECORRUPT) { /* an interrupted creation, unless commits follow */
        rc = 0;
        if (find_commit(&image, 0) == 0) goto out;
        note_bad(out, 0);
    }
    if (rc == KITH_EVERSION)
        error_set(err, rc, "'%.300s': format of a newer version", source->path);
    if (rc == KITH_EINVAL) {
        rc = error_set(err, KITH_ECORRUPT, "'%.300s' belongs to another database", source->path);
    }
    if (rc != 0) goto out;
    start(source, &image, out);
    rc = walk(&image, out, line, ctx);
    if (rc != 0) error_set(err, rc, "no memory for the contents of '%.300s'", source->path);
out:
    mem_free(image.bytes);
    if (rc != 0) {
        journal_map_release(&out->map);
        *out = (struct journal_reading){0};
    }
    return rc;
}
