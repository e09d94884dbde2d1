/* A Redis door over a database, as `kith serve` has it: collections and keys of one directory. */
#ifndef KITH_TESTS_REDIS_SEARCH_PLACE_H
#define KITH_TESTS_REDIS_SEARCH_PLACE_H

#include "redis/door.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

struct place {
    char dir[64];
    struct kith_db *db;
    struct redis *redis;
    struct session *s;
};

static inline void open_redis(struct place *at)
{
    struct kith_error err = {0};
    char dir[80];
    (void)snprintf(dir, sizeof dir, "%s/keyspace", at->dir);
    static const char *const directives[] = {"appendonly yes"};
    const struct redis_opts opts = {.os = os_real(), .db = at->db, .dir = dir, .port = 6379,
                                    .directives = directives, .directive_count = 1, .workers = 1};
    if (redis_new(&opts, &at->redis, &err)) fail_msg("%s", err.text);
    at->s = session_open_local(at->redis);
}

static inline void close_redis(struct place *at)
{
    session_close_local(at->s);
    redis_free(at->redis);
}

static inline void open_place(struct place *at)
{
    struct kith_open_opts opts = KITH_OPEN_OPTS_INIT;
    struct kith_error err = {0};
    opts.sync = KITH_SYNC_NO;
    opts.threads = 1;
    (void)snprintf(at->dir, sizeof at->dir, "/tmp/kith-ft-XXXXXX");
    assert_non_null(mkdtemp(at->dir));
    if (kith_open(at->dir, &opts, &at->db, &err)) fail_msg("%s", err.text);
    open_redis(at);
}

static inline void close_place(struct place *at)
{
    char line[128];
    close_redis(at);
    kith_close(at->db);
    (void)snprintf(line, sizeof line, "rm -rf %s", at->dir);
    assert_int_equal(system(line), 0);
}

#endif
