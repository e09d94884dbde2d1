/*
 * The journal: a map in memory, and a file to which each transaction is appended and synced.
 *
 * Everything happens under one mutex, the sync too: transactions are rare (a checkpoint, a
 * collection made or dropped), readers copy small values, and a reader must not see what is not
 * yet durable.
 *
 * A transaction is prepared (encoded, entries allocated, room in the map reserved), written,
 * synced, and then applied, which cannot fail. After a failed sync nobody knows what is on disk:
 * the journal is poisoned. A full disk is milder: nothing was synced, the file is cut back.
 */
#include "log/journal.h"

#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "log/journal_internal.h"

#define FILES_MAX 1024

/* ---- commit ---- */

static int check_changes(const struct journal_change *changes, size_t count, struct kith_error *err)
{
    uint64_t bytes = 0;
    for (size_t i = 0; i < count; i++) {
        const size_t key_len = strnlen(changes[i].key, JOURNAL_KEY_MAX + 1);
        if (key_len == 0 || key_len > JOURNAL_KEY_MAX) {
            return error_set_at(err, KITH_EINVAL, i, "a key has 1 to %d bytes", JOURNAL_KEY_MAX);
        }
        if (changes[i].value && changes[i].len > JOURNAL_VALUE_MAX) {
            return error_set_at(err, KITH_ELIMIT, i, "value of '%.100s' is larger than %u bytes",
                                changes[i].key, JOURNAL_VALUE_MAX);
        }
        bytes += key_len + 8 + (changes[i].value ? changes[i].len : 0);
        if (bytes > JOURNAL_TRANSACTION_MAX) {
            return error_set(err, KITH_ELIMIT, "a transaction of more than %u bytes",
                             JOURNAL_TRANSACTION_MAX);
        }
    }
    return 0;
}

struct preparation {
    struct journal_entry *entries; /* owns */
    size_t count;
    struct buffer buf;
};

static void preparation_release(struct preparation *prep)
{
    for (size_t i = 0; i < prep->count; i++) mem_free(prep->entries[i].key);
    mem_free(prep->entries);
    buffer_release(&prep->buf);
}

static int prepare(struct journal *journal, const struct journal_change *changes, size_t count,
                   struct preparation *prep)
{
    if (journal_map_reserve(&journal->map, count) != 0) return KITH_ENOMEM;
    prep->entries = mem_zalloc_array(count > 0 ? count : 1, sizeof *prep->entries);
    if (!prep->entries) return KITH_ENOMEM;
    journal_encode_begin(&prep->buf);
    for (; prep->count < count; prep->count++) {
        const struct journal_change *change = &changes[prep->count];
        journal_encode_change(&prep->buf, change->key, change->value, change->len);
        int rc = journal_entry_init(&prep->entries[prep->count], change->key, strlen(change->key),
                                    change->value, change->len);
        if (rc != 0) return rc;
    }
    journal_encode_end(&prep->buf, &journal->id, journal->end, journal->sequence + 1,
                       (uint32_t)count, JOURNAL_COMMIT);
    journal_encode_copy(&prep->buf, &journal->id, journal->end);
    return buffer_failed(&prep->buf) ? KITH_ENOMEM : 0;
}

static int write_durably(struct journal *journal, const struct buffer *buf, struct kith_error *err)
{
    struct kith_error cause = {0};
    int rc = os_pwrite(journal->file, buf->data, buf->len, journal->end, &cause);
    if (rc == KITH_ENOSPC && os_truncate(journal->file, journal->end, NULL) == 0) {
        return error_set(err, rc, "meta file %llx, offset %llu: %.300s",
                         (unsigned long long)journal->id.number, (unsigned long long)journal->end,
                         cause.text);
    }
    if (rc == 0) rc = os_sync(journal->file, &cause);
    if (rc == 0) return 0;
    journal->poison = cause;
    journal->poison.code = rc;
    return error_set(err, KITH_EOUTCOME,
                     "meta file %llx, offset %llu: %.300s; the change may or may not be durable; "
                     "reopen the database",
                     (unsigned long long)journal->id.number, (unsigned long long)journal->end,
                     cause.text);
}

/* Lock held. */
static int commit(struct journal *journal, const struct journal_change *changes, size_t count,
                  struct kith_error *err)
{
    struct preparation prep = {0};
    if (journal->poison.code != 0) {
        return error_set(err, journal->poison.code, "the meta file failed (%.300s); reopen the "
                         "database", journal->poison.text);
    }
    int rc = prepare(journal, changes, count, &prep);
    if (rc != 0) {
        rc = error_set(err, rc, "no memory for a meta transaction");
    } else {
        rc = write_durably(journal, &prep.buf, err);
    }
    if (rc == 0) {
        for (size_t i = 0; i < count; i++) journal_map_apply(&journal->map, prep.entries[i]);
        prep.count = 0; /* they are the map's now */
        journal->end += prep.buf.len;
        journal->sequence++;
        journal->unconfirmed = true;
    }
    preparation_release(&prep);
    return rc;
}

static void tell_watch(const struct journal *journal)
{
    const struct journal_place place = {journal->id.number, journal->end};
    if (journal->watch) journal->watch(journal->watch_ctx, place);
}

void journal_watch(struct journal *journal, void (*fn)(void *ctx, struct journal_place place),
                   void *ctx)
{
    os_mutex_lock(&journal->lock);
    journal->watch = fn;
    journal->watch_ctx = ctx;
    tell_watch(journal);
    os_mutex_unlock(&journal->lock);
}

int journal_commit(struct journal *journal, const struct journal_change *changes, size_t count,
                   struct kith_error *err)
{
    if (journal->read_only) return error_set(err, KITH_EREADONLY, "the meta file is read only");
    int rc = check_changes(changes, count, err);
    if (rc != 0) return rc;
    os_mutex_lock(&journal->lock);
    rc = commit(journal, changes, count, err);
    const uint64_t live = journal->map.bytes + JOURNAL_HEADER_BYTES + JOURNAL_TRANSACTION_BYTES;
    if (rc == 0 && journal->lost == 0 && journal->end > journal->rewrite_at &&
        journal->end > 2 * live) {
        (void)!journal_rewrite(journal, NULL); /* what was committed is durable without it */
    }
    if (rc == 0) tell_watch(journal);
    os_mutex_unlock(&journal->lock);
    return rc;
}

/* ---- reading ---- */

int journal_get(struct journal *journal, const char *key, struct buffer *out)
{
    int rc = KITH_ENOTFOUND;
    os_mutex_lock(&journal->lock);
    const size_t i = journal_map_find(&journal->map, key);
    if (i < journal->map.count && strcmp(journal->map.entries[i].key, key) == 0) {
        const struct journal_entry *entry = &journal->map.entries[i];
        rc = buffer_reserve(out, entry->len);
        if (rc == 0) buffer_put(out, entry->value, entry->len);
    }
    os_mutex_unlock(&journal->lock);
    return rc;
}

int journal_range(struct journal *journal, const char *prefix,
                  int (*fn)(void *ctx, const char *key, const uint8_t *value, size_t len),
                  void *ctx)
{
    int rc = 0;
    const size_t prefix_len = strlen(prefix);
    os_mutex_lock(&journal->lock);
    for (size_t i = journal_map_find(&journal->map, prefix); i < journal->map.count && rc == 0;
         i++) {
        const struct journal_entry *entry = &journal->map.entries[i];
        if (strncmp(entry->key, prefix, prefix_len) != 0) break;
        rc = fn(ctx, entry->key, entry->value, entry->len);
    }
    os_mutex_unlock(&journal->lock);
    return rc;
}

void journal_health(const struct journal *journal, struct journal_health *out)
{
    *out = (struct journal_health){journal->repaired, journal->lost, journal->bad_offset,
                                   journal->id.number};
}

bool journal_doubts(struct journal *journal, const char *key)
{
    os_mutex_lock(&journal->lock);
    const size_t i = journal_map_find(&journal->map, key);
    const struct journal_entry *entry = journal->map.entries + i;
    const bool found = i < journal->map.count && strcmp(entry->key, key) == 0;
    const bool doubts = found && entry->doubtful;
    os_mutex_unlock(&journal->lock);
    return doubts;
}

/* ---- opening ---- */

struct numbers {
    uint64_t list[FILES_MAX];
    size_t count;
};

/* Keeps them ascending. */
static int note_name(void *ctx, const char *name)
{
    struct numbers *numbers = ctx;
    uint64_t number;
    if (!journal_file_number(name, &number) || number == 0) return 0;
    if (numbers->count == FILES_MAX) return KITH_ELIMIT;
    size_t i = numbers->count++;
    for (; i > 0 && numbers->list[i - 1] > number; i--) numbers->list[i] = numbers->list[i - 1];
    numbers->list[i] = number;
    return 0;
}

/* A file whose snapshot is damaged is its commits on top of the file before it, if that is whole.
 */
static int read_on_previous(const struct journal *journal, const struct journal_source *source,
                            struct journal_reading *reading, struct kith_error *err)
{
    char path[OS_PATH_MAX];
    struct journal_reading previous;
    const struct journal_id id = {source->id->database_id, source->id->number - 1};
    const uint64_t end = reading->header.prev_end;
    const uint64_t bad_offset = reading->bad_offset;
    if (end == 0) return 0;
    int rc = journal_file_path(journal->dir, id.number, path, err);
    if (rc != 0) return rc;
    const struct journal_source before = {source->os, path, &id, end, NULL};
    rc = journal_read(&before, NULL, NULL, &previous, err);
    if (rc != 0) return rc == KITH_ENOTFOUND ? 0 : rc;
    if (previous.complete && !previous.damaged && previous.lost == 0 && previous.end == end) {
        const struct journal_source again = {source->os, source->path, source->id, source->limit,
                                             &previous.map};
        journal_map_release(&reading->map);
        rc = journal_read(&again, NULL, NULL, reading, err);
        reading->bad_copies++;
        reading->bad_offset = bad_offset;
    }
    journal_map_release(&previous.map);
    return rc;
}

/* Reads the file up to limit, or says why it is of no use. *usable is false for one that was never
 * completed. */
static int read_one(const struct journal *journal, const struct journal_id *id, uint64_t limit,
                    struct journal_reading *reading, bool *usable, struct kith_error *err)
{
    char path[OS_PATH_MAX];
    int rc = journal_file_path(journal->dir, id->number, path, err);
    const struct journal_source source = {journal->os, path, id, limit, NULL};
    if (rc == 0) rc = journal_read(&source, NULL, NULL, reading, err);
    if (rc == 0 && reading->damaged) rc = read_on_previous(journal, &source, reading, err);
    if (rc == 0 && reading->damaged)
        rc = error_set_at(err, KITH_ECORRUPT, reading->bad_offset,
                          "'%.300s', offset %llu: a transaction does not verify", path,
                          (unsigned long long)reading->bad_offset);
    *usable = rc == 0 && reading->complete;
    if (!*usable) {
        journal_map_release(&reading->map);
        *reading = (struct journal_reading){0};
    }
    return rc;
}

/* The newest complete file; *index is its place, or count when there is none. */
static int read_newest(const struct journal *journal, const struct numbers *numbers, size_t *index,
                       struct journal_reading *reading, struct kith_error *err)
{
    for (size_t i = numbers->count; i-- > 0;) {
        const struct journal_id id = {journal->id.database_id, numbers->list[i]};
        bool usable = false;
        int rc = read_one(journal, &id, UINT64_MAX, reading, &usable, err);
        *index = i;
        if (rc != 0 || usable) return rc;
    }
    *index = numbers->count;
    return 0;
}

static void adopt(struct journal *journal, uint64_t number, const struct journal_reading *reading)
{
    journal->map = reading->map;
    journal->id.number = number;
    journal->sequence = reading->sequence;
    journal->end = reading->end;
    journal->lost = reading->lost;
    journal->repaired = reading->lost == 0 && reading->bad_copies > 0;
    journal->bad_offset = reading->bad_offset;
}

/* Cuts a torn transaction, makes the others durable, removes the other files. */
static int make_writable(struct journal *journal, const struct numbers *numbers, size_t index,
                         uint64_t size, struct kith_error *err)
{
    char path[OS_PATH_MAX];
    int rc = journal_file_path(journal->dir, journal->id.number, path, err);
    if (rc == 0) rc = os_open(journal->os, path, OS_WRITE, &journal->file, err);
    if (rc == 0 && size > journal->end) rc = os_truncate(journal->file, journal->end, err);
    if (rc == 0) rc = os_sync(journal->file, err);
    for (size_t i = 0; i < numbers->count && rc == 0; i++) {
        if (i == index || numbers->list[i] + 1 == journal->id.number) continue;
        rc = journal_file_path(journal->dir, numbers->list[i], path, err);
        if (rc == 0) rc = os_unlink(journal->os, path, err);
    }
    /* Also when nothing was removed: the file's own name may not be durable yet. */
    return rc == 0 ? os_sync_dir(journal->os, journal->dir, err) : rc;
}

static int create_first(struct journal *journal, const struct numbers *numbers,
                        struct kith_error *err)
{
    if (journal->read_only) {
        return error_set(err, numbers->count > 0 ? KITH_ECORRUPT : KITH_ENOTFOUND,
                         "no complete meta file in '%.300s'", journal->dir);
    }
    /* One that never completed may be left by an interrupted creation; two are damage. */
    if (numbers->count > 1 || (numbers->count == 1 && numbers->list[0] != 1)) {
        return error_set(err, KITH_ECORRUPT, "no complete meta file in '%.300s'", journal->dir);
    }
    if (numbers->count == 1) {
        char path[OS_PATH_MAX];
        int rc = journal_file_path(journal->dir, 1, path, err);
        if (rc == 0) rc = os_unlink(journal->os, path, err);
        if (rc == 0) rc = os_sync_dir(journal->os, journal->dir, err);
        if (rc != 0) return rc;
    }
    return journal_rewrite(journal, err);
}

static int load_newest(struct journal *journal, struct kith_error *err)
{
    struct numbers *numbers = mem_zalloc(sizeof *numbers);
    struct journal_reading reading = {0};
    size_t index = 0;
    if (!numbers) return error_set(err, KITH_ENOMEM, "no memory to open the meta file");
    int rc = os_list(journal->os, journal->dir, note_name, numbers, err);
    if (rc == KITH_ELIMIT) error_set(err, rc, "more than %d meta files", FILES_MAX);
    if (rc == 0) rc = read_newest(journal, numbers, &index, &reading, err);
    if (rc == 0 && index == numbers->count) {
        rc = create_first(journal, numbers, err);
    } else if (rc == 0) {
        adopt(journal, numbers->list[index], &reading);
        if (!journal->read_only) rc = make_writable(journal, numbers, index, reading.size, err);
        /* What was damaged shall not be so still when the next damage comes; it may wait. */
        const bool is_old = journal->repaired || reading.header.version != JOURNAL_VERSION;
        if (rc == 0 && !journal->read_only && is_old && journal->lost == 0)
            (void)!journal_rewrite(journal, NULL);
    }
    mem_free(numbers);
    return rc;
}

static void release(struct journal *journal)
{
    os_close(journal->file);
    journal_map_release(&journal->map);
    os_mutex_release(&journal->lock);
    mem_free(journal->dir);
    mem_free(journal);
}

static int journal_new(const struct os *os, const char *dir, uint64_t database_id, bool read_only,
                       struct journal **out, struct kith_error *err)
{
    struct journal *journal = mem_zalloc(sizeof *journal);
    if (!journal) return error_set(err, KITH_ENOMEM, "no memory to open the meta file");
    journal->os = os;
    journal->read_only = read_only;
    journal->id.database_id = database_id;
    journal->dir = mem_strdup(dir);
    if (!journal->dir || os_mutex_init(os, &journal->lock) != 0) {
        release(journal);
        return error_set(err, KITH_ENOMEM, "no memory to open the meta file");
    }
    *out = journal;
    return 0;
}

int journal_open(const struct os *os, const char *dir, uint64_t database_id, bool read_only,
                 struct journal **out, struct kith_error *err)
{
    struct journal *journal = NULL;
    int rc = journal_new(os, dir, database_id, read_only, &journal, err);
    if (rc != 0) return rc;
    rc = load_newest(journal, err);
    if (rc != 0) {
        release(journal);
        return rc;
    }
    *out = journal;
    return 0;
}

int journal_open_at(const struct os *os, const char *dir, uint64_t database_id,
                    struct journal_place place, struct journal **out, struct kith_error *err)
{
    struct journal *journal = NULL;
    struct journal_reading reading = {0};
    int rc = journal_new(os, dir, database_id, true, &journal, err);
    if (rc != 0) return rc;
    const struct journal_id id = {database_id, place.number};
    bool usable = false;
    rc = read_one(journal, &id, place.end, &reading, &usable, err);
    if (usable) adopt(journal, place.number, &reading);
    if (rc == 0 && (!usable || reading.end != place.end))
        rc = error_set(err, KITH_ECORRUPT, "meta file %llx does not reach offset %llu",
                       (unsigned long long)place.number, (unsigned long long)place.end);
    if (rc != 0) {
        release(journal);
        return rc;
    }
    *out = journal;
    return 0;
}

/* An empty transaction after the last one tells damage to it from a torn one; it needs no sync. */
static void confirm_last(struct journal *journal)
{
    struct buffer buf = {0};
    journal_encode_begin(&buf);
    journal_encode_end(&buf, &journal->id, journal->end, journal->sequence + 1, 0, JOURNAL_COMMIT);
    journal_encode_copy(&buf, &journal->id, journal->end);
    if (!buffer_failed(&buf)) {
        (void)!os_pwrite(journal->file, buf.data, buf.len, journal->end, NULL);
    }
    buffer_release(&buf);
}

void journal_close(struct journal *journal)
{
    if (!journal) return;
    if (journal->unconfirmed && journal->poison.code == 0) confirm_last(journal);
    release(journal);
}

int journal_inspect(const struct os *os, const char *path, uint64_t database_id,
                    void (*line)(void *ctx, const char *text),
                    void (*problem)(void *ctx, uint64_t offset, const char *text), void *ctx,
                    struct kith_error *err)
{
    const char *slash = strrchr(path, '/');
    struct journal_id id = {.database_id = database_id};
    struct journal_reading reading;
    if (!journal_file_number(slash ? slash + 1 : path, &id.number)) {
        return error_set(err, KITH_EINVAL, "'%.300s' is not the name of a meta file", path);
    }
    const struct journal_source source = {os, path, &id, UINT64_MAX, NULL};
    int rc = journal_read(&source, line, ctx, &reading, err);
    if (rc != 0) return rc;
    if (problem && (reading.damaged || reading.lost > 0)) {
        problem(ctx, reading.bad_offset, "a transaction before the last one does not verify");
    } else if (problem && reading.bad_copies > 0) {
        problem(ctx, reading.bad_offset,
                "one of two copies does not verify; nothing is lost, and opening "
                "the database for writing repairs it");
    } else if (problem && !reading.complete) {
        problem(ctx, reading.bad_offset, "the file is not complete");
    }
    if (line) {
        char text[128];
        (void)snprintf(text, sizeof text, "%zu keys, %llu live bytes, end %llu of %llu",
                       reading.map.count, (unsigned long long)reading.map.bytes,
                       (unsigned long long)reading.end, (unsigned long long)reading.size);
        line(ctx, text);
    }
    journal_map_release(&reading.map);
    return 0;
}
