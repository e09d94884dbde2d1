/*
 * The files of the keyspace are never trusted when they are read. The first byte says what the rest
 * is: 0 the payload of a group of the log, 1 that of a block of the snapshot (both with a checksum
 * that is right, so that what is behind it is reached), 2 and 3 the bytes behind the header of such
 * a file. With 4 the log is one of two: 0 is then what the second says of the first, and how many
 * bytes the first has, and 2 the bytes behind the header of the second. Any status may come; what
 * was read without complaint is read again as the same, and with `recover` nothing is worse.
 * Nothing is left behind.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "fuzz.h"
#include "os/sim.h"
#include "redis/keep_internal.h"

static int replay(void *ctx, unsigned db, const struct kith_str *argv, size_t argc)
{
    if (argc != 2) return argc == 1 ? KITH_ECORRUPT : 0;
    return cache_set_string(ctx, db, argv[0], argv[1], CACHE_NO_DEADLINE, false, NULL);
}

static int open_keep(const struct os *os, bool recover, struct cache **cache, struct keep **keep)
{
    struct cache_opts opts = {.os = os, .databases = 2, .seed = 1};
    struct kith_error err = {0};
    cache_settings_init(&opts.settings);
    MUST(cache_new(&opts, cache, &err) == 0);
    const struct keep_opts keep_opts = {.os = os, .dir = "keys", .cache = *cache, .ctx = *cache,
                                        .replay = replay, .recover = recover};
    *keep = NULL;
    return keep_open(&keep_opts, keep, &err);
}

static size_t close_keep(struct cache *cache, struct keep *keep)
{
    const size_t keys = cache_count(cache, 0) + cache_count(cache, 1);
    keep_close(keep);
    cache_free(cache);
    return keys;
}

static struct os_file *create(struct keep *keep, enum keep_kind kind, uint64_t number)
{
    struct os_file *file;
    struct kith_error err;
    MUST(keep_create(keep, kind, number, &file, &err) == 0);
    return file;
}

static void put_bytes(struct os_file *file, uint64_t offset, const void *data, size_t size)
{
    struct kith_error err;
    MUST(os_pwrite(file, data, size, offset, &err) == 0);
}

/* A group, or a block. Where the next one goes. */
static uint64_t put_group(struct keep *keep, enum keep_kind kind, const struct keep_log *log,
                          const uint8_t *data, size_t size)
{
    struct buffer bytes;
    buffer_init(&bytes);
    memset(buffer_extend(&bytes, KEEP_GROUP_BYTES), 0, KEEP_GROUP_BYTES);
    buffer_put(&bytes, data, size);
    keep_seal(keep, kind, log->number, log->offset, log->durable, &bytes);
    put_bytes(log->file, log->offset, bytes.data, bytes.len);
    const uint64_t end = log->offset + bytes.len;
    buffer_release(&bytes);
    return end;
}

static void put_file(struct keep *keep, enum keep_kind kind, bool sealed, const uint8_t *data,
                     size_t size)
{
    struct keep_log file = {.number = 1, .offset = KEEP_HEADER_BYTES};
    const struct keep_log none = {0};
    struct kith_error err;
    file.file = create(keep, kind, 1);
    if (!sealed) put_bytes(file.file, file.offset, data, size);
    if (sealed && kind == KEEP_LOG) MUST(keep_link(keep, &file, &none, &err) == 0);
    if (sealed) (void)put_group(keep, kind, &file, data, size);
    os_close(file.file);
}

/* Two logs. The first bytes: how much the link of the second is off, and how much of the first is
 * there; whether the second says that the first was durable. */
static void put_logs(struct keep *keep, bool sealed, const uint8_t *data, size_t size)
{
    static const uint8_t unit[] = {1, 0, 2, 1, 'k', 1, 'v'};
    struct keep_log first = {.number = 1, .durable = KEEP_HEADER_BYTES}, second = {.number = 2};
    const struct keep_log none = {0};
    struct kith_error err;
    first.file = create(keep, KEEP_LOG, 1);
    second.file = create(keep, KEEP_LOG, 2);
    MUST(keep_link(keep, &first, &none, &err) == 0);
    first.offset = put_group(keep, KEEP_LOG, &first, unit, sizeof unit);
    const struct keep_log linked = {.offset = first.offset + (size > 0 ? data[0] : 0),
                                    .chain = size > 1 ? data[1] : 0};
    if (size > 2 && data[2] < first.offset)
        MUST(os_truncate(first.file, first.offset - data[2], &err) == 0);
    second.durable = size > 3 ? data[3] : 0;
    if (sealed) {
        MUST(keep_link(keep, &second, &linked, &err) == 0);
        (void)put_group(keep, KEEP_LOG, &second, unit, sizeof unit);
    } else {
        put_bytes(second.file, KEEP_HEADER_BYTES, data, size);
    }
    os_close(first.file);
    os_close(second.file);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct os_sim *sim = os_sim_new(1);
    struct cache *cache;
    struct keep *keep;
    struct kith_error err;
    MUST(sim);
    if (size >= 2) {
        const enum keep_kind kind = (data[0] & 5) == 1 ? KEEP_SNAPSHOT : KEEP_LOG;
        MUST(open_keep(os_sim_os(sim), false, &cache, &keep) == 0);
        if (data[0] & 4) put_logs(keep, !(data[0] & 2), data + 1, size - 1);
        else put_file(keep, kind, !(data[0] & 2), data + 1, size - 1);
        MUST(keep_write_current(keep, kind == KEEP_SNAPSHOT, 1, &err) == 0);
        (void)close_keep(cache, keep);
        const int rc = open_keep(os_sim_os(sim), false, &cache, &keep);
        const size_t keys = close_keep(cache, keep);
        MUST(rc == 0 || rc == KITH_ECORRUPT || rc == KITH_ENOMEM || rc == KITH_EVERSION);
        const int again = open_keep(os_sim_os(sim), rc != 0, &cache, &keep);
        MUST(rc != 0 || again == 0);
        MUST(close_keep(cache, keep) == keys || rc != 0);
    }
    os_sim_free(sim);
    return 0;
}
