/*
 * Reading what was kept: the snapshot, then the logs after it, in order.
 *
 * A group that does not verify is where the log was torn, or damage. It is damage when it is known
 * to have been durable: a later group of the file says that the file was synced beyond it, or a
 * group of the next log says that this one was synced to its end. Damage refuses, with file and
 * offset, unless `recover` was asked for; a torn tail is cut off, and said.
 *
 * The next log begins with a link: where this one ended, and the chain of its groups. If they are
 * other than what was found, this log has lost its end, and nothing behind that hole is replayed:
 * the logs after it are removed. A power cut may do that before the old log was synced, and then no
 * group of the next one says that it was. (Logs of version 2 have no link; of them the first group
 * was written when the log before was durable.)
 *
 * What is replayed may not be on the disk yet: who wrote it may have been killed. It is synced
 * before anything can follow it.
 *
 * While the log is replayed nothing expires: keys that did left a DEL in it.
 */
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/endian.h"
#include "redis/keep_internal.h"

#define WINDOW_BYTES ((size_t)256 << 10)
#define WITNESS_READS 16u

struct reader { /* a file of groups or blocks */
    struct keep *keep;
    enum keep_kind kind;
    uint64_t number;
    char path[OS_PATH_MAX];
    struct os_file *file;
    uint32_t version;
    uint64_t bytes, offset; /* of the group that comes next */
    uint64_t durable;       /* what the group says */
    uint64_t chain;         /* up to it */
    uint8_t head[KEEP_GROUP_BYTES]; /* of the group that was read */
    struct buffer payload;          /* the 8 bytes before it, and it */
};

static int reader_open(struct reader *reader, struct keep *keep, enum keep_kind kind,
                       uint64_t number, struct kith_error *err)
{
    memset(reader, 0, sizeof *reader);
    reader->keep = keep;
    reader->kind = kind;
    reader->number = number;
    reader->offset = KEEP_HEADER_BYTES;
    keep_name(keep, kind, number, reader->path, sizeof reader->path);
    struct keep_opened opened = { 0 };
    const int rc = keep_open_file(keep, kind, number, &opened, err);
    reader->file = opened.file;
    reader->bytes = opened.bytes;
    reader->version = opened.version;
    return rc;
}

static void reader_close(struct reader *reader)
{
    os_close(reader->file);
    buffer_release(&reader->payload);
}

enum { GROUP_NONE = 0, GROUP_READ = 1, GROUP_BAD = 2 };

/* The group at `offset`: GROUP_READ, GROUP_NONE at the end (or at zeros that were laid out ahead),
 * GROUP_BAD, or negative. */
static int read_group(struct reader *reader, uint64_t offset, struct kith_error *err)
{
    uint8_t *head = reader->head;
    size_t got = 0;
    const uint64_t left = reader->bytes - offset;
    int rc = os_pread(reader->file, head, KEEP_GROUP_BYTES, offset, &got, err);
    if (rc) return rc;
    if (got == 0) return GROUP_NONE;
    if (got < KEEP_GROUP_BYTES) return GROUP_BAD;
    const uint64_t len = le32_get(head);
    if (len == 0)
        return le32_get(head + 4) == 0 && le64_get(head + 8) == 0 ? GROUP_NONE : GROUP_BAD;
    if (len > left - KEEP_GROUP_BYTES) return GROUP_BAD;
    buffer_clear(&reader->payload);
    uint8_t *room = buffer_extend(&reader->payload, (size_t)len + 8);
    if (!room) return error_set(err, KITH_ENOMEM, "%s: no memory to read it", reader->path);
    memcpy(room, head + 8, 8);
    rc = os_pread(reader->file, room + 8, (size_t)len, offset + KEEP_GROUP_BYTES, &got, err);
    if (rc) return rc;
    if (got < len || keep_checksum(reader->keep, reader->kind, reader->number, offset, room,
                                   (size_t)len + 8) != le32_get(head + 4))
        return GROUP_BAD;
    reader->durable = le64_get(head + 8);
    return GROUP_READ;
}

static int next_group(struct reader *reader, struct kith_error *err)
{
    const int got = read_group(reader, reader->offset, err);
    if (got != GROUP_READ) return got;
    reader->offset += KEEP_GROUP_BYTES + reader->payload.len - 8;
    reader->chain = keep_chain(reader->chain, reader->head);
    return got;
}

static int damaged(const struct reader *reader, const char *what, struct kith_error *err)
{
    return error_set_at(err, KITH_ECORRUPT, reader->offset, "%s: %s at byte %llu", reader->path,
                        what, (unsigned long long)reader->offset);
}

/* ---- the snapshot ---- */

static bool read_str(struct cursor *in, struct kith_str *out)
{
    size_t len;
    const uint8_t *data = cursor_bytes(in, &len);
    *out = (struct kith_str){ (const char *)data, len };
    return data != NULL;
}

/* varint count, then so many words; the words borrow the payload. */
static int read_words(struct cursor *in, struct kith_str **words, size_t *count)
{
    const uint64_t argc = cursor_varint(in);
    if (cursor_failed(in) || argc == 0 || argc > cursor_left(in) || argc > KEEP_ARGS_MAX)
        return KITH_ECORRUPT;
    *words = mem_alloc_array((size_t)argc, sizeof **words);
    if (!*words) return KITH_ENOMEM;
    *count = (size_t)argc;
    for (size_t i = 0; i < *count; i++)
        if (!read_str(in, &(*words)[i])) return KITH_ECORRUPT;
    return 0;
}

static int run_command(struct keep *keep, struct cursor *in)
{
    struct kith_str *words = NULL;
    size_t count = 0;
    const uint64_t db = cursor_varint(in);
    int rc = read_words(in, &words, &count);
    if (rc == 0 && db >= cache_databases(keep->opts.cache)) rc = KITH_ECORRUPT;
    if (rc == 0) rc = keep->opts.replay(keep->opts.ctx, (unsigned)db, words, count);
    mem_free(words);
    return rc;
}

static int add_entry(struct keep *keep, struct cursor *in)
{
    struct kith_str key;
    const uint64_t db = cursor_varint(in);
    const int64_t deadline = (int64_t)cursor_u64(in);
    if (!read_str(in, &key) || db >= cache_databases(keep->opts.cache)) return KITH_ECORRUPT;
    return cache_decode(keep->opts.cache, (unsigned)db, key, in, deadline, NULL);
}

/* Everything in one block. *end: it was the last, and says how many entries there are. */
static int take_block(struct keep *keep, struct cursor *in, uint64_t *entries, bool *end)
{
    int rc = 0;
    while (rc == 0 && cursor_left(in) > 0 && !*end) {
        const uint8_t record = cursor_u8(in);
        if (record == RECORD_ENTRY) rc = add_entry(keep, in);
        else if (record == RECORD_DEFINITION) rc = run_command(keep, in);
        else if (record == RECORD_LARGE) rc = keep_large_arrives(keep, in);
        else if (record == RECORD_PIECE) rc = keep_piece_arrives(keep, in);
        else if (record == RECORD_END) *end = true;
        else rc = KITH_ECORRUPT;
        *entries += record == RECORD_ENTRY || record == RECORD_LARGE;
        if (*end && (cursor_u64(in) != *entries || keep->arriving)) rc = KITH_ECORRUPT;
    }
    return rc == 0 && cursor_failed(in) ? KITH_ECORRUPT : rc;
}

static int load_blocks(struct reader *reader, struct kith_error *err)
{
    uint64_t entries = 0;
    bool end = false;
    while (!end) {
        const uint64_t at = reader->offset;
        const int got = next_group(reader, err);
        if (got < 0) return got;
        if (got != GROUP_READ) return damaged(reader, "a block is damaged or missing", err);
        struct cursor in;
        cursor_init(&in, reader->payload.data + 8, reader->payload.len - 8);
        const int rc = take_block(reader->keep, &in, &entries, &end);
        if (rc == KITH_ENOMEM) return error_set(err, rc, "%s: no memory to load it", reader->path);
        reader->offset = rc ? at : reader->offset;
        if (rc) return damaged(reader, "a block holds what cannot be read", err);
    }
    return 0;
}

static int load_snapshot(struct keep *keep, struct kith_error *err)
{
    struct reader reader;
    if (keep->snapshot == 0) return 0;
    int rc = reader_open(&reader, keep, KEEP_SNAPSHOT, keep->snapshot, err);
    if (rc == KITH_ENOTFOUND)
        return error_set(err, KITH_ECORRUPT, "%s is missing; `current` names it", reader.path);
    if (rc) return rc;
    rc = load_blocks(&reader, err);
    keep_arriving_drop(keep);
    reader_close(&reader);
    return rc;
}

/* ---- logs ---- */

static int replay_group(struct reader *reader, struct kith_error *err)
{
    struct cursor in;
    cursor_init(&in, reader->payload.data + 8, reader->payload.len - 8);
    while (cursor_left(&in) > 0) {
        const uint64_t commands = cursor_varint(&in);
        int rc = commands == 0 || cursor_failed(&in) ? KITH_ECORRUPT : 0;
        for (uint64_t i = 0; rc == 0 && i < commands; i++) rc = run_command(reader->keep, &in);
        if (rc == KITH_ENOMEM)
            return error_set(err, rc, "%s: no memory to replay it", reader->path);
        if (rc) return damaged(reader, "a record cannot be applied, in the group that ends", err);
    }
    return 0;
}

/* Whether a group could begin here that says of the bad one that it was durable. It cannot have
 * been synced to beyond its own place. */
static bool may_witness(const struct reader *reader, uint64_t at, const uint8_t *head)
{
    const uint64_t len = le32_get(head), durable = le64_get(head + 8);
    return len > 0 && len <= reader->bytes - at - KEEP_GROUP_BYTES && durable > reader->offset &&
           durable <= at;
}

/* The same for all places of a window; *left: bytes that may still be read for it. */
static int search_window(struct reader *reader, uint64_t from, const uint8_t *window, size_t len,
                         uint64_t *left, bool *out, struct kith_error *err)
{
    for (size_t i = 0; i + KEEP_GROUP_BYTES <= len && !*out; i++) {
        if (!may_witness(reader, from + i, window + i)) continue;
        const uint64_t cost = le32_get(window + i);
        const int got = cost > *left ? GROUP_READ : read_group(reader, from + i, err);
        if (got < 0) return got;
        *left -= cost < *left ? cost : *left;
        *out = got == GROUP_READ;
    }
    return 0;
}

/* Whether a group behind the bad one says that the bad one was durable. Looks at every byte, and
 * reads what looks like such a group: by chance nothing does. What was made to look so is read as
 * often as the file has bytes WITNESS_READS times, and then believed. */
static int was_durable(struct reader *reader, bool *out, struct kith_error *err)
{
    uint8_t *window = mem_alloc(WINDOW_BYTES);
    uint64_t left = reader->bytes * WITNESS_READS;
    int rc = window ? 0 : error_set(err, KITH_ENOMEM, "%s: no memory to read it", reader->path);
    *out = false;
    for (uint64_t at = reader->offset + 1; rc == 0 && !*out && at < reader->bytes;) {
        size_t got = 0;
        rc = os_pread(reader->file, window, WINDOW_BYTES, at, &got, err);
        if (rc || got < KEEP_GROUP_BYTES) break;
        rc = search_window(reader, at, window, got, &left, out, err);
        at += got - KEEP_GROUP_BYTES + 1;
    }
    mem_free(window);
    return rc;
}

/* ---- from log to log ---- */

struct link {
    uint64_t end, chain; /* of the log before */
};

/* Like next_group. A log of before links has none: that is GROUP_NONE, too. */
static int read_link(struct reader *reader, struct link *out, struct kith_error *err)
{
    if (reader->version < KEEP_VERSION_LINKS) return GROUP_NONE;
    const int got = next_group(reader, err);
    if (got != GROUP_READ) return got;
    if (reader->payload.len != 8 + KEEP_LINK_BYTES - KEEP_GROUP_BYTES)
        return damaged(reader, "what should link it to the log before cannot be read", err);
    out->end = le64_get(reader->payload.data + 8);
    out->chain = le64_get(reader->payload.data + 16);
    return GROUP_READ;
}

enum next_log {
    NEXT_NONE,    /* there is none, or nothing in it */
    NEXT_FOLLOWS, /* this one is what it says */
    NEXT_HOLE,    /* this one lacks its end, and was not synced */
    NEXT_PROVES   /* this one was durable, and is not what it was */
};

/* Of a log that links to what is not there: does it say that the one before was synced? */
static int judge(struct reader *next, enum next_log *out, struct kith_error *err)
{
    int got = GROUP_READ;
    bool durable = next->durable >= KEEP_HEADER_BYTES;
    while (!durable && (got = next_group(next, err)) == GROUP_READ)
        durable = next->durable >= KEEP_HEADER_BYTES;
    *out = durable ? NEXT_PROVES : NEXT_HOLE;
    return got < 0 ? got : 0;
}

static int ask_next(const struct reader *reader, bool bad, enum next_log *out,
                    struct kith_error *err)
{
    struct reader next;
    struct link link = { 0 };
    *out = NEXT_NONE;
    int rc = reader_open(&next, reader->keep, KEEP_LOG, reader->number + 1, err);
    if (rc == KITH_ENOTFOUND) return 0;
    if (rc) return rc;
    const int got = read_link(&next, &link, err);
    if (got == GROUP_READ && link.end == reader->offset && link.chain == reader->chain)
        *out = NEXT_FOLLOWS;
    else if (got == GROUP_READ)
        rc = judge(&next, out, err);
    else if (got == GROUP_NONE && next.version < KEEP_VERSION_LINKS && bad)
        *out = (rc = next_group(&next, err)) == GROUP_READ ? NEXT_PROVES : NEXT_NONE;
    reader_close(&next);
    return got < 0 ? got : rc < 0 ? rc : 0;
}

/* Behind the last good group nothing is replayed. It is cut off if that loses nothing that was
 * promised; `bad`: something is there that is no group. */
static int end_log(struct reader *reader, bool bad, struct kith_error *err)
{
    struct keep *keep = reader->keep;
    enum next_log next;
    bool durable = false;
    int rc = ask_next(reader, bad, &next, err);
    if (rc == 0 && bad && next != NEXT_FOLLOWS) rc = was_durable(reader, &durable, err);
    if (rc) return rc;
    durable = durable || next == NEXT_PROVES;
    if (durable && !keep->opts.recover)
        return damaged(reader, "a group that was durable is damaged or missing", err);
    keep->torn = durable || next == NEXT_HOLE;
    if (!bad && !keep->torn) return 0;
    keep_say(keep, 1, "%s: cut off at byte %llu of %llu%s", reader->path,
             (unsigned long long)reader->offset, (unsigned long long)reader->bytes,
             durable ? ", by request; the rest is lost" : ", the last write was torn");
    return os_truncate(reader->file, reader->offset, err);
}

static int replay_log(struct reader *reader, struct kith_error *err)
{
    struct link link;
    const bool linked = reader->version >= KEEP_VERSION_LINKS;
    int rc = 0, got = linked ? read_link(reader, &link, err) : GROUP_READ;
    while (got == GROUP_READ && rc == 0 && (got = next_group(reader, err)) == GROUP_READ)
        rc = replay_group(reader, err);
    if (rc == 0 && got < 0) rc = got;
    if (rc == 0) rc = end_log(reader, got == GROUP_BAD, err);
    return rc;
}

static int load_log(struct keep *keep, uint64_t number, struct kith_error *err)
{
    struct reader reader;
    int rc = reader_open(&reader, keep, KEEP_LOG, number, err);
    if (rc) return rc;
    rc = replay_log(&reader, err);
    if (rc == 0) rc = os_sync(reader.file, err);
    keep->log_bytes += reader.offset;
    keep->tail = reader.offset;
    keep->tail_chain = reader.chain;
    reader_close(&reader);
    return rc;
}

/* ---- all ---- */

static int sweep(void *ctx, const char *name)
{
    struct keep *keep = ctx;
    unsigned long long number;
    char rest;
    if (sscanf(name, "log-%llu%c", &number, &rest) == 1 &&
        (number < keep->log_first || number >= keep->log_end))
        keep_remove(keep, KEEP_LOG, number);
    if (sscanf(name, "snapshot-%llu%c", &number, &rest) == 1 && number != keep->snapshot)
        keep_remove(keep, KEEP_SNAPSHOT, number);
    return 0;
}

int keep_load(struct keep *keep, struct kith_error *err)
{
    uint64_t number = keep->log_first;
    cache_lock(keep->opts.cache);
    cache_set_now(keep->opts.cache, 0);
    int rc = load_snapshot(keep, err);
    while (rc == 0 && !keep->torn) {
        rc = load_log(keep, number, err);
        number += rc == 0;
    }
    cache_begin(keep->opts.cache);
    cache_unlock(keep->opts.cache);
    if (rc && rc != KITH_ENOTFOUND) return rc; /* the log after the last: there is none */
    keep->log_end = number;
    return os_list(keep->opts.os, keep->dir, sweep, keep, err);
}

static int note_number(void *ctx, const char *name)
{
    struct keep *keep = ctx;
    unsigned long long number;
    const bool numbered = sscanf(name, "log-%llu", &number) == 1 ||
                          sscanf(name, "snapshot-%llu", &number) == 1;
    if (numbered && number < UINT64_MAX && number >= keep->log_end) keep->log_end = number + 1;
    return 0;
}

int keep_pass_by(struct keep *keep, struct kith_error *err)
{
    keep->log_end = keep->log_first;
    return os_list(keep->opts.os, keep->dir, note_number, keep, err);
}
