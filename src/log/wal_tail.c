/*
 * See wal_tail.h. Files are held open by number, oldest first; the header of each names the one
 * before it and where that one ends, so a chain of headers says what to read of each.
 */
#include "log/wal_tail.h"

#include <string.h>

#include "base/alloc.h"
#include "log/wal_format.h"

#define HELD_MAX 4096

struct held {
    struct wal_file_header header;
    struct os_file *file; /* owns */
};

struct wal_tail {
    const struct os *os; /* borrows */
    char *dir;           /* owns */
    uint64_t database_id;
    struct held *held; /* owns; by number */
    size_t count, cap;
    struct wal_place at;
};

int wal_tail_new(const struct os *os, const char *dir, uint64_t database_id, struct wal_tail **out)
{
    struct wal_tail *tail = mem_zalloc(sizeof *tail);
    if (!tail) return KITH_ENOMEM;
    tail->os = os;
    tail->database_id = database_id;
    tail->dir = mem_strdup(dir);
    if (!tail->dir) {
        mem_free(tail);
        return KITH_ENOMEM;
    }
    *out = tail;
    return 0;
}

/* Lets go of the first `count` files. */
static void let_go(struct wal_tail *tail, size_t count)
{
    for (size_t i = 0; i < count; i++) os_close(tail->held[i].file);
    tail->count -= count;
    if (count) memmove(tail->held, tail->held + count, tail->count * sizeof *tail->held);
}

void wal_tail_free(struct wal_tail *tail)
{
    if (!tail) return;
    let_go(tail, tail->count);
    mem_free(tail->held);
    mem_free(tail->dir);
    mem_free(tail);
}

static uint64_t number_of(const struct held *held) { return held->header.id.number; }

static bool is_held(const struct wal_tail *tail, uint64_t number)
{
    for (size_t i = 0; i < tail->count; i++)
        if (number_of(&tail->held[i]) == number) return true;
    return false;
}

static int held_insert(struct wal_tail *tail, const struct held *held, struct kith_error *err)
{
    if (tail->count == HELD_MAX)
        return error_set(err, KITH_ELIMIT, "more than %d log files", HELD_MAX);
    if (tail->count == tail->cap) {
        const size_t cap = tail->cap ? tail->cap * 2 : 8;
        struct held *grown = mem_realloc(tail->held, cap * sizeof *grown);
        if (!grown) return error_set(err, KITH_ENOMEM, "no memory to follow the log");
        tail->held = grown;
        tail->cap = cap;
    }
    size_t i = tail->count++;
    for (; i > 0 && number_of(&tail->held[i - 1]) > number_of(held); i--)
        tail->held[i] = tail->held[i - 1];
    tail->held[i] = *held;
    return 0;
}

/* KITH_ENOTFOUND: gone. KITH_ECORRUPT: its header does not verify; it may be being made. */
static int hold(struct wal_tail *tail, uint64_t number, struct kith_error *err)
{
    char path[OS_PATH_MAX];
    uint8_t bytes[WAL_HEADER_BYTES];
    size_t got = 0;
    struct held held = {0};
    const struct wal_file_id id = {tail->database_id, number};
    int rc = wal_file_path(tail->dir, number, path, err);
    if (rc == 0) rc = os_open(tail->os, path, OS_READ, &held.file, err);
    if (rc != 0) return rc;
    rc = os_pread(held.file, bytes, sizeof bytes, 0, &got, err);
    if (rc == 0) {
        rc = wal_header_decode(&id, bytes, got, &held.header);
        if (rc != 0) error_set(err, rc, "'%.300s': the header does not verify", path);
    }
    if (rc == 0) rc = held_insert(tail, &held, err);
    if (rc != 0) os_close(held.file);
    return rc;
}

/* ---- pinning ---- */

struct pinning {
    struct wal_tail *tail;
    struct kith_error *err;
};

static int pin_name(void *ctx, const char *name)
{
    const struct pinning *pinning = ctx;
    uint64_t number;
    if (!wal_file_number(name, &number) || number == 0) return 0;
    struct kith_error why = {0};
    const int rc = hold(pinning->tail, number, &why);
    if (rc == 0 || rc == KITH_ENOTFOUND || rc == KITH_ECORRUPT) return 0;
    if (pinning->err) *pinning->err = why;
    return rc;
}

int wal_tail_pin(struct wal_tail *tail, struct kith_error *err)
{
    let_go(tail, tail->count);
    tail->at = (struct wal_place){0};
    struct pinning pinning = {tail, err};
    return os_list(tail->os, tail->dir, pin_name, &pinning, err);
}

/* ---- reading ---- */

/* Holds every file up to that number, backwards along the chain of headers. */
static int reach(struct wal_tail *tail, uint64_t number, struct kith_error *err)
{
    const uint64_t newest = tail->count ? number_of(&tail->held[tail->count - 1]) : 0;
    while (number > newest) {
        const int rc = hold(tail, number, err);
        if (rc != 0) return rc;
        for (size_t i = 0; i < tail->count; i++) {
            if (number_of(&tail->held[i]) != number) continue;
            number = tail->held[i].header.prev_number;
            break;
        }
        if (is_held(tail, number)) break;
    }
    return 0;
}

struct part { /* of one file, in memory */
    struct wal_file_id id;
    uint8_t *bytes; /* owns */
    size_t len;
    uint64_t from, to;
};

static int part_load(const struct held *held, struct part *part, struct kith_error *err)
{
    const size_t len = (size_t)(part->to - part->from);
    uint64_t size;
    int rc = os_size(held->file, &size, err);
    if (rc != 0) return rc;
    const uint64_t there = size > part->from ? size - part->from : 0;
    part->len = there < len ? (size_t)there : len;
    part->bytes = mem_alloc(part->len ? part->len : 1);
    if (!part->bytes) return error_set(err, KITH_ENOMEM, "no memory for %zu bytes of the log", len);
    return os_pread(held->file, part->bytes, part->len, part->from, &part->len, err);
}

static bool decode(const struct part *part, uint64_t at, struct wal_entry *entry)
{
    return wal_record_decode_part(&part->id, part->bytes, part->len, part->from, at, entry);
}

static int part_walk(const struct part *part, int (*fn)(void *ctx, const struct wal_record *record),
                     void *ctx, uint64_t *damaged)
{
    uint64_t at = part->from;
    const uint64_t to = part->from + part->len;
    *damaged += part->to - to;
    while (at < to) {
        struct wal_entry entry;
        if (decode(part, at, &entry)) {
            const int rc = entry.is_group ? 0 : fn(ctx, &entry.record);
            if (rc < 0) return rc;
            at = entry.next;
            continue;
        }
        const uint64_t bad = at;
        do at += 8;
        while (at < to && !(decode(part, at, &entry) && entry.is_group));
        *damaged += (at < to ? at : to) - bad;
    }
    return 0;
}

static int read_file(struct wal_tail *tail, size_t i, struct wal_place end,
                     int (*fn)(void *ctx, const struct wal_record *record), void *ctx,
                     uint64_t *damaged, struct kith_error *err)
{
    const struct held *held = &tail->held[i];
    struct part part = {.id = held->header.id, .from = WAL_HEADER_BYTES, .to = end.offset};
    if (number_of(held) == tail->at.number) part.from = tail->at.offset;
    if (number_of(held) != end.number) {
        const struct wal_file_header *next = &tail->held[i + 1].header;
        if (next->prev_number != number_of(held))
            return error_set(err, KITH_ENOTFOUND, "log file %016llx is gone",
                             (unsigned long long)next->prev_number);
        part.to = next->prev_end;
    }
    if (part.to <= part.from) return 0;
    int rc = part_load(held, &part, err);
    if (rc == 0) rc = part_walk(&part, fn, ctx, damaged);
    mem_free(part.bytes);
    return rc;
}

/* The file of `end` was unlinked already, and nothing was written to the next one yet. */
static bool is_trimmed(const struct wal_tail *tail, struct wal_place end)
{
    return tail->count > 0 && tail->at.number == 0 &&
           tail->held[0].header.prev_number == end.number &&
           tail->held[0].header.prev_end <= end.offset;
}

int wal_tail_read(struct wal_tail *tail, struct wal_place end,
                  int (*fn)(void *ctx, const struct wal_record *record), void *ctx,
                  uint64_t *damaged_bytes, struct kith_error *err)
{
    if (end.number == 0) return 0;
    int rc = reach(tail, end.number, err);
    if (rc == KITH_ENOTFOUND && is_trimmed(tail, end)) {
        tail->at = end;
        return 0;
    }
    size_t i = 0;
    for (; rc == 0 && i < tail->count && number_of(&tail->held[i]) <= end.number; i++) {
        if (number_of(&tail->held[i]) < tail->at.number) continue;
        rc = read_file(tail, i, end, fn, ctx, damaged_bytes, err);
    }
    if (rc != 0) return rc;
    if (i == 0 || number_of(&tail->held[i - 1]) != end.number)
        return error_set(err, KITH_ENOTFOUND, "log file %016llx is gone",
                         (unsigned long long)end.number);
    tail->at = end;
    let_go(tail, i - 1);
    return 0;
}
