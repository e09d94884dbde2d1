/*
 * The semantic cache: what hits and what must not, entries that go alone, a restart, the shapes of
 * replies. Vectors are two or three small numbers, so distances can be read off.
 */
#ifndef _XOPEN_SOURCE
#define _XOPEN_SOURCE 700 /* nftw */
#endif
#include "os/stopped_clock.h"
#include "redis/door.h"

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/alloc.h"
#include "redis/scache_book.h"

/* ---- commands ---- */

static void test_exact(void **state)
{
    (void)state;
    struct redis *redis = door_open();
    struct session *s = session_open_local(redis);
    EXPECT(s, "SCACHE.GET c 'what is it'", "$-1\r\n");
    EXPECT_HAS(s, "SCACHE.SET c 'What is  it' answer", "$32\r\n");
    EXPECT_HAS(s, "SCACHE.GET c 'What is  it'", "*10\r\n$8\r\nresponse\r\n$6\r\nanswer\r\n$5\r\n"
                                                "entry\r\n$32\r\n");
    EXPECT_HAS(s, "SCACHE.GET c ' what is it '",
               "$8\r\ndistance\r\n$1\r\n0\r\n$4\r\nkind\r\n$5\r\nexact\r\n$8\r\nttl_left\r\n:-1\r\n");
    EXPECT(s, "SCACHE.GET c 'what is that'", "$-1\r\n");
    EXPECT_HAS(s, "SCACHE.SET c 'made in US' country", "$32\r\n");
    EXPECT(s, "SCACHE.GET c 'made in us'", "$-1\r\n"); /* folding is not enough */
    EXPECT_HAS(s, "SCACHE.SET c 'what is it' 42", "$32\r\n"); /* one entry a prompt */
    EXPECT_HAS(s, "SCACHE.GET c 'what is it'", "$2\r\n42\r\n");
    EXPECT_HAS(s, "SCACHE.STATS c", "*18\r\n$10\r\nexact_hits\r\n:3\r\n$13\r\nsemantic_hits\r\n:0"
                                    "\r\n$6\r\nmisses\r\n:2\r\n$13\r\nguard_refused\r\n:1\r\n");
    EXPECT_HAS(s, "HELLO 3", "%7\r\n");
    EXPECT_HAS(s, "SCACHE.GET c 'what is it'", "%5\r\n$8\r\nresponse\r\n$2\r\n42\r\n");
    EXPECT_HAS(s, "SCACHE.GET c 'what is it'", "$8\r\ndistance\r\n,0\r\n");
    EXPECT(s, "SCACHE.GET c nothing", "_\r\n");
    EXPECT_HAS(s, "SCACHE.STATS c", "%9\r\n");
    session_close_local(s);
    redis_free(redis);
}

static void test_semantic(void **state)
{
    (void)state;
    struct redis *redis = door_open();
    struct session *s = session_open_local(redis);
    EXPECT_HAS(s, "SCACHE.SET c 'how to enable 2FA' yes VALUES 2 1 0 ATTR '{\"lang\":\"en\"}'", "$32");
    EXPECT_HAS(s, "SCACHE.GET c 'enable 2fa how' VALUES 2 1 0.1", "$8\r\nsemantic\r\n");
    EXPECT(s, "SCACHE.GET c 'how to disable 2FA' VALUES 2 1 0", "$-1\r\n");
    EXPECT(s, "SCACHE.GET c 'enable 2fa how' VALUES 2 0 1", "$-1\r\n");
    EXPECT_HAS(s, "SCACHE.GET c 'enable 2fa how' VALUES 2 0 1 THRESHOLD 1", "semantic");
    EXPECT(s, "SCACHE.GET c 'enable 2fa how' VALUES 2 1 0 THRESHOLD 0 FILTER '.lang == \"de\"'",
           "$-1\r\n");
    EXPECT_HAS(s, "SCACHE.GET c 'enable 2fa how' VALUES 2 1 0 FILTER '.lang == \"en\"'", "yes");
    EXPECT(s, "SCACHE.GET c 'how to enable 2FA' FILTER '.lang == \"de\"'", "$-1\r\n");
    EXPECT_HAS(s, "SCACHE.GET c 'how to enable 2FA' FILTER '.lang == \"en\"'", "exact");
    /* The nearest is refused, the second is taken. */
    EXPECT_HAS(s, "SCACHE.SET c 'how to disable 2FA' no VALUES 2 1 0.2", "$32\r\n");
    EXPECT_HAS(s, "SCACHE.GET c 'disabling 2fa' VALUES 2 1 0", "$2\r\nno\r\n");
    EXPECT(s, "SCACHE.GET c 'disabling 2fa' VALUES 2 1 0 K 1", "$-1\r\n");
    EXPECT_HAS(s, "SCACHE.STATS c",
               ":1\r\n$13\r\nsemantic_hits\r\n:4\r\n$6\r\nmisses\r\n:5\r\n$13\r\nguard_refused\r\n"
               ":3\r\n$10\r\nfalse_hits\r\n:0\r\n$7\r\nvectors\r\n:2\r\n$9\r\ndimension\r\n:2\r\n");
    session_close_local(s);
    redis_free(redis);
}

static void test_errors(void **state)
{
    (void)state;
    struct redis *redis = door_open();
    struct session *s = session_open_local(redis);
    EXPECT_HAS(s, "SCACHE.SET c p r VALUES 2 1 0", "$32\r\n");
    EXPECT_HAS(s, "SCACHE.SET c q r VALUES 3 1 0 0", "-ERR Vector dimension mismatch - got 3 but");
    EXPECT(s, "SCACHE.GET c q", "$-1\r\n"); /* nothing was kept */
    EXPECT_HAS(s, "SCACHE.GET c q VALUES 3 1 0 0", "-ERR Vector dimension mismatch");
    EXPECT(s, "SCACHE.SET c p r WHAT", "-ERR syntax error\r\n");
    EXPECT(s, "SCACHE.SET c p r TTL 0", "-ERR invalid expire time in 'SCACHE.SET' command\r\n");
    EXPECT(s, "SCACHE.SET c p r ATTR [1]", "-ERR ATTR is not a JSON object\r\n");
    EXPECT(s, "SCACHE.SET c p r FP32 abc", "-ERR invalid vector specification\r\n");
    EXPECT(s, "SCACHE.GET c p K 0", "-ERR K must be between 1 and 1000\r\n");
    EXPECT(s, "SCACHE.GET c p THRESHOLD 3", "-ERR THRESHOLD must be between 0 and 2\r\n");
    EXPECT(s, "SET x 1", "+OK\r\n");
    EXPECT_HAS(s, "SCACHE.SET x p r", "-WRONGTYPE");
    EXPECT_HAS(s, "SCACHE.GET x p", "-WRONGTYPE");
    session_close_local(s);
    redis_free(redis);
}

/* The id that a SET answered, behind "$32\r\n". */
static void set_id(struct session *s, const char *command, char id[33])
{
    const char *reply = door_reply(s, command);
    assert_memory_equal(reply, "$32\r\n", 5);
    memcpy(id, reply + 5, 32);
    id[32] = 0;
}

static void test_parts_go(void **state)
{
    (void)state;
    struct redis *redis = door_open();
    struct session *s = session_open_local(redis);
    char id[33], line[128];
    set_id(s, "SCACHE.SET c 'first thing' a VALUES 2 1 0 TTL 100", id);
    EXPECT_HAS(s, "SCACHE.GET c 'first thing'", "ttl_left\r\n:100\r\n");
    (void)snprintf(line, sizeof line, "PEXPIRE c:%s 1", id);
    EXPECT(s, line, ":1\r\n");
    usleep(5000);
    EXPECT(s, "SCACHE.GET c 'first thing'", "$-1\r\n");
    EXPECT(s, "EXISTS c", ":0\r\n"); /* the vector went with the entry */
    EXPECT(s, "SCACHE.GET c 'thing first' VALUES 2 1 0", "$-1\r\n");
    EXPECT(s, "EXISTS c", ":0\r\n");
    /* One of two has gone: the other is found behind it. */
    set_id(s, "SCACHE.SET c 'first thing' a VALUES 2 1 0", id);
    EXPECT_HAS(s, "SCACHE.SET c 'green thing' b VALUES 2 1 0.1", "$32\r\n");
    (void)snprintf(line, sizeof line, "DEL c:%s", id);
    EXPECT(s, line, ":1\r\n");
    EXPECT_HAS(s, "SCACHE.GET c 'a green thing' VALUES 2 1 0 K 1", "$1\r\nb\r\n");
    EXPECT(s, "VCARD c", ":1\r\n");
    /* The set has gone: exact hits stay. */
    EXPECT(s, "DEL c", ":1\r\n");
    EXPECT_HAS(s, "SCACHE.GET c 'green thing' VALUES 2 1 0", "exact");
    set_id(s, "SCACHE.SET c 'green thing' b VALUES 2 1 0.1", id);
    (void)snprintf(line, sizeof line, "SCACHE.DEL c FALSEHIT %s stats", id);
    EXPECT(s, line, ":1\r\n");
    EXPECT(s, line, ":0\r\n");
    EXPECT(s, "SCACHE.GET c 'green thing' VALUES 2 1 0", "$-1\r\n");
    EXPECT_HAS(s, "SCACHE.STATS c", "false_hits\r\n:1\r\n$7\r\nvectors\r\n:0\r\n");
    session_close_local(s);
    redis_free(redis);
}

/* A look-up is a read: nothing is logged, and the counts reach the hash in one piece. */
static void test_reads(void **state)
{
    (void)state;
    struct redis *redis = door_open();
    struct session *s = session_open_local(redis);
    EXPECT_HAS(s, "SCACHE.SET c 'one thing' a VALUES 2 1 0", "$32\r\n");
    const uint64_t dirty = redis->dirty;
    for (int i = 0; i < 50; i++) EXPECT_HAS(s, "SCACHE.GET c 'one thing'", "exact");
    EXPECT(s, "SCACHE.GET c 'nothing' VALUES 2 0 1", "$-1\r\n");
    EXPECT(s, "SCACHE.GET nobody 'nothing'", "$-1\r\n");
    assert_int_equal(redis->dirty, dirty);
    EXPECT(s, "HGET c:stats exact_hits", "$1\r\n0\r\n");
    EXPECT_HAS(s, "SCACHE.STATS c", "exact_hits\r\n:50\r\n");
    cache_lock(redis->cache);
    scache_fold(redis, true);
    redis_settle(redis);
    cache_unlock(redis->cache);
    assert_int_equal(redis->dirty, dirty + 1);
    EXPECT(s, "HMGET c:stats exact_hits misses", "*2\r\n$2\r\n50\r\n$1\r\n1\r\n");
    EXPECT_HAS(s, "SCACHE.STATS c", "exact_hits\r\n:50\r\n");
    EXPECT(s, "EXISTS nobody:stats", ":0\r\n");
    session_close_local(s);
    redis_free(redis);
}

/* Whoever may use a cache may use all of its keys. */
static void test_rights(void **state)
{
    (void)state;
    static const char *const all[] = {
        "SCACHE.SET c p r", "SCACHE.GET c p", "SCACHE.STATS c", "SCACHE.DEL c x",
        "SCACHE.CALIBRATE c PAIRS []"};
    struct redis *redis = door_open();
    struct session *s = session_open_local(redis), *user = session_open_local(redis);
    EXPECT_HAS(s, "SCACHE.SET c hidden r", "$32\r\n");
    EXPECT(s, "ACL SETUSER u on nopass ~c +@all", "+OK\r\n");
    EXPECT(user, "AUTH u x", "+OK\r\n");
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) EXPECT_HAS(user, all[i], "-NOPERM");
    EXPECT(s, "ACL SETUSER u ~c:a*", "+OK\r\n");
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) EXPECT_HAS(user, all[i], "-NOPERM");
    EXPECT(s, "ACL SETUSER u resetkeys %R~c %R~c:*", "+OK\r\n");
    EXPECT_HAS(user, "SCACHE.GET c hidden", "exact");
    EXPECT_HAS(user, "SCACHE.STATS c", "exact_hits\r\n:1\r\n");
    EXPECT_HAS(user, "SCACHE.SET c p r", "-NOPERM");
    EXPECT_HAS(user, "SCACHE.DEL c x", "-NOPERM");
    EXPECT(s, "ACL SETUSER u resetkeys ~c*", "+OK\r\n");
    EXPECT_HAS(user, "SCACHE.SET c p r", "$32\r\n");
    EXPECT_HAS(user, "SCACHE.CALIBRATE c FILE x", "ERR"); /* CONFIG GET is allowed: no file */
    EXPECT(s, "ACL SETUSER u -config|get", "+OK\r\n");
    EXPECT_HAS(user, "SCACHE.CALIBRATE c FILE x", "-NOPERM");
    session_close_local(user);
    session_close_local(s);
    redis_free(redis);
}

/* ---- calibration ---- */

#define PAIRS                                                                                      \
    "'[{\"same\":true,\"distance\":0.05},{\"same\":true,\"vector_a\":[1,0],\"vector_b\":"              \
    "[1,0.5]},{\"same\":true,\"distance\":0.3},{\"same\":false,\"distance\":0.2},"                     \
    "{\"same\":false,\"a\":\"add it\",\"b\":\"remove it\",\"distance\":0.01}]'"

static void test_calibrate(void **state)
{
    (void)state;
    struct redis *redis = door_open();
    struct session *s = session_open_local(redis);
    EXPECT_HAS(s, "SCACHE.SET c 'how to do it' yes VALUES 2 1 0 MODEL use:1", "$32\r\n");
    EXPECT_HAS(s, "SCACHE.STATS c", "model\r\n$5\r\nuse:1\r\n$9\r\nthreshold\r\n$3\r\n0.1\r\n");
    EXPECT_HAS(s, "SCACHE.GET c 'do it how' VALUES 2 1 0.4 MODEL use:1", "semantic"); /* 0.07 */
    EXPECT(s, "SCACHE.GET c 'do it how' VALUES 2 1 0.5", "$-1\r\n");                 /* 0.106 */
    /* The guard refuses the last pair, so 0.2 bounds: the nearest below is that of the vectors. */
    EXPECT_HAS(s, "SCACHE.CALIBRATE c PAIRS " PAIRS " RATE 0",
               "$9\r\nthreshold\r\n$19\r\n0.10557280900008414\r\n$14\r\nfalse_hit_rate\r\n$1\r\n0\r\n");
    EXPECT_HAS(s, "SCACHE.GET c 'do it how' VALUES 2 1 0.49", "semantic");
    EXPECT(s, "SCACHE.GET c 'do it how' VALUES 2 1 0.49 THRESHOLD 0.1", "$-1\r\n");
    EXPECT_HAS(s, "SCACHE.CALIBRATE c PAIRS " PAIRS " RATE 0.5",
               "threshold\r\n$3\r\n0.3\r\n$14\r\nfalse_hit_rate\r\n$3\r\n0.5\r\n$8\r\nhit_rate\r\n$1"
               "\r\n1\r\n$5\r\npairs\r\n:5\r\n");
    EXPECT_HAS(s, "SCACHE.STATS c", "model\r\n$5\r\nuse:1\r\n$9\r\nthreshold\r\n$3\r\n0.3\r\n");
    /* Another model, while there are vectors of this one. */
    EXPECT_HAS(s, "SCACHE.CALIBRATE c PAIRS " PAIRS " MODEL use:2", "-ERR the cache holds vectors");
    EXPECT_HAS(s, "SCACHE.GET c x VALUES 2 1 0 MODEL use:2", "-ERR the cache holds vectors");
    EXPECT_HAS(s, "SCACHE.SET c x y VALUES 2 1 0 MODEL use:2",
               "-ERR the cache holds vectors of the model 'use:1', not of 'use:2'");
    EXPECT(s, "DEL c", ":1\r\n"); /* no vectors: another model, and no threshold of the old one */
    EXPECT_HAS(s, "SCACHE.SET c x y VALUES 2 1 0 MODEL use:2", "$32\r\n");
    EXPECT_HAS(s, "SCACHE.STATS c", "$5\r\nuse:2\r\n$9\r\nthreshold\r\n$3\r\n0.1\r\n");
    EXPECT_HAS(s, "SCACHE.CALIBRATE c PAIRS '[{\"same\":true,\"a\":\"x\",\"b\":\"y\"}]'",
               "-ERR pair 1: texts alone need an embedder");
    EXPECT_HAS(s, "SCACHE.CALIBRATE c PAIRS '{\"same\":1}'", "-ERR pair 1: \"same\" is true or");
    EXPECT_HAS(s, "SCACHE.CALIBRATE c PAIRS '[{\"same\":true,\"distance\":1}]'", "-ERR pairs that");
    EXPECT_HAS(s, "SCACHE.CALIBRATE c PAIRS '[{\"same\":true,\"distance\":1},{\"same\":false,"
                  "\"distance\":0}]'", "-ERR no threshold keeps");
    EXPECT_HAS(s, "SCACHE.CALIBRATE c FILE ../x", "-ERR FILE is the plain name");
    EXPECT_HAS(s, "SCACHE.CALIBRATE c PAIRS [] RATE 1", "-ERR RATE must be");
    session_close_local(s);
    redis_free(redis);
}

/* ---- what goes ---- */

static int64_t integer_of(struct session *s, const char *command)
{
    const char *reply = door_reply(s, command);
    assert_int_equal(reply[0], ':');
    return strtoll(reply + 1, NULL, 10);
}

static void add_entries(struct session *s, int first, int count, const char *more)
{
    char line[512];
    for (int i = first; i < first + count; i++) {
        (void)snprintf(line, sizeof line, "SCACHE.SET c prompt-%d answer VALUES 3 %d 1 %d %s", i, i,
                       i % 7, more);
        EXPECT_HAS(s, line, "$32\r\n");
    }
}

/* Nobody looks: the vectors go with their entries all the same. */
static void test_deadlines(void **state)
{
    (void)state;
    struct stopped_clock clock;
    stopped_clock_init(&clock);
    struct redis *redis = door_open_on(&clock.os, NULL, 0);
    struct session *s = session_open_local(redis);
    add_entries(s, 0, 30, "TTL 1");
    add_entries(s, 30, 10, "");
    assert_int_equal(integer_of(s, "VCARD c"), 40);
    stopped_clock_pass_ms(&clock, 1100); /* looked for in steps of some ms */
    for (int i = 0; i < 1200 && integer_of(s, "VCARD c") != 10; i++) usleep(50000);
    assert_int_equal(integer_of(s, "VCARD c"), 10);
    assert_int_equal(integer_of(s, "DBSIZE"), 12); /* and c, c:stats */
    session_close_local(s);
    redis_free(redis);
}

static void test_eviction(void **state)
{
    (void)state;
    static const char *const policies[] = {"allkeys-lru", "allkeys-lfu", "allkeys-random"};
    for (size_t p = 0; p < 3; p++) {
        struct redis *redis = door_open();
        struct session *s = session_open_local(redis);
        char line[128];
        (void)snprintf(line, sizeof line, "CONFIG SET maxmemory-policy %s", policies[p]);
        EXPECT(s, line, "+OK\r\n");
        add_entries(s, 0, 100, "");
        struct cache_stats stats;
        cache_lock(redis->cache);
        cache_stats_get(redis->cache, &stats);
        cache_unlock(redis->cache);
        (void)snprintf(line, sizeof line, "CONFIG SET maxmemory %zu", stats.used + 65536);
        EXPECT(s, line, "+OK\r\n");
        add_entries(s, 100, 1500, "");
        EXPECT(s, "CONFIG SET maxmemory 0", "+OK\r\n"); /* what is looked at now stays */
        const int64_t vectors = integer_of(s, "VCARD c"), keys = integer_of(s, "DBSIZE");
        if (keys >= 1500 || keys <= 50)
            fail_msg("%s: %lld keys, %lld vectors", policies[p], (long long)keys, (long long)vectors);
        assert_true(vectors <= keys - 1); /* each has its entry; c itself is a key */
        for (int64_t i = 0; i < vectors && i < 50; i++) {
            char id[33];
            const char *reply = door_reply(s, "VRANDMEMBER c");
            memcpy(id, reply + 5, 32);
            id[32] = 0;
            (void)snprintf(line, sizeof line, "EXISTS c:%s", id);
            assert_int_equal(integer_of(s, line), 1);
        }
        session_close_local(s);
        redis_free(redis);
    }
}

/* The n-th allocation fails, for every n: no wrong answer, and the door goes on. */
static void test_memory(void **state)
{
    (void)state;
    static const char transcript[] =
        "SCACHE.SET c 'how to enable 2FA' yes VALUES 2 1 0 TTL 100 ATTR '{\"a\":1}'\r\n"
        "SCACHE.GET c 'how to enable 2FA' FILTER '.a == 1'\r\n"
        "SCACHE.GET c 'enable 2FA' VALUES 2 1 0 FILTER '.a == 1'\r\n"
        "SCACHE.GET c 'disable 2FA' VALUES 2 1 0\r\nSCACHE.STATS c\r\n"
        "SCACHE.SET c 'how to enable 2FA' yes\r\n"
        "SCACHE.CALIBRATE c PAIRS '[{\"same\":true,\"a\":\"x\\\\n\",\"b\":\"x\",\"vector_a\":[1],"
        "\"vector_b\":[1]},{\"same\":false,\"distance\":1}]' MODEL m\r\n";
    struct redis *redis = door_open();
    struct session *s = session_open_local(redis);
    bool reached = true;
    for (uint64_t n = 1; reached && n < 5000; n++) {
        struct buffer out;
        buffer_init(&out);
        struct session *other = session_open_local(redis);
        alloc_fault_arm(n, false);
        const int rc = session_feed(other, transcript, sizeof transcript - 1, &out);
        reached = alloc_fault_count() >= n;
        alloc_fault_disarm();
        assert_true(rc == 0 || reached);
        buffer_release(&out);
        session_close_local(other);
        EXPECT(s, "SCACHE.GET c 'disable 2FA' VALUES 2 1 0", "$-1\r\n");
        EXPECT_HAS(s, "SCACHE.SET c 'how to enable 2FA' yes VALUES 2 1 0", "$32\r\n");
        EXPECT_HAS(s, "SCACHE.GET c 'enable 2FA' VALUES 2 1 0", "$3\r\nyes\r\n");
        EXPECT(s, "FLUSHALL", "+OK\r\n");
    }
    assert_false(reached);
    session_close_local(s);
    redis_free(redis);
}

static int remove_one(const char *path, const struct stat *info, int type, struct FTW *at)
{
    (void)info, (void)type, (void)at;
    return remove(path);
}

static struct redis *open_dir(const char *dir)
{
    static const char *const directives[] = {"appendonly yes", "save \"\""};
    struct redis *redis = NULL;
    struct kith_error err = {0};
    const struct redis_opts opts = {.os = os_real(), .directives = directives,
                                    .directive_count = 2, .dir = dir, .workers = 1};
    if (redis_new(&opts, &redis, &err)) fail_msg("%s", err.text);
    return redis;
}

static void test_restart(void **state)
{
    (void)state;
    char dir[] = "/tmp/kith-scache-XXXXXX";
    assert_non_null(mkdtemp(dir));
    struct redis *redis = open_dir(dir);
    struct session *s = session_open_local(redis);
    EXPECT_HAS(s, "SCACHE.SET c 'how to enable 2FA' old VALUES 2 1 0", "$32\r\n");
    EXPECT_HAS(s, "SCACHE.SET c 'how to enable 2FA' yes VALUES 2 1 0 TTL 1000 ATTR '{\"a\":1}'",
               "$32\r\n");
    char id[33], line[128];
    set_id(s, "SCACHE.SET c 'gone' x VALUES 2 0 1", id);
    (void)snprintf(line, sizeof line, "SCACHE.DEL c %s", id);
    EXPECT(s, line, ":1\r\n");
    EXPECT_HAS(s, "SCACHE.GET c 'enable 2FA' VALUES 2 1 0", "semantic");
    session_close_local(s);
    redis_free(redis);
    redis = open_dir(dir);
    s = session_open_local(redis);
    EXPECT_HAS(s, "SCACHE.GET c 'enable 2FA' VALUES 2 1 0 FILTER '.a == 1'", "$3\r\nyes\r\n");
    EXPECT_HAS(s, "SCACHE.GET c 'how to enable 2FA'", "ttl_left\r\n:1000\r\n");
    EXPECT(s, "SCACHE.GET c gone VALUES 2 0 1", "$-1\r\n");
    EXPECT_HAS(s, "SCACHE.STATS c", "exact_hits\r\n:1\r\n$13\r\nsemantic_hits\r\n:2\r\n$6\r\nmisses"
                                    "\r\n:1\r\n");
    session_close_local(s);
    redis_free(redis);
    assert_int_equal(nftw(dir, remove_one, 8, FTW_DEPTH | FTW_PHYS), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
            cmocka_unit_test(test_exact),    cmocka_unit_test(test_semantic),
        cmocka_unit_test(test_errors),   cmocka_unit_test(test_parts_go),
        cmocka_unit_test(test_memory),   cmocka_unit_test(test_restart),
        cmocka_unit_test(test_reads),    cmocka_unit_test(test_rights),
        cmocka_unit_test(test_calibrate), cmocka_unit_test(test_deadlines),
        cmocka_unit_test(test_eviction),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
