/*
 * Searches that take long, on a worker: the keyspace lock is free while documents are looked at,
 * and what happens to the index meanwhile is seen or does no harm. The clock is ours: whenever the
 * worker reads it, we see whether the lock could be had, and can run commands of another client
 * there and then. Nothing is timed.
 */
#include "redis/door.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "net/hostile.h"
#include "os/os_internal.h"
#include "redis/redis_internal.h"

#define DOCUMENTS 3000
#define MIDDLE 20 /* reads of the clock without the lock, before the others come */

struct server {
    struct redis *redis;
    struct net *net;
    struct net_door door;
    struct session *other;
    int fd;
};

static struct {
    struct server *_Atomic server; /* while a search runs; set when the rest is */
    const char *const *commands;   /* that others run in the middle; ends with NULL */
    atomic_uint free, held;        /* reads of the clock by the worker; could others go on? */
} watched;
static _Thread_local bool looking; /* at the clock: what is done there reads it, too */

static void others_go_on(const struct server *server)
{
    for (const char *const *at = watched.commands; at && *at; at++)
        (void)door_reply(server->other, *at);
}

static int64_t watched_clock(const struct os *os)
{
    char name[32] = "";
    struct server *server = watched.server;
    (void)os;
    (void)prctl(PR_GET_NAME, name);
    if (server && !looking && !strncmp(name, "redis", 5)) {
        looking = true;
        if (cache_lock_soon(server->redis->cache)) {
            cache_unlock(server->redis->cache);
            if (++watched.free == MIDDLE) others_go_on(server);
        } else {
            watched.held++;
        }
        looking = false;
    }
    return os_now_ns(os_real());
}

static struct os_ops watching_ops;
static const struct os watching = {&watching_ops};

static void start_with(struct server *server, unsigned workers)
{
    struct kith_error err = {0};
    watching_ops = *os_real()->ops;
    watching_ops.now_ns = watched_clock;
    const struct redis_opts opts = {.os = &watching, .port = 6379, .workers = workers};
    *server = (struct server){0};
    if (redis_new(&opts, &server->redis, &err)) fail_msg("%s", err.text);
    server->other = session_open_local(server->redis);
    server->door = (struct net_door){.name = "redis", .bind = "127.0.0.1", .fd = -1,
                                     .stream = redis_stream_ops(), .ctx = server->redis};
    const struct net_opts net = {.os = os_real(), .doors = &server->door, .door_count = 1,
                                 .limits = {.loops = 1, .workers = 1}};
    if (net_new(&net, &server->net, &err) || net_start(server->net, &err)) fail_msg("%s", err.text);
    server->fd = hostile_dial(net_port(server->net, 0));
    EXPECT(server->other, "FT.CREATE ix PREFIX 1 d: SCHEMA t TEXT n NUMERIC g TAG", "+OK\r\n");
    for (int i = 0; i < DOCUMENTS; i++) {
        char line[128];
        (void)snprintf(line, sizeof line, "HSET d:%d t \"red %s\" n %d g %d", i,
                       i % 2 ? "fox" : "dog", i, i % 3);
        EXPECT(server->other, line, ":3\r\n");
    }
}

static void start(struct server *server) { start_with(server, 1); }

static void stop(struct server *server)
{
    close(server->fd);
    net_stop(server->net, 100);
    net_free(server->net);
    session_close_local(server->other);
    redis_free(server->redis);
}

/* A search by the client; others run the commands in its middle. */
static void search(struct server *server, const char *command, const char *const *others,
                   const char *want)
{
    char reply[65536];
    watched.commands = others;
    watched.free = watched.held = 0;
    watched.server = server;
    assert_true(hostile_say(server->fd, command) && hostile_say(server->fd, "\r\n"));
    if (!hostile_hear(server->fd, reply, sizeof reply, want))
        fail_msg("%s gave %s, not %s", command, reply, want);
    assert_true(hostile_say(server->fd, "PING\r\n")); /* the worker is done with the index */
    assert_true(hostile_hear(server->fd, reply, sizeof reply, "PONG"));
    EXPECT(server->other, "PING", "+PONG\r\n");
    watched.server = NULL;
}

/* The clock is read at every sixteenth document: that many times the lock was free. */
static void the_lock_is_free(void **state)
{
    static const char *const searches[] = {
        "FT.SEARCH ix fox LIMIT 0 3", "FT.SEARCH ix \"@n:[10 3000] -fox\" SORTBY n NOCONTENT",
        "FT.AGGREGATE ix * GROUPBY 1 @g REDUCE COUNT 0 AS c SORTBY 1 @c",
        "FT.PROFILE ix SEARCH QUERY fox",
    };
    struct server server;
    (void)state;
    start(&server);
    for (size_t i = 0; i < sizeof searches / sizeof *searches; i++) {
        search(&server, searches[i], NULL, "\r\n");
        assert_true(watched.free >= DOCUMENTS / 16);
    }
    search(&server, "FT.SEARCH ix fox LIMIT 0 3", NULL, "*7\r\n:1500\r\n");
    assert_true(watched.held < 32); /* the catching up, three documents of the answer */
    stop(&server);
}

static void changes_are_followed(void **state)
{
    static const char *const others[] = {"DEL d:1 d:3", "HSET d:5 t \"red cat\"", "HSET d:7 n 9",
                                         "HSET d:2 t fox", "GET nothing", NULL};
    static const char *const more[] = {"DEL d:9", "HSET d:11 g 7", NULL};
    struct server server;
    (void)state;
    start(&server);
    search(&server, "FT.SEARCH ix fox LIMIT 0 1 NOCONTENT", others, "*2\r\n:1497\r\n");
    search(&server, "FT.SEARCH ix fox LIMIT 0 1 NOCONTENT", NULL, "*2\r\n:1498\r\n");
    /* d:9, d:11 and d:2: one goes, one is in a group of its own. */
    search(&server, "FT.AGGREGATE ix fox GROUPBY 1 @g REDUCE COUNT 0 AS c FILTER @g==7", more,
           "*2\r\n:1\r\n*4\r\n$1\r\ng\r\n$1\r\n7\r\n$1\r\nc\r\n$1\r\n1\r\n");
    stop(&server);
}

static void definitions_may_go(void **state)
{
    static const char *const drop[] = {"FT.DROPINDEX ix", "PING", NULL};
    static const char *const make[] = {"FT.ALTER ix SCHEMA ADD m NUMERIC",
                                       "FT.SEARCH ix cat NOCONTENT", NULL};
    static const char *const flush[] = {"FLUSHALL", NULL};
    static const char *const words[] = {"FT.SYNUPDATE ix group dog cat", NULL};
    static const char *const all = "FT.SEARCH ix dog LIMIT 0 0";
    struct server server;
    (void)state;
    start(&server);
    EXPECT(server.other, "FT.SYNUPDATE ix group dog wolf", "+OK\r\n");
    search(&server, all, words, "*1\r\n:1500\r\n");
    search(&server, all, make, "*1\r\n:1500\r\n");
    EXPECT_HAS(server.other, "FT.INFO ix", "num_docs\r\n:3000");
    search(&server, all, drop, "*1\r\n:1500\r\n");
    search(&server, all, NULL, "-ix: no such index");
    EXPECT(server.other, "FT.CREATE ix PREFIX 1 d: SCHEMA t TEXT n NUMERIC g TAG", "+OK\r\n");
    search(&server, "FT.AGGREGATE ix * LOAD 1 t APPLY upper(@t) AS u SORTBY 1 @u LIMIT 0 1", flush,
           "\r\n");
    search(&server, all, NULL, "-ix: no such index");
    stop(&server);
}

/* Who went meanwhile is answered nowhere. */
static void clients_may_go(void **state)
{
    static const char *const kill[] = {"CLIENT KILL TYPE normal", NULL};
    struct server server;
    (void)state;
    start(&server);
    watched.commands = kill;
    watched.free = 0;
    watched.server = &server;
    assert_true(hostile_say(server.fd, "FT.SEARCH ix dog\r\n"));
    char reply[256];
    (void)hostile_hear(server.fd, reply, sizeof reply, NULL);
    stop(&server); /* waits for the worker */
    watched.server = NULL;
}

/* Several searches at once, of one index that others change, define anew and drop meanwhile: each
 * has the documents that it began with until it ends. */
static void searches_overlap(void **state)
{
    static const char *const searches[] = {
        "FT.SEARCH ix fox LIMIT 0 1\r\n",
        "FT.AGGREGATE ix dog GROUPBY 1 @g REDUCE COUNT 0 AS c SORTBY 1 @c\r\n",
        "FT.SEARCH ix \"(red fox)=>{$inorder: true; $slop: 0}\" SORTBY n NOCONTENT LIMIT 0 1\r\n",
    };
    enum { CLIENTS = 3 };
    struct server server;
    int fds[CLIENTS];
    char reply[65536], line[96];
    (void)state;
    start_with(&server, 3);
    for (size_t i = 0; i < CLIENTS; i++) fds[i] = hostile_dial(net_port(server.net, 0));
    for (unsigned round = 0; round < 60; round++) {
        for (size_t i = 0; i < CLIENTS; i++) assert_true(hostile_say(fds[i], searches[i]));
        for (unsigned i = 0; i < 200; i++) {
            (void)snprintf(line, sizeof line, "HSET d:%u t \"red fox\" n %u", i * 13 % DOCUMENTS,
                           round);
            (void)door_reply(server.other, line);
        }
        EXPECT_HAS(server.other, "FT.SEARCH ix fox LIMIT 0 0", ":");
        if (round % 8 == 5) (void)door_reply(server.other, "FT.DROPINDEX ix");
        if (round % 8 == 5)
            EXPECT(server.other, "FT.CREATE ix PREFIX 1 d: SCHEMA t TEXT n NUMERIC g TAG",
                   "+OK\r\n");
        if (round % 16 == 3) EXPECT(server.other, "FT.ALTER ix SCHEMA ADD m NUMERIC", "+OK\r\n");
        for (size_t i = 0; i < CLIENTS; i++) {
            assert_true(hostile_hear(fds[i], reply, sizeof reply, "\r\n"));
            assert_true(hostile_say(fds[i], "PING\r\n"));
            if (!strstr(reply, "PONG"))
                assert_true(hostile_hear(fds[i], reply, sizeof reply, "PONG"));
        }
    }
    for (size_t i = 0; i < CLIENTS; i++) close(fds[i]);
    stop(&server);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_lock_is_free),
        cmocka_unit_test(changes_are_followed),
        cmocka_unit_test(definitions_may_go),
        cmocka_unit_test(clients_may_go),
        cmocka_unit_test(searches_overlap),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
