/*
 * The files of the keyspace are never trusted when they are read. The first byte says what the rest
 * is: 0 the payload of a group of the log, 1 that of a block of the snapshot (both with a checksum
 * that is right, so that what is behind it is reached), 2 and 3 the bytes behind the header of such
 * a file. Any status may come; what was read without complaint is read again as the same, and with
 * `recover` nothing is worse. Nothing is left behind.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "os/sim.h"
#include "redis/keep_internal.h"

#define MUST(condition)                                                               \
    do {                                                                              \
        if (!(condition)) {                                                           \
            (void)fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #condition);     \
            abort();                                                                  \
        }                                                                             \
    } while (0)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

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

static void put_file(struct keep *keep, enum keep_kind kind, bool sealed, const uint8_t *data,
                     size_t size)
{
    struct os_file *file;
    struct buffer bytes;
    struct kith_error err;
    buffer_init(&bytes);
    if (sealed) memset(buffer_extend(&bytes, KEEP_GROUP_BYTES), 0, KEEP_GROUP_BYTES);
    buffer_put(&bytes, data, size);
    if (sealed) keep_seal(keep, kind, 1, KEEP_HEADER_BYTES, 0, &bytes);
    MUST(keep_create(keep, kind, 1, &file, &err) == 0);
    MUST(os_pwrite(file, bytes.data, bytes.len, KEEP_HEADER_BYTES, &err) == 0);
    os_close(file);
    buffer_release(&bytes);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct os_sim *sim = os_sim_new(1);
    struct cache *cache;
    struct keep *keep;
    struct kith_error err;
    MUST(sim);
    if (size >= 2) {
        const enum keep_kind kind = data[0] & 1 ? KEEP_SNAPSHOT : KEEP_LOG;
        MUST(open_keep(os_sim_os(sim), false, &cache, &keep) == 0);
        put_file(keep, kind, !(data[0] & 2), data + 1, size - 1);
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
